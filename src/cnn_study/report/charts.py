"""Charts as Vega-Lite specifications with their data inside.

Each function takes a long table (see ``tables``) and the architectures to show; none computes results or
saves. No colour depends on the page's being light or dark: ``currentColor`` is what the page writes text in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cnn_study.report.kit.palette import Look

Spec = dict[str, Any]

VEGA_LITE = "6.4"  # the version that these are written for, and that draws them
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
TEXT = "currentColor"
CONFIG: Spec = {
    "background": None,
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    "axis": {
        "labelColor": TEXT, "titleColor": TEXT, "domainColor": TEXT, "tickColor": TEXT, "gridColor": TEXT,
        "domainOpacity": 0.5, "tickOpacity": 0.5, "gridOpacity": 0.13,
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 220,
    },
    "legend": {
        "labelColor": TEXT, "titleColor": TEXT, "labelFontSize": 12, "titleFontSize": 12,
        "titleFontWeight": "normal", "titleLimit": 400, "labelLimit": 260, "symbolSize": 80, "symbolOpacity": 1,
        "symbolBaseFillColor": TEXT, "symbolBaseStrokeColor": TEXT, "columnPadding": 18, "rowPadding": 5,
    },
    "axisX": {"tickCount": 8},
    "header": {"labelColor": TEXT, "titleColor": TEXT, "labelFontSize": 12, "labelFontWeight": "bold"},
    "title": {"color": TEXT, "fontSize": 14, "anchor": "start"},
    "view": {"stroke": None},
    "rule": {"color": TEXT},
    "point": {"opacity": 1},
    "text": {"color": TEXT, "fontSize": 11},
}  # fmt: skip

# A click on the legend shows one line alone, with shift several; a double click shows all again.
PICK: Spec = {"name": "picked", "select": {"type": "point", "fields": ["name"]}, "bind": "legend"}
BELOW: Spec = {"orient": "bottom", "columns": {"expr": "width < 480 ? 2 : 4"}}
SEQUENCE: Spec = {"scheme": {"name": "viridis", "extent": [0.33, 0.78]}}  # the ends vanish on dark and on white
FIRST_MIDDLE_LAST = ("#6A75C4", "#21918C", "#5EC962")
LOG: Spec = {"type": "log", "nice": False, "padding": 12}
LOG_AXIS: Spec = {"format": "~g", "tickCount": 4}
MOST_TICKS = 12  # that fit side by side
FEWEST_PREDICTIONS = 30  # an accuracy of fewer is noise
ONCE: Spec = {"values": [{}]}  # one row, for what is drawn once
# Symbols that stay hollow in a legend: an outline, and the hole in it drawn the other way round.
FRAME = "M-1,-1L1,-1L1,1L-1,1Z M-.75,-.75L-.75,.75L.75,.75L.75,-.75Z"
RING = "M0,-1A1,1,0,1,1,0,1A1,1,0,1,1,0,-1Z M0,-.7A.7,.7,0,1,0,0,.7A.7,.7,0,1,0,0,-.7Z"
LAYER: Spec = {"field": "layer", "type": "nominal", "sort": {"field": "depth", "op": "min"}}
LAYER_ACROSS = LAYER | {"axis": {"labelAngle": -60, "title": "layer (image → output)"}}
CROSS: Spec = {"type": "point", "shape": "M-1,-1L1,1M-1,1L1,-1", "size": 60, "strokeWidth": 2}
GRADIENT_NORM = "norm of the weight gradient"


@dataclass(frozen=True)
class Shown:
    """The architectures of a chart: their study, their names as shown, in order, and how each looks.

    ``looks`` may hold more than ``names``: made once for all of params.yaml, it keeps each architecture the
    same from chart to chart.
    """

    study: str
    names: Mapping[str, str]
    looks: Mapping[str, Look]

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table's rows about these architectures, in their order, each with its ``name``."""
        if "study" in table:
            table = table[table["study"] == self.study]
        place = {architecture: place for place, architecture in enumerate(self.names)}
        table = table[table["architecture"].isin(list(place))]
        table = table.sort_values("architecture", key=lambda column: column.map(place), kind="stable")
        return table.assign(name=table["architecture"].map(dict(self.names)))

    def by_name(self, rows: pd.DataFrame, *channels: str, legend: bool = True) -> Spec:
        """Encodings of ``name`` by ``channels`` (color, shape, strokeDash), which share one legend.

        The legend has only those that ``rows`` are about: an entry with nothing to show would mislead.
        """
        there = [self.looks[architecture] for architecture in rows["architecture"].unique()]
        ranges = {
            "color": [look.colour for look in there],
            "shape": [look.shape for look in there],
            "strokeDash": [list(look.dash) for look in there],
        }
        shared = {"field": "name", "type": "nominal", "title": None, "legend": BELOW if legend else None}
        domain = list(rows["name"].unique())
        return {channel: shared | {"scale": {"domain": domain, "range": ranges[channel]}} for channel in channels}


