"""The claims of the original report, each with the check that decides whether it holds here.

Each check says what exactly its claim is taken to mean. A claim about several pairs does not hold if one of them
is the other way round, and holds if all are as it says.

The claims are about the original report's data set. On another one only its receptive fields are checked. What
went on in the original report's own runs, with its recipe and rate, is not comparable with runs that have others:
such a claim is checked against the short runs with that recipe where they can answer it, and is open where they
cannot.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cnn_study.analysis.compared import Comparison
from cnn_study.analysis.costs import Costs
from cnn_study.analysis.statistics import Estimate
from cnn_study.analysis.summaries import Summary
from cnn_study.analysis.what_differs import Difference
from cnn_study.report.kit.findings import CONCLUSIONS, SUMMARY, TIMING_CONCLUSIONS
from cnn_study.report.kit.wording import DATASETS, listed
from cnn_study.report.topics.claims.networks import (
    ACCURACY_GROWS,
    DEPTHS,
    FASTEST_KERNEL,
    FIELDS,
    KERNELS,
    MODERATE_KERNEL,
    MOST_ACCURATE_KERNEL,
    ORIGINAL_DATASET,
    RESIDUAL_MOST_ACCURATE,
    RESIDUAL_SLOWEST,
    SIX_LAYERS_SLOW,
    SLOWEST_KERNEL,
    others,
)
from cnn_study.report.topics.claims.statements import (
    Measurements,
    Statement,
    Verdict,
    at_chance,
    faster_growth,
    field_is,
    grows,
    larger_norm,
    more_accurate,
    slower,
)

NORMS = "plots/data/gradient_norms_by_seed.csv"
REPLAY = "plots/data/replay.csv"
PARAMETERS = "params.yaml"


@dataclass(frozen=True)
class Claim:
    """What the original report says, whether it holds here, the reason in one sentence, and the numbers in that.

    ``data``: the committed file that shows these; ``timed``: whether a clock measured any of them.
    """

    claim: str
    verdict: Verdict
    because: str
    numbers: dict[str, Any]
    data: str
    timed: bool

    def record(self) -> dict[str, Any]:
        """As metrics/conclusions.json and timing_conclusions.json have it; ``timed`` says which of them."""
        return {key: value for key, value in asdict(self).items() if key != "timed"}


@dataclass(frozen=True)
class Check:
    """How a claim is checked: ``decide`` finds what becomes of each thing that it says.

    ``data`` and ``timed``: those of the claim. ``of_any_data``: whether the claim is about networks alone, and
    is checked on every data set. ``of_its_recipe``: the networks whose training with the original report's recipe
    the claim is about, where short runs cannot answer it; none where it is about something else.
    """

    decide: Callable[[Measurements], list[Statement]]
    data: str = CONCLUSIONS
    timed: bool = False
    of_any_data: bool = False
    of_its_recipe: Mapping[str, str] = field(default_factory=dict)


def check_claims(
    dataset: str,
    summary: Mapping[str, Summary],
    costs: Costs,
    compared: Sequence[Comparison],
    gradients: pd.DataFrame,
    replay: pd.DataFrame,
    rate: float,
    recipes: Mapping[str, Sequence[Difference]],
) -> list[Claim]:
    """Every claim of the original report with its verdict.

    ``dataset``: its name in params.yaml. ``summary``: the objects of metrics/summary.json by architecture.
    ``costs``: of training steps. ``compared``: CLAIMED_PAIRS, except those with an architecture that is not in the
    study. ``gradients``: ``architecture``, ``seed``, ``epoch``, ``layer``, ``gradient_norm``. ``replay``:
    plots/data/replay.csv, short runs with the original report's recipe, whose own learning rate is ``rate``.
    ``recipes``: by architecture, in what its recipe and rate differ from the original report's.

    What involves a network that is missing or has not trained is not measured; but whether networks stay at
    chance is what the replay is asked, and receptive fields are known of any network.
    """
    last, growth = _norms_over_seeds(gradients)
    pairs = {(pair.of, pair.against): pair for pair in compared}
    measured = Measurements(summary, costs, pairs, last, growth, rate, _statuses(replay, rate))
    return [_checked(claim, check, dataset, measured, recipes) for claim, check in CLAIMS.items()]


def _checked(
    claim: str, check: Check, dataset: str, measured: Measurements, recipes: Mapping[str, Sequence[Difference]]
) -> Claim:
    if dataset != ORIGINAL_DATASET and not check.of_any_data:
        because = f"the data are {DATASETS[dataset]}, not the original report's CIFAR-10"
        statement = Statement("data", "not measured", because, {"dataset": dataset})
        return _judged(claim, [statement], SUMMARY, timed=False)
    if others := [_another_recipe(name, recipes[name]) for name in check.of_its_recipe if recipes.get(name)]:
        return _judged(claim, others, PARAMETERS, timed=False)
    return _judged(claim, check.decide(measured), check.data, timed=check.timed)


def _another_recipe(name: str, differences: Sequence[Difference]) -> Statement:
    because = (
        "it is about runs with the original report's recipe and rate; those here differ from them in "
        f"{listed([one.what for one in differences])}, and short runs with that recipe do not answer it"
    )
    numbers = {one.what: [one.of, one.against] for one in differences}
    return Statement(name, "not comparable", because, numbers)


def _norms_over_seeds(gradients: pd.DataFrame) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """``last`` and ``growth``. A total norm is that of all layers together, the root of their squares' sum."""
    squares = gradients.assign(square=gradients["gradient_norm"] ** 2)
    runs = (squares.groupby(["architecture", "seed", "epoch"])["square"].sum() ** 0.5).groupby(
        ["architecture", "seed"]
    )
    first, last = runs.first(), runs.last()
    grown = (runs.size() > 1) & (first > 0)  # a ratio to none says nothing
    return _by_architecture(last), _by_architecture(last[grown] / first[grown])


