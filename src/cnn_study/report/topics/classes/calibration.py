"""Whether a network is right as often as it is sure."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from cnn_study.analysis.calibration import expected_calibration_error, reliability
from cnn_study.analysis.results import Result
from cnn_study.data.splits import Integers
from cnn_study.report.kit.charts import TEXT, Spec, lines, quantity, single, tip
from cnn_study.report.kit.findings import CONCLUSIONS, Finding, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.wording import Studies, counted, percent, shown

DATA = "plots/data/calibration.csv"
FEWEST_PREDICTIONS = 30  # an accuracy of fewer is noise


def calibration(results: Mapping[str, Result], labels: Integers) -> pd.DataFrame:
    """``reliability`` of every architecture, its seeds pooled; intervals without predictions are left out."""
    parts = [
        reliability(*predictions).assign(architecture=name)
        for name, predictions in _predictions_of(results, labels).items()
    ]
    whole = pd.concat(parts) if parts else pd.DataFrame(columns=["architecture", "center", "count"])
    columns = ["architecture", *(column for column in whole if column != "architecture")]
    return whole.loc[whole["count"] > 0, columns]


def calibration_errors(results: Mapping[str, Result], labels: Integers) -> dict[str, float]:
    """The expected calibration error of every architecture, its seeds pooled, 0-1."""
    predictions = _predictions_of(results, labels)
    return {name: expected_calibration_error(*of_runs) for name, of_runs in predictions.items()}


def _predictions_of(
    results: Mapping[str, Result], labels: Integers
) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]]:
    """Confidence and correctness of each architecture that trained, its seeds one after the other."""
    pooled = {}
    for name, result in results.items():
        runs = result.predictions
        if result.status == "trained":
            confidence = np.concatenate([run.confidence for run in runs])
            pooled[name] = confidence, np.concatenate([run.predicted == labels for run in runs])
    return pooled


def reliability_figures(table: pd.DataFrame, members: Members) -> list[Figure]:
    """Accuracy against confidence, if any of the networks trained."""
    if not members.are_in(table):
        return []
    return [
        Figure(
            f"classes-{members.key}-reliability",
            f"{members.title}: reliability",
            "On the diagonal a network is right as often as it is sure. Larger points stand for more "
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


def calibration_findings(calibration: Mapping[str, float], studies: Studies) -> list[Finding]:
    """Whose confidence is nearest to its accuracy: expected calibration errors, fractions 0-1."""
    if not calibration:
        return []
    errors = sorted(calibration, key=lambda name: calibration[name])
    numbers = {"errors": dict(calibration), "networks": len(errors)}
    best, worst = (f"{shown(name, studies)} ({percent(calibration[name])})" for name in (errors[0], errors[-1]))
    if len(errors) == 1:
        text, rule = f"The expected calibration error is that of {best}.", "calibration_of_one"
    else:
        text = (
            f"Of {counted(len(errors), 'network')}, {best} has the smallest expected calibration error and "
            f"{worst} the largest; these differences are not tested."
        )
        rule = "calibration"
    return [Finding(text, "calibration", rule, numbers, CONCLUSIONS)]
