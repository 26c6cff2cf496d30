"""What accuracy costs: training time, FLOPs, parameters, and the front that no other network beats in both."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from cnn_study.analysis.results import Result
from cnn_study.analysis.statistics import Estimate, intervals_disjoint
from cnn_study.data.splits import Integers
from cnn_study.report.kit.charts import (
    PICK,
    TEXT,
    Spec,
    all_seeds_trained,
    down,
    inline,
    picked,
    quantity,
    scale_for,
    single,
    tip,
)
from cnn_study.report.kit.findings import TIMING, Finding, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.wording import listed, mean_of, percent, seconds, seconds_within, times
from cnn_study.report.topics.studies.study import ComparedStudy

DATA = "plots/timing/cost.csv"
COSTS = {"train_seconds": "training time", "forward_flops": "FLOPs", "parameters": "parameters"}


def cost(results: Mapping[str, Result], members: pd.DataFrame, labels: Integers) -> pd.DataFrame:
    """``status``, ``train_seconds`` and ``test_accuracy`` by seed, the last two empty where it diverged."""
    rows = [
        {"architecture": name, "seed": seed, "status": status, "train_seconds": seconds, "test_accuracy": accuracy}
        for name, result in results.items()
        for seed, status, seconds, accuracy in zip(
            result.seeds,
            result.statuses,
            result.train_seconds,
            result.test_accuracies(labels),
            strict=True,
        )
    ]
    return members.merge(pd.DataFrame(rows), on="architecture")


def cost_figures(table: pd.DataFrame, members: Members, front: Sequence[str]) -> list[Figure]:
    """What accuracy costs in time, with the Pareto ``front``, and how long each network takes."""
    return [
        Figure(
            f"studies-{members.key}-accuracy_against_time",
            f"{members.title}: test accuracy against training time",
            "Small points are runs, large ones means. On the Pareto front is what is significantly more "
            "accurate than every faster network.",
            source(DATA, "train and analyze"),
            accuracy_against_time(table, members, front),
        ),
        Figure(
            f"studies-{members.key}-training_time",
            f"{members.title}: training time",
            "Bars are means over seeds, lines reach from the fastest to the slowest.",
            source(DATA, "train"),
            training_time(table, members),
        ),
    ]


def accuracy_against_time(cost: pd.DataFrame, members: Members, front: Sequence[str]) -> Spec:
    """Test accuracy against training time: small points for seeds, large ones for means, the Pareto ``front``.

    An architecture of which a seed did not train is left out.
    """
    rows = all_seeds_trained(members.rows(cost))
    means = rows.groupby("name", sort=False)[["train_seconds", "test_accuracy"]].mean()
    on_front = means.loc[[members.names[name] for name in front]]
    edge = on_front.tail(1).assign(train_seconds=rows["train_seconds"].max())  # nothing slower does better
    scale = {"zero": False, "padding": 15}
    x = quantity("train_seconds", "seconds of training", scale=scale_for(rows["train_seconds"]) | scale)
    y = quantity("test_accuracy", "test accuracy", scale=scale, axis={"format": "%"})
    styles = members.by_name(rows, "color", "shape")
    tips = [tip("train_seconds", "seconds", ".1f"), tip("test_accuracy", "test accuracy", ".2%")]
    mean_tips = [line | {"aggregate": "mean"} for line in tips]
    means_at = {"x": x | {"aggregate": "mean"}, "y": y | {"aggregate": "mean"}}
    steps = {"type": "line", "interpolate": "step-after", "strokeDash": [4, 3], "color": TEXT, "opacity": 0.6}
    label = {"type": "text", "align": "right", "dy": -14}
    return single(
        f"{members.title}: test accuracy against training time",
        rows[["name", "seed", "train_seconds", "test_accuracy"]],
        height=360,
        layer=[
            {"data": inline(pd.concat([on_front, edge])), "mark": steps, "encoding": {"x": x, "y": y}},
            {
                "data": inline(edge),
                "mark": label,
                "encoding": {"x": x, "y": y, "text": {"value": "Pareto front"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 40},
                "encoding": styles
                | picked(0.5, 0.05)
                | {"x": x, "y": y, "tooltip": [tip("name", "network"), tip("seed"), *tips]},
            },
            {
                "params": [PICK],
                "mark": {"type": "point", "filled": True, "size": 170},
                "encoding": styles
                | picked(1, 0.08)
                | means_at
                | {"tooltip": [tip("name", "network"), *mean_tips, tip("seed", "seeds", aggregate="count")]},
            },
        ],
    )


def training_time(cost: pd.DataFrame, members: Members) -> Spec:
    """Training time: bars for means over seeds, lines from the fastest to the slowest.

    An architecture of which a seed did not train is left out.
    """
    rows = all_seeds_trained(members.rows(cost))
    field = "train_seconds"
    x = quantity(field, "seconds of training", aggregate="mean")
    ends = {"x": x | {"aggregate": "min"}, "x2": {"field": field, "aggregate": "max"}}
    tips = [
        tip("name", "network"),
        tip(field, "mean seconds", ".1f", "mean"),
        tip(field, "fastest seed", ".1f", "min"),
        tip(field, "slowest seed", ".1f", "max"),
    ]
    return single(
        f"{members.title}: training time",
        rows[["name", field]],
        height=26 * rows["name"].nunique(),
        encoding={"y": down("name", rows), "tooltip": tips},
        layer=[
            {
                "mark": {"type": "bar", "height": {"band": 0.75}},
                "encoding": {"x": x} | members.by_name(rows, "color", legend=False),
            },
            {"mark": {"type": "rule", "strokeWidth": 1.5}, "encoding": ends},
        ],
    )


def winner_cost(study: ComparedStudy) -> list[Finding]:
    """What the winner takes, as ratios to the baseline; whether their times differ."""
    against = study.against_baseline(study.comparison.ranking[0]) if study.comparison.ranking else None
    if against is None:
        return []
    ratios = {key: ratio for key in COSTS if (ratio := against.ratios.get(key)) is not None}
    if not ratios:
        return []
    parts = listed([f"{times(ratio)} the {COSTS[key]}" for key, ratio in ratios.items()])
    text = f"{study.name(against.of)} takes {parts} of the baseline {study.name(against.against)}"
    numbers: dict[str, Any] = {"of": against.of, "against": against.against, "ratios": ratios}
    if "train_seconds" in ratios:
        of, other = (study.train_seconds(name) for name in (against.of, against.against))
        disjoint = intervals_disjoint(of, other) != 0
        numbers |= {"train_seconds": [of.summary, other.summary], "told_apart_in_time": disjoint}
        text += f"; {_in_time(of, other, disjoint)}"
    return [study.finding("winner_cost", f"{text}.", numbers, TIMING, timed=True)]


def _in_time(of: Estimate, against: Estimate, disjoint: bool) -> str:
    pair = f"{seconds_within(of)} and {seconds_within(against)}"
    if disjoint:
        return f"the intervals of their training times, {pair}, are apart"
    if of.ci95 and against.ci95:
        return f"the two are not told apart in time, since the intervals of {pair} overlap"
    return f"the two are not told apart in time, since {pair} are of one run each"


def pareto(study: ComparedStudy) -> list[Finding]:
    """Which networks are the front of mean time and mean accuracy, and which of them times do not order."""
    front = study.comparison.pareto
    if not front:
        return []
    times_of = {name: study.train_seconds(name) for name in front}
    accuracies = {name: study.accuracy(name) for name in front}
    parts = [
        f"{study.name(name)} ({seconds(mean_of(times_of[name]))}, {percent(mean_of(accuracies[name]))})"
        for name in front
    ]
    worth = "Worth its training time is" if len(front) == 1 else "Worth their training time are"
    text = f"{worth} {listed(parts)}: each is significantly more accurate than every faster network"
    unclear: set[str] = set()
    for pair in pairwise(front):
        if not intervals_disjoint(*(times_of[name] for name in pair)):
            unclear.update(pair)
    means = {
        name: {"train_seconds": times_of[name].summary, "test_accuracy": accuracies[name].summary}
        for name in front
    }
    numbers = {"front": means, "not_told_in_time": [name for name in front if name in unclear]}
    if unclear:
        names = listed([study.name(name) for name in numbers["not_told_in_time"]])
        text += f"; not told apart in time from a neighbour on it: {names}"
    elif len(front) > 1:
        text += "; the intervals of time of neighbours on it are apart"
    return [study.finding("pareto", f"{text}.", numbers, TIMING, timed=True)]
