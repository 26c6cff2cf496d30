"""What charts are made of: Vega-Lite specifications with their data inside, and the parts that several share.

No colour depends on the page's being light or dark: ``currentColor`` is what the page writes text in.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

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
LOG: Spec = {"type": "log", "nice": False, "padding": 12}
LOG_AXIS: Spec = {"format": "~g", "tickCount": 4}
SIGNED: Spec = {"format": "+.1f", "labelExpr": "datum.value ? datum.label : '0'"}  # an axis of differences
PAGE = 760  # px, the width of a chart that no page holds
MOST_TICKS = 12  # that fit side by side
ONCE: Spec = {"values": [{}]}  # one row, for what is drawn once
LAYER: Spec = {"field": "layer", "type": "nominal", "sort": {"field": "depth", "op": "min"}}
LAYER_ACROSS = LAYER | {"axis": {"labelAngle": -60, "title": "layer (image → output)"}}
CROSS: Spec = {"type": "point", "shape": "M-1,-1L1,1M-1,1L1,-1", "size": 60, "strokeWidth": 2}


def below(names: Iterable[str], axis: int = 80) -> Spec:
    """A legend below the chart, in as many columns as fit beside a vertical ``axis`` of that width in px."""
    text = min(7 * max(map(len, names), default=0), CONFIG["legend"]["labelLimit"])  # px
    # Of the chart's place, not of the plot, whose width is known too late: the last rows would be cut off. Only
    # `width` tells that the place has changed. A symbol and the gap take 38 px.
    room = f"(containerSize()[0] || {PAGE}) - {axis} + 0 * width"
    return {"orient": "bottom", "columns": {"expr": f"max(1, floor(({room}) / {text + 38}))"}}


def single(title: str, rows: pd.DataFrame, **parts: Any) -> Spec:
    """One chart, as wide as its place on the page."""
    size = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
    return _top(title, rows) | size | parts


def panels(title: str, rows: pd.DataFrame, unit: Spec, independent: Iterable[str] = ()) -> Spec:
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
    return {"$schema": SCHEMA, "title": title, "data": inline(rows), "config": CONFIG}


def inline(rows: pd.DataFrame) -> Spec:
    """Rows as JSON has them, to stand inside a chart: no NaN, numbers to six digits, finer than any chart."""
    values = [{key: _plain(value) for key, value in row.items()} for row in rows.to_dict("records")]
    return {"values": values}


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def quantity(field: str, title: str, **rest: Any) -> Spec:
    """The encoding of a number."""
    return {"field": field, "type": "quantitative", "title": title} | rest


def rate_axis(rows: pd.DataFrame) -> Spec:
    """Learning rates on a logarithmic axis, with a tick at each that was tried where they fit."""
    tried = sorted(rows["learning_rate"].unique().tolist())
    axis = LOG_AXIS if len(tried) > MOST_TICKS else {"values": tried, "format": "~g"}
    return quantity("learning_rate", "learning rate", scale=LOG, axis=axis)


def side_by_side(failed: pd.DataFrame) -> pd.DataFrame:
    """``place``: the rate, a little lower for each further network that failed at it, so that all are seen."""
    order = failed.groupby("learning_rate")["name"].transform(lambda names: pd.factorize(names)[0])
    return failed.assign(place=failed["learning_rate"] * 0.96 ** order.astype(float))


def epoch_axis() -> Spec:
    """Epochs on a linear axis, whole numbers."""
    # With two or three epochs there are ticks between them, whose rounded labels would name an epoch twice.
    whole = {"tickMinStep": 1, "format": "d", "labelExpr": "datum.value % 1 ? '' : datum.label"}
    return quantity("epoch", "epoch", scale={"zero": False, "nice": False}, axis=whole)


def down(field: str, rows: pd.DataFrame) -> Spec:
    """Names on the vertical axis, in the order of the rows."""
    return {"field": field, "type": "nominal", "title": None, "sort": list(rows[field].unique())}


def tip(field: str, title: str | None = None, form: str | None = None, aggregate: str | None = None) -> Spec:
    """A line of the note that a pointer over a mark brings up; ``form``: the number's format in d3's language."""
    given = {"title": title, "format": form, "aggregate": aggregate}
    return {"field": field} | {key: value for key, value in given.items() if value}


def picked(shown: float, hidden: float) -> Spec:
    """The opacity of what was picked in the legend (all, until a click), and of the rest."""
    return {"opacity": {"condition": {"param": PICK["name"], "value": shown}, "value": hidden}}


def line_with_points() -> Spec:
    """The mark of a line with a point for each value."""
    return {"type": "line", "strokeWidth": 1.8, "point": {"size": 26, "filled": True}}


def lines(styles: Spec, y: Spec, tips: list[Spec], shared: Spec) -> list[Spec]:
    """A line for each architecture, to be picked in the legend, and points on it that tell their values."""
    shared = shared | {"y": y, "color": styles["color"]} | picked(1, 0.08)
    line = shared | {"strokeDash": styles["strokeDash"]}
    points = shared | {"shape": styles["shape"], "tooltip": tips}
    return [
        {"params": [PICK], "mark": {"type": "line", "strokeWidth": 2}, "encoding": line},
        {"mark": {"type": "point", "filled": True, "size": 34}, "encoding": points},
    ]


def all_seeds_trained(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of architectures all of whose seeds trained."""
    return rows[(rows["status"] == "trained").groupby(rows["architecture"]).transform("all")]


def positive(rows: pd.DataFrame, field: str) -> pd.DataFrame:
    """The rows that a logarithmic scale can show."""
    return rows[rows[field] > 0]


def scale_for(values: pd.Series) -> Spec:
    """Logarithmic where positive values span more than a decade."""
    return {"type": "log"} if values.min() > 0 and values.max() > 10 * values.min() else {"type": "linear"}
