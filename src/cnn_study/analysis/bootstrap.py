"""How much a difference of test accuracy varies: from seed to seed, and with the choice of test images.

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
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
import numpy.typing as npt
from scipy import stats

from cnn_study.analysis.results import Result

LEVEL = 0.05
POWER = 0.8
MARGIN = 0.01  # the difference of accuracy, as a fraction, that ``seeds_to_tell`` is about
CHUNK = 200  # draws of the images at a time, for memory

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """An architecture's runs, by ``seeds`` (S,)."""

    seeds: list[int]
    correct: npt.NDArray[np.float32]  # 1 for each image that a run has right, else 0: (S, N)
    drawn: Floats  # each run's accuracy on each draw of the images: (S, draws)


def runs_of(trained: Mapping[str, Result], labels: Labels, draws: int, seed: int) -> dict[str, Runs]:
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
        name: Runs(trained[name].seeds, rows, drawn)
        for (name, rows), drawn in zip(correct.items(), parts, strict=True)
    }


def _correct(result: Result, labels: Labels) -> npt.NDArray[np.float32]:
    return np.array([right for right in result.correct(labels) if right is not None], np.float32)


@dataclass(frozen=True)
class Spread:
    """Variances of the difference of accuracy, in fractions squared."""

    between: float  # from seed to seed, of one pair of runs; its luck with the images is a part of it
    shared: float  # from the choice of the test images, common to all pairs of runs
    images: int  # how many test images there are

    @classmethod
    def of(cls, differences: Floats, drawn: Floats) -> "Spread":
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
