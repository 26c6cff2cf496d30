"""Which differences of test accuracy are more than luck: of the seeds, and of the choice of test images.

How much of a difference is luck is worked out in ``variance``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cnn_study.analysis.results import Result
from cnn_study.analysis.variance import LEVEL, Spread
from cnn_study.params.study import Study

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Comparison:
    """``of`` minus ``against``: test accuracy in percentage points, not rounded, paired by seed and image.

    At the largest ``budget`` that both were trained to. Where there is none, or one of the two has not trained, or
    they share no seed, nothing is compared but FLOPs and parameters. One pair of seeds tells nothing of the spread
    between seeds: there are ``points`` then, but no interval and no p-value.

    ``seeds_to_tell`` is the fewest seeds, at least 2, with which a true difference of 1 point has a ``p_value``
    below 0.05, not corrected for any number of comparisons, in 80 % of studies with as many test images. It is as
    rough as the spread, of few seeds, that it is computed from. There are two reasons for None:
    ``images_forbid``, where no number of seeds is enough, since the part of the variance that comes from the
    choice of so few images stays; else the spread is unknown, with fewer than two pairs of seeds.
    """

    of: str
    against: str
    budget: int | None  # in epochs; None where not both trained
    seeds: int  # pairs of runs with the same seed; 0 where nothing is compared
    points: float | None  # mean difference
    interval: tuple[float, float] | None  # 95 %, of this comparison alone
    p_value: float | None  # of no difference, of this comparison alone
    p_holm: float | None  # corrected for all the comparisons of its family (Holm, 1979): a study, or given pairs
    significant: bool  # p_holm < 0.05
    seeds_to_tell: int | None
    ratios: dict[str, float | None]  # of over against: forward_flops, parameters
    classes: dict[str, float]  # mean difference for each class that has test images
    images_forbid: bool = False  # see seeds_to_tell

    def record(self) -> dict[str, Any]:
        """As metrics/conclusions.json has it."""
        named = {"significant": "told_apart"}
        return {named.get(key, key): value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class StudyComparison:
    """A study's architectures, compared."""

    study: str  # its key in params.studies
    ranking: list[str]  # members that trained, each to its largest budget, highest mean test accuracy first
    not_ranked: dict[str, str]  # status of the other members
    against_baseline: list[Comparison]  # every member but the baseline, in the order of the study
    controls: list[Comparison]  # in the order of the study
    pareto: list[str]  # the front of the ranked in the cost of a run and mean test accuracy, cheapest first

    def record(self) -> dict[str, Any]:
        """As metrics/conclusions.json has it: without what a clock measured."""
        return {
            "study": self.study,
            "ranking": self.ranking,
            "not_ranked": self.not_ranked,
            "against_baseline": [comparison.record() for comparison in self.against_baseline],
            "controls": [comparison.record() for comparison in self.controls],
        }


def compare_all(
    results: Mapping[str, Result],
    studies: Mapping[str, Study],
    labels: Labels,
    classes: Sequence[str],
    seconds: Mapping[str, float] | None = None,
) -> dict[str, StudyComparison]:
    """Every study by its key. ``labels`` (N,) of the test images, ``classes`` their names by label.

    ``seconds``: what training to the largest budget costs, by architecture, where it is known.
    """
    comparer = _Comparer(results, labels, classes, seconds or {})
    return {key: _compare_study(key, study, comparer) for key, study in studies.items()}


def compare_pairs(
    results: Mapping[str, Result],
    pairs: Sequence[tuple[str, str]],
    labels: Labels,
    classes: Sequence[str],
) -> list[Comparison]:
    """Pairs (of, against) in the order given, corrected for their own number and for nothing else.

    Left out are pairs with an architecture that is not in ``results``. ``labels`` and ``classes`` are those of
    ``compare_all``; with the same ones a pair differs from a study's in nothing but ``p_holm`` and
    ``significant``.
    """
    known = [pair for pair in pairs if all(name in results for name in pair)]
    named = {name: results[name] for pair in known for name in pair}
    comparer = _Comparer(named, labels, classes, {})
    return _corrected([comparer.compare(*pair) for pair in known])


def pareto_front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The names that no other dominates, cheapest first; ``points`` are (seconds, accuracy).

    One point dominates another if it is no worse in both and better in one, so of equal points all stay.
    """
    front: list[str] = []
    for name, (seconds, accuracy) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1], item[0])):
        # Only a faster point or the best of the equally fast can dominate, and the last on the front is best.
        if not front or accuracy > points[front[-1]][1] or (seconds, accuracy) == points[front[-1]]:
            front.append(name)
    return front


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number, in the order given (Holm, 1979)."""
    values = np.array(p_values, dtype=float)
    order = values.argsort()
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1)
    return [float(value) for value in corrected]


