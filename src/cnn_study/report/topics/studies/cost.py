"""What accuracy costs: the time of training, FLOPs, parameters, and the networks that are worth it.

Times are those of training steps, measured in turns; what runs took by the clock is in the table for information.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from cnn_study.analysis.results import Result
from cnn_study.analysis.summaries import Timing
from cnn_study.analysis.variance import LEVEL
from cnn_study.data.splits import Integers
from cnn_study.report.kit.charts import (
    BELOW,
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
from cnn_study.report.kit.findings import SUMMARY, TIMING, Finding, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.wording import listed, mean_of, percent, seconds, times, times_within
from cnn_study.report.topics.studies.study import ComparedStudy

DATA, STEPS = "plots/timing/cost.csv", "plots/timing/steps.csv"
PARTS = {"forward": 1.0, "backward": 0.65, "optimizer": 0.35}  # of a step, with their opacities in a bar
FACTS = {"training_flops": "training FLOPs", "parameters": "parameters"}


def cost(
    results: Mapping[str, Result], timings: Mapping[str, Timing], members: pd.DataFrame, labels: Integers
) -> pd.DataFrame:
    """``status``, ``run_seconds``, ``train_seconds`` and ``test_accuracy`` by seed.

    ``run_seconds``: what the steps of such a run cost, the same for each seed; ``train_seconds``: what it took by
    the clock, empty where it diverged, as the accuracy is.
    """
    rows = [
        {
            "architecture": name,
            "seed": seed,
            "status": status,
            "run_seconds": _run_seconds(timings[name], result.budget),
            "train_seconds": by_clock,
            "test_accuracy": accuracy,
        }
        for name, result in results.items()
        for seed, status, by_clock, accuracy in zip(
            result.seeds,
            result.statuses,
            result.train_seconds,
            result.test_accuracies(labels),
            strict=True,
        )
    ]
    return members.merge(pd.DataFrame(rows), on="architecture")


def _run_seconds(timing: Timing, budget: int) -> float | None:
    run = None if timing.step is None else timing.step.runs.get(str(budget))
    return None if run is None else run.seconds


def steps(studies: Sequence[ComparedStudy]) -> pd.DataFrame:
    """``milliseconds`` by ``part`` of a training step; ``ratio``, ``low``, ``high``: of a step to the baseline."""
    rows = [
        {
            "study": study.key,
            "architecture": name,
            "part": part,
            "milliseconds": 1000 * getattr(step, f"{part}_seconds"),
            "ratio": None if ratio is None else ratio.ratio,
            "low": None if ratio is None else ratio.ci95[0],
            "high": None if ratio is None else ratio.ci95[1],
        }
        for study in studies
        for name in study.spec.members
        if (step := study.timing[name].step) is not None
        for ratio in [study.costs.ratio(name, study.spec.baseline)]
        for part in PARTS
    ]
    return pd.DataFrame(rows, columns=["study", "architecture", "part", "milliseconds", "ratio", "low", "high"])


def run_figures(table: pd.DataFrame, members: Members, front: Sequence[str]) -> list[Figure]:
    """What accuracy costs in time, with the Pareto ``front``."""
    return [
        Figure(
            f"studies-{members.key}-accuracy_against_time",
            f"{members.title}: test accuracy against the cost of training",
            "Small points are runs, large ones means. On the Pareto front is what is more accurate than all "
            "that is cheaper, with p-values below 0.05, not corrected. The cost of a run is the time of its "
            "steps, measured apart from it.",
            source(DATA, "cost and analyze"),
            accuracy_against_time(table, members, front),
        )
    ]


def step_figures(table: pd.DataFrame, members: Members) -> list[Figure]:
    """What a training step consists of, if any was measured."""
    if not members.are_in(table):
        return []
    return [
        Figure(
            f"studies-{members.key}-step_time",
            f"{members.title}: time of a training step",
            "Forward pass, backward pass and optimizer, from left to right; all networks measured in turns.",
            source(STEPS, "cost"),
            step_time(table, members),
        )
    ]


def accuracy_against_time(cost: pd.DataFrame, members: Members, front: Sequence[str]) -> Spec:
    """Accuracy against the cost of a run: small points for seeds, large ones for means, the Pareto ``front``.

    An architecture of which a seed did not train, or whose steps have not been measured, is left out.
    """
    rows = all_seeds_trained(members.rows(cost)).dropna(subset="run_seconds")
    means = rows.groupby("name", sort=False)[["run_seconds", "test_accuracy"]].mean()
    on_front = means.loc[[members.names[name] for name in front]]
    edge = on_front.tail(1).assign(run_seconds=rows["run_seconds"].max())  # nothing slower does better
    scale = {"zero": False, "padding": 15}
    x = quantity("run_seconds", "seconds of training", scale=scale_for(rows["run_seconds"]) | scale)
    y = quantity("test_accuracy", "test accuracy", scale=scale, axis={"format": "%"})
    styles = members.by_name(rows, "color", "shape")
    tips = [tip("run_seconds", "seconds", ".3~r"), tip("test_accuracy", "test accuracy", ".2%")]
    mean_tips = [shown | {"aggregate": "mean"} for shown in tips]
    means_at = {"x": x | {"aggregate": "mean"}, "y": y | {"aggregate": "mean"}}
    line = {"type": "line", "interpolate": "step-after", "strokeDash": [4, 3], "color": TEXT, "opacity": 0.6}
    label = {"type": "text", "align": "right", "dy": -14}
    return single(
        f"{members.title}: test accuracy against the cost of training",
        rows[["name", "seed", "run_seconds", "test_accuracy"]],
        height=360,
        layer=[
            {"data": inline(pd.concat([on_front, edge])), "mark": line, "encoding": {"x": x, "y": y}},
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


def step_time(steps: pd.DataFrame, members: Members) -> Spec:
    """The time of a training step: bars of forward pass, backward pass and optimizer, in a row."""
    rows = members.rows(steps).assign(place=lambda table: table["part"].map(list(PARTS).index))
    parts = {"domain": list(PARTS), "range": list(PARTS.values())}
    tips = [
        tip("name", "network"),
        tip("part"),
        tip("milliseconds", form=".3~r"),
        *(
            tip(key, title, ".3f")
            for key, title in (("ratio", "step over the baseline's"), ("low", None), ("high", None))
        ),
    ]
    return single(
        f"{members.title}: time of a training step",
        rows[["name", "part", "place", "milliseconds", "ratio", "low", "high"]],
        height=26 * rows["name"].nunique(),
        mark={"type": "bar", "height": {"band": 0.75}},
        encoding={
            "y": down("name", rows),
            "x": quantity("milliseconds", "milliseconds", stack="zero"),
            "opacity": {"field": "part", "type": "nominal", "title": None, "scale": parts, "legend": BELOW},
            "order": {"field": "place"},
            "tooltip": tips,
        }
        | members.by_name(rows, "color", legend=False),
    )


def winner_cost(study: ComparedStudy) -> list[Finding]:
    """What the winner takes, as ratios to the baseline; whether their times differ."""
    against = study.against_baseline(study.comparison.ranking[0]) if study.comparison.ranking else None
    if against is None:
        return []
    step, facts = study.costs.ratio(against.of, against.against), _facts(study, against.of, against.against)
    parts = [] if step is None else [f"{times_within(step)} the time of a training step"]
    parts += [f"{times(ratio)} the {FACTS[key]}" for key, ratio in facts.items()]
    if not parts:
        return []
    text = f"{study.name(against.of)} takes {listed(parts)} of the baseline {study.name(against.against)}"
    numbers: dict[str, Any] = {"of": against.of, "against": against.against, "ratios": facts}
    if step is not None:
        machine = study.costs.machine(against.of, against.against)
        text += f" ({machine})"
        numbers |= {"step": step.model_dump(), "machine": machine}
        if not step.sign:
            text += "; the difference in time is not significant"
    data = SUMMARY if step is None else TIMING
    return [study.finding("winner_cost", f"{text}.", numbers, data, timed=step is not None)]


def _facts(study: ComparedStudy, of: str, against: str) -> dict[str, float]:
    """Ratios of what needs no clock; not of what the file of an older version lacks."""
    found = {key: (getattr(study.summary[of], key), getattr(study.summary[against], key)) for key in FACTS}
    return {key: one / other for key, (one, other) in found.items() if one and other}


def pareto(study: ComparedStudy) -> list[Finding]:
    """Which networks are the front of cost and mean accuracy, and which of them do not differ in cost."""
    front = {name: run for name in study.comparison.pareto if (run := study.run(name)) is not None}
    if not front:
        return []
    accuracies = {name: study.accuracy(name) for name in front}
    parts = [
        f"{study.name(name)} ({seconds(run.seconds)}, {percent(mean_of(accuracies[name]))})"
        for name, run in front.items()
    ]
    machine = study.costs.machine(*front)
    text = (
        f"Worth its cost is {listed(parts)} ({machine}): nothing that costs more is more accurate than all that "
        "is cheaper, with p-values below 0.05"
        if len(front) == 1
        else f"Worth their cost are {listed(parts)} ({machine}): each is more accurate than all that are cheaper, "
        "with p-values below 0.05, not corrected for the number of pairs"
    )
    unclear: set[str] = set()
    for cheaper, dearer in pairwise(front):
        step = study.costs.ratio(dearer, cheaper)
        if step is None or not step.times(front[dearer].images / front[cheaper].images).sign:
            unclear.update((cheaper, dearer))
    close = [name for name in front if name in unclear]
    numbers = {
        "machine": machine,
        "level": LEVEL,
        "front": {
            name: {"seconds": run.seconds, "test_accuracy": accuracies[name].summary}
            for name, run in front.items()
        },
        "not_significant_in_time": close,
    }
    if close:
        names = listed([study.name(name) for name in close])
        text += f"; the difference in time to the next of them is not significant for {names}"
    elif len(front) > 1:
        text += "; their times differ significantly"
    return [study.finding("pareto", f"{text}.", numbers, TIMING, timed=True)]
