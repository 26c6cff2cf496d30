"""How much a difference of test accuracy varies: from seed to seed, and with the choice of test images.

Two networks are compared as Obuchowski and Rockette (1995) compare two imaging modalities: seeds are their
readers, test images their cases. Each network has seeds of its own, since runs of two networks with the same
seed have nothing in common that would show in their accuracies; all look at the same images. The variance of a
difference of means over n and m runs is

    v_of / n + v_against / m + shared.

*v* is the variance of one run's accuracy on these images from seed to seed. It has two parts: how far runs
differ in what they would reach on endless images, and their errors by chance on a finite test set. Where a run's
errors on different images are independent, the second is the mean over images of p (1 - p) divided by their
number, p being the probability that a run has the image right (Jordan, 2023, arXiv 2304.01910): the *image part*.

*shared* is what more runs do not take away: the variance, over the choice of images, of the difference between
the two networks' probabilities. Accuracies are means over images, so it is had in closed form, and nothing is
resampled.

A few runs say little of a variance. Networks that are trained alike, to one budget by one optimizer, lend each
other degrees of freedom: see ``moderation``. Where that cannot be done, with few networks or runs that agree,
networks keep their own variances, which are never taken for less than their image parts.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from cnn_study.analysis.moderation import Moderated, can_be_moderated, moderated
from cnn_study.analysis.statistics import LEVEL

POWER = 0.8

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outcomes:
    """What n runs of a network make of each of N test images: (n, N), n and N at least 2.

    1 where a run has the image right, else 0; or the change of that from one budget of the run to another.
    """

    values: Floats

    @property
    def runs(self) -> int:
        """How many."""
        return int(self.values.shape[0])

    @property
    def images(self) -> int:
        """How many."""
        return int(self.values.shape[1])

    @cached_property
    def by_image(self) -> Floats:
        """The mean over runs, (N,)."""
        return np.asarray(self.values.mean(axis=0))

    @cached_property
    def by_run(self) -> Floats:
        """The mean over images, (n,): a run's accuracy."""
        return np.asarray(self.values.mean(axis=1))

    @cached_property
    def mean(self) -> float:
        """Over both."""
        return float(self.values.mean())

    @cached_property
    def between(self) -> float:
        """The variance from seed to seed of a run's mean over these images, of ``runs`` - 1 degrees of freedom."""
        return float(self.by_run.var(ddof=1))

    @cached_property
    def image_part(self) -> float:
        """What ``between`` would be if runs differed by chance alone, independently on each image."""
        return float(self.values.var(axis=0, ddof=1).mean()) / self.images


@dataclass(frozen=True)
class Variance:
    """Of one run's mean over the test images, from seed to seed, with its degrees of freedom.

    ``runs`` and ``most``: the network's, and the degrees of freedom that all networks of its pool have together.
    """

    value: float
    freedom: float
    runs: int
    most: float
    pool: Hashable


@dataclass(frozen=True)
class Pool:
    """Networks whose variances moderate each other; variances are of accuracies, 0 to 1.

    ``common``: the median of the moderated ones. ``image_part``: the mean of the networks'. ``equal``: the p-value
    of the hypothesis that all variances are the same (Bartlett, 1937); None of fewer than two networks.
    ``moderated``: whether there are enough of them.
    """

    networks: tuple[str, ...]
    freedom: int
    common: float
    image_part: float
    equal: float | None
    moderated: bool

    def record(self) -> dict[str, Any]:
        """As metrics/conclusions.json has it: standard deviations in percentage points."""
        return {
            "networks": list(self.networks),
            "degrees_of_freedom": self.freedom,
            "standard_deviation_points": 100 * sqrt(self.common),
            "of_the_image_part_points": 100 * sqrt(self.image_part),
            "p_equal": self.equal,
            "moderated": self.moderated,
        }


def variances(outcomes: Mapping[str, Outcomes], pools: Mapping[str, Hashable]) -> dict[str, Variance]:
    """The variance of each network, moderated by those of its pool."""
    found: dict[str, Variance] = {}
    for pool, names in _members(outcomes, pools).items():
        freedoms = [outcomes[name].runs - 1 for name in names]
        own = [outcomes[name].between for name in names]
        if can_be_moderated(own):
            of_pool = moderated(own, freedoms)
        else:
            floors = [max(outcomes[name].between, outcomes[name].image_part) for name in names]
            of_pool = [Moderated(value, freedom) for value, freedom in zip(floors, freedoms, strict=True)]
        for name, one in zip(names, of_pool, strict=True):
            most = sum(freedoms)
            found[name] = Variance(one.variance, one.freedom, outcomes[name].runs, most, pool)
    return found


