"""The claims of the report that this study redoes, each checked against the measured numbers.

Each function of CLAIMS says what exactly its claim is taken to mean. Three rules decide for a pair:

- Accuracy: the study's own test where it has the pair, else whether the 95 % intervals of the two means part.
- Training time: whether the 95 % intervals of the two means part.
- Gradient norms, which are known as means over seeds alone: whether they differ by the factor NORMS_DIFFER.

A pair that these do not tell apart "cannot be told", whichever of its means is larger. A claim about several
pairs does not hold if one of them is the other way round, and holds if all are as it says.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from cnn_study.comparisons import StudyComparison
from cnn_study.findings import CONCLUSIONS, GRADIENTS, SUMMARY, TIMING
from cnn_study.wording import accuracy_within, counted, listed, points_within, seconds_within, times

Verdict = Literal["holds", "does not hold", "cannot be told", "not measured"]

# The table of gradient norms has no spread over seeds; a difference of less than a tenth is not called one.
NORMS_DIFFER = 1.1

# The report's names. Its 3×3 network and its 2-layer network are the same.
KERNELS = {"kernel_3x3": "3×3", "kernel_5x5": "5×5", "kernel_7x7": "7×7", "kernel_1x1_3x3": "1×1+3×3"}
DEPTHS = {"kernel_3x3": "2 layers", "depth_4": "4 layers", "depth_6": "6 layers", "residual": "residual"}
FIELDS = {"kernel_3x3": 10, "kernel_5x5": 16, "kernel_7x7": 22, "kernel_1x1_3x3": 10}  # pixels


@dataclass(frozen=True)
class Claim:
    """What the report says, whether it holds here, the reason in one sentence, and the numbers in that.

    ``data``: the committed file that shows these.
    """

    claim: str
    verdict: Verdict
    because: str
    numbers: dict[str, Any]
    data: str


@dataclass(frozen=True)
class _Part:
    """One of the things that a claim says; ``key`` names its numbers."""

    key: str
    verdict: Verdict
    because: str
    numbers: dict[str, Any]


@dataclass(frozen=True)
class _Tested:
    """How a pair of networks differs in accuracy, in percentage points, by the test of a study."""

    points: float
    interval: tuple[float, float] | None
    told_apart: bool


@dataclass(frozen=True)
class _Measured:
    """Everything that the claims are checked against. ``norms``: by architecture, one for each epoch."""

    summary: Mapping[str, Any]
    timing: Mapping[str, Any]
    tested: dict[tuple[str, str], _Tested]
    norms: dict[str, list[float]]


Check = Callable[[_Measured], list[_Part]]


def check_claims(
    summary: Mapping[str, Any],
    timing: Mapping[str, Any],
    comparisons: Mapping[str, StudyComparison],
    gradients: pd.DataFrame,
) -> list[Claim]:
    """Every claim of the report with its verdict.

    ``summary`` and ``timing``: the objects of metrics/summary.json and timing.json by architecture;
    ``gradients``: plots/data/gradient_norms.csv. What involves a network that is missing or has not trained is
    not measured; only the claim that networks stayed at chance is answered by their collapse.
    """
    measured = _Measured(summary, timing, _tested(comparisons.values()), _total_norms(gradients))
    return [_judged(claim, check(measured), _DATA.get(check, CONCLUSIONS)) for claim, check in CLAIMS.items()]


def _tested(studies: Iterable[StudyComparison]) -> dict[tuple[str, str], _Tested]:
    """Every pair that a study has tested, both ways round."""
    pairs = {}
    for study in studies:
        for found in (*study.against_baseline, *study.controls):
            if found.points is None:
                continue
            turned = None if found.interval is None else (-found.interval[1], -found.interval[0])
            pairs[found.of, found.against] = _Tested(found.points, found.interval, found.told_apart)
            pairs[found.against, found.of] = _Tested(-found.points, turned, found.told_apart)
    return pairs


def _total_norms(gradients: pd.DataFrame) -> dict[str, list[float]]:
    """The norm of all layers' gradients together, the root of the sum of their squares, epoch by epoch."""
    squares = gradients.assign(square=gradients["gradient_norm"] ** 2)
    totals = squares.groupby(["architecture", "epoch"])["square"].sum() ** 0.5
    totals = totals[totals > 0]  # a ratio to none says nothing
    return {str(name): rows.to_list() for name, rows in totals.groupby("architecture")}


