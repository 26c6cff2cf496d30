"""What is said of how sure networks are, and what a temperature changes."""

from collections.abc import Mapping

from cnn_study.analysis.calibration import Gap
from cnn_study.analysis.statistics import CONFIDENCE
from cnn_study.report.kit.findings import CONCLUSIONS, Finding
from cnn_study.report.kit.wording import Studies, counted, listed, percent, points, shown, span
from cnn_study.report.topics.classes.calibration import ERRORS, Calibration

UNDECIDED = "not significantly over- or under-confident"


def calibration_answer(found: Mapping[str, Calibration], networks: int) -> Finding:
    """How sure the networks are, and what a temperature changes; ``networks``: in the study, trained or not."""
    if not found:
        text = f"Whether confidence matches accuracy is open: {_none_trained(networks)}."
        return Finding(text, "calibration", "calibration_unknown", {"networks": networks}, ERRORS)
    _, rule, numbers = _counts({name: one.gap for name, one in found.items()})
    under, over = (int(str(numbers[side])) for side in ("under", "over"))
    gaps = sorted(100 * one.gap.mean for one in found.values())
    ends = span(points(gaps[0]), points(gaps[-1]))
    if len(found) == 1:
        kind = "under-confident" if under else "over-confident" if over else UNDECIDED
        says = f"The network is {kind}"
    elif len(found) in (under, over):
        says = f"All {len(found)} networks are {'under' if under else 'over'}-confident"
    elif under or over:
        sides = [(count, f"{side}-confident") for count, side in ((under, "under"), (over, "over")) if count]
        parts = [f"{count}{{}} {'is' if count == 1 else 'are'} {kind}" for count, kind in sides]
        says = listed([parts[0].format(f" of {len(found)} networks"), *(part.format("") for part in parts[1:])])
    else:
        says = f"None of {len(found)} networks is {UNDECIDED.removeprefix('not ')}"
    before, after = (max(getattr(one, of) for one in found.values()) for of in ("error", "error_after"))
    lowers = "lowers" if after < before else "does not lower"
    from_to = f"from {percent(before)} to {percent(after)}" if after < before else f"({percent(before)})"
    text = (
        f"{says}: confidence minus accuracy is {ends} points, and one temperature for each run {lowers} the "
        f"largest calibration error of any network {from_to}."
    )
    return Finding(text, "calibration", f"answer_{rule}", numbers | {"errors": [before, after]}, ERRORS)


def _none_trained(networks: int) -> str:
    return "the network did not train" if networks == 1 else f"none of {networks} networks trained"


def calibration_findings(
    found: Mapping[str, Calibration], studies: Studies, label_smoothing: float
) -> list[Finding]:
    """Whose confidence is nearest to its accuracy, on which side the others err, and what a temperature changes.

    ``label_smoothing``: what all were trained with; 0 where that differs.
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
    text += f"; confidence minus accuracy {range_of_gaps}, over test images"
    if rule == "under_confident" and label_smoothing > 0:
        numbers["label_smoothing"] = label_smoothing
        text += f". The label smoothing in training, {label_smoothing:g}, lowers confidence"
    return Finding(f"{text}.", "calibration", rule, numbers, ERRORS)


def _after_temperature(found: Mapping[str, Calibration], studies: Studies) -> Finding:
    """What one temperature of each network changes."""
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
    text = (
        f"After one temperature for each run, fitted on the validation images ({min(temperatures):.2f} to "
        f"{max(temperatures):.2f}), the largest expected calibration error {falls}. "
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
    if len(signs) == 1:
        does = {-1: "is under-confident", 1: "is over-confident", 0: "has no significant gap"}
        text = f"The network {does[signs[0]]}"
    rule = "under_confident" if under > over else "over_confident" if over > under else "gap_of_no_sign"
    numbers: dict[str, object] = {
        "networks": len(signs), "under": under, "over": over, "neither": neither, "confidence": CONFIDENCE,
        "gaps": {name: [100 * gap.mean, *(100 * end for end in gap.ci95)] for name, gap in gaps.items()},
    }  # fmt: skip
    return text, rule, numbers


def _gap_in(gap: Gap, name: str) -> str:
    """In points, of a network: −4.2 points in 3×3 (95 % CI −4.6 to −3.8)."""
    low, high = gap.ci95
    return f"{points(100 * gap.mean)} points in {name} (95 % CI {points(100 * low)} to {points(100 * high)})"
