"""Which network of several is the most accurate, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cnn_study.analysis.statistics import LEVEL
from cnn_study.analysis.variance import Contrast, Outcomes, Variance

DRAWS = 20_000


@dataclass(frozen=True)
class Best:
    """The network of the highest mean at one ``budget``, in epochs, among those that have trained to it.

    ``p_value``: the largest of its p-values against the others, each of that pair alone; the network may be called
    the best where it is below 0.05 (Hsu, 1996), and no verdict on its pairs says otherwise. ``probability``: of
    being the best, by network, in the order of the means. ``lead``: over the second, in percentage points, with
    its 95 % interval.
    """

    budget: int
    network: str
    p_value: float
    probability: dict[str, float]
    lead: float
    lead_interval: tuple[float, float]

    @property
    def significant(self) -> bool:
        """Whether it may be called the best by its p-values; verdicts, on all pairs together, may deny it."""
        return self.p_value < LEVEL

    @classmethod
    def of(cls, budget: int, outcomes: Mapping[str, Outcomes], variances: Mapping[str, Variance]) -> "Best":
        """Of at least two networks that have the same images."""
        order = sorted(outcomes, key=lambda name: (-outcomes[name].mean, name))
        first, *others = order
        contrasts = [
            Contrast.of(outcomes[first], outcomes[name], variances[first], variances[name]) for name in others
        ]
        chances = probability_of_best([outcomes[name] for name in order], [variances[name] for name in order])
        return cls(
            budget,
            first,
            max(contrast.p_different() for contrast in contrasts),
            dict(zip(order, chances, strict=True)),
            100 * contrasts[0].difference,
            contrasts[0].interval_in_points(),
        )


def probability_of_best(outcomes: Sequence[Outcomes], variances: Sequence[Variance]) -> list[float]:
    """How probable it is that each has the highest true accuracy, given what has been seen.

    By draws from the posterior under a flat prior: variances from scaled inverse chi-squared distributions, means
    from normal ones around those seen, all networks together, since they share the choice of images. The draws are
    the same each time.
    """
    generator = np.random.default_rng(0)
    count = len(outcomes)
    by_image = np.array([one.by_image for one in outcomes])
    shared = np.cov(by_image) / outcomes[0].images - np.diag([one.image_part / one.runs for one in outcomes])
    values, vectors = np.linalg.eigh(shared)
    of_images = vectors * np.sqrt(values.clip(min=0))
    freedom = np.array([one.freedom for one in variances])
    of_means = np.array([one.value / one.runs for one in variances])
    spread = of_means * freedom / generator.chisquare(freedom, size=(DRAWS, count))
    means = (
        np.array([one.mean for one in outcomes])
        + generator.normal(size=(DRAWS, count)) @ of_images.T
        + generator.normal(size=(DRAWS, count)) * np.sqrt(spread)
    )
    highest = means == means.max(axis=1, keepdims=True)  # more than one where nothing varies
    return [float(share) for share in (highest / highest.sum(axis=1, keepdims=True)).mean(axis=0)]
