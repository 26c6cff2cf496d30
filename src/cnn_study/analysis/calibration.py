"""Whether a network is right as often as it is sure (Guo et al., 2017, arXiv 1706.04599)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from cnn_study.analysis.statistics import LEVEL, side_of


def reliability(
    confidence: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_], bins: int = 15
) -> pd.DataFrame:
    """A row for each of ``bins`` equal intervals of ``confidence``.

    ``confidence`` (N,): the softmax probability of each predicted class; ``correct`` (N,): whether it is right.
    Columns: ``center`` of the interval; mean ``confidence`` and ``accuracy`` of the predictions in it, 0-1, NaN
    where there are none; their ``count``. An interval includes its upper end, not its lower.
    """
    predictions = pd.DataFrame({"confidence": confidence, "accuracy": correct.astype(float)})
    edges = np.linspace(0, 1, bins + 1)
    interval = np.digitize(predictions["confidence"], edges[1:-1], right=True)
    by_interval = predictions.groupby(interval)
    table = by_interval.mean().reindex(range(bins))
    table.insert(0, "center", (edges[:-1] + edges[1:]) / 2)
    table["count"] = by_interval.size().reindex(range(bins), fill_value=0)
    return table


def expected_calibration_error(
    confidence: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_], bins: int = 15
) -> float:
    """The mean distance of accuracy from confidence, 0-1, over the rows of ``reliability`` by their counts."""
    table = reliability(confidence, correct, bins)
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float((gaps * table["count"]).sum() / table["count"].sum())


@dataclass(frozen=True)
class Gap:
    """Mean confidence less accuracy, -1 to 1, with its 95 % interval over the choice of test images."""

    mean: float
    ci95: tuple[float, float]

    @classmethod
    def of(cls, confidence: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_]) -> "Gap":
        """Of ``confidence`` and ``correct``, both (runs, N) for the same N images.

        An image's gap is the mean over the runs, which share it: they are not that many more images.
        """
        gaps = (confidence - correct).mean(0)
        mean = float(gaps.mean())
        half = float(stats.norm.ppf(1 - LEVEL / 2) * stats.sem(gaps)) if len(gaps) > 1 else 1.0
        return cls(mean, (mean - half, mean + half))

    @property
    def sign(self) -> int:
        """1 if the network is over-confident, -1 if it is under-confident, 0 if its interval has 0 in it."""
        return side_of(self.ci95, 0)