def _by_architecture(values: "pd.Series[float]") -> dict[str, Estimate]:
    return {str(name): Estimate.of(rows.to_list()) for name, rows in values.groupby("architecture")}


def _statuses(replay: pd.DataFrame, rate: float) -> dict[str, list[str]]:
    """Those of each architecture's runs at this rate."""
    at_rate = replay[np.isclose(replay["learning_rate"].astype(float), rate)]
    return {str(name): rows.to_list() for name, rows in at_rate.groupby("architecture")["status"]}


def _judged(claim: str, statements: Sequence[Statement], data: str, *, timed: bool) -> Claim:
    """One statement that is the other way round is enough against the claim; for it, all are needed."""
    verdicts = [statement.verdict for statement in statements]
    against: tuple[Verdict, ...] = ("does not hold", "not comparable", "not measured", "not decided")
    verdict: Verdict = next((verdict for verdict in against if verdict in verdicts), "holds")
    reasons = dict.fromkeys(statement.because for statement in statements if statement.verdict == verdict)
    return Claim(
        claim,
        verdict,
        "; ".join(reasons),
        {statement.key: statement.numbers for statement in statements},
        data,
        timed,
    )


def most_accurate_kernel(measured: Measurements) -> list[Statement]:
    """1×1+3×3 is more accurate than each of 3×3, 5×5 and 7×7."""
    return [more_accurate(measured, KERNELS, *pair) for pair in MOST_ACCURATE_KERNEL]


def moderate_kernel(measured: Measurements) -> list[Statement]:
    """5×5 is less accurate than 1×1+3×3 and more accurate than 3×3 and than 7×7."""
    return [more_accurate(measured, KERNELS, *pair) for pair in MODERATE_KERNEL]


def kernels_at_chance(measured: Measurements) -> list[Statement]:
    """With the original report's recipe at its rate, all short runs of 3×3 and of 7×7 collapsed or diverged."""
    return [at_chance(measured, KERNELS, name) for name in ("kernel_3x3", "kernel_7x7")]


def fastest_kernel(measured: Measurements) -> list[Statement]:
    """A training step of each of 5×5, 7×7 and 1×1+3×3 takes longer than one of 3×3."""
    return [slower(measured, KERNELS, *pair) for pair in FASTEST_KERNEL]


