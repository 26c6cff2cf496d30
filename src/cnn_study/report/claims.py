"""The claims of the report that this study redoes, each checked against the measured numbers.

Each function of CLAIMS says what exactly its claim is taken to mean. Two rules decide for a pair:

- Accuracy: the test that compares the runs by seed and image. CLAIMED_PAIRS, all that the claims are about, are
  one family of comparisons, whichever of them a study tests as well.
- Training times and gradient norms: whether the 95 % intervals of the two means over seeds part.

A pair that these do not tell apart "cannot be told", whichever of its means is larger. A claim about several
pairs does not hold if one of them is the other way round, and holds if all are as it says.

The claims are about the report's data set. On another one only its receptive fields are checked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from cnn_study.analysis.comparisons import Comparison
from cnn_study.analysis.statistics import mean_of, over_seeds, parted
from cnn_study.report.findings import CONCLUSIONS, REPLAY, SUMMARY, TIMING
from cnn_study.report.kit.wording import DATASETS, counted, listed, points_within, seconds_within

Verdict = Literal["holds", "does not hold", "cannot be told", "not measured"]

REPORTS_DATASET = "cifar10"
GRADIENTS = "plots/data/gradient_norms_by_seed.csv"

# The report's names. Its 3×3 network and its 2-layer network are the same.
KERNELS = {"kernel_3x3": "3×3", "kernel_5x5": "5×5", "kernel_7x7": "7×7", "kernel_1x1_3x3": "1×1+3×3"}
DEPTHS = {"kernel_3x3": "2 layers", "depth_4": "4 layers", "depth_6": "6 layers", "residual": "residual"}
FIELDS = {"kernel_3x3": 10, "kernel_5x5": 16, "kernel_7x7": 22, "kernel_1x1_3x3": 10}  # pixels

Pair = tuple[str, str]


def _others(names: Mapping[str, str], *but: str) -> list[str]:
    return [name for name in names if name not in but]


def _with_others(of: str, names: Mapping[str, str]) -> tuple[Pair, ...]:
    return tuple((of, other) for other in _others(names, of))


# What the claims about accuracy compare: the first of each pair is said to be the more accurate.
MOST_ACCURATE_KERNEL = _with_others("kernel_1x1_3x3", KERNELS)
MODERATE_KERNEL = (("kernel_1x1_3x3", "kernel_5x5"), ("kernel_5x5", "kernel_3x3"), ("kernel_5x5", "kernel_7x7"))
ACCURACY_GROWS = (("depth_4", "kernel_3x3"), ("depth_6", "depth_4"))
RESIDUAL_MOST_ACCURATE = _with_others("residual", DEPTHS)
CLAIMED_PAIRS: tuple[Pair, ...] = tuple(
    dict.fromkeys((*MOST_ACCURATE_KERNEL, *MODERATE_KERNEL, *ACCURACY_GROWS, *RESIDUAL_MOST_ACCURATE))
)


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
class _Measured:
    """Everything that the claims are checked against.

    ``last`` and ``growth``: by architecture, over seeds, the total gradient norm of the last epoch, and that over
    the first epoch's. ``replayed``: the statuses of the short runs with the report's recipe, at its ``rate``.
    """

    summary: Mapping[str, Any]
    timing: Mapping[str, Any]
    compared: dict[Pair, Comparison]
    last: dict[str, dict[str, Any]]
    growth: dict[str, dict[str, Any]]
    rate: float
    replayed: dict[str, list[str]]


Check = Callable[[_Measured], list[_Part]]


def check_claims(
    dataset: str,
    summary: Mapping[str, Any],
    timing: Mapping[str, Any],
    compared: Sequence[Comparison],
    gradients: pd.DataFrame,
    replay: pd.DataFrame,
    rate: float,
) -> list[Claim]:
    """Every claim of the report with its verdict.

    ``dataset``: its name in params.yaml. ``summary`` and ``timing``: the objects of metrics/summary.json and
    timing.json by architecture. ``compared``: CLAIMED_PAIRS, but those with an architecture that is not in the
    study. ``gradients``: ``architecture``, ``seed``, ``epoch``, ``layer``, ``gradient_norm``. ``replay``:
    plots/data/replay.csv, short runs with the report's recipe, whose own learning rate is ``rate``.

    What involves a network that is missing or has not trained is not measured; but whether networks stay at
    chance is what the replay is asked, and receptive fields are known of any network.
    """
    last, growth = _norms_over_seeds(gradients)
    pairs = {(one.of, one.against): one for one in compared}
    measured = _Measured(summary, timing, pairs, last, growth, rate, _statuses(replay, rate))
    return [_checked(claim, check, dataset, measured) for claim, check in CLAIMS.items()]


def _checked(claim: str, check: Check, dataset: str, measured: _Measured) -> Claim:
    if dataset != REPORTS_DATASET and check is not fields_of_kernels:
        because = f"the data are {DATASETS[dataset]}, not the report's CIFAR-10"
        return _judged(claim, [_Part("data", "not measured", because, {"dataset": dataset})], SUMMARY)
    return _judged(claim, check(measured), _DATA.get(check, CONCLUSIONS))


def _norms_over_seeds(gradients: pd.DataFrame) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """``last`` and ``growth``. A total norm is that of all layers together, the root of their squares' sum."""
    squares = gradients.assign(square=gradients["gradient_norm"] ** 2)
    runs = (squares.groupby(["architecture", "seed", "epoch"])["square"].sum() ** 0.5).groupby(
        ["architecture", "seed"]
    )
    first, last = runs.first(), runs.last()
    grown = (runs.size() > 1) & (first > 0)  # a ratio to none says nothing
    return _by_architecture(last), _by_architecture(last[grown] / first[grown])