def _judged(claim: str, parts: Sequence[_Part], data: str) -> Claim:
    """One part that is the other way round is enough against the claim; for it, all are needed."""
    verdicts = [part.verdict for part in parts]
    against: tuple[Verdict, ...] = ("does not hold", "not measured", "cannot be told")
    verdict: Verdict = next((verdict for verdict in against if verdict in verdicts), "holds")
    reasons = dict.fromkeys(part.because for part in parts if part.verdict == verdict)
    return Claim(claim, verdict, "; ".join(reasons), {part.key: part.numbers for part in parts}, data)


# One part each. ``names``: how the report calls the networks.


def _verdict(sign: int) -> Verdict:
    return "holds" if sign > 0 else "does not hold" if sign < 0 else "cannot be told"


def _not_trained(measured: _Measured, names: Mapping[str, str], pair: tuple[str, str]) -> _Part | None:
    statuses = {name: measured.summary.get(name, {}).get("status", "not in the study") for name in pair}
    missing = [f"{names[name]} ({status})" for name, status in statuses.items() if status != "trained"]
    if not missing:
        return None
    return _Part(_key(pair), "not measured", f"not compared: {listed(missing)}", {"statuses": statuses})


def _key(pair: tuple[str, str]) -> str:
    return " against ".join(pair)


def _by_intervals(of: Mapping[str, Any], against: Mapping[str, Any]) -> int:
    """1 where the whole interval of ``of`` lies above the other's, -1 where it lies below, else 0."""
    if of["ci95"] is None or against["ci95"] is None:
        return 0
    return int(of["ci95"][0] > against["ci95"][1]) - int(of["ci95"][1] < against["ci95"][0])


def _how(of: Mapping[str, Any], against: Mapping[str, Any]) -> str:
    if of["ci95"] is None or against["ci95"] is None:
        return "one run each, without intervals"
    return "intervals apart" if _by_intervals(of, against) else "intervals overlap"


def _more_accurate(measured: _Measured, names: Mapping[str, str], of: str, against: str) -> _Part:
    """The mean test accuracy of ``of`` is higher."""
    pair = (of, against)
    if (missing := _not_trained(measured, names, pair)) is not None:
        return missing
    if (found := measured.tested.get(pair)) is not None:
        sign = int(found.points > 0) - int(found.points < 0) if found.told_apart else 0
        how = "told apart" if sign else "not told apart"
        because = f"{names[of]} against {names[against]} {points_within(found.points, found.interval)}, {how}"
        return _Part(_key(pair), _verdict(sign), because, asdict(found))
    accuracies = [measured.summary[name]["test_accuracy"] for name in pair]
    because = (
        f"{names[of]} {accuracy_within(accuracies[0])} against {names[against]} {accuracy_within(accuracies[1])}, "
        f"{_how(*accuracies)}"
    )
    numbers = {name: _mean_of(accuracy) for name, accuracy in zip(pair, accuracies, strict=True)}
    return _Part(_key(pair), _verdict(_by_intervals(*accuracies)), because, {"test_accuracy": numbers})


def _slower(measured: _Measured, names: Mapping[str, str], of: str, against: str) -> _Part:
    """The mean time that ``of`` trains for is longer."""
    pair = (of, against)
    if (missing := _not_trained(measured, names, pair)) is not None:
        return missing
    durations = [measured.timing[name]["train_seconds"] for name in pair]
    because = (
        f"{names[of]} {seconds_within(durations[0])} against {names[against]} {seconds_within(durations[1])}, "
        f"{_how(*durations)}"
    )
    numbers = {name: _mean_of(duration) for name, duration in zip(pair, durations, strict=True)}
    return _Part(_key(pair), _verdict(_by_intervals(*durations)), because, {"train_seconds": numbers})


def _mean_of(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"mean": found["mean"], "ci95": found["ci95"]}


def _ratio_part(pair: tuple[str, str], ratio: float, because: str, numbers: dict[str, Any]) -> _Part:
    sign = int(ratio >= NORMS_DIFFER) - int(ratio <= 1 / NORMS_DIFFER)
    return _Part(_key(pair), _verdict(sign), because, numbers | {"ratio": ratio, "told_from": NORMS_DIFFER})


def _norms(
    measured: _Measured, names: Mapping[str, str], pair: tuple[str, str], epochs: int
) -> tuple[list[list[float]], _Part | None]:
    """The norms of both networks, and why there are not enough of them."""
    if (missing := _not_trained(measured, names, pair)) is not None:
        return [], missing
    found = [measured.norms.get(name, []) for name in pair]
    short = [names[name] for name, norms in zip(pair, found, strict=True) if len(norms) < epochs]
    if short:
        return [], _Part(_key(pair), "not measured", f"too few gradient norms: {listed(short)}", {})
    return found, None


