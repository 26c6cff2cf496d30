"""Whether a network is right as often as it is sure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cnn_study.analysis.calibration import Gap, expected_calibration_error, reliability
from cnn_study.analysis.results import Result
from cnn_study.analysis.summaries import Summary
from cnn_study.data.splits import Integers
from cnn_study.report.kit.charts import TEXT, Spec, lines, quantity, single, tip
from cnn_study.report.kit.findings import source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure, Table
from cnn_study.report.kit.wording import Studies, at_own_largest, percent, points, points_within, shown

DATA = "plots/data/calibration.csv"
ERRORS = "plots/data/calibration_errors.csv"
FEWEST_PREDICTIONS = 30  # an accuracy of fewer is noise


@dataclass(frozen=True)
class Calibration:
    """How a network's confidence compares with its accuracy, before and after a temperature; fractions 0-1.

    ``temperatures``: of each seed, fitted on the validation images. ``error``: the expected calibration error,
    its seeds pooled.
    """

    error: float
    gap: Gap
    temperatures: tuple[float, ...]
    error_after: float
    gap_after: Gap


def calibrations(results: Mapping[str, Result], labels: Integers) -> dict[str, Calibration]:
    """Of every architecture that trained."""
    found = {}
    for name, (confidence, correct) in _predictions_of(results, labels).items():
        fitted = [run.calibrated for run in results[name].predictions if run.calibrated is not None]
        after = np.array([one.confidence for one in fitted])
        found[name] = Calibration(
            error=expected_calibration_error(confidence.ravel(), correct.ravel()),
            gap=Gap.of(confidence, correct),
            temperatures=tuple(one.temperature for one in fitted),
            error_after=expected_calibration_error(after.ravel(), correct.ravel()),
            gap_after=Gap.of(after, correct),
        )
    return found


def calibration(results: Mapping[str, Result], labels: Integers) -> pd.DataFrame:
    """``reliability`` of every architecture, its seeds pooled; intervals without predictions are left out."""
    parts = [
        reliability(confidence.ravel(), correct.ravel()).assign(architecture=name)
        for name, (confidence, correct) in _predictions_of(results, labels).items()
    ]
    whole = pd.concat(parts) if parts else pd.DataFrame(columns=["architecture", "center", "count"])
    columns = ["architecture", *(column for column in whole if column != "architecture")]
    return whole.loc[whole["count"] > 0, columns]


def calibration_table(found: Mapping[str, Calibration]) -> pd.DataFrame:
    """``error``, ``gap`` with ``gap_low`` and ``gap_high``, and the same ``_after``, by ``architecture``.

    ``temperature``: the mean over seeds.
    """
    columns = ["architecture", "error", "gap", "gap_low", "gap_high", "temperature"]
    columns += ["error_after", "gap_after", "gap_after_low", "gap_after_high"]
    rows = [
        (
            name,
            one.error,
            one.gap.mean,
            *one.gap.ci95,
            float(np.mean(one.temperatures)),
            one.error_after,
            one.gap_after.mean,
            *one.gap_after.ci95,
        )
        for name, one in found.items()
    ]
    return pd.DataFrame(rows, columns=columns)


def _predictions_of(
    results: Mapping[str, Result], labels: Integers
) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]]:
    """Confidence and correctness, (seeds, N), of each architecture that trained."""
    return {
        name: (
            np.array([run.confidence for run in result.predictions]),
            np.array([run.predicted == labels for run in result.predictions]),
        )
        for name, result in results.items()
        if result.status == "trained"
    }


def study_table(found: Mapping[str, Calibration], members: Members) -> Table | None:
    """The networks of one study; None if none trained."""
    there = {name: found[name] for name in members.names if name in found}
    if not there:
        return None
    return Table(
        f"{members.title}: how sure networks are",
        ("network", "confidence − accuracy, points", "calibration error, %", "after temperature, %"),
        tuple(
            (
                members.names[name],
                points(100 * one.gap.mean),
                f"{100 * one.error:.1f}",
                f"{100 * one.error_after:.1f}",
            )
            for name, one in there.items()
        ),
        source(ERRORS),
    )


def error_table(found: Mapping[str, Calibration], summaries: Mapping[str, Summary], studies: Studies) -> Table:
    """A row for each network."""
    return Table(
        "Calibration of all networks, before and after one temperature",
        (
            "network", "ECE", "confidence − accuracy", "temperature", "ECE after it", "the same, after it",
        ),
        tuple(
            (
                shown(name, studies),
                percent(one.error),
                gap_within(one.gap),
                ", ".join(f"{temperature:.2f}" for temperature in one.temperatures),
                percent(one.error_after),
                gap_within(one.gap_after),
            )
            for name, one in found.items()
        ),
        source(ERRORS),
        "ECE: expected calibration error, in 15 intervals of confidence. Below 0, a network is under-confident. "
        "Temperatures, of each seed, are fitted on validation images; intervals are 95 % CIs over test images."
        f"{at_own_largest(summaries)}",
    )  # fmt: skip


def gap_within(gap: Gap) -> str:
    """In points: −4.2 points, 95 % CI −4.6 to −3.8."""
    low, high = gap.ci95
    return points_within(100 * gap.mean, (100 * low, 100 * high))


def reliability_figures(table: pd.DataFrame, members: Members) -> list[Figure]:
    """Accuracy against confidence, if any of the networks trained."""
    if not members.are_in(table):
        return []
    return [
        Figure(
            f"classes-{members.key}-reliability",
            f"{members.title}: reliability",
            "On the diagonal a network is right as often as it is sure, above it more often, which is called "
            "under-confident. Before a temperature is fitted. Larger points stand for more "
            f"predictions; intervals with fewer than {FEWEST_PREDICTIONS} are not shown.",
            source(DATA),
            reliability_chart(table, members),
        )
    ]


def reliability_chart(bins: pd.DataFrame, members: Members) -> Spec:
    """Reliability: accuracy against confidence, larger points for more images; on the diagonal both agree.

    Intervals of fewer than 30 predictions are left out.
    """
    rows = members.rows(bins[bins["count"] >= FEWEST_PREDICTIONS])
    unit = {"scale": {"domain": [0, 1]}, "axis": {"format": "%"}}
    y = quantity("accuracy", "accuracy on the test images", **unit)
    tips = [
        tip("name", "network"),
        tip("confidence", None, ".1%"),
        tip("accuracy", None, ".1%"),
        tip("count", "predictions"),
    ]
    at = {"x": quantity("confidence", "confidence in the prediction", **unit)}
    layers = lines(members.by_name(rows, "color", "shape", "strokeDash"), y, tips, at)
    layers[-1]["encoding"]["size"] = {
        "field": "count",
        "type": "quantitative",
        "legend": None,
        "scale": {"range": [12, 160]},
    }
    diagonal = {
        "data": {"values": [{"confidence": 0, "accuracy": 0}, {"confidence": 1, "accuracy": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 3], "color": TEXT, "opacity": 0.6, "strokeWidth": 1},
        "encoding": at | {"y": y},
    }
    return single(
        f"{members.title}: reliability, accuracy against confidence",
        rows[["name", "confidence", "accuracy", "count"]],
        height=380,
        layer=[diagonal, *layers],
    )