def _by_architecture(values: "pd.Series[float]") -> dict[str, dict[str, Any]]:
    return {str(name): over_seeds(rows.to_list()) for name, rows in values.groupby("architecture")}


def _statuses(replay: pd.DataFrame, rate: float) -> dict[str, list[str]]:
    """Those of each architecture's runs at this rate."""
    at_rate = replay[np.isclose(replay["learning_rate"].astype(float), rate)]
    return {str(name): rows.to_list() for name, rows in at_rate.groupby("architecture")["status"]}


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


def _not_trained(measured: _Measured, names: Mapping[str, str], pair: Pair) -> _Part | None:
    statuses = {name: measured.summary.get(name, {}).get("status", "not in the study") for name in pair}
    missing = [f"{names[name]} ({status})" for name, status in statuses.items() if status != "trained"]
    if not missing:
        return None
    return _Part(_key(pair), "not measured", f"not compared: {listed(missing)}", {"statuses": statuses})


def _key(pair: Pair) -> str:
    return " against ".join(pair)


def _how(of: Mapping[str, Any], against: Mapping[str, Any]) -> str:
    if of["ci95"] is None or against["ci95"] is None:
        return "one run each, without intervals"
    return "intervals apart" if parted(of, against) else "intervals overlap"


def _more_accurate(measured: _Measured, names: Mapping[str, str], of: str, against: str) -> _Part:
    """The mean test accuracy of ``of`` is higher."""
    pair = (of, against)
    if (missing := _not_trained(measured, names, pair)) is not None:
        return missing
    found = measured.compared.get(pair)
    if found is None or found.points is None:
        return _Part(_key(pair), "not measured", f"{names[of]} and {names[against]} are not compared", {})
    sign = int(found.points > 0) - int(found.points < 0) if found.told_apart else 0
    how = "told apart" if sign else "not told apart" if found.interval else "one run each, without an interval"
    because = f"{names[of]} against {names[against]} {points_within(found.points, found.interval)}, {how}"
    keys = ("seeds", "points", "interval", "p_holm", "told_apart")
    return _Part(_key(pair), _verdict(sign), because, {key: getattr(found, key) for key in keys})


def _larger(
    names: Mapping[str, str], pair: Pair, key: str, found: Mapping[str, Any], write: Callable[[Any], str]
) -> _Part:
    """The mean over seeds of the first is larger; ``found`` by architecture, ``key`` says what it is."""
    values = [found[name] for name in pair]
    of, against = (f"{names[name]} {write(value)}" for name, value in zip(pair, values, strict=True))
    numbers = {name: mean_of(value) for name, value in zip(pair, values, strict=True)}
    because = f"{of} against {against}, {_how(*values)}"
    return _Part(_key(pair), _verdict(parted(*values)), because, {key: numbers})


def _within(found: Mapping[str, Any]) -> str:
    """A mean with its 95 % interval: 5.03 [4.9, 5.16]."""
    ci95 = found["ci95"]
    return f"{found['mean']:.3g}" + ("" if ci95 is None else f" [{ci95[0]:.3g}, {ci95[1]:.3g}]")


def _slower(measured: _Measured, names: Mapping[str, str], of: str, against: str) -> _Part:
    """The mean time that ``of`` trains for is longer."""
    pair = (of, against)
    if (missing := _not_trained(measured, names, pair)) is not None:
        return missing
    found = {name: measured.timing[name]["train_seconds"] for name in pair}
    return _larger(names, pair, "train_seconds", found, seconds_within)


def _no_norms(measured: _Measured, names: Mapping[str, str], pair: Pair, found: Mapping[str, Any]) -> _Part | None:
    """Why ``found`` is not there for both."""
    if (missing := _not_trained(measured, names, pair)) is not None:
        return missing
    short = [names[name] for name in dict.fromkeys(pair) if name not in found]
    if not short:
        return None
    return _Part(_key(pair), "not measured", f"too few gradient norms: {listed(short)}", {})