def validation_curves(curves: pd.DataFrame, shown: Shown) -> Spec:
    """Validation accuracy by epoch: a line for the mean over seeds, a band from the lowest to the highest."""
    field = "validation_accuracy"
    rows = shown.rows(curves).dropna(subset=field)
    looks = shown.by_name(rows, "color", "shape", "strokeDash")
    y = _quantity(field, "validation accuracy", aggregate="mean", scale={"zero": False}, axis={"format": "%"})
    ends = {"y": y | {"aggregate": "min"}, "y2": {"field": field, "aggregate": "max"}}
    tips = [
        _tip("name", "network"),
        _tip("epoch"),
        _tip(field, "mean", ".2%", "mean"),
        _tip(field, "lowest seed", ".2%", "min"),
        _tip(field, "highest seed", ".2%", "max"),
        _tip(field, "seeds", aggregate="count"),
    ]
    return _single(
        f"{shown.study}: validation accuracy by epoch",
        rows[["name", "epoch", field]],
        height=340,
        layer=[
            {"mark": "area", "encoding": ends | {"x": _epochs(), "color": looks["color"]} | _picked(0.18, 0)},
            *_lines(looks, y, tips, {"x": _epochs()}),
        ],
    )


def accuracy_against_time(cost: pd.DataFrame, shown: Shown) -> Spec:
    """Test accuracy against training time: small points for seeds, large ones for means, their Pareto front.

    An architecture of which a seed did not train is left out.
    """
    rows = _trained(shown.rows(cost))
    means = rows.groupby("name", sort=False)[["train_seconds", "test_accuracy"]].mean()
    means = means.sort_values(["train_seconds", "test_accuracy"], ascending=[True, False])
    best_of_faster = means["test_accuracy"].cummax().shift(fill_value=-np.inf)
    front = means[means["test_accuracy"] > best_of_faster]
    edge = front.tail(1).assign(train_seconds=rows["train_seconds"].max())  # nothing slower does better
    scale = {"zero": False, "padding": 15}
    x = _quantity("train_seconds", "seconds of training", scale=_scale(rows["train_seconds"]) | scale)
    y = _quantity("test_accuracy", "test accuracy", scale=scale, axis={"format": "%"})
    looks = shown.by_name(rows, "color", "shape")
    tips = [_tip("train_seconds", "seconds", ".1f"), _tip("test_accuracy", "test accuracy", ".2%")]
    mean_tips = [tip | {"aggregate": "mean"} for tip in tips]
    means_at = {"x": x | {"aggregate": "mean"}, "y": y | {"aggregate": "mean"}}
    steps = {"type": "line", "interpolate": "step-after", "strokeDash": [4, 3], "color": TEXT, "opacity": 0.6}
    label = {"type": "text", "align": "right", "dy": -14}
    return _single(
        f"{shown.study}: test accuracy against training time",
        rows[["name", "seed", "train_seconds", "test_accuracy"]],
        height=360,
        layer=[
            {"data": _data(pd.concat([front, edge])), "mark": steps, "encoding": {"x": x, "y": y}},
            {
                "data": _data(edge),
                "mark": label,
                "encoding": {"x": x, "y": y, "text": {"value": "Pareto front of the means"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 40},
                "encoding": looks
                | _picked(0.5, 0.05)
                | {"x": x, "y": y, "tooltip": [_tip("name", "network"), _tip("seed"), *tips]},
            },
            {
                "params": [PICK],
                "mark": {"type": "point", "filled": True, "size": 170},
                "encoding": looks
                | _picked(1, 0.08)
                | means_at
                | {"tooltip": [_tip("name", "network"), *mean_tips, _tip("seed", "seeds", aggregate="count")]},
            },
        ],
    )


def differences(comparisons: pd.DataFrame, shown: Shown) -> Spec:
    """Differences in test accuracy as dots with their intervals, hollow where they are not told from zero.

    The rows of one study: all against its baseline, or pairs of any.
    """
    rows = shown.rows(comparisons.rename(columns={"of": "architecture"}))
    against = rows["against"].map(lambda name: shown.names.get(name, name))
    title = "percentage points"
    if len(set(against)) == 1:
        title += f" more than {against.iloc[0]}"
        rows = rows.assign(label=rows["name"])
    else:
        rows = rows.assign(label=rows["name"] + " − " + against)
    colours = shown.by_name(rows, "color", legend=False)
    tips = [_tip("label", "difference"), *(_tip(key, form="+.2f") for key in ("points", "low", "high"))]
    filled = {"condition": {"test": "datum.told_apart", "value": 1}, "value": 0}
    axis = {"format": "+.1f", "labelExpr": "datum.value ? datum.label : '0'", "grid": True, "titleAnchor": "end"}
    x = _quantity("points", title, axis=axis)
    shared = {"y": _down("label", rows), "tooltip": tips}
    whiskers = shared | {"x": x | {"field": "low"}, "x2": {"field": "high"}}
    dots = shared | {"x": x, "fillOpacity": filled, "fill": colours["color"], "stroke": colours["color"]}
    return _single(
        f"{shown.study}: differences in test accuracy with 95 % intervals (hollow: not told apart)",
        rows[["name", "label", "points", "low", "high", "told_apart"]],
        height=30 * len(rows),
        layer=[
            {"data": ONCE, "mark": {"type": "rule", "opacity": 0.6}, "encoding": {"x": {"datum": 0}}},
            {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": whiskers | colours},
            {"mark": {"type": "point", "size": 110, "strokeWidth": 2}, "encoding": dots},
        ],
    )


def training_time(cost: pd.DataFrame, shown: Shown) -> Spec:
    """Training time: bars for means over seeds, lines from the fastest to the slowest.

    An architecture of which a seed did not train is left out.
    """
    rows = _trained(shown.rows(cost))
    field = "train_seconds"
    x = _quantity(field, "seconds of training", aggregate="mean")
    ends = {"x": x | {"aggregate": "min"}, "x2": {"field": field, "aggregate": "max"}}
    tips = [
        _tip("name", "network"),
        _tip(field, "mean seconds", ".1f", "mean"),
        _tip(field, "fastest seed", ".1f", "min"),
        _tip(field, "slowest seed", ".1f", "max"),
    ]
    return _single(
        f"{shown.study}: training time",
        rows[["name", field]],
        height=26 * rows["name"].nunique(),
        encoding={"y": _down("name", rows), "tooltip": tips},
        layer=[
            {
                "mark": {"type": "bar", "height": {"band": 0.75}},
                "encoding": {"x": x} | shown.by_name(rows, "color", legend=False),
            },
            {"mark": {"type": "rule", "strokeWidth": 1.5}, "encoding": ends},
        ],
    )


def gradient_by_layer(norms: pd.DataFrame, shown: Shown) -> Spec:
    """Gradient norm AGAINST LAYER: a panel for each architecture, a line for its first, middle, last epoch."""
    rows = _positive(shown.rows(norms), "gradient_norm")
    epochs = rows.groupby("architecture")["epoch"]
    ends = [rows["epoch"] == epochs.transform("min"), rows["epoch"] == epochs.transform("max")]
    labels = ["first", "middle", "last"]
    rows = rows.assign(time=np.select(ends, ["first", "last"], "middle"))
    there = [label for label in labels if label in set(rows["time"])]
    colours = [colour for label, colour in zip(labels, FIRST_MIDDLE_LAST, strict=True) if label in there]
    shared = {"field": "time", "type": "nominal", "title": "epoch", "legend": {"orient": "top"}}
    encoding = {
        "x": LAYER_ACROSS,
        "y": _quantity("gradient_norm", GRADIENT_NORM, scale=LOG, axis=LOG_AXIS),
        "color": shared | {"scale": {"domain": there, "range": colours}},
        "shape": shared | {"scale": {"domain": there, "range": ["circle", "square", "diamond"][: len(there)]}},
        "tooltip": [_tip("name", "network"), _tip("layer"), _tip("epoch"), _tip("gradient_norm", "norm", ".3g")],
    }
    return _panels(
        f"{shown.study}: gradient norm AGAINST LAYER, in the first, middle and last epoch",
        rows[["name", "layer", "depth", "epoch", "time", "gradient_norm"]],
        {"mark": _line_with_points(), "encoding": encoding, "width": 245},
        independent=["x"],
    )


def gradient_by_epoch(norms: pd.DataFrame, shown: Shown) -> Spec:
    """Gradient norm AGAINST EPOCH: a panel for each architecture, a line for each of its layers."""
    title = f"{shown.study}: gradient norm AGAINST EPOCH, a line for each layer"
    return _by_epoch(norms, shown, "gradient_norm", GRADIENT_NORM, title)


def gradient_to_weight(norms: pd.DataFrame, shown: Shown) -> Spec:
    """Ratio of gradient to weight norm AGAINST EPOCH: a panel for each architecture, a line for each layer."""
    title = f"{shown.study}: gradient norm over weight norm AGAINST EPOCH, a line for each layer"
    return _by_epoch(norms, shown, "ratio", "gradient norm ÷ weight norm", title)


def gradient_heat_map(norms: pd.DataFrame, shown: Shown) -> Spec:
    """Gradient norm by layer (down) and epoch (across): a panel for each architecture."""
    rows = _positive(shown.rows(norms), "gradient_norm")
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
        "tooltip": [_tip("name", "network"), _tip("layer"), _tip("epoch"), _tip("gradient_norm", "norm", ".3g")],
    }
    return _panels(
        f"{shown.study}: gradient norm BY LAYER AND EPOCH",
        rows[["name", "layer", "depth", "epoch", "gradient_norm"]],
        {"mark": "rect", "encoding": encoding, "width": 185},
        independent=["y"],
    )


def first_over_last(ratios: pd.DataFrame, shown: Shown, vanishing: float, exploding: float) -> Spec:
    """The first convolution's gradient norm over the last one's, by epoch; 1 where gradients keep their size.

    Below ``vanishing`` the gradient is said to vanish, above ``exploding`` to explode.
    """
    rows = _positive(shown.rows(ratios), "ratio")
    looks = shown.by_name(rows, "color", "shape", "strokeDash")
    title = "first convolution's gradient norm ÷ last one's"
    y = _quantity("ratio", title, scale=LOG, axis=LOG_AXIS)
    tips = [_tip("name", "network"), _tip("epoch"), _tip("ratio", "first ÷ last", ".3g")]
    even = {"data": ONCE, "mark": {"type": "rule", "opacity": 0.6}, "encoding": {"y": {"datum": 1}}}
    bounds: list[Spec] = []
    for bound, label, dy in ((vanishing, "vanishing below", 8), (exploding, "exploding above", -6)):
        there: Spec = {"y": {"datum": bound}}
        bounds.append(
            {"data": ONCE, "mark": {"type": "rule", "strokeDash": [4, 3], "opacity": 0.6}, "encoding": there}
        )
        text = {"type": "text", "align": "right", "dx": -4, "dy": dy, "text": label}
        bounds.append({"data": ONCE, "mark": text, "encoding": there | {"x": {"value": "width"}}})
    return _single(
        f"{shown.study}: {title}, by epoch",
        rows[["name", "epoch", "ratio"]],
        height=320,
        layer=[even, *bounds, *_lines(looks, y, tips, {"x": _epochs()})],
    )


def learning_rates(rates: pd.DataFrame, shown: Shown) -> Spec:
    """Validation accuracy by learning rate: large points were chosen, crosses did not train.

    A run that diverged has no accuracy and stands at 0.
    """
    field = "validation_accuracy"
    rows = shown.rows(rates)
    looks = shown.by_name(rows, "color", "shape", "strokeDash")
    failed = rows[rows["status"] != "trained"].fillna({field: 0.0})
    drawn = rows[rows["status"] == "trained"]
    x = _rates(rows)
    y = _quantity(field, "validation accuracy", scale={"zero": False}, axis={"format": "%"})
    tips = [_tip("name", "network"), _tip("learning_rate", "rate", ".3g"), _tip(field, "accuracy", ".2%")]
    tips += [_tip("status"), _tip("chosen")]
    columns = ["name", "learning_rate", field, "status", "chosen"]
    at: Spec = {"x": x, "color": looks["color"]}
    layers = _lines(looks, y, tips, at)
    layers[-1]["encoding"]["size"] = {"condition": {"test": "datum.chosen", "value": 170}, "value": 30}
    cross = at | {"x": x | {"field": "place"}, "y": y, "tooltip": tips}
    layers.append({"data": _data(_beside(failed)[[*columns, "place"]]), "mark": CROSS, "encoding": cross})
    return _single(
        f"{shown.study}: validation accuracy by learning rate, in the short runs of the search",
        drawn[columns],
        height=320,
        layer=layers,
    )


def replay(runs: pd.DataFrame, shown: Shown, marked: float) -> Spec:
    """Validation accuracy of one recipe by learning rate: points for runs, lines for means of those that trained.

    Crosses are runs that did not train; a run that diverged has no accuracy and stands at 0. ``marked``: the
    recipe's own rate, for a vertical line.
    """
    field = "validation_accuracy"
    rows = shown.rows(runs).fillna({field: 0.0})
    looks = shown.by_name(rows, "color", "shape", "strokeDash")
    x = _rates(rows)
    y = _quantity(field, "validation accuracy", axis={"format": "%"})
    tips = [_tip("name", "network"), _tip("learning_rate", "rate", ".3g"), _tip("seed")]
    tips += [_tip(field, "accuracy", ".2%"), _tip("status")]
    at: Spec = {"x": x, "y": y, "color": looks["color"], "tooltip": tips}
    line = at | {"y": y | {"aggregate": "mean"}, "strokeDash": looks["strokeDash"]} | _picked(0.8, 0)
    del line["tooltip"]
    columns = ["name", "learning_rate", "seed", field, "status"]
    trained = rows[rows["status"] == "trained"]
    failed = _beside(rows[rows["status"] != "trained"])
    cross = at | {"x": x | {"field": "place"}} | _picked(1, 0)
    there: Spec = {"x": {"datum": marked}}
    text = {"type": "text", "align": "right", "dx": -4, "y": 8, "text": "the report's"}
    return _single(
        f"{shown.study}: validation accuracy by learning rate, with the report's recipe",
        trained[columns],
        height=320,
        layer=[
            {"mark": "line", "encoding": line, "params": [PICK]},
            {"mark": {"type": "point", "filled": True, "size": 60},
             "encoding": at | {"shape": looks["shape"]} | _picked(1, 0)},
            {"data": _data(failed[[*columns, "place"]]), "mark": CROSS, "encoding": cross},
            {"data": ONCE, "mark": {"type": "rule", "strokeDash": [4, 3]}, "encoding": there},
            {"data": ONCE, "mark": text, "encoding": there},
        ],
    )  # fmt: skip


def confusion(counts: pd.DataFrame, shown: Shown) -> Spec:
    """Which class test images are taken for, as shares of their own class: a panel for each architecture."""
    rows = shown.rows(counts)
    of_class = rows.groupby(["architecture", "actual"])["count"].transform("sum")
    rows = rows.assign(share=rows["count"] / of_class)
    share = {
        "field": "share",
        "type": "quantitative",
        "title": "share of the actual class",
        "scale": {"type": "sqrt", "scheme": "viridis", "domain": [0, 1]},  # a linear one hides the mistakes
        "legend": {"orient": "top", "gradientLength": 260, "format": "%", "values": [0, 0.05, 0.2, 0.5, 1]},
    }
    encoding = {
        "x": {"field": "predicted", "type": "nominal", "sort": None, "axis": {"labelAngle": -60}},
        "y": {"field": "actual", "type": "nominal", "sort": None},
        "color": share,
        "tooltip": [
            _tip("name", "network"),
            _tip("actual"),
            _tip("predicted"),
            _tip("count"),
            _tip("share", None, ".1%"),
        ],
    }
    return _panels(
        f"{shown.study}: what test images are taken for",
        rows[["name", "actual", "predicted", "count", "share"]],
        {"mark": "rect", "encoding": encoding, "width": 200, "height": 200},
    )


def calibration(bins: pd.DataFrame, shown: Shown) -> Spec:
    """Reliability: accuracy against confidence, larger points for more images; on the diagonal both agree.

    Intervals of fewer than 30 predictions are left out.
    """
    rows = shown.rows(bins[bins["count"] >= FEWEST_PREDICTIONS])
    unit = {"scale": {"domain": [0, 1]}, "axis": {"format": "%"}}
    y = _quantity("accuracy", "accuracy on the test images", **unit)
    tips = [
        _tip("name", "network"),
        _tip("confidence", None, ".1%"),
        _tip("accuracy", None, ".1%"),
        _tip("count", "predictions"),
    ]
    at = {"x": _quantity("confidence", "confidence in the prediction", **unit)}
    layers = _lines(shown.by_name(rows, "color", "shape", "strokeDash"), y, tips, at)
    layers[-1]["encoding"]["size"] = {
        "field": "count",
        "type": "quantitative",
        "legend": None,
        "scale": {"range": [12, 160]},
    }
    diagonal = {
        "data": {"values": [{"confidence": 0, "accuracy": 0}, {"confidence": 1, "accuracy": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 3], "color": TEXT, "opacity": 0.6, "strokeWidth": 1},
        "encoding": at | {"y": y},
    }
    return _single(
        f"{shown.study}: reliability, accuracy against confidence",
        rows[["name", "confidence", "accuracy", "count"]],
        height=380,
        layer=[diagonal, *layers],
    )


def receptive_fields_by_layer(fields: pd.DataFrame, shown: Shown) -> Spec:
    """The receptive field by ``layer`` (``depth`` orders them), a line for each ``kind``; a panel each."""
    rows = shown.rows(fields).dropna(subset="pixels")
    colours = shown.by_name(rows, "color", legend=False)
    encoding = {
        "x": LAYER_ACROSS,
        "y": _quantity("pixels", "side in pixels of the image"),
        "tooltip": [_tip("name", "network"), _tip("layer"), _tip("kind"), _tip("pixels")],
    }
    encoding |= colours | _by_kind(rows, "shape", "strokeDash")
    return _panels(
        f"{shown.study}: receptive field by layer",
        rows[["name", "layer", "depth", "kind", "pixels"]],
        {"mark": _line_with_points(), "encoding": encoding, "width": 245},
        independent=["x"],
    )


def class_changes(changes: pd.DataFrame, shown: Shown) -> Spec:
    """Change of each class's test accuracy against the baseline, in percentage points."""
    rows = shown.rows(changes)
    rows = rows.assign(rounded=rows["points"].round(1) + 0.0)  # + 0.0: no negative zero
    most = float(rows["points"].abs().max()) if rows["points"].any() else 1.0
    points = {
        "field": "points",
        "type": "quantitative",
        "title": "percentage points",
        "scale": {"scheme": "blueorange", "domain": [most, -most]},
        "legend": None,
    }
    ink = {"condition": {"test": f"abs(datum.points) > {0.65 * most}", "value": "white"}, "value": "black"}
    tips = [_tip("name", "network"), _tip("class"), _tip("points", "percentage points", "+.2f")]
    return _single(
        f"{shown.study}: change of each class's test accuracy, in percentage points",
        rows[["name", "class", "points", "rounded"]],
        width={"step": 58},  # room for the numbers, on any page
        autosize="pad",
        height=30 * rows["name"].nunique(),
        encoding={
            "x": {"field": "class", "type": "nominal", "title": None, "sort": None, "axis": {"labelAngle": -45}},
            "y": _down("name", rows),
            "tooltip": tips,
        },
        layer=[
            {"mark": "rect", "encoding": {"color": points}},
            {"mark": "text", "encoding": {"text": {"field": "rounded", "format": "+.1f"}, "color": ink}},
        ],
    )


def _by_epoch(norms: pd.DataFrame, shown: Shown, field: str, y_title: str, title: str) -> Spec:
    rows = _positive(shown.rows(norms), field)
    encoding = {
        "x": _epochs(),
        "y": _quantity(field, y_title, scale=LOG, axis=LOG_AXIS),
        "color": {
            "field": "depth",
            "type": "ordinal",
            "title": "layer, counted from the image",
            "scale": SEQUENCE,
            "legend": {"orient": "top"},
        },
        "tooltip": [_tip("name", "network"), _tip("layer"), _tip("epoch"), _tip(field, y_title, ".3g")],
    }
    unit = {"mark": _line_with_points(), "encoding": encoding, "width": 245}
    return _panels(title, rows[["name", "layer", "depth", "epoch", field]], unit)


def _single(title: str, rows: pd.DataFrame, **parts: Any) -> Spec:
    """One chart, as wide as its place on the page."""
    size = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
    return _top(title, rows) | size | parts


def _panels(title: str, rows: pd.DataFrame, unit: Spec, independent: Iterable[str] = ()) -> Spec:
    """A panel for each name, in the order of the rows."""
    facet = {"field": "name", "type": "nominal", "title": None, "sort": list(rows["name"].unique())}
    return _top(title, rows) | {
        "facet": facet,
        "columns": 3,
        "spec": {"height": 170} | unit,
        # An axis below each panel: those of a last row that is not full would hang in the air.
        "resolve": {"scale": dict.fromkeys(independent, "independent"), "axis": {"x": "independent"}},
    }


def _top(title: str, rows: pd.DataFrame) -> Spec:
    return {"$schema": SCHEMA, "title": title, "data": _data(rows), "config": CONFIG}


def _data(rows: pd.DataFrame) -> Spec:
    """Rows as JSON has them: no NaN, and numbers to six digits, which is finer than any chart."""
    values = [{key: _plain(value) for key, value in row.items()} for row in rows.to_dict("records")]
    return {"values": values}


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def _quantity(field: str, title: str, **rest: Any) -> Spec:
    return {"field": field, "type": "quantitative", "title": title} | rest


def _rates(rows: pd.DataFrame) -> Spec:
    tried = sorted(rows["learning_rate"].unique().tolist())
    axis = LOG_AXIS if len(tried) > MOST_TICKS else {"values": tried, "format": "~g"}
    return _quantity("learning_rate", "learning rate", scale=LOG, axis=axis)


def _beside(failed: pd.DataFrame) -> pd.DataFrame:
    """``place``: the rate, a little lower for each further network that failed at it, so that all are seen."""
    order = failed.groupby("learning_rate")["name"].transform(lambda names: pd.factorize(names)[0])
    return failed.assign(place=failed["learning_rate"] * 0.96 ** order.astype(float))


def _epochs() -> Spec:
    whole = {"tickMinStep": 1, "format": "d"}
    return _quantity("epoch", "epoch", scale={"zero": False, "nice": False}, axis=whole)


def _down(field: str, rows: pd.DataFrame) -> Spec:
    return {"field": field, "type": "nominal", "title": None, "sort": list(rows[field].unique())}


def _tip(field: str, title: str | None = None, form: str | None = None, aggregate: str | None = None) -> Spec:
    given = {"title": title, "format": form, "aggregate": aggregate}
    return {"field": field} | {key: value for key, value in given.items() if value}


def _picked(shown: float, hidden: float) -> Spec:
    """The opacity of what was picked in the legend (all, until a click), and of the rest."""
    return {"opacity": {"condition": {"param": PICK["name"], "value": shown}, "value": hidden}}


def _line_with_points() -> Spec:
    return {"type": "line", "strokeWidth": 1.8, "point": {"size": 26, "filled": True}}


def _lines(looks: Spec, y: Spec, tips: list[Spec], shared: Spec) -> list[Spec]:
    """A line for each architecture, to be picked in the legend, and points on it that tell their values."""
    shared = shared | {"y": y, "color": looks["color"]} | _picked(1, 0.08)
    line = shared | {"strokeDash": looks["strokeDash"]}
    points = shared | {"shape": looks["shape"], "tooltip": tips}
    return [
        {"params": [PICK], "mark": {"type": "line", "strokeWidth": 2}, "encoding": line},
        {"mark": {"type": "point", "filled": True, "size": 34}, "encoding": points},
    ]


def _by_kind(rows: pd.DataFrame, *channels: str) -> Spec:
    """Encodings of ``kind``, in the order of the rows, whatever kinds there are."""
    ranges: dict[str, list[Any]] = {
        "shape": [FRAME, RING, "diamond", "triangle-up"],
        "strokeDash": [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]],
    }
    kinds = list(rows["kind"].unique())
    shared = {"field": "kind", "type": "nominal", "sort": kinds, "title": None, "legend": {"orient": "top"}}
    return {
        channel: shared | {"scale": {"domain": kinds, "range": ranges[channel][: len(kinds)]}}
        for channel in channels
    }


def _trained(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of architectures all of whose seeds trained."""
    return rows[(rows["status"] == "trained").groupby(rows["architecture"]).transform("all")]


def _positive(rows: pd.DataFrame, field: str) -> pd.DataFrame:
    """The rows that a logarithmic scale can show."""
    return rows[rows[field] > 0]


def _scale(values: pd.Series) -> Spec:
    """Logarithmic where positive values span more than a decade."""
    return {"type": "log"} if values.min() > 0 and values.max() > 10 * values.min() else {"type": "linear"}
