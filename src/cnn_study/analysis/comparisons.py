"""Which differences of test accuracy are more than luck: of the seeds, and of the choice of test images.

Two architectures are compared by a hierarchical bootstrap: runs are drawn anew, in pairs of one seed, and test
images, the same for all networks. The variance of the mean difference over n pairs is then

    between / n + shared,

``between`` the variance from seed to seed of a pair's difference, ``shared`` the covariance of two pairs'
differences over draws of the images, which more seeds do not take away. Only the images are drawn: over draws of
n pairs the variance is known to be (n - 1) / n of the first term, and without the missing part 3 seeds would seem
surer than they are. Few seeds are few degrees of freedom besides, so the interval and the p-value are Student's,
with those of Satterthwaite (1946) for the sum. Studies of several readers and cases are compared in this way
(Obuchowski and Rockette, 1995; Hillis, 2007).

One thing is added. Three runs can happen to differ by the same amount, but ``between`` is at least what a pair's
own luck with the images makes of it, and that is known well: it is never taken for less. In simulations with 3
seeds (tests/test_comparisons.py) the interval holds the true difference in 93 to 99 % of studies, the less often
the more the seeds matter. Where runs differ by little more than chance, it holds it in nearly all.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt

import numpy as np
import numpy.typing as npt
from scipy import stats

from cnn_study.analysis.results import Result
from cnn_study.params.study import Study

LEVEL = 0.05
POWER = 0.8
MARGIN = 0.01  # the difference of accuracy, as a fraction, that ``seeds_to_tell`` is about
CHUNK = 200  # draws of the images at a time, for memory

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Comparison:
    """``of`` minus ``against``: test accuracy in percentage points, not rounded, paired by seed and image.

    Where one of the two has not trained, nothing is compared but FLOPs and parameters. One pair of seeds tells
    nothing of the spread between seeds: there are ``points`` then, but no interval and no p-value.

    ``seeds_to_tell`` is the fewest seeds, at least 2, with which a true difference of 1 point has a ``p_value``
    below 0.05, not corrected for any number of comparisons, in 80 % of studies with as many test images. It is as
    rough as the spread, of few seeds, that it is computed from. There are two reasons for None:
    ``images_forbid``, where no number of seeds is enough, since the part of the variance that comes from the
    choice of so few images stays; else the spread is unknown, with fewer than two pairs of seeds.
    """

    of: str
    against: str
    seeds: int  # pairs of runs with the same seed; 0 where nothing is compared
    points: float | None  # mean difference
    interval: tuple[float, float] | None  # 95 %, of this comparison alone
    p_value: float | None  # of no difference, of this comparison alone
    p_holm: float | None  # corrected for all the comparisons of its family (Holm, 1979): a study, or given pairs
    told_apart: bool  # p_holm < 0.05
    seeds_to_tell: int | None
    ratios: dict[str, float | None]  # of over against: mean train_seconds, forward_flops, parameters
    classes: dict[str, float]  # mean difference for each class that has test images
    images_forbid: bool = False  # see seeds_to_tell


@dataclass(frozen=True)
class StudyComparison:
    """A study's architectures, compared."""

    study: str  # its key in params.studies
    ranking: list[str]  # members that trained, highest mean test accuracy first
    not_ranked: dict[str, str]  # status of the other members
    against_baseline: list[Comparison]  # every member but the baseline, in the order of the study
    controls: list[Comparison]  # in the order of the study
    pareto: list[str]  # the front of the ranked in mean train_seconds and test accuracy, fastest first


def compare_all(
    results: Mapping[str, Result],
    studies: Mapping[str, Study],
    labels: Labels,
    classes: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, StudyComparison]:
    """Every study by its key. ``labels`` (N,) of the test images, ``classes`` their names by label.

    The test images are drawn ``draws`` times from ``seed``, once for all comparisons, so that nothing
    depends on the order of ``results`` or ``studies``.
    """
    seen = _Seen.of(results, labels, classes, draws, seed)
    return {key: _compare_study(key, study, seen) for key, study in studies.items()}


