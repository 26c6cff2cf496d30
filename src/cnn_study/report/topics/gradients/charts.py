"""Gradients through the layers and through training, which are two different figures."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cnn_study.report.kit.charts import (
    LAYER,
    LAYER_ACROSS,
    LOG,
    LOG_AXIS,
    ONCE,
    Spec,
    epoch_axis,
    line_with_points,
    lines,
    panels,
    positive,
    quantity,
    single,
    tip,
)
from cnn_study.report.kit.findings import source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.topics.gradients.sentences import bounds
from cnn_study.report.topics.gradients.tables import BY_LAYER, FLOW, NORMS

SEQUENCE: Spec = {"scheme": {"name": "viridis", "extent": [0.33, 0.78]}}  # the ends vanish on dark and on white
FIRST_MIDDLE_LAST = ("#6A75C4", "#21918C", "#5EC962")
GRADIENT_NORM = "norm of the weight gradient"


def gradient_figures(tables: Mapping[str, pd.DataFrame], members: Members) -> list[Figure]:
    """None of a study whose networks have no norms; the last one if any has two convolutions."""
    norms, flow, by_layer = (tables[f"gradient_{name}"] for name in ("norms", "flow", "norms_by_layer"))
    if not members.are_in(norms):
        return []
    name, title = f"gradients-{members.key}", members.title
    figures = [
        Figure(f"{name}-by_layer", f"{title}: gradient norm against layer",
               "In the first, the middle and the last epoch.",
               source(BY_LAYER, "train"), gradient_by_layer(by_layer, members)),
        Figure(f"{name}-by_epoch", f"{title}: gradient norm against epoch",
               "A line for each layer; means over seeds.",
               source(NORMS, "train"), gradient_by_epoch(norms, members)),
        Figure(f"{name}-over_weights", f"{title}: gradient norm over weight norm, against epoch",
               "A line for each layer: how large a gradient is for the weights that it changes.",
               source(NORMS, "train"), gradient_to_weight(norms, members)),
        Figure(f"{name}-heat_map", f"{title}: gradient norm by layer and epoch",
               "A panel for each network.",
               source(NORMS, "train"), gradient_heat_map(norms, members)),
    ]  # fmt: skip
    if members.are_in(flow):
        figures.append(
            Figure(
                f"{name}-first_over_last",
                f"{title}: does the gradient vanish or explode?",
                "The first convolution's gradient norm over the last one's, by epoch; dashed, the bounds of "
                "the sentences below.",
                source(FLOW),
                first_over_last_chart(flow, members),
            )
        )
    return figures


def gradient_by_layer(norms: pd.DataFrame, members: Members) -> Spec:
    """Gradient norm AGAINST LAYER: a panel for each architecture, a line for its first, middle, last epoch."""
    rows = positive(members.rows(norms), "gradient_norm")
    epochs = rows.groupby("architecture")["epoch"]
    ends = [rows["epoch"] == epochs.transform("min"), rows["epoch"] == epochs.transform("max")]
    labels = ["first", "middle", "last"]
    rows = rows.assign(time=np.select(ends, ["first", "last"], "middle"))
    there = [label for label in labels if label in set(rows["time"])]
    colours = [colour for label, colour in zip(labels, FIRST_MIDDLE_LAST, strict=True) if label in there]
    shared = {"field": "time", "type": "nominal", "title": "epoch", "legend": {"orient": "top"}}
    encoding = {
        "x": LAYER_ACROSS,
        "y": quantity("gradient_norm", GRADIENT_NORM, scale=LOG, axis=LOG_AXIS),
        "color": shared | {"scale": {"domain": there, "range": colours}},
        "shape": shared | {"scale": {"domain": there, "range": ["circle", "square", "diamond"][: len(there)]}},
        "tooltip": [tip("name", "network"), tip("layer"), tip("epoch"), tip("gradient_norm", "norm", ".3g")],
    }
    return panels(
        f"{members.title}: gradient norm AGAINST LAYER, in the first, middle and last epoch",
        rows[["name", "layer", "depth", "epoch", "time", "gradient_norm"]],
        {"mark": line_with_points(), "encoding": encoding, "width": 245},
        independent=["x"],
    )


def gradient_by_epoch(norms: pd.DataFrame, members: Members) -> Spec:
    """Gradient norm AGAINST EPOCH: a panel for each architecture, a line for each of its layers."""
    title = f"{members.title}: gradient norm AGAINST EPOCH, a line for each layer"
    return _by_epoch(norms, members, "gradient_norm", GRADIENT_NORM, title)


def gradient_to_weight(norms: pd.DataFrame, members: Members) -> Spec:
    """Ratio of gradient to weight norm AGAINST EPOCH: a panel for each architecture, a line for each layer."""
    title = f"{members.title}: gradient norm over weight norm AGAINST EPOCH, a line for each layer"
    return _by_epoch(norms, members, "ratio", "gradient norm ÷ weight norm", title)


def gradient_heat_map(norms: pd.DataFrame, members: Members) -> Spec:
    """Gradient norm by layer (down) and epoch (across): a panel for each architecture."""
    rows = positive(members.rows(norms), "gradient_norm")
    norm = {
        "field": "gradient_norm",
        "type": "quantitative",
        "title": GRADIENT_NORM,
        "scale": {"type": "log", "scheme": "viridis"},
        "legend": {"orient": "top", "gradientLength": 260, "format": "~g"},
    }
    encoding = {
        "x": {
            "field": "epoch",
            "type": "ordinal",
            "title": "epoch",
            "axis": {"labelAngle": 0, "labelOverlap": True},
        },
        "y": LAYER | {"title": "layer"},
        "color": norm,
        "tooltip": [tip("name", "network"), tip("layer"), tip("epoch"), tip("gradient_norm", "norm", ".3g")],
    }
    return panels(
        f"{members.title}: gradient norm BY LAYER AND EPOCH",
        rows[["name", "layer", "depth", "epoch", "gradient_norm"]],
        {"mark": "rect", "encoding": encoding, "width": 185},
        independent=["y"],
    )


def first_over_last_chart(ratios: pd.DataFrame, members: Members) -> Spec:
    """The first convolution's gradient norm over the last one's, by epoch; 1 where gradients keep their size.

    With the bounds of the sentences, which depend on the number of ``convolutions``.
    """
    rows = positive(members.rows(ratios), "ratio")
    styles = members.by_name(rows, "color", "shape", "strokeDash")
    title = "first convolution's gradient norm ÷ last one's"
    y = quantity("ratio", title, scale=LOG, axis=LOG_AXIS)
    tips = [tip("name", "network"), tip("epoch"), tip("ratio", "first ÷ last", ".3g")]
    even = {"data": ONCE, "mark": {"type": "rule", "opacity": 0.6}, "encoding": {"y": {"datum": 1}}}
    of_depths: dict[tuple[float, float], int] = {}  # and the most convolutions of which they are the bounds
    for convolutions in sorted(rows["convolutions"].unique().tolist()):
        of_depths[bounds(convolutions)] = convolutions
    limits: list[Spec] = []
    for (low, high), convolutions in of_depths.items():
        depth = "" if len(of_depths) == 1 else f" (up to {convolutions} convolutions)"
        for bound, label, dy in ((low, "vanishing below", 8), (high, "exploding above", -6)):
            there: Spec = {"y": {"datum": bound}}
            limits.append(
                {"data": ONCE, "mark": {"type": "rule", "strokeDash": [4, 3], "opacity": 0.6}, "encoding": there}
            )
            text = {"type": "text", "align": "right", "dx": -4, "dy": dy, "text": label + depth}
            limits.append({"data": ONCE, "mark": text, "encoding": there | {"x": {"value": "width"}}})
    return single(
        f"{members.title}: {title}, by epoch",
        rows[["name", "epoch", "ratio"]],
        height=320,
        layer=[even, *limits, *lines(styles, y, tips, {"x": epoch_axis()})],
    )


def _by_epoch(norms: pd.DataFrame, members: Members, field: str, y_title: str, title: str) -> Spec:
    rows = positive(members.rows(norms), field)
    encoding = {
        "x": epoch_axis(),
        "y": quantity(field, y_title, scale=LOG, axis=LOG_AXIS),
        "color": {
            "field": "depth",
            "type": "ordinal",
            "title": "layer, counted from the image",
            "scale": SEQUENCE,
            "legend": {"orient": "top"},
        },
        "tooltip": [tip("name", "network"), tip("layer"), tip("epoch"), tip(field, y_title, ".3g")],
    }
    unit = {"mark": line_with_points(), "encoding": encoding, "width": 245}
    return panels(title, rows[["name", "layer", "depth", "epoch", field]], unit)
