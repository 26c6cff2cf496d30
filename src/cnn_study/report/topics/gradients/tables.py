"""The tables of gradient and weight norms."""

from collections.abc import Mapping

import pandas as pd

from cnn_study.analysis.results import Result
from cnn_study.analysis.tables import gradient_norms_by_seed

NORMS = "plots/data/gradient_norms.csv"
BY_LAYER = "plots/data/gradient_norms_by_layer.csv"
FLOW = "plots/data/gradient_flow.csv"


def gradient_norms(results: Mapping[str, Result]) -> pd.DataFrame:
    """Mean over seeds of ``gradient_norm`` and ``weight_norm`` by ``architecture``, ``epoch``, ``layer``.

    ``kind`` of a layer is that of the profile; ``depth`` counts the layers from 1; ``ratio`` is gradient norm over
    weight norm.
    """
    kinds = {
        (name, layer.layer): layer.kind
        for name, result in results.items()
        for layer in result.profile.weighted_layers
    }
    keys = ["architecture", "epoch", "layer"]
    norms = (
        gradient_norms_by_seed(results)
        .groupby(keys, sort=False)[["gradient_norm", "weight_norm"]]
        .mean()
        .reset_index()
    )
    layers = zip(norms["architecture"], norms["layer"], strict=True)
    norms.insert(3, "kind", [kinds[layer] for layer in layers])
    norms["depth"] = norms.groupby(["architecture", "epoch"]).cumcount() + 1
    norms["ratio"] = norms["gradient_norm"] / norms["weight_norm"]
    return norms


def first_middle_last(norms: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``gradient_norms`` for the first, the middle and the last epoch of each architecture."""
    parts = []
    for _, rows in norms.groupby("architecture", sort=False):
        last = int(rows["epoch"].max())
        for epoch in sorted({1, (last + 1) // 2, last}):
            parts.append(rows[rows["epoch"] == epoch])
    return pd.concat(parts) if parts else norms


def first_over_last(gradients: pd.DataFrame) -> pd.DataFrame:
    """``ratio`` of the first convolution's gradient norm to the last one's by ``architecture`` and ``epoch``.

    ``convolutions``: how many there are from the first to the last. ``gradients``: ``architecture``, ``epoch``,
    ``kind``, ``depth``, ``gradient_norm``. Projections are beside the way from last to first and do not count.
    Architectures with one convolution are left out; the ratio is missing where the last norm is 0.
    """
    keys = ["architecture", "epoch"]
    convolutions = gradients[gradients["kind"] == "conv"].sort_values("depth", kind="stable")
    first = convolutions.drop_duplicates(keys, keep="first").set_index(keys)
    last = convolutions.drop_duplicates(keys, keep="last").set_index(keys).loc[first.index]
    table = pd.DataFrame(
        {
            "convolutions": convolutions.groupby(keys).size().loc[first.index],
            "ratio": first["gradient_norm"] / last["gradient_norm"].where(last["gradient_norm"] > 0),
        }
    )
    return table[table["convolutions"] > 1].reset_index()
