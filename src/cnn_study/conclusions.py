"""Everything that the rules find, and how it is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from cnn_study import findings
from cnn_study.claims import Claim
from cnn_study.comparisons import StudyComparison
from cnn_study.findings import TIMING, Finding
from cnn_study.params import Params


def find(
    params: Params,
    data: Mapping[str, pd.DataFrame],
    summaries: Mapping[str, Any],
    timings: Mapping[str, Any],
    compared: Mapping[str, StudyComparison],
    errors: Mapping[str, float],
) -> list[Finding]:
    """All that the rules find, study by study, then what is about all networks."""
    found = [
        finding
        for key, study in params.studies.items()
        for finding in findings.of_study(key, study, compared[key], summaries, timings)
    ]
    return [
        *found,
        *findings.of_fields(summaries, params.studies),
        *findings.of_gradients(data["gradient_norms"], params.studies, summaries),
        *findings.of_rates(data["learning_rates"], params.studies),
        *findings.of_replay(data["replay"], params.studies, params.replay.own_rate),
        *findings.of_calibration(errors, params.studies),
    ]


def split_by_clock(
    compared: Mapping[str, StudyComparison],
    found: Sequence[Finding],
    claims: Sequence[Claim],
    errors: Mapping[str, float],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The contents of metrics/conclusions.json, and of timing_conclusions.json: whatever a clock measured."""
    studies = {key: asdict(study) for key, study in compared.items()}
    pareto = {key: study.pop("pareto") for key, study in studies.items()}
    seconds = {
        key: {
            f"{one['of']} over {one['against']}": one["ratios"].pop("train_seconds")
            for one in (*study["against_baseline"], *study["controls"])
        }
        for key, study in studies.items()
    }

    def part(by_clock: bool) -> dict[str, Any]:
        return {
            "findings": [asdict(finding) for finding in found if (finding.data == TIMING) == by_clock],
            "claims": [asdict(claim) for claim in claims if (claim.data == TIMING) == by_clock],
        }

    clockless = {"studies": studies, "calibration_errors": dict(errors)} | part(by_clock=False)
    return clockless, {"pareto": pareto, "train_seconds_ratios": seconds} | part(by_clock=True)