def slowest_kernel(measured: Measurements) -> list[Statement]:
    """A training step of 1×1+3×3 takes longer than one of each of 3×3, 5×5 and 7×7."""
    return [slower(measured, KERNELS, *pair) for pair in SLOWEST_KERNEL]


def fields_of_kernels(measured: Measurements) -> list[Statement]:
    """The theoretical receptive field of each is exactly what the original report says."""
    return [field_is(measured, name, pixels) for name, pixels in FIELDS.items()]


def accuracy_grows_with_depth(measured: Measurements) -> list[Statement]:
    """4 layers are more accurate than 2, and 6 than 4."""
    return [more_accurate(measured, DEPTHS, *pair) for pair in ACCURACY_GROWS]


def residual_most_accurate(measured: Measurements) -> list[Statement]:
    """The residual network is more accurate than each of 2, 4 and 6 layers, the others of the original report."""
    return [more_accurate(measured, DEPTHS, *pair) for pair in RESIDUAL_MOST_ACCURATE]


def residual_slowest(measured: Measurements) -> list[Statement]:
    """A training step of the residual network takes longer than one of each of 2, 4 and 6 layers."""
    return [slower(measured, DEPTHS, *pair) for pair in RESIDUAL_SLOWEST]


def six_layers_second_slowest(measured: Measurements) -> list[Statement]:
    """A training step of 6 layers takes longer than one of 2 and of 4, and one of the residual network than 6."""
    than_others = [slower(measured, DEPTHS, *pair) for pair in SIX_LAYERS_SLOW]
    return [slower(measured, DEPTHS, "residual", "depth_6"), *than_others]


def small_networks_settle_lower(measured: Measurements) -> list[Statement]:
    """In the last epoch 6 layers and the residual network each have a larger norm than 2 and than 4 layers."""
    small, large = ("kernel_3x3", "depth_4"), ("depth_6", "residual")
    return [larger_norm(measured, DEPTHS, of, against) for of in large for against in small]


def six_layers_grow_slowest(measured: Measurements) -> list[Statement]:
    """From first to last epoch the norm of 6 layers grows, by a smaller factor than each of the others'."""
    slowest = "depth_6"
    faster = [faster_growth(measured, DEPTHS, other, slowest) for other in others(DEPTHS, slowest)]
    return [grows(measured, DEPTHS, slowest), *faster]


def residual_ends_largest(measured: Measurements) -> list[Statement]:
    """In the last epoch the norm of the residual network is larger than each of the others'."""
    return [larger_norm(measured, DEPTHS, "residual", other) for other in others(DEPTHS, "residual")]


CLAIMS: dict[str, Check] = {
    "1×1+3×3 is the most accurate kernel (53.20 %)": Check(most_accurate_kernel),
    "5×5 is second (44.14 %), above 3×3 and 7×7": Check(moderate_kernel),
    "3×3 and 7×7 stay at chance (10.00 %)": Check(kernels_at_chance, REPLAY),
    "3×3 is the fastest kernel to train": Check(fastest_kernel, TIMING_CONCLUSIONS, timed=True),
    "1×1+3×3 is the slowest kernel to train": Check(slowest_kernel, TIMING_CONCLUSIONS, timed=True),
    "3×3, 5×5, 7×7, 1×1+3×3 see 10, 16, 22, 10 pixels": Check(fields_of_kernels, SUMMARY, of_any_data=True),
    "Accuracy grows from 2 to 4 to 6 layers (73.47, 76.79, 78.40 %)": Check(accuracy_grows_with_depth),
    "Residual is the most accurate depth (81.06 %)": Check(residual_most_accurate),
    "Residual is the slowest depth to train": Check(residual_slowest, TIMING_CONCLUSIONS, timed=True),
    "6 layers are the second slowest": Check(six_layers_second_slowest, TIMING_CONCLUSIONS, timed=True),
    "Gradient norms of small networks settle lower": Check(
        small_networks_settle_lower, NORMS, of_its_recipe=DEPTHS
    ),
    "The gradient norm of 6 layers grows slowest": Check(six_layers_grow_slowest, NORMS, of_its_recipe=DEPTHS),
    "Residual ends with the largest gradient norm": Check(residual_ends_largest, NORMS, of_its_recipe=DEPTHS),
}
