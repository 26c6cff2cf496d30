"""Networks as drawings of their layers, side by side, to one scale.

All shapes are points whose symbols are paths in pixels, so that one chart holds all drawings.
"""

from collections.abc import Sequence

import pandas as pd

from cnn_study.report.kit.charts import TEXT, Spec, inline, single, tip
from cnn_study.report.topics.networks.blocks import (
    AVERAGE_POOL,
    CONVOLUTION,
    DENSE,
    IMAGE,
    MAX_POOL,
    Drawing,
)
from cnn_study.report.topics.networks.layout import NORM, WIDTH, Row, lay_out

COLOURS = {
    IMAGE: "#FFFFFF", CONVOLUTION: "#56B4E9", NORM: "#E69F00", MAX_POOL: "#8A9099", AVERAGE_POOL: "#D5D8DC",
    DENSE: "#009E73",
}  # fmt: skip
PIXEL = 4  # the size of a symbol whose path is in pixels


def networks_drawn(title: str, drawings: Sequence[Drawing], notes: Sequence[str]) -> Spec:
    """All networks; below the name of each its line of ``notes``."""
    sheet, height = lay_out(drawings, notes)
    looks = [look for look in COLOURS if any(row["look"] == look for row in sheet.blocks)]
    legend = {"orient": "top", "title": None, "symbolType": "square", "columns": 0}
    fill = {
        "field": "look",
        "type": "nominal",
        "scale": {"domain": looks, "range": [COLOURS[look] for look in looks]},
        "legend": legend,
    }
    dash = {"strokeDash": {"condition": {"test": "datum.dashed", "value": [3, 2]}, "value": [1, 0]}}
    tips = {"tooltip": [tip("network"), tip("layer"), tip("what", "gives")]}
    stroke = {"stroke": TEXT, "strokeWidth": 1}
    return single(
        title,
        pd.DataFrame([{}]),
        width=WIDTH,
        height=round(height),
        autosize={"type": "pad"},
        layer=[
            _layer(height, sheet.lines, {"type": "point", "filled": False, **stroke}, dash, paths=True),
            _layer(height, sheet.blocks, {"type": "point", **stroke}, {"fill": fill} | tips, paths=True),
            _layer(height, sheet.windows, {"type": "point", "fill": TEXT, "strokeWidth": 0}, {}, paths=True),
            _layer(height, sheet.names, _text("left", 13, fontWeight="bold"), {"text": {"field": "name"}}),
            _layer(height, sheet.names, _text("left", 11, dy=15, lineHeight=13), {"text": {"field": "note"}}),
            _layer(height, sheet.labels, _text("center", 10), {"text": {"field": "text"}}),
        ],
    )


def _layer(height: float, rows: Sequence[Row], mark: Spec, encoding: Spec, paths: bool = False) -> Spec:
    """A part of the drawings, whose places are pixels."""
    place = {
        channel: {
            "field": channel, "type": "quantitative", "axis": None,
            "scale": {"domain": domain, "nice": False, "zero": False},
        }
        for channel, domain in (("x", [0, WIDTH]), ("y", [round(height), 0]))
    }  # fmt: skip
    shape = {"shape": {"field": "path", "type": "nominal", "scale": None}} if paths else {}
    return {
        "data": inline(pd.DataFrame(rows)),
        "mark": mark | ({"size": PIXEL} if paths else {}),
        "encoding": place | shape | encoding,
    }


def _text(align: str, size: int, **style: object) -> Spec:
    return {"type": "text", "align": align, "baseline": "top", "fontSize": size, "limit": WIDTH, **style}
