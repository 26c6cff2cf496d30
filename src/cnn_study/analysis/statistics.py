"""Means and their uncertainty."""

from collections.abc import Mapping, Sequence
from typing import Any

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


def mean_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """What ``over_seeds`` gives, without the single values."""
    return {"mean": found["mean"], "ci95": found["ci95"]}


def intervals_disjoint(of: Mapping[str, Any], against: Mapping[str, Any]) -> int:
    """1 where the whole interval of ``of`` lies above the other's, -1 where it lies below, else 0.

    One value has no interval, and 0 for its answer.
    """
    if of["ci95"] is None or against["ci95"] is None:
        return 0
    return int(of["ci95"][0] > against["ci95"][1]) - int(of["ci95"][1] < against["ci95"][0])