def _larger_norm(measured: _Measured, names: Mapping[str, str], of: str, against: str) -> _Part:
    """The total gradient norm of ``of`` in the last epoch is larger."""
    pair = (of, against)
    if (missing := _no_norms(measured, names, pair, measured.last)) is not None:
        return missing
    part = _larger(names, pair, "last_norm", measured.last, _within)
    return replace(part, because=f"norm in the last epoch: {part.because}")


def _faster_growth(measured: _Measured, names: Mapping[str, str], of: str, against: str) -> _Part:
    """The total gradient norm of ``of`` grows by the larger factor from the first epoch to the last."""
    pair = (of, against)
    if (missing := _no_norms(measured, names, pair, measured.growth)) is not None:
        return missing
    part = _larger(names, pair, "growth", measured.growth, _within)
    return replace(part, because=f"factor from the first epoch to the last: {part.because}")


def _grows(measured: _Measured, names: Mapping[str, str], of: str) -> _Part:
    """The total gradient norm of ``of`` in the last epoch is larger than in the first."""
    if (missing := _no_norms(measured, names, (of, of), measured.growth)) is not None:
        return missing
    growth = measured.growth[of]
    sign = parted(growth, {"mean": 1, "ci95": [1, 1]})
    how = "" if growth["ci95"] else ", one run, without an interval"
    because = f"factor from the first epoch to the last: {names[of]} {_within(growth)}{how}"
    return _Part(_key((of, "its first epoch")), _verdict(sign), because, {"growth": mean_of(growth)})


def _at_chance(measured: _Measured, names: Mapping[str, str], of: str) -> _Part:
    """No short run with the report's recipe at its rate trained. Where some did, luck decides: it is not told.

    What the study's own runs did is said besides; they have another recipe, and decide nothing.
    """
    if of not in measured.summary:
        return _Part(of, "not measured", f"{names[of]} is not in the study", {})
    own, replayed = measured.summary[of]["statuses"], measured.replayed.get(of, [])
    failed = sum(status != "trained" for status in replayed)
    verdict = _verdict(int(failed == len(replayed)) - int(failed == 0)) if replayed else "not measured"
    recipe = f"with the report's recipe at its rate {measured.rate:g}"
    found = f"{recipe}, {_failures(replayed, 'short run')}" if replayed else f"no short runs {recipe}"
    because = f"{names[of]}: {found}, and with the study's own recipe, {_failures(own, 'run')}"
    numbers = {"rate": measured.rate, "replayed": _counts(replayed), "own": _counts(own)}
    return _Part(of, verdict, because, numbers)


def _counts(statuses: Sequence[str]) -> dict[str, int]:
    return {"runs": len(statuses)} | {status: statuses.count(status) for status in ("collapsed", "diverged")}


def _failures(statuses: Sequence[str], noun: str) -> str:
    counts = _counts(statuses)
    diverged = f" and {counts['diverged']} diverged" if counts["diverged"] else ""
    return f"{counts['collapsed']} of {counted(counts['runs'], noun)} at chance{diverged}"


def _field_is(measured: _Measured, of: str, pixels: int) -> _Part:
    """The theoretical receptive field of the last feature map has this side; trained or not."""
    if of not in measured.summary:
        return _Part(of, "not measured", f"{KERNELS[of]} is not in the study", {})
    found = measured.summary[of]["receptive_field"]["theoretical"]
    because = f"{KERNELS[of]} sees {counted(found, 'pixel')}"
    return _Part(of, "holds" if found == pixels else "does not hold", because, {"pixels": found})


# The claims.


def most_accurate_kernel(measured: _Measured) -> list[_Part]:
    """1×1+3×3 is more accurate than each of 3×3, 5×5 and 7×7."""
    return [_more_accurate(measured, KERNELS, *pair) for pair in MOST_ACCURATE_KERNEL]


def moderate_kernel(measured: _Measured) -> list[_Part]:
    """5×5 is less accurate than 1×1+3×3 and more accurate than 3×3 and than 7×7."""
    return [_more_accurate(measured, KERNELS, *pair) for pair in MODERATE_KERNEL]


def kernels_at_chance(measured: _Measured) -> list[_Part]:
    """With the report's recipe at its rate, all short runs of 3×3 and of 7×7 collapsed or diverged."""
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
    return [_more_accurate(measured, DEPTHS, *pair) for pair in ACCURACY_GROWS]


def residual_most_accurate(measured: _Measured) -> list[_Part]:
    """The residual network is more accurate than each of 2, 4 and 6 layers, the report's other networks."""
    return [_more_accurate(measured, DEPTHS, *pair) for pair in RESIDUAL_MOST_ACCURATE]


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
    kernels_at_chance: REPLAY,
    fields_of_kernels: SUMMARY,
    fastest_kernel: TIMING,
    slowest_kernel: TIMING,
    residual_slowest: TIMING,
    six_layers_second_slowest: TIMING,
    small_networks_settle_lower: GRADIENTS,
    six_layers_grow_slowest: GRADIENTS,
    residual_ends_largest: GRADIENTS,
}
