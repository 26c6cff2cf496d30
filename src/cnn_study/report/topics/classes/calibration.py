"""Whether a network is right as often as it is sure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cnn_study.analysis.calibration import Gap, expected_calibration_error, reliability
from cnn_study.analysis.results import Result
from cnn_study.data.splits import Integers
from cnn_study.report.kit.charts import TEXT, Spec, lines, quantity, single, tip
from cnn_study.report.kit.findings import CONCLUSIONS, Finding, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure, Table
from cnn_study.report.kit.wording import Studies, counted, percent, points, points_within, shown

DATA = "plots/data/calibration.csv"
ERRORS = "plots/data/calibration_errors.csv"
CONFIDENCE = 0.95  # of the intervals of ``Gap``
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


def error_table(found: Mapping[str, Calibration], studies: Studies) -> Table:
    """A row for each network."""
    return Table(
        "Calibration, before and after one temperature",
        (
            "network", "ECE", "confidence − accuracy", "temperature", "ECE after it", "the same after it",
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
        "Temperatures, of each seed, are fitted on validation images; intervals are 95 % CIs over test images.",
    )  # fmt: skip


def gap_within(gap: Gap) -> str:
    """In points: −4.2 points, 95 % CI −4.6 to −3.8."""
    low, high = gap.ci95
    return points_within(100 * gap.mean, (100 * low, 100 * high))


def _gap_in(gap: Gap, name: str) -> str:
    """In points, of a network: −4.2 points in 3×3 (95 % CI −4.6 to −3.8)."""
    low, high = gap.ci95
    return f"{points(100 * gap.mean)} points in {name} (95 % CI {points(100 * low)} to {points(100 * high)})"


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


def calibration_findings(
    found: Mapping[str, Calibration], studies: Studies, label_smoothing: float
) -> list[Finding]:
    """Whose confidence is nearest to its accuracy, on which side the others err, and what a temperature mends.

    ``label_smoothing``: what the networks were trained with, by and large.
    """
    if not found:
        return []
    return [
        _nearest({name: one.error for name, one in found.items()}, studies),
        _signs({name: one.gap for name, one in found.items()}, studies, label_smoothing),
        _after_temperature(found, studies),
    ]


def _nearest(calibration: Mapping[str, float], studies: Studies) -> Finding:
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
    return Finding(text, "calibration", rule, numbers, CONCLUSIONS)


def _signs(gaps: Mapping[str, Gap], studies: Studies, label_smoothing: float) -> Finding:
    """On which side networks err."""
    low, high = min(gaps, key=lambda name: gaps[name].mean), max(gaps, key=lambda name: gaps[name].mean)
    text, rule, numbers = _counts(gaps)
    lowest, highest = (_gap_in(gaps[name], shown(name, studies)) for name in (low, high))
    range_of_gaps = f"is {lowest}" if low == high else f"ranges from {lowest} to {highest}"
    text += f"; confidence less accuracy {range_of_gaps}, over test images"
    if rule == "under_confident" and label_smoothing > 0:
        numbers["label_smoothing"] = label_smoothing
        text += f". Training with a label smoothing of {label_smoothing:g} makes networks less confident"
    return Finding(f"{text}.", "calibration", rule, numbers, ERRORS)


def _after_temperature(found: Mapping[str, Calibration], studies: Studies) -> Finding:
    """What one temperature of each network mends."""
    counts, _, numbers = _counts({name: one.gap_after for name, one in found.items()})
    temperatures = [temperature for one in found.values() for temperature in one.temperatures]
    worst_before = max(found, key=lambda name: found[name].error)
    worst_after = max(found, key=lambda name: found[name].error_after)
    before, after = found[worst_before].error, found[worst_after].error_after
    first = f"{percent(before)} ({shown(worst_before, studies)})"
    last = f"{percent(after)} ({shown(worst_after, studies)})"
    mends = after < before
    falls = f"falls from {first} to {last}" if mends else f"does not fall: {first} before, {last} after"
    numbers |= {"temperatures": [min(temperatures), max(temperatures)], "errors": [before, after]}
    fitted = " to ".join(dict.fromkeys(f"{end:.2f}" for end in (min(temperatures), max(temperatures))))
    text = (
        f"After one temperature for each run, fitted on the validation images ({fitted}), the largest expected "
        f"calibration error {falls}. "
        f"With these temperatures, {counts[:1].lower()}{counts[1:]}."
    )
    rule = "temperature_mends" if mends else "temperature_does_not_mend"
    return Finding(text, "calibration", rule, numbers, ERRORS)


def _counts(gaps: Mapping[str, Gap]) -> tuple[str, str, dict[str, object]]:
    """How many networks err on which side, the rule that says so, and its numbers."""
    signs = [gap.sign for gap in gaps.values()]
    under, over, neither = (signs.count(sign) for sign in (-1, 1, 0))
    text = (
        f"Of {counted(len(signs), 'network')}, {under} {'is' if under == 1 else 'are'} under-confident, {over} "
        f"over-confident, and {neither} {'has' if neither == 1 else 'have'} no significant gap"
    )
    rule = "under_confident" if under > over else "over_confident" if over > under else "gap_of_no_sign"
    numbers: dict[str, object] = {
        "networks": len(signs), "under": under, "over": over, "neither": neither, "confidence": CONFIDENCE,
        "gaps": {name: [100 * gap.mean, *(100 * end for end in gap.ci95)] for name, gap in gaps.items()},
    }  # fmt: skip
    return text, rule, numbers