def pools_of(outcomes: Mapping[str, Outcomes], pools: Mapping[str, Hashable]) -> dict[Hashable, Pool]:
    """What is said of each pool."""
    found = variances(outcomes, pools)
    return {
        pool: Pool(
            networks=tuple(names),
            freedom=sum(outcomes[name].runs - 1 for name in names),
            common=float(np.median([found[name].value for name in names])),
            image_part=float(np.mean([outcomes[name].image_part for name in names])),
            equal=_equal([outcomes[name] for name in names]),
            moderated=can_be_moderated([outcomes[name].between for name in names]),
        )
        for pool, names in _members(outcomes, pools).items()
    }


def _members(outcomes: Mapping[str, Outcomes], pools: Mapping[str, Hashable]) -> dict[Hashable, list[str]]:
    members: dict[Hashable, list[str]] = defaultdict(list)
    for name in outcomes:
        members[pools[name]].append(name)
    return members


def _equal(outcomes: list[Outcomes]) -> float | None:
    varying = [one.by_run for one in outcomes if one.between > 0]
    return float(stats.bartlett(*varying).pvalue) if len(varying) > 1 else None


@dataclass(frozen=True)
class Contrast:
    """The difference of networks' means, its variance, and the degrees of freedom of that.

    A variance of 0, of runs that all answer alike, says nothing of chance: there is no p-value below 1 then.

    Degrees of freedom are Satterthwaite's (1946) for the sum of variances; those of networks of one pool never
    count for more than the pool's, since what they share is known only once.
    """

    difference: float
    variance: float
    freedom: float

    @classmethod
    def of(cls, of: Outcomes, against: Outcomes, variance_of: Variance, variance_against: Variance) -> "Contrast":
        """``of`` minus ``against``, which have the same images."""
        return cls.of_sum([(1, of, variance_of), (-1, against, variance_against)])

    @classmethod
    def of_sum(cls, terms: Sequence[tuple[int, Outcomes, Variance]]) -> "Contrast":
        """The sum of networks' means, each with its sign; all have the same images."""
        images = terms[0][1].images
        parts = [variance.value / variance.runs for _, _, variance in terms]
        by_image = np.sum([sign * outcomes.by_image for sign, outcomes, _ in terms], axis=0)
        # Over images - 1: unbiased. A mean over n runs of its own errors on an image adds image_part / n.
        of_runs = sum(outcomes.image_part / outcomes.runs for _, outcomes, _ in terms)
        shared = max(0.0, float(by_image.var(ddof=1)) / images - of_runs)
        variance = sum(parts) + shared
        difference = sum(sign * outcomes.mean for sign, outcomes, _ in terms)
        if variance == 0:
            return cls(difference, 0.0, images - 1)
        by_pool: dict[Hashable, list[tuple[float, Variance]]] = defaultdict(list)
        for part, (_, _, one) in zip(parts, terms, strict=True):
            by_pool[one.pool].append((part, one))
        between = sum(
            max(
                sum(part**2 / one.freedom for part, one in of_pool),
                sum(part for part, _ in of_pool) ** 2 / of_pool[0][1].most,
            )
            for of_pool in by_pool.values()
        )
        return cls(difference, variance, variance**2 / (between + shared**2 / (images - 1)))

    @property
    def error(self) -> float:
        """The standard error."""
        return sqrt(self.variance)

    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval."""
        half = float(stats.t.ppf(1 - LEVEL / 2, self.freedom)) * self.error
        return self.difference - half, self.difference + half

    def interval_in_points(self) -> tuple[float, float]:
        """The same in percentage points, of accuracies."""
        low, high = self.interval()
        return 100 * low, 100 * high

    def p_different(self) -> float:
        """How probable a difference as large as this or larger is if there is none."""
        if self.variance == 0:
            return 1.0
        return float(2 * stats.t.sf(abs(self.difference) / self.error, self.freedom))

    def p_equivalent(self, margin: float) -> float:
        """How probable one as small as this or smaller is if the true one is ``margin`` or more.

        By two one-sided tests (Schuirmann, 1987), of which this is the larger p-value.
        """
        room = margin - abs(self.difference)
        if self.variance == 0:
            return 1.0
        return float(stats.t.sf(room / self.error, self.freedom))

    def detectable(self, level: float) -> float:
        """The smallest true difference that a test at ``level`` finds significant in 80 % of studies like this."""
        if self.variance == 0:
            return inf
        quantile = float(stats.t.ppf(1 - level / 2, self.freedom))

        # The chance of the other tail is nothing.
        def lacking(errors: float) -> float:
            return POWER - float(stats.nct.sf(quantile, self.freedom, errors))

        return float(optimize.brentq(lacking, 0.0, 3 * quantile + 10)) * self.error
