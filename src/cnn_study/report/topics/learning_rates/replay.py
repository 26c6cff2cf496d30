"""The figure of the original report's recipe at several rates."""

import pandas as pd

from cnn_study.params.study import Params
from cnn_study.report.kit.charts import (
    CROSS,
    ONCE,
    PICK,
    Spec,
    inline,
    picked,
    quantity,
    rate_axis,
    side_by_side,
    single,
    tip,
)
from cnn_study.report.kit.findings import source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.palette import styles_of
from cnn_study.report.kit.wording import counted, percent, quoted, rate
from cnn_study.report.topics.learning_rates.orders import DATA, Orders


def replay_figure(table: pd.DataFrame, params: Params, images: int, orders: Orders) -> Figure:
    """Of runs on so many images."""
    plan = params.replay.runs
    members = Members(
        "replay", "The original report's recipe", orders.names, styles_of(list(params.architectures))
    )
    seen = "; ".join(_in_words(orders, name) for name in orders.names)
    return Figure(
        "replay-learning_rates",
        orders.title,
        f"Points are runs of {counted(plan.epochs, 'epoch')} of {images:,} images, lines their means; crosses did "
        "not train.",
        source(DATA, "replay"),
        replay_chart(table, members, params.replay.learning_rate),
        alt=f"Validation accuracy against the learning rate, on a logarithmic axis, a line for each network: "
        f"{seen}. A dashed line marks the original report's rate, {rate(params.replay.learning_rate)}.",
    )


def _in_words(orders: Orders, name: str) -> str:
    """A line of the chart: 3×3 54.7 % at 0.001, none trained at 0.01."""
    points = [
        f"{percent(means[name])} at {rate(at)}" if name in means else f"none trained at {rate(at)}"
        for at, means in orders.means.items()
    ]
    return f"{quoted(orders.names[name])} {', '.join(points)}"


def replay_chart(runs: pd.DataFrame, members: Members, marked: float) -> Spec:
    """Validation accuracy of one recipe by learning rate: points for runs, lines for means of those that trained.

    Crosses are runs that did not train; a run that diverged has no accuracy and stands at 0. ``marked``: the
    recipe's own rate, for a vertical line.
    """
    field = "validation_accuracy"
    rows = members.rows(runs).fillna({field: 0.0})
    styles = members.by_name(rows, "color", "shape", "strokeDash")
    x = rate_axis(rows)
    y = quantity(field, "validation accuracy", axis={"format": "%"})
    tips = [tip("name", "network"), tip("learning_rate", "rate", ".3g"), tip("seed")]
    tips += [tip(field, "accuracy", ".2%"), tip("status")]
    at: Spec = {"x": x, "y": y, "color": styles["color"], "tooltip": tips}
    line = at | {"y": y | {"aggregate": "mean"}, "strokeDash": styles["strokeDash"]} | picked(0.8, 0)
    del line["tooltip"]
    columns = ["name", "learning_rate", "seed", field, "status"]
    trained = rows[rows["status"] == "trained"]
    failed = side_by_side(rows[rows["status"] != "trained"])
    cross = at | {"x": x | {"field": "place"}} | picked(1, 0)
    there: Spec = {"x": {"datum": marked}}
    text = {"type": "text", "align": "right", "dx": -4, "y": 8, "text": "the original report's"}
    return single(
        f"{members.title}: validation accuracy by learning rate",
        trained[columns],
        height=320,
        layer=[
            {"mark": "line", "encoding": line, "params": [PICK]},
            {"mark": {"type": "point", "filled": True, "size": 60},
             "encoding": at | {"shape": styles["shape"]} | picked(1, 0)},
            {"data": inline(failed[[*columns, "place"]]), "mark": CROSS, "encoding": cross},
            {"data": ONCE, "mark": {"type": "rule", "strokeDash": [4, 3]}, "encoding": there},
            {"data": ONCE, "mark": text, "encoding": there},
        ],
    )  # fmt: skip