def compare_pairs(
    results: Mapping[str, Result],
    pairs: Sequence[tuple[str, str]],
    labels: Labels,
    classes: Sequence[str],
    draws: int = 2000,
    seed: int = 0,
) -> list[Comparison]:
    """Pairs (of, against) in the order given, corrected for their own number and for nothing else.

    Left out are pairs with an architecture that is not in ``results``. The other arguments are those of
    ``compare_all``; with the same ones a pair differs from a study's in nothing but ``p_holm`` and
    ``told_apart``.
    """
    known = [pair for pair in pairs if all(name in results for name in pair)]
    named = {name: results[name] for pair in known for name in pair}
    seen = _Seen.of(named, labels, classes, draws, seed)
    return _corrected([seen.compare(*pair) for pair in known])


def pareto_front(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The names that no other dominates, fastest first; ``points`` are (seconds, accuracy).

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
    """An architecture's runs, by ``seeds`` (S,)."""

    seeds: list[int]
    correct: npt.NDArray[np.float32]  # 1 for each image that a run has right, else 0: (S, N)
    drawn: Floats  # each run's accuracy on each draw of the images: (S, draws)


def _runs(trained: Mapping[str, Result], labels: Labels, draws: int, seed: int) -> dict[str, _Runs]:
    """What each network has right, of the test images and of draws of them: as many, with replacement."""
    correct = {name: _correct(result, labels) for name, result in trained.items()}
    if not correct:
        return {}
    generator, images = np.random.default_rng(seed), len(labels)
    every = np.concatenate(list(correct.values())).T
    accuracies = np.empty((draws, every.shape[1]))
    for start in range(0, draws, CHUNK):
        part = accuracies[start : start + CHUNK]
        picks = generator.integers(images, size=(len(part), images))
        counts = np.array([np.bincount(row, minlength=images) for row in picks], dtype=np.float32)
        # Sums of whole numbers, which float32 holds exactly: the same in whatever order they are added.
        part[:] = counts @ every / images
    ends = np.cumsum([len(rows) for rows in correct.values()])
    parts = np.split(accuracies.T, ends[:-1])
    return {
        name: _Runs(trained[name].seeds, rows, drawn)
        for (name, rows), drawn in zip(correct.items(), parts, strict=True)
    }


def _correct(result: Result, labels: Labels) -> npt.NDArray[np.float32]:
    return np.array(
        [logits.argmax(1) == labels for logits in result.test_logits if logits is not None], np.float32
    )


@dataclass(frozen=True)
class _Seen:
    """What comparisons are made from; ``runs`` of the architectures that trained."""

    results: Mapping[str, Result]
    runs: Mapping[str, _Runs]
    labels: Labels
    classes: Sequence[str]

    @classmethod
    def of(
        cls, results: Mapping[str, Result], labels: Labels, classes: Sequence[str], draws: int, seed: int
    ) -> "_Seen":
        trained = {name: result for name, result in results.items() if result.status == "trained"}
        return cls(results, _runs(trained, labels, draws, seed), labels, classes)

    def compare(self, of: str, against: str) -> Comparison:
        """Not corrected."""
        facts = _facts(self.results[of], self.results[against])
        if of not in self.runs or against not in self.runs:
            return facts
        return _compare(facts, self.runs[of], self.runs[against], self.labels, self.classes)


def _compare_study(key: str, study: Study, seen: _Seen) -> StudyComparison:
    results, runs = seen.results, seen.runs
    members = [seen.compare(name, study.baseline) for name in study.members if name != study.baseline]
    controls = [seen.compare(control.of, control.against) for control in study.controls]
    compared = _corrected([*members, *controls])
    accuracy = {name: float(runs[name].correct.mean(dtype=float)) for name in study.members if name in runs}
    points = {name: (_mean_seconds(results[name]), accuracy[name]) for name in accuracy}
    return StudyComparison(
        study=key,
        ranking=sorted(accuracy, key=lambda name: (-accuracy[name], name)),
        not_ranked={name: results[name].status for name in study.members if name not in accuracy},
        against_baseline=compared[: len(members)],
        controls=compared[len(members) :],
        pareto=pareto_front(points),
    )


def _facts(of: Result, against: Result) -> Comparison:
    """What is known of a pair without a look at what its networks learned."""
    both_trained = of.status == against.status == "trained"
    ratios = {"train_seconds": _mean_seconds(of) / _mean_seconds(against) if both_trained else None} | {
        key: of.profile[key] / against.profile[key] for key in ("forward_flops", "parameters")
    }
    return Comparison(of.name, against.name, 0, None, None, None, None, False, None, ratios, {})


def _mean_seconds(result: Result) -> float:
    return float(np.mean([seconds for seconds in result.seconds("train_seconds") if seconds is not None]))


def _compare(facts: Comparison, of: _Runs, against: _Runs, labels: Labels, classes: Sequence[str]) -> Comparison:
    seeds, rows, others = np.intersect1d(of.seeds, against.seeds, return_indices=True)
    if len(seeds) == 0:
        return facts
    differences = (of.correct[rows] - against.correct[others]).astype(float)
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
    spread = _Spread.of(differences, of.drawn[rows] - against.drawn[others])
    half = spread.half_interval(len(seeds))
    return replace(
        comparison,
        interval=(100 * (mean - half), 100 * (mean + half)),
        p_value=spread.p_value(mean, len(seeds)),
        seeds_to_tell=spread.seeds_to_tell(),
        images_forbid=spread.images_forbid(),
    )


@dataclass(frozen=True)
class _Spread:
    """Variances of the difference of accuracy, in fractions squared."""

    between: float  # from seed to seed, of one pair of runs; its luck with the images is a part of it
    shared: float  # from the choice of the test images, common to all pairs of runs
    images: int  # how many test images there are

    @classmethod
    def of(cls, differences: Floats, drawn: Floats) -> "_Spread":
        """From a pair's differences by image (n, N) and by draw of the images (n, draws), n at least 2.

        Over the draws, one seed's difference has the variance ``shared`` + own, the mean of n seeds'
        ``shared`` + own / n; both are measured, and solved for the two parts.
        """
        seeds, images = differences.shape
        of_one, of_mean = float(drawn.var(axis=1).mean()), float(drawn.mean(axis=0).var())
        shared = max(0.0, (seeds * of_mean - of_one) / (seeds - 1))
        between = float(differences.mean(axis=1).var(ddof=1))
        return cls(max(between, of_one - shared), shared, images)

    def of_mean(self, seeds: float) -> tuple[float, float]:
        """The variance of the mean over ``seeds`` pairs, and its degrees of freedom (Satterthwaite, 1946)."""
        between = self.between / seeds
        variance = between + self.shared
        if variance == 0:
            return 0.0, seeds - 1
        return variance, variance**2 / (between**2 / (seeds - 1) + self.shared**2 / (self.images - 1))

    def half_interval(self, seeds: int) -> float:
        """Half the width of the 95 % interval of the mean over ``seeds`` pairs."""
        variance, freedom = self.of_mean(seeds)
        return float(stats.t.ppf(1 - LEVEL / 2, freedom) * sqrt(variance))

    def p_value(self, mean: float, seeds: int) -> float:
        """How probable a difference as large as ``mean`` or larger is if there is none."""
        variance, freedom = self.of_mean(seeds)
        if variance == 0:
            return float(mean == 0)
        return float(2 * stats.t.sf(abs(mean) / sqrt(variance), freedom))

    def power(self, seeds: float) -> float:
        """How probable a p-value below LEVEL is with ``seeds`` pairs if the difference is MARGIN.

        The chance that a variable of the noncentral t distribution, with MARGIN in standard errors for its
        noncentrality, lies above the quantile that the p-value is compared with. The other tail is nothing.
        """
        variance, freedom = self.of_mean(seeds)
        if variance == 0:
            return 1.0
        return float(stats.nct.sf(stats.t.ppf(1 - LEVEL / 2, freedom), freedom, MARGIN / sqrt(variance)))

    def seeds_to_tell(self) -> int | None:
        """The fewest pairs with a power of POWER; None if no number has it."""
        if self.images_forbid():
            return None
        enough = 2
        while self.power(enough) < POWER:
            enough *= 2
        candidates = range(2, enough + 1)
        return candidates[bisect_left(candidates, POWER, key=self.power)]

    def images_forbid(self) -> bool:
        """Whether even endless pairs, of which only the choice of images is left, lack a power of POWER."""
        return self.power(inf) < POWER


def _corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """With Holm's correction for the distinct pairs, of which a family may name one twice or both ways."""
    family = {frozenset((c.of, c.against)): c.p_value for c in comparisons if c.p_value is not None}
    corrected = dict(zip(family, holm(list(family.values())), strict=True))
    return [
        replace(c, p_holm=p_holm, told_apart=p_holm < LEVEL)
        if (p_holm := corrected.get(frozenset((c.of, c.against)))) is not None
        else c
        for c in comparisons
    ]
