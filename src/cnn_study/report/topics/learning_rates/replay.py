"""The original report's recipe, replays: what one rate for all networks does to their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
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
from cnn_study.report.kit.findings import Finding, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.palette import styles_of
from cnn_study.report.kit.wording import Studies, counted, listed, percent, rate, shown

DATA = "plots/data/replay.csv"


def replay_figure(table: pd.DataFrame, params: Params, images: int) -> Figure:
    """Of runs on so many images."""
    plan = params.replay.runs
    names = {name: shown(name, params.studies) for name in params.replay.architectures}
    members = Members("replay", "The original report's recipe", names, styles_of(list(params.architectures)))
    return Figure(
        "replay-learning_rates",
        "The original report's recipe at several learning rates",
        f"{plan.recipe.optimizer}, batches of {plan.recipe.batch_size}, {counted(plan.epochs, 'epoch')} of "
        f"{images:,} images: a point for each run, lines for the means of those that "
        "trained. Crosses are runs that stayed at chance, or diverged and have no accuracy; side by side, of "
        "one rate. The dashed line is the original report's own rate.",
        source(DATA, "replay"),
        replay_chart(table, members, params.replay.learning_rate),
    )


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


@dataclass(frozen=True)
class _Replays:
    """Runs of ``epochs`` on ``images``, by learning rate; ``own`` is the original report's."""

    by_rate: dict[float, pd.DataFrame]
    studies: Studies
    own: float
    epochs: int
    images: int

    @property
    def length(self) -> str:
        return f"{counted(self.epochs, 'epoch')} on {counted(self.images, 'image')}"

    def finding(self, rule: str, text: str, numbers: dict[str, Any]) -> Finding:
        numbers = {"own": self.own, "epochs": self.epochs, "images": self.images} | numbers
        return Finding(text, "learning_rate", rule, numbers, DATA)


def replay_findings(replay: pd.DataFrame, studies: Studies, own: float, epochs: int, images: int) -> list[Finding]:
    """What one recipe gives at each of its rates, then whether its own rate decides the order of networks.

    ``replay``: plots/data/replay.csv: ``architecture``, ``learning_rate``, ``seed``, ``status``,
    ``validation_accuracy``, of runs of ``epochs`` on ``images``. ``own``: the rate that the original report used
    for all networks. There is no order where only one network or rate was tried, or nothing trained.
    """
    by_rate = {float(str(value)): rows for value, rows in replay.groupby("learning_rate")}
    replays = _Replays(by_rate, studies, own, epochs, images)
    return [_at_rate(value, rows, replays) for value, rows in by_rate.items()] + _orders(replay, replays)


def _at_rate(learning_rate: float, rows: pd.DataFrame, replays: _Replays) -> Finding:
    means = _means_of_trained(rows)
    failed = rows[rows["status"] != "trained"].groupby("architecture", sort=False).size()
    numbers: dict[str, Any] = {"rate": learning_rate, "runs": len(rows), "failures": int(failed.sum())}
    numbers |= {"failed": {str(name): int(count) for name, count in failed.items()}, "means": means}
    at = "its own rate," if np.isclose(learning_rate, replays.own) else "a rate of"
    text = (
        f"With the original report's recipe at {at} {rate(learning_rate)}, {numbers['failures']} of "
        f"{counted(len(rows), 'run')} of {replays.length} did not train"
    )
    if len(failed):
        parts = [f"{shown(name, replays.studies)}: {count}" for name, count in numbers["failed"].items()]
        text += f" ({listed(parts)})"
    if means:
        order = [f"{shown(name, replays.studies)} {percent(means[name])}" for name in _ordered(means)]
        text += f"; mean validation accuracies of those that did: {listed(order)}"
    return replays.finding("replay", f"{text}.", numbers)


def _orders(replay: pd.DataFrame, replays: _Replays) -> list[Finding]:
    """The order at the recipe's own rate beside that with each network at its best, by runs that trained."""
    at_own = next((rows for value, rows in replays.by_rate.items() if np.isclose(value, replays.own)), None)
    names = [str(name) for name in replay["architecture"].unique()]
    rates = _best_rates_of(replays.by_rate)
    if at_own is None or len(replays.by_rate) < 2 or len(names) < 2 or not rates:
        return []
    means, best = _means_of_trained(at_own), {name: mean for name, (_, mean) in rates.items()}
    differ = _ordered(means) != _ordered(best)
    own_remarks = {name: percent(mean) for name, mean in means.items()}
    best_remarks = {name: f"{percent(mean)} (at {rate(value)})" for name, (value, mean) in rates.items()}
    text = (
        f"In these short runs, of {replays.length}, the order by mean validation accuracy at the original "
        f"report's rate, {rate(replays.own)}, is {_order(means, own_remarks, names, replays)}; with each network "
        f"at its best of {len(replays.by_rate)} rates it is {_order(best, best_remarks, names, replays)}. The two "
        f"orders {'differ' if differ else 'are the same'}: here the rates alone "
        f"{'change' if differ else 'do not change'} the order; differences are not tested."
    )
    numbers: dict[str, Any] = {"rates": len(replays.by_rate), "means_at_own": means, "best_means": best}
    numbers["best_rates"] = {name: value for name, (value, _) in rates.items()}
    numbers["failed_at_own"] = [name for name in names if name not in means]
    return [replays.finding("replay_orders_differ" if differ else "replay_orders_agree", text, numbers)]


def _best_rates_of(by_rate: Mapping[float, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """By architecture, the rate with the highest mean validation accuracy, and that."""
    best: dict[str, tuple[float, float]] = {}
    for value, rows in by_rate.items():
        for name, mean in _means_of_trained(rows).items():
            if name not in best or mean > best[name][1]:
                best[name] = value, mean
    return best


def _order(means: Mapping[str, float], remarks: Mapping[str, str], names: Sequence[str], replays: _Replays) -> str:
    """The networks from best to worst, each with its remark, then those of ``names`` that have no mean."""
    parts = listed([f"{shown(name, replays.studies)} {remarks[name]}" for name in _ordered(means)])
    failed = [shown(name, replays.studies) for name in names if name not in means]
    return (parts or "that of no network") + (f" (no run of {listed(failed)} trained)" if failed else "")


def _ordered(means: Mapping[str, float]) -> list[str]:
    return sorted(means, key=lambda name: -means[name])


def _means_of_trained(rows: pd.DataFrame) -> dict[str, float]:
    trained = rows[rows["status"] == "trained"]
    means = trained.groupby("architecture", sort=False)["validation_accuracy"].mean()
    return {str(name): float(mean) for name, mean in means.items()}