def _larger_norm(measured: _Measured, names: Mapping[str, str], of: str, against: str) -> _Part:
    """The total gradient norm of ``of`` in the last epoch is larger."""
    found, missing = _norms(measured, names, (of, against), epochs=1)
    if missing is not None:
        return missing
    last = {name: norms[-1] for name, norms in zip((of, against), found, strict=True)}
    ratio = last[of] / last[against]
    because = f"in the last epoch the norm of {names[of]} is {times(ratio)} that of {names[against]}"
    return _ratio_part((of, against), ratio, because, {"last_norm": last})


def _faster_growth(measured: _Measured, names: Mapping[str, str], of: str, against: str) -> _Part:
    """The total gradient norm of ``of`` grows by the larger factor from the first epoch to the last."""
    found, missing = _norms(measured, names, (of, against), epochs=2)
    if missing is not None:
        return missing
    growth = {name: norms[-1] / norms[0] for name, norms in zip((of, against), found, strict=True)}
    because = (
        f"from the first epoch to the last the norm of {names[of]} becomes {times(growth[of])} "
        f"and that of {names[against]} {times(growth[against])}"
    )
    return _ratio_part((of, against), growth[of] / growth[against], because, {"growth": growth})


def _grows(measured: _Measured, names: Mapping[str, str], of: str) -> _Part:
    """The total gradient norm of ``of`` in the last epoch is larger than in the first."""
    found, missing = _norms(measured, names, (of, of), epochs=2)
    if missing is not None:
        return missing
    growth = found[0][-1] / found[0][0]
    because = f"from the first epoch to the last the norm of {names[of]} becomes {times(growth)}"
    return _ratio_part((of, "its first epoch"), growth, because, {})


def _at_chance(measured: _Measured, names: Mapping[str, str], of: str) -> _Part:
    """Every run stayed at chance. Where some did, their seeds decide, and it cannot be told."""
    entry = measured.summary.get(of)
    if entry is None or entry["status"] == "diverged":
        status = "not in the study" if entry is None else "diverged"
        return _Part(of, "not measured", f"{names[of]} ({status}) has no accuracy", {"status": status})
    failed, runs = entry["statuses"].count("collapsed"), len(entry["statuses"])
    because = (
        f"{failed} of {counted(runs, 'run')} of {names[of]} stayed at chance, "
        f"{accuracy_within(entry['test_accuracy'])}"
    )
    sign = int(failed == runs) - int(failed == 0)
    numbers = {"collapsed": failed, "runs": runs, "test_accuracy": _mean_of(entry["test_accuracy"])}
    return _Part(of, _verdict(sign), because, numbers)


def _field_is(measured: _Measured, of: str, pixels: int) -> _Part:
    """The theoretical receptive field of the last feature map has this side; trained or not."""
    if of not in measured.summary:
        return _Part(of, "not measured", f"{KERNELS[of]} is not in the study", {})
    found = measured.summary[of]["receptive_field"]["theoretical"]
    because = f"{KERNELS[of]} sees {counted(found, 'pixel')}"
    return _Part(of, "holds" if found == pixels else "does not hold", because, {"pixels": found})


# The claims.


def _others(names: Mapping[str, str], *but: str) -> list[str]:
    return [name for name in names if name not in but]


def most_accurate_kernel(measured: _Measured) -> list[_Part]:
    """1×1+3×3 is more accurate than each of 3×3, 5×5 and 7×7."""
    best = "kernel_1x1_3x3"
    return [_more_accurate(measured, KERNELS, best, other) for other in _others(KERNELS, best)]


def moderate_kernel(measured: _Measured) -> list[_Part]:
    """5×5 is less accurate than 1×1+3×3 and more accurate than 3×3 and than 7×7."""
    return [
        _more_accurate(measured, KERNELS, "kernel_1x1_3x3", "kernel_5x5"),
        _more_accurate(measured, KERNELS, "kernel_5x5", "kernel_3x3"),
        _more_accurate(measured, KERNELS, "kernel_5x5", "kernel_7x7"),
    ]


def kernels_at_chance(measured: _Measured) -> list[_Part]:
    """All runs of 3×3 and of 7×7 collapsed."""
    return [_at_chance(measured, KERNELS, name) for name in ("kernel_3x3", "kernel_7x7")]


def fastest_kernel(measured: _Measured) -> list[_Part]:
    """Each of 5×5, 7×7 and 1×1+3×3 takes longer to train than 3×3."""
    return [_slower(measured, KERNELS, other, "kernel_3x3") for other in _others(KERNELS, "kernel_3x3")]