@dataclass(frozen=True)
class _Runs:
    """An architecture's runs to one budget, by ``seeds`` (S,)."""

    seeds: list[int]
    correct: npt.NDArray[np.bool_]  # which images each run has right: (S, N)

    @classmethod
    def of(cls, result: Result, labels: Labels, budget: int) -> "_Runs | None":
        """None where they have not all trained."""
        runs = result.runs_to(budget)
        if any(run.status != "trained" for run in runs):
            return None
        correct = [right for right in result.correct(labels, budget) if right is not None]
        return cls([run.seed for run in runs], np.array(correct))


@dataclass(frozen=True)
class _Comparer:
    """What comparisons are made from."""

    results: Mapping[str, Result]
    labels: Labels
    classes: Sequence[str]
    seconds: Mapping[str, float]

    def compare(self, of: str, against: str) -> Comparison:
        """Not corrected."""
        pair = self.results[of], self.results[against]
        budget = max(set(pair[0].budgets) & set(pair[1].budgets), default=None)
        if budget is None:
            return _facts(*pair, None)
        one, other = (_Runs.of(result, self.labels, budget) for result in pair)
        if one is None or other is None:
            return _facts(*pair, None)
        return _compare(_facts(*pair, budget), one, other, self.labels, self.classes)


def _compare_study(key: str, study: Study, comparer: _Comparer) -> StudyComparison:
    results = comparer.results
    members = [comparer.compare(name, study.baseline) for name in study.members if name != study.baseline]
    controls = [comparer.compare(control.of, control.against) for control in study.controls]
    compared = _corrected([*members, *controls])
    trained = [name for name in study.members if results[name].status == "trained"]
    accuracy = {name: _mean(results[name].test_accuracies(comparer.labels)) for name in trained}
    points = {name: (comparer.seconds[name], accuracy[name]) for name in trained if name in comparer.seconds}
    return StudyComparison(
        study=key,
        ranking=sorted(accuracy, key=lambda name: (-accuracy[name], name)),
        not_ranked={name: results[name].status for name in study.members if name not in accuracy},
        against_baseline=compared[: len(members)],
        controls=compared[len(members) :],
        pareto=pareto_front(points),
    )


def _facts(of: Result, against: Result, budget: int | None) -> Comparison:
    """What is known of a pair without a look at what its networks learned; ``budget``: to which both trained."""
    ratios: dict[str, float | None] = {
        key: getattr(of.profile, key) / getattr(against.profile, key) for key in ("forward_flops", "parameters")
    }
    return Comparison(of.name, against.name, budget, 0, None, None, None, None, False, None, ratios, {})


def _mean(values: Iterable[float | None]) -> float:
    return float(np.mean([value for value in values if value is not None]))


def _compare(facts: Comparison, of: _Runs, against: _Runs, labels: Labels, classes: Sequence[str]) -> Comparison:
    seeds, rows, others = np.intersect1d(of.seeds, against.seeds, return_indices=True)
    if len(seeds) == 0:
        return facts
    differences = of.correct[rows].astype(float) - against.correct[others]
    mean = float(differences.mean())
    comparison = replace(
        facts,
        seeds=len(seeds),
        points=100 * mean,
        classes={
            name: 100 * float(differences[:, labels == label].mean())
            for label, name in enumerate(classes)
            if (labels == label).any()
        },
    )
    if len(seeds) == 1:
        return comparison
    spread = Spread.of(differences)
    half = spread.half_interval(len(seeds))
    return replace(
        comparison,
        interval=(100 * (mean - half), 100 * (mean + half)),
        p_value=spread.p_value(mean, len(seeds)),
        seeds_to_tell=spread.seeds_to_tell(),
        images_forbid=spread.images_forbid(),
    )


def _corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """With Holm's correction for the distinct pairs, of which a family may name one twice or both ways."""
    family = {frozenset((c.of, c.against)): c.p_value for c in comparisons if c.p_value is not None}
    corrected = dict(zip(family, holm(list(family.values())), strict=True))
    return [
        replace(c, p_holm=p_holm, significant=p_holm < LEVEL)
        if (p_holm := corrected.get(frozenset((c.of, c.against)))) is not None
        else c
        for c in comparisons
    ]
