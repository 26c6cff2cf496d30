"""Whether a network is right as often as it is sure (Guo et al., 2017, arXiv 1706.04599)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from cnn_study.analysis.results import Logits


def reliability(logits: Logits | Sequence[Logits], labels: npt.NDArray[np.int64], bins: int = 15) -> pd.DataFrame:
    """A row for each of ``bins`` equal intervals of confidence, the softmax probability of the predicted class.

    ``logits``: (N, classes) of one network, or a list of such for several seeds, which are pooled; ``labels``:
    (N,). Columns: ``center`` of the interval; mean ``confidence`` and ``accuracy`` of the predictions in it, 0-1,
    NaN where there are none; their ``count``. An interval includes its upper end, not its lower.
    """
    networks = np.asarray(logits, dtype=float)
    pooled = networks.reshape(-1, networks.shape[-1])
    predictions = pd.DataFrame(
        {
            "confidence": softmax(pooled, axis=1).max(axis=1),
            "accuracy": pooled.argmax(axis=1) == np.tile(labels, len(pooled) // len(labels)),
        }
    )
    edges = np.linspace(0, 1, bins + 1)
    interval = np.digitize(predictions["confidence"], edges[1:-1], right=True)
    by_interval = predictions.groupby(interval)
    table = by_interval.mean().reindex(range(bins))
    table.insert(0, "center", (edges[:-1] + edges[1:]) / 2)
    table["count"] = by_interval.size().reindex(range(bins), fill_value=0)
    return table


def expected_calibration_error(
    logits: Logits | Sequence[Logits], labels: npt.NDArray[np.int64], bins: int = 15
) -> float:
    """The mean distance of accuracy from confidence, 0-1, over the rows of ``reliability`` by their counts."""
    table = reliability(logits, labels, bins)
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float((gaps * table["count"]).sum() / table["count"].sum())