def slowest_kernel(measured: _Measured) -> list[_Part]:
    """1×1+3×3 takes longer to train than each of 3×3, 5×5 and 7×7."""
    slowest = "kernel_1x1_3x3"
    return [_slower(measured, KERNELS, slowest, other) for other in _others(KERNELS, slowest)]


def fields_of_kernels(measured: _Measured) -> list[_Part]:
    """The theoretical receptive field of each is exactly what the report says."""
    return [_field_is(measured, name, pixels) for name, pixels in FIELDS.items()]


def accuracy_grows_with_depth(measured: _Measured) -> list[_Part]:
    """4 layers are more accurate than 2, and 6 than 4."""
    return [
        _more_accurate(measured, DEPTHS, "depth_4", "kernel_3x3"),
        _more_accurate(measured, DEPTHS, "depth_6", "depth_4"),
    ]


def residual_most_accurate(measured: _Measured) -> list[_Part]:
    """The residual network is more accurate than each of 2, 4 and 6 layers, the report's other networks."""
    return [_more_accurate(measured, DEPTHS, "residual", other) for other in _others(DEPTHS, "residual")]


def residual_slowest(measured: _Measured) -> list[_Part]:
    """The residual network takes longer to train than each of 2, 4 and 6 layers."""
    return [_slower(measured, DEPTHS, "residual", other) for other in _others(DEPTHS, "residual")]


def six_layers_second_slowest(measured: _Measured) -> list[_Part]:
    """6 layers take longer to train than 2 and than 4, and the residual network longer than 6."""
    slower = [_slower(measured, DEPTHS, "depth_6", other) for other in _others(DEPTHS, "depth_6", "residual")]
    return [_slower(measured, DEPTHS, "residual", "depth_6"), *slower]


def small_networks_settle_lower(measured: _Measured) -> list[_Part]:
    """In the last epoch 6 layers and the residual network each have a larger norm than 2 and than 4 layers."""
    small, large = ("kernel_3x3", "depth_4"), ("depth_6", "residual")
    return [_larger_norm(measured, DEPTHS, of, against) for of in large for against in small]


def six_layers_grow_slowest(measured: _Measured) -> list[_Part]:
    """From first to last epoch the norm of 6 layers grows, by a smaller factor than each of the others'."""
    slowest = "depth_6"
    faster = [_faster_growth(measured, DEPTHS, other, slowest) for other in _others(DEPTHS, slowest)]
    return [_grows(measured, DEPTHS, slowest), *faster]


def residual_ends_largest(measured: _Measured) -> list[_Part]:
    """In the last epoch the norm of the residual network is larger than each of the others'."""
    return [_larger_norm(measured, DEPTHS, "residual", other) for other in _others(DEPTHS, "residual")]


CLAIMS: dict[str, Check] = {
    "1×1+3×3 kernels are the most accurate of the kernel sizes (53.20 %)": most_accurate_kernel,
    "5×5 kernels are moderate (44.14 %): below 1×1+3×3, above 3×3 and 7×7": moderate_kernel,
    "3×3 and 7×7 kernels stay at chance (10.00 %)": kernels_at_chance,
    "3×3 trains fastest of the kernel sizes": fastest_kernel,
    "1×1+3×3 trains slowest of the kernel sizes": slowest_kernel,
    "3×3, 5×5, 7×7 and 1×1+3×3 see 10, 16, 22 and 10 pixels": fields_of_kernels,
    "Accuracy grows with depth: 2, 4, 6 layers (73.47, 76.79, 78.40 %)": accuracy_grows_with_depth,
    "The residual network is the most accurate of the depths (81.06 %)": residual_most_accurate,
    "The residual network is the slowest to train of the depths": residual_slowest,
    "6 layers are the second slowest to train of the depths": six_layers_second_slowest,
    "The gradient norms of the small networks settle lower": small_networks_settle_lower,
    "The gradient norm of 6 layers grows slowest": six_layers_grow_slowest,
    "The gradient norm of the residual network is the largest at the end of training": residual_ends_largest,
}

_DATA: dict[Check, str] = {
    kernels_at_chance: SUMMARY,
    fields_of_kernels: SUMMARY,
    fastest_kernel: TIMING,
    slowest_kernel: TIMING,
    residual_slowest: TIMING,
    six_layers_second_slowest: TIMING,
    small_networks_settle_lower: GRADIENTS,
    six_layers_grow_slowest: GRADIENTS,
    residual_ends_largest: GRADIENTS,
}
