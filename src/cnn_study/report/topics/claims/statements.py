"""The things that a claim says, one by one: of two networks, or of one.

Three rules decide for a pair:

- Accuracy: the verdict on the two at their largest budget. Where they are equivalent, none is more accurate.
- Times: whether the 95 % interval of the ratio of the times of a training step, or of an image where batches
  differ, leaves out 1.
- Gradient norms: whether the 95 % intervals of the two means over seeds are disjoint.

Where the difference is not significant by these, the verdict is "not decided", whichever mean is larger.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from cnn_study.analysis.compared import AccuracyDifference, Comparison
from cnn_study.analysis.costs import Costs
from cnn_study.analysis.statistics import Estimate, clipped, intervals_disjoint, side_of, significant
from cnn_study.analysis.summaries import Summary
from cnn_study.report.kit.wording import (
    counted,
    listed,
    mean_of,
    points_within,
    rate,
    times_within,
)
from cnn_study.report.topics.claims.networks import KERNELS, Pair

Verdict = Literal["holds", "does not hold", "not decided", "not measured", "not comparable"]


@dataclass(frozen=True)
class Statement:
    """One of the things that a claim says; ``key`` names its numbers."""

    key: str
    verdict: Verdict
    because: str
    numbers: dict[str, Any]


@dataclass(frozen=True)
class Measurements:
    """Everything that the claims are checked against.

    ``last`` and ``growth``: by architecture, over seeds, the total gradient norm of the last epoch, and that over
    the first epoch's. ``replayed``: the statuses of the short runs with the original report's recipe, at its
    ``rate``.
    """

    summary: Mapping[str, Summary]
    costs: Costs
    compared: dict[Pair, Comparison]
    last: dict[str, Estimate]
    growth: dict[str, Estimate]
    rate: float
    replayed: dict[str, list[str]]


def _verdict(sign: int) -> Verdict:
    return "holds" if sign > 0 else "does not hold" if sign < 0 else "not decided"


def _not_trained(measured: Measurements, names: Mapping[str, str], pair: Pair) -> Statement | None:
    statuses = {
        name: measured.summary[name].status if name in measured.summary else "not in the study" for name in pair
    }
    missing = [f"{names[name]} ({status})" for name, status in statuses.items() if status != "trained"]
    if not missing:
        return None
    return Statement(_key(pair), "not measured", f"not compared: {listed(missing)}", {"statuses": statuses})


def _key(pair: Pair) -> str:
    return " against ".join(pair)


def _how(of: Estimate, against: Estimate) -> str:
    missing = sum(one.ci95 is None for one in (of, against))
    if missing:
        return "one run each, without intervals" if missing == 2 else "one run of one of them, without an interval"
    return "intervals do not overlap" if intervals_disjoint(of, against) else "intervals overlap"


def more_accurate(measured: Measurements, names: Mapping[str, str], of: str, against: str) -> Statement:
    """The mean test accuracy of ``of`` is higher."""
    pair = (of, against)
    if (missing := _not_trained(measured, names, pair)) is not None:
        return missing
    comparison = measured.compared.get(pair)
    if comparison is None or comparison.points is None:
        return Statement(_key(pair), "not measured", f"{names[of]} and {names[against]} are not compared", {})
    verdicts: dict[str | None, Verdict] = {
        "better": "holds",
        "worse": "does not hold",
        "equivalent": "does not hold",
        "not decided": "not decided",
        None: "not decided",
    }
    why = "one run has no interval" if comparison.one_run else "the runs do not vary"
    how = {"better": "significant", "worse": "significant", None: why}
    because = (
        f"{names[of]} against {names[against]} {points_within(comparison.points, comparison.interval)}, "
        f"{how.get(comparison.verdict, comparison.verdict)}"
    )
    opposed = [one for one in comparison.smaller if _opposes(one, comparison.points)]
    if opposed:
        said = [f"{points_within(one.points, one.interval)} at {counted(one.budget, 'epoch')}" for one in opposed]
        because += f", but {listed(said)}"
    record = comparison.record()
    keys = ("budget", "seeds", "points", "interval", "p_different", "p_equivalent", "verdict")
    numbers = {key: record[key] for key in keys} | {"opposed": [asdict(one) for one in opposed]}
    return Statement(_key(pair), verdicts[comparison.verdict], because, numbers)


def _opposes(smaller: AccuracyDifference, points: float) -> bool:
    """Whether a smaller budget says the other way round, by its interval alone."""
    return smaller.points * points < 0 and side_of(smaller.interval, 0) != 0


def _larger(
    names: Mapping[str, str],
    pair: Pair,
    key: str,
    estimates: Mapping[str, Estimate],
    write: Callable[[Estimate], str],
) -> Statement:
    """The mean over seeds of the first is larger; ``estimates`` by architecture, ``key`` says what it is."""
    values = [estimates[name] for name in pair]
    of, against = (f"{names[name]} {write(value)}" for name, value in zip(pair, values, strict=True))
    numbers = {name: value.summary for name, value in zip(pair, values, strict=True)}
    because = f"{of} against {against}, {_how(*values)}"
    return Statement(_key(pair), _verdict(intervals_disjoint(*values)), because, {key: numbers})


def _within(estimate: Estimate) -> str:
    """A mean of a norm or a factor with its 95 % interval: 5.03 [4.9, 5.16]."""
    ci95 = clipped(estimate.ci95, 0)
    within = "" if ci95 is None else f" [{significant(ci95[0], 3)}, {significant(ci95[1], 3)}]"
    return significant(mean_of(estimate), 3) + within


def slower(measured: Measurements, names: Mapping[str, str], of: str, against: str) -> Statement:
    """A training step of ``of`` takes longer."""
    pair = (of, against)
    if (missing := _not_trained(measured, names, pair)) is not None:
        return missing
    ratio = measured.costs.ratio(of, against)
    if ratio is None:
        return Statement(_key(pair), "not measured", f"{names[of]} and {names[against]} are not timed", {})
    how = "" if ratio.sign else ", not significant"
    unit = measured.costs.unit(of, against)
    because = f"a {unit} of {names[of]} takes {times_within(ratio)} the time of {names[against]}{how}"
    return Statement(_key(pair), _verdict(ratio.sign), because, {"step": ratio.model_dump()})


def _no_norms(
    measured: Measurements, names: Mapping[str, str], pair: Pair, estimates: Mapping[str, Estimate]
) -> Statement | None:
    """Why ``estimates`` has not both."""
    if (missing := _not_trained(measured, names, pair)) is not None:
        return missing
    short = [names[name] for name in dict.fromkeys(pair) if name not in estimates]
    if not short:
        return None
    return Statement(_key(pair), "not measured", f"too few gradient norms: {listed(short)}", {})


def larger_norm(measured: Measurements, names: Mapping[str, str], of: str, against: str) -> Statement:
    """The total gradient norm of ``of`` in the last epoch is larger."""
    pair = (of, against)
    if (missing := _no_norms(measured, names, pair, measured.last)) is not None:
        return missing
    part = _larger(names, pair, "last_norm", measured.last, _within)
    return replace(part, because=f"norm in the last epoch: {part.because}")


def faster_growth(measured: Measurements, names: Mapping[str, str], of: str, against: str) -> Statement:
    """The total gradient norm of ``of`` grows by the larger factor from the first epoch to the last."""
    pair = (of, against)
    if (missing := _no_norms(measured, names, pair, measured.growth)) is not None:
        return missing
    part = _larger(names, pair, "growth", measured.growth, _within)
    return replace(part, because=f"factor from the first epoch to the last: {part.because}")


def grows(measured: Measurements, names: Mapping[str, str], of: str) -> Statement:
    """The total gradient norm of ``of`` in the last epoch is larger than in the first."""
    if (missing := _no_norms(measured, names, (of, of), measured.growth)) is not None:
        return missing
    growth = measured.growth[of]
    how = "" if growth.ci95 else ", one run, without an interval"
    because = f"factor from the first epoch to the last: {names[of]} {_within(growth)}{how}"
    return Statement(
        _key((of, "its first epoch")), _verdict(side_of(growth.ci95, 1)), because, {"growth": growth.summary}
    )


def at_chance(measured: Measurements, names: Mapping[str, str], of: str) -> Statement:
    """No short run with the original report's recipe at its rate trained. Where some did, the seed decides: open.

    What the study's own runs did is said besides; they have another recipe, and decide nothing.
    """
    if of not in measured.summary:
        return Statement(of, "not measured", f"{names[of]} is not in the study", {})
    own, replayed = measured.summary[of].statuses, measured.replayed.get(of, [])
    failed = sum(status != "trained" for status in replayed)
    verdict = _verdict(int(failed == len(replayed)) - int(failed == 0)) if replayed else "not measured"
    recipe = f"with the original report's recipe at its rate {rate(measured.rate)}"
    short_runs = f"{recipe}, {_failures(replayed, 'short run')}" if replayed else f"no short runs {recipe}"
    because = f"{names[of]}: {short_runs}, and with the study's own recipe, {_failures(own, 'run')}"
    numbers = {"rate": measured.rate, "replayed": _counts(replayed), "own": _counts(own)}
    return Statement(of, verdict, because, numbers)


def _counts(statuses: Sequence[str]) -> dict[str, int]:
    return {"runs": len(statuses)} | {status: statuses.count(status) for status in ("collapsed", "diverged")}


def _failures(statuses: Sequence[str], noun: str) -> str:
    counts = _counts(statuses)
    diverged = f" and {counts['diverged']} diverged" if counts["diverged"] else ""
    return f"{counts['collapsed']} of {counted(counts['runs'], noun)} at chance{diverged}"


def field_is(measured: Measurements, of: str, pixels: int) -> Statement:
    """The theoretical receptive field of the last feature map has this side; trained or not."""
    if of not in measured.summary:
        return Statement(of, "not measured", f"{KERNELS[of]} is not in the study", {})
    side = measured.summary[of].receptive_field.theoretical
    because = f"{KERNELS[of]} sees {counted(side, 'pixel')}"
    return Statement(of, "holds" if side == pixels else "does not hold", because, {"pixels": side})
