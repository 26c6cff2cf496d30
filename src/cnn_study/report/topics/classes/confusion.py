"""Which classes are taken for which."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cnn_study.analysis.results import Result
from cnn_study.data.splits import Integers
from cnn_study.report.kit.charts import Spec, panels, quantity, tip
from cnn_study.report.kit.findings import source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.wording import percent

DATA = "plots/data/confusion.csv"
MOST_NUMBERED = 12  # classes, in a chart of one network: of more, the numbers would not fit
MOST_CLASSES = 30  # in a chart, where each can be read; of more, first those of the pairs with the most mistakes


def confusion(results: Mapping[str, Result], labels: Integers, classes: Iterable[str]) -> pd.DataFrame:
    """``count`` of test images by ``actual`` and ``predicted`` class, all seeds of an architecture together.

    Of many classes most pairs have none: these are left out, but for a class and itself.
    """
    names = list(classes)
    rows: list[dict[str, Any]] = []
    for name, result in results.items():
        counts = np.zeros((len(names), len(names)), dtype=int)
        for run in result.predictions:
            np.add.at(counts, (labels, run.predicted), 1)
        many = len(names) > MOST_CLASSES
        pairs = np.argwhere((counts > 0) | np.eye(len(names), dtype=bool) if many else counts >= 0)
        rows += [
            {"architecture": name, "actual": names[i], "predicted": names[j], "count": int(counts[i, j])}
            for i, j in pairs
        ]
    return pd.DataFrame(rows)


def confusion_figure(table: pd.DataFrame, members: Members) -> Figure:
    """A panel for each network of a study."""
    return Figure(
        f"classes-{members.key}-confusion",
        f"{members.title}: what test images are taken for",
        _caption(table),
        source(DATA),
        confusion_chart(table, members),
    )


def figure_of_one(table: pd.DataFrame, members: Members, title: str) -> Figure:
    """The one network of ``members``, large."""
    rows = _shares(members.rows(table))
    right = rows[rows["actual"] == rows["predicted"]].dropna(subset="share").sort_values(["share", "actual"])
    (low, first), (high, last) = right[["share", "actual"]].iloc[[0, -1]].itertuples(index=False)
    every = f"Of all {len(right)} classes, from" if _has_many(table) else "From"
    ends = f"{every} {percent(low)} ({first}) to {percent(high)} ({last}) are right."
    return Figure(
        f"classes-{members.key}-most_accurate",
        title,
        _caption(table),
        source(DATA),
        confusion_chart(table, members),
        alt=f"A square for each actual class, down, and predicted class, across, bright where the share is large, "
        f"above all on the diagonal. {title}. {ends}",
    )


def _shares(rows: pd.DataFrame) -> pd.DataFrame:
    """With the ``share`` that each count is of its actual class; not a number where that has no test images."""
    of_class = rows.groupby(["architecture", "actual"])["count"].transform("sum")
    return rows.assign(share=rows["count"] / of_class)


def _caption(table: pd.DataFrame) -> str:
    some = (
        f" {MOST_CLASSES} classes are shown, first of all those of the pairs that are confused most often."
        if _has_many(table)
        else ""
    )
    return f"Shares of each class's test images, all seeds together.{some}"


def _has_many(table: pd.DataFrame) -> bool:
    """Whether it has more classes than a chart."""
    return len(table) > 0 and table["actual"].nunique() > MOST_CLASSES


def confusion_chart(counts: pd.DataFrame, members: Members) -> Spec:
    """Which class test images are taken for, as shares of their own class: a panel for each architecture.

    That of one network is large, and has the shares in its squares where there are few classes.
    """
    rows = _shares(members.rows(counts))
    if _has_many(counts):
        mistakes = rows[rows["actual"] != rows["predicted"]].groupby(["actual", "predicted"])["count"].sum()
        pairs = mistakes.sort_values(ascending=False, kind="stable").index
        confused = (name for pair in pairs for name in pair)
        some = list(dict.fromkeys((*confused, *rows["actual"])))[:MOST_CLASSES]
        rows = rows[rows["actual"].isin(some) & rows["predicted"].isin(some)]
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
            tip("name", "network"),
            tip("actual"),
            tip("predicted"),
            tip("count"),
            tip("share", None, ".1%"),
        ],
    }
    alone = len(members.names) == 1
    side = 400 if alone else 200
    squares: Spec = {"mark": "rect", "encoding": encoding}
    if alone and rows["actual"].nunique() <= MOST_NUMBERED:
        number = quantity("share", "share", format=".0%") | {"title": None}
        # White on the dark half of the scheme, black on the bright one.
        on_square = {"condition": {"test": "datum.share < 0.2", "value": "white"}, "value": "black"}
        places = {channel: encoding[channel] for channel in ("x", "y")}
        numbers = {
            "transform": [{"filter": "datum.share >= 0.005"}],
            "mark": {"type": "text", "fontSize": 10},
            "encoding": places | {"text": number, "color": on_square},
        }
        squares = {"layer": [squares, numbers]}
    return panels(
        f"{members.title}: what test images are taken for",
        rows[["name", "actual", "predicted", "count", "share"]],
        squares | {"width": side, "height": side},
    )
