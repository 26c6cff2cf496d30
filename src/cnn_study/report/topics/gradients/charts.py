"""Gradients through the layers and through training, which are two different figures."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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
from cnn_study.report.kit.wording import listed, times
from cnn_study.report.topics.gradients.flows import Flow, bounds
from cnn_study.report.topics.gradients.sentences import title_of
from cnn_study.report.topics.gradients.tables import BY_LAYER, FLOW, NORMS

# Each has a contrast of 3 to 1 or more to a white page and to a dark one, as what lies between them has.
FIRST_MIDDLE_LAST = ("#2A6FDB", "#C23FA0", "#D96A12")
GRADIENT_NORM = "norm of the weight gradient"
EPOCHS = {"first": "the first", "middle": "the middle", "last": "the last"}


def by_layer_figure(norms: pd.DataFrame, members: Members, flows: Mapping[str, Flow]) -> Figure:
    """A panel for each network: what is found of them is its title."""
    spec = gradient_by_layer(norms, members)
    epochs = _epochs_in_words(spec["data"]["values"])
    ratios = [f"{members.names[name]} {times(flows[name].last)}" for name in members.names if name in flows]
    of_flows = f" First convolution over last, in the last epoch: {'; '.join(ratios)}." if ratios else ""
    return Figure(
        f"gradients-{members.key}-by_layer",
        title_of(members, flows),
        f"Norm of each layer's weight gradient in {epochs}.",
        source(BY_LAYER, "train"),
        spec,
        alt=f"A panel for each network, its layers from image to output across and the gradient norm up, on a "
        f"logarithmic axis, with a line for {epochs}.{of_flows}",
    )


def _epochs_in_words(rows: Sequence[Mapping[str, Any]]) -> str:
    """The first and the last epoch, say: of a study of short runs there is no middle."""
    there = [words for time, words in EPOCHS.items() if any(row["time"] == time for row in rows)]
    return "the only epoch" if len(there) < 2 else f"{listed(there)} epoch"


def first_over_last_figures(ratios: pd.DataFrame, studies: Sequence[Members]) -> list[Figure]:
    """One for each study with a network of two convolutions."""
    return [
        Figure(
            f"gradients-{members.key}-first_over_last",
            f"{members.title}: first convolution's gradient norm over the last one's, by epoch",
            "1 where gradients keep their size; dashed, the bounds of vanishing and exploding.",
            source(FLOW),
            first_over_last_chart(ratios, members),
        )
        for members in studies
        if members.are_in(ratios)
    ]


def by_epoch_figures(norms: pd.DataFrame, studies: Sequence[Members]) -> Iterator[Figure]:
    """Two for each study: lines, and the same as a map."""
    for members in studies:
        yield Figure(
            f"gradients-{members.key}-by_epoch",
            f"{members.title}: gradient norm against epoch, a line for each layer",
            "Means over seeds; the first layer and the output are named.",
            source(NORMS, "train"),
            gradient_by_epoch(norms, members),
        )
        yield Figure(
            f"gradients-{members.key}-heat_map",
            f"{members.title}: gradient norm by layer and epoch",
            "A panel for each network; means over seeds.",
            source(NORMS, "train"),
            gradient_heat_map(norms, members),
        )


def to_weight_figures(norms: pd.DataFrame, studies: Sequence[Members]) -> list[Figure]:
    """One for each study."""
    return [
        Figure(
            f"gradients-{members.key}-over_weights",
            f"{members.title}: gradient norm over weight norm, against epoch",
            "A line for each layer: how large a gradient is for the weights that it changes.",
            source(NORMS, "train"),
            gradient_to_weight(norms, members),
        )
        for members in studies
    ]


def gradient_by_layer(norms: pd.DataFrame, members: Members) -> Spec:
    """Gradient norm against layer: a panel for each architecture, a line for its first, middle, last epoch.

    Without the middle one, of runs of two epochs; of runs of one, that one is the first.
    """
    rows = positive(members.rows(norms), "gradient_norm")
    epochs = rows.groupby("architecture")["epoch"]
    ends = [rows["epoch"] == epochs.transform("min"), rows["epoch"] == epochs.transform("max")]
    rows = rows.assign(time=np.select(ends, ["first", "last"], "middle"))
    there = [label for label in EPOCHS if label in set(rows["time"])]
    colours = [colour for label, colour in zip(EPOCHS, FIRST_MIDDLE_LAST, strict=True) if label in there]
    legend = {"orient": "top"} if len(there) > 1 else None
    shared = {"field": "time", "type": "nominal", "title": "epoch", "legend": legend}
    encoding = {
        "x": LAYER_ACROSS,
        "y": quantity("gradient_norm", GRADIENT_NORM, scale=LOG, axis=LOG_AXIS),
        "color": shared | {"scale": {"domain": there, "range": colours}},
        "shape": shared | {"scale": {"domain": there, "range": ["circle", "square", "diamond"][: len(there)]}},
        "tooltip": [tip("name", "network"), tip("layer"), tip("epoch"), tip("gradient_norm", "norm", ".3g")],
    }
    return panels(
        f"{members.title}: gradient norm against layer",
        rows[["name", "layer", "depth", "epoch", "time", "gradient_norm"]],
        {"mark": line_with_points(), "encoding": encoding, "width": 245},
        independent=["x"],
    )


def gradient_by_epoch(norms: pd.DataFrame, members: Members) -> Spec:
    """Gradient norm against epoch: a panel for each architecture, a line for each of its layers."""
    title = f"{members.title}: gradient norm against epoch, a line for each layer"
    return _by_epoch(norms, members, "gradient_norm", GRADIENT_NORM, title)


def gradient_to_weight(norms: pd.DataFrame, members: Members) -> Spec:
    """Ratio of gradient to weight norm against epoch: a panel for each architecture, a line for each layer."""
    title = f"{members.title}: gradient norm over weight norm against epoch, a line for each layer"
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
        f"{members.title}: gradient norm by layer and epoch",
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
    """The layers' colours go from the image to the output; the lines of both ends are named."""
    rows = positive(members.rows(norms), field)
    rows = rows.assign(place=_from_image_to_output(rows), end=_names_of_ends(rows))
    at = {"x": epoch_axis(), "y": quantity(field, y_title, scale=LOG, axis=LOG_AXIS)}
    colour = {
        "color": {
            "field": "place",
            "type": "quantitative",
            "title": "layer, from image to output",
            "scale": {"domain": [0, 0.5, 1], "range": list(FIRST_MIDDLE_LAST)},
            "legend": {"orient": "top", "gradientLength": 200, "values": [0, 1],
                       "labelExpr": "datum.value ? 'output' : 'first'"},
        },
        "detail": {"field": "layer"},
    }  # fmt: skip
    tips = [tip("name", "network"), tip("layer"), tip("epoch"), tip(field, y_title, ".3g")]
    lines_of_layers = {"mark": line_with_points(), "encoding": at | colour | {"tooltip": tips}}
    names = {
        "transform": [{"filter": "datum.end"}],
        "mark": {"type": "text", "align": "left", "dx": 6, "baseline": "middle"},
        "encoding": at | {"text": {"field": "end"}},
    }
    columns = ["name", "layer", "depth", "epoch", field, "place", "end"]
    spec = panels(title, rows[columns], {"layer": [lines_of_layers, names], "width": 200})
    return spec | {"spacing": {"column": 90, "row": 20}}


def _from_image_to_output(rows: pd.DataFrame) -> "pd.Series[float]":
    """0 for a network's first layer with weights, 1 for its last."""
    depths = rows.groupby("architecture")["depth"]
    first, last = depths.transform("min"), depths.transform("max")
    return (rows["depth"] - first) / (last - first).clip(lower=1)


def _names_of_ends(rows: pd.DataFrame) -> "pd.Series[str]":
    """The name of a network's first and of its last layer at their last epoch, else nothing."""
    by_network = rows.groupby("architecture")
    at_end = rows["epoch"] == by_network["epoch"].transform("max")
    depths = by_network["depth"]
    outer = (rows["depth"] == depths.transform("min")) | (rows["depth"] == depths.transform("max"))
    return rows["layer"].where(at_end & outer, "")
