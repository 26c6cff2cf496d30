"""Means and their uncertainty."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def over_seeds(values: Sequence[float | None]) -> dict[str, object]:
    """``mean``, ``ci95`` and ``per_seed`` of one value for each seed, None where there is none.

    ``ci95`` is Student's 95 % interval for the mean, [low, high]; None with fewer than two values, which
    tell nothing of their spread.
    """
    known = np.array([value for value in values if value is not None], dtype=float)
    mean = float(known.mean()) if len(known) else None
    interval = None
    if mean is not None and len(known) > 1:
        half = float(stats.t.ppf(0.975, len(known) - 1) * stats.sem(known))
        interval = [mean - half, mean + half]
    return {"mean": mean, "ci95": interval, "per_seed": list(values)}
