"""How validation accuracy grows epoch by epoch."""

from collections.abc import Mapping

import pandas as pd

from cnn_study.analysis.results import Result
from cnn_study.analysis.tables import history_table
from cnn_study.report.kit.charts import Spec, epoch_axis, lines, picked, quantity, single, tip
from cnn_study.report.kit.findings import source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure

DATA = "plots/data/curves.csv"


def curves(results: Mapping[str, Result], members: pd.DataFrame) -> pd.DataFrame:
    """Loss and accuracies by epoch and seed, in every study that an architecture belongs to."""
    return members.merge(history_table(results), on="architecture")


def validation_figure(table: pd.DataFrame, members: Members) -> Figure:
    """Whether training has come to its end, and how far seeds lie apart."""
    return Figure(
        f"studies-{members.key}-validation_accuracy",
        f"{members.title}: validation accuracy by epoch",
        "Lines are means over seeds, bands reach from the lowest to the highest.",
        source(DATA, "train"),
        validation_curves(table, members),
        hint="A click on a name shows it alone, a double click all again.",
    )


def validation_curves(curves: pd.DataFrame, members: Members) -> Spec:
    """Validation accuracy by epoch: a line for the mean over seeds, a band from the lowest to the highest."""
    field = "validation_accuracy"
    rows = members.rows(curves).dropna(subset=field)
    styles = members.by_name(rows, "color", "shape", "strokeDash")
    y = quantity(field, "validation accuracy", aggregate="mean", scale={"zero": False}, axis={"format": "%"})
    ends = {"y": y | {"aggregate": "min"}, "y2": {"field": field, "aggregate": "max"}}
    tips = [
        tip("name", "network"),
        tip("epoch"),
        tip(field, "mean", ".2%", "mean"),
        tip(field, "lowest seed", ".2%", "min"),
        tip(field, "highest seed", ".2%", "max"),
        tip(field, "seeds", aggregate="count"),
    ]
    return single(
        f"{members.title}: validation accuracy by epoch",
        rows[["name", "epoch", field]],
        height=340,
        layer=[
            {"mark": "area", "encoding": ends | {"x": epoch_axis(), "color": styles["color"]} | picked(0.18, 0)},
            *lines(styles, y, tips, {"x": epoch_axis()}),
        ],
    )
