"""Whether a network is right as often as it is sure (Guo et al., 2017, arXiv 1706.04599)."""

import numpy as np
import numpy.typing as npt
import pandas as pd


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
