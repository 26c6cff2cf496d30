"""What accuracy costs: the time of training, FLOPs, parameters, and the networks that are worth it.

Times are those of training steps, measured in turns; what runs took by the clock is in the table for information.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from cnn_study.analysis.compared import StudyComparison
from cnn_study.analysis.costs import Costs
from cnn_study.analysis.results import Result
from cnn_study.analysis.summaries import Timing
from cnn_study.data.splits import Integers
from cnn_study.report.kit.charts import (
    PICK,
    TEXT,
    Spec,
    all_seeds_trained,
    down,
    inline,
    panels,
    picked,
    quantity,
    scale_for,
    single,
    tip,
)
from cnn_study.report.kit.findings import source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.wording import listed, quoted
from cnn_study.report.topics.studies.cost_findings import between, close_in_time
from cnn_study.report.topics.studies.study import ComparedStudy

DATA, STEPS = "plots/timing/cost.csv", "plots/timing/steps.csv"
PARTS = ("forward", "backward", "optimizer")  # of a step
WHOLE = "whole step"
SHOWN = ["name", "part", "milliseconds", "ratio", "low", "high"]


def cost(
    results: Mapping[str, Result],
    timings: Mapping[str, Timing],
    members: pd.DataFrame,
    labels: Integers,
    compared: Mapping[str, StudyComparison],
) -> pd.DataFrame:
    """``status``, ``run_seconds``, ``train_seconds`` and ``test_accuracy`` by seed, of runs to one ``budget``.

    That is the one of the study's ranking; a network that has not got it, or is in no study, has its largest.
    ``run_seconds``: what the steps of such a run cost, the same for each seed; ``train_seconds``: what it took by
    the clock, empty where it diverged, as the accuracy is.
    """
    rows = []
    for member in members.to_dict("records"):
        study, result = compared.get(member["study"]), results[member["architecture"]]
        budget = study.budget if study is not None and study.budget in result.budgets else result.budget
        accuracies = result.test_accuracies(labels, budget)
        rows += [
            member
            | {
                "seed": run.seed,
                "budget": budget,
                "status": run.status,
                "run_seconds": _run_seconds(timings[result.name], budget),
                "train_seconds": None if run.status == "diverged" else run.clock.train_seconds,
                "test_accuracy": accuracy,
            }
            for run, accuracy in zip(result.runs_to(budget), accuracies, strict=True)
        ]
    return pd.DataFrame(rows)


def _run_seconds(timing: Timing, budget: int) -> float | None:
    run = None if timing.step is None else timing.step.runs.get(str(budget))
    return None if run is None else run.seconds


def steps(studies: Sequence[ComparedStudy]) -> pd.DataFrame:
    """``milliseconds`` by ``part`` of a training step of ``batch_size`` images.

    ``ratio``, ``low``, ``high``: of the time of an image to that of the baseline.
    """
    rows = [
        {
            "study": study.key,
            "architecture": name,
            "batch_size": step.batch_size,
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
    columns = ["study", "architecture", "batch_size", "part", "milliseconds", "ratio", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def run_figures(table: pd.DataFrame, members: Members, study: ComparedStudy) -> list[Figure]:
    """What accuracy costs in time, with the Pareto front; of the ranked networks, if measured."""
    table = table[table["architecture"].isin(study.comparison.ranking)]
    if all_seeds_trained(members.rows(table)).dropna(subset="run_seconds").empty:
        return []
    front = study.comparison.pareto
    close = between(study, close_in_time(study))
    return [
        Figure(
            f"studies-{members.key}-accuracy_against_time",
            f"{members.title}: test accuracy{study.epochs} against the cost of training",
            "Small points are runs, large ones means. Cost: measured time of a step times steps. The dashed line "
            "joins the cheapest with those that are shown to be more accurate than all cheaper ones (p < 0.05, "
            "not corrected)"
            + (f"; times do not differ significantly {close}." if close else ".")
            + (" Each network at its largest budget, since they share none." if study.at_own_budgets else ""),
            source(DATA, "cost and analyze"),
            accuracy_against_time(table, members, front),
        )
    ]


def step_figures(table: pd.DataFrame, members: Members, costs: Costs) -> list[Figure]:
    """What a training step consists of, if any was measured."""
    if not members.are_in(table):
        return []
    added = costs.added(*members.names)
    measured = "Networks were measured in turns, those added later with one of the first."
    batches = members.rows(table).groupby("batch_size", sort=True)["name"].unique()
    sizes = [f"{size} of {listed(list(map(quoted, names)))}" for size, names in batches.items()]
    return [
        Figure(
            f"studies-{members.key}-step_time",
            f"{members.title}: time of a training step, and of its parts",
            (measured if added else "All networks were measured in turns.")
            + (f" Images in a step: {'; '.join(sizes)}." if len(sizes) > 1 else ""),
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
    """The time of a training step: bars, in a panel for the whole and one for each of its parts."""
    rows = members.rows(steps)
    whole = rows.groupby("name", sort=False, as_index=False).agg(
        {"architecture": "first", "milliseconds": "sum", "ratio": "first", "low": "first", "high": "first"}
    )
    unit = "step" if rows["batch_size"].nunique() < 2 else "image"
    rows = pd.concat([whole.assign(part=WHOLE), rows])
    tips = [
        tip("name", "network"),
        tip("part"),
        tip("milliseconds", form=".3~r"),
        *(
            tip(key, title, ".3f")
            for key, title in (("ratio", f"{unit} over the baseline's"), ("low", "95 % CI, low"), ("high", "high"))
        ),
    ]
    x = quantity("milliseconds", "milliseconds", axis={"tickCount": 4})
    panel = {
        "width": 150,
        "height": {"step": 24},
        "mark": {"type": "bar", "height": {"band": 0.75}},
        "encoding": {"y": down("name", rows), "x": x, "tooltip": tips}
        | members.by_name(rows, "color", legend=False),
    }
    columns = {"field": "part", "type": "nominal", "title": None, "sort": [WHOLE, *PARTS]}
    # Without a width of its own: panels stand side by side, and scroll where they find no room.
    return {
        **panels(f"{members.title}: time of a training step", rows[SHOWN], panel),
        "facet": {"column": columns | {"header": {"orient": "top"}}},
        "columns": None,
        "resolve": {},
    }
