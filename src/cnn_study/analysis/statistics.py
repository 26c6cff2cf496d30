"""Means and their uncertainty."""

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from scipy import stats

from cnn_study.base.records import Record

LEVEL = 0.05  # of tests
CONFIDENCE = 1 - LEVEL  # of intervals


class Estimate(Record):
    """The ``mean`` of one value for each seed, None where there is none, and how sure it is.

    ``ci95``: Student's 95 % interval for the mean; None with fewer than two values, which tell nothing of their
    spread.
    """

    mean: float | None
    ci95: tuple[float, float] | None
    per_seed: tuple[float | None, ...]

    @classmethod
    def of(cls, values: Sequence[float | None]) -> "Estimate":
        """From the values of all seeds."""
        known = np.array([value for value in values if value is not None], dtype=float)
        mean = float(known.mean()) if len(known) else None
        interval = None
        if mean is not None and len(known) > 1:
            half = float(stats.t.ppf(1 - LEVEL / 2, len(known) - 1) * stats.sem(known))
            interval = (mean - half, mean + half)
        return cls(mean=mean, ci95=interval, per_seed=tuple(values))

    @property
    def summary(self) -> dict[str, float | list[float] | None]:
        """``mean`` and ``ci95``, as findings have them."""
        return {"mean": self.mean, "ci95": None if self.ci95 is None else list(self.ci95)}


def clipped(
    interval: tuple[float, float] | None, lowest: float, highest: float = math.inf
) -> tuple[float, float] | None:
    """An interval without what lies beyond what the quantity can be, which Student's may reach with few values."""
    if interval is None:
        return None
    low, high = (min(max(end, lowest), highest) for end in interval)
    return low, high


def standard_error(accuracy: float, images: int) -> float:
    """Of an ``accuracy``, 0 to 1, on so many independent ``images``, by the binomial distribution."""
    return math.sqrt(accuracy * (1 - accuracy) / images)


def equal_means(one: float, other: float) -> bool:
    """Whether two mean accuracies are the same, which sums in another order do not give to the last digit."""
    return math.isclose(one, other, rel_tol=0, abs_tol=1e-9)


def significant(number: float, digits: int, *, zeros: bool = False) -> str:
    """A number to so many digits: 0.031, 120, and never 3e-05; with ``zeros`` at its end: 0.60."""
    written = format(Decimal(f"{number:.{digits - 1}e}"), "f")
    if not zeros and "." in written:
        written = written.rstrip("0").rstrip(".")
    return written.replace("-", "−")


def side_of(interval: tuple[float, float] | None, value: float) -> int:
    """1 where the whole interval lies above the value, -1 where it lies below; 0 where it does not, or is none."""
    return 0 if interval is None else int(interval[0] > value) - int(interval[1] < value)


def intervals_disjoint(of: Estimate, against: Estimate) -> int:
    """1 where the whole interval of ``of`` lies above the other's, -1 where it lies below, else 0.

    One value has no interval, and 0 for its answer.
    """
    if of.ci95 is None or against.ci95 is None:
        return 0
    return int(of.ci95[0] > against.ci95[1]) - int(of.ci95[1] < against.ci95[0])
