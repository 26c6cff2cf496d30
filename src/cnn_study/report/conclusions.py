"""Everything that the rules find, and how it is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from cnn_study.analysis.comparisons import Comparison, StudyComparison
from cnn_study.params.study import Params
from cnn_study.report import observations
from cnn_study.report.claims import Claim
from cnn_study.report.findings import TIMING, Finding, of_study


def find(
    params: Params,
    data: Mapping[str, pd.DataFrame],
    summaries: Mapping[str, Any],
    timings: Mapping[str, Any],
    compared: Mapping[str, StudyComparison],
    errors: Mapping[str, float],
    replayed_images: int,
) -> list[Finding]:
    """All that the rules find, study by study, then what is about all networks."""
    own = params.replay.training
    found = [
        finding
        for key, study in params.studies.items()
        for finding in of_study(key, study, compared[key], summaries, timings)
    ]
    return [
        *found,
        *observations.of_fields(data["receptive_fields_by_layer"], summaries, params.studies),
        *observations.of_gradients(data["gradient_norms"], params.studies, summaries),
        *observations.of_rates(data["learning_rates"], summaries, params.studies),
        *observations.of_replay(data["replay"], params.studies, own.learning_rate, own.epochs, replayed_images),
        *observations.of_calibration(errors, params.studies),
    ]


def split_by_clock(
    compared: Mapping[str, StudyComparison],
    claimed: Sequence[Comparison],
    found: Sequence[Finding],
    claims: Sequence[Claim],
    errors: Mapping[str, float],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The contents of metrics/conclusions.json, and of timing_conclusions.json: whatever a clock measured."""
    studies = {key: asdict(study) for key, study in compared.items()}
    pairs = [asdict(one) for one in claimed]
    pareto = {key: study.pop("pareto") for key, study in studies.items()}
    seconds = {
        f"{one['of']} over {one['against']}": one["ratios"].pop("train_seconds")
        for one in (
            *pairs,
            *(one for study in studies.values() for one in (*study["against_baseline"], *study["controls"])),
        )
    }

    def part(by_clock: bool) -> dict[str, Any]:
        return {
            "findings": [asdict(finding) for finding in found if (finding.data == TIMING) == by_clock],
            "claims": [asdict(claim) for claim in claims if (claim.data == TIMING) == by_clock],
        }

    clockless = {"studies": studies, "claimed_pairs": pairs, "calibration_errors": dict(errors)}
    clocked = {"pareto": pareto, "train_seconds_ratios": seconds}
    return clockless | part(by_clock=False), clocked | part(by_clock=True)
