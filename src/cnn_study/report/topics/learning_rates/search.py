"""What the search for learning rates found, which rates follow from it, and whose search was cut off."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from cnn_study.analysis.results import Result
from cnn_study.analysis.summaries import Summary
from cnn_study.report.kit.charts import CROSS, Spec, inline, lines, quantity, rate_axis, side_by_side, single, tip
from cnn_study.report.kit.findings import CONCLUSIONS, SUMMARY, Finding, source
from cnn_study.report.kit.members import Members, numbers
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.wording import OPTIMIZERS, Studies, counted, listed, rate, shown, times
from cnn_study.training.recipe import Optimizer
from cnn_study.training.search import Search
from cnn_study.training.tuning import best

DATA = "plots/data/learning_rates.csv"


def learning_rates(results: Mapping[str, Result]) -> pd.DataFrame:
    """What tune found: ``validation_accuracy`` by ``learning_rate``, and whether that run was the ``best``."""
    rows = [
        {"architecture": name} | run.model_dump() | {"best": run == best(result.tuning.runs)}
        for name, result in results.items()
        for run in result.tuning.runs
    ]
    columns = ["architecture", "learning_rate", "status", "validation_accuracy", "best"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(1, "number", numbers(table["architecture"], results))
    return table


def rate_figures(table: pd.DataFrame, members: Members) -> list[Figure]:
    """None of a study whose networks have rates that params.yaml gives."""
    if not members.are_in(table):
        return []
    return [
        Figure(
            f"learning_rates-{members.key}-search",
            f"{members.title}: validation accuracy by learning rate",
            "One short run for each rate; the large point is the best one tried. Crosses are runs that stayed at "
            "chance, or diverged and have no accuracy; side by side, of one rate.",
            source(DATA, "tune"),
            learning_rate_chart(table, members),
        )
    ]


def learning_rate_chart(rates: pd.DataFrame, members: Members) -> Spec:
    """Validation accuracy by learning rate: large points are the best, crosses did not train.

    A run that diverged has no accuracy and stands at 0.
    """
    field = "validation_accuracy"
    rows = members.rows(rates)
    styles = members.by_name(rows, "color", "shape", "strokeDash")
    failed = rows[rows["status"] != "trained"].fillna({field: 0.0})
    drawn = rows[rows["status"] == "trained"]
    x = rate_axis(rows)
    y = quantity(field, "validation accuracy", scale={"zero": False}, axis={"format": "%"})
    tips = [tip("name", "network"), tip("learning_rate", "rate", ".3g"), tip(field, "accuracy", ".2%")]
    tips += [tip("status"), tip("best")]
    columns = ["name", "learning_rate", field, "status", "best"]
    at: Spec = {"x": x, "color": styles["color"]}
    layers = lines(styles, y, tips, at)
    layers[-1]["encoding"]["size"] = {"condition": {"test": "datum.best", "value": 170}, "value": 30}
    cross = at | {"x": x | {"field": "place"}, "y": y, "tooltip": tips}
    layers.append({"data": inline(side_by_side(failed)[[*columns, "place"]]), "mark": CROSS, "encoding": cross})
    return single(
        f"{members.title}: validation accuracy by learning rate, in the short runs of the search",
        drawn[columns],
        height=320,
        layer=layers,
    )


def rate_findings(
    learning_rates: pd.DataFrame,
    summary: Mapping[str, Summary],
    studies: Studies,
    search: Search,
    optimizers: Mapping[str, Optimizer],
) -> list[Finding]:
    """Which learning rates were found, how they follow from the best of short runs, and whose search was cut off.

    ``learning_rates``: plots/data/learning_rates.csv. ``summary`` and ``optimizers`` have all architectures, those
    with a fixed rate as well.
    """
    if learning_rates.empty:
        return []
    searched = [str(name) for name in learning_rates["architecture"].unique()]
    trained = {str(name) for name in learning_rates.loc[learning_rates["status"] == "trained", "architecture"]}
    rates = {name: summary[name].learning_rate for name in searched if name in trained}
    found = [_rates(rates, searched, optimizers, studies)]
    if longer := _longer_training([summary[name].budget for name in rates], search):
        found.append(longer)
    by_network = learning_rates.groupby("architecture", sort=False)["learning_rate"]
    cut_off = {
        str(name): sorted(tried.tolist()) for name, tried in by_network if summary[str(name)].learning_rate_at_edge
    }
    return [*found, *([_cut_off(cut_off, studies)] if cut_off else [])]


def _rates(
    rates: Mapping[str, float], searched: Sequence[str], optimizers: Mapping[str, Optimizer], studies: Studies
) -> Finding:
    unknown = [name for name in searched if name not in rates]
    by_optimizer: dict[Optimizer, dict[str, float]] = {}
    for name, found in rates.items():
        by_optimizer.setdefault(optimizers[name], {})[name] = found
    numbers: dict[str, Any] = {"networks": len(optimizers), "searched": len(searched)}
    numbers |= {"rates": dict(rates), "none_trained": unknown}
    numbers["factors"] = {
        optimizer: max(found.values()) / min(found.values()) for optimizer, found in by_optimizer.items()
    }
    text = (
        f"The learning rate was searched for {len(searched)} of {counted(len(optimizers), 'network')}, by one "
        "short run for each rate"
    )
    if unknown:
        text += f"; none that trains was found for {listed([shown(name, studies) for name in unknown])}"
    for optimizer, its in by_optimizer.items():
        of = f"with {OPTIMIZERS[optimizer]}, " if len(by_optimizer) > 1 else ""
        text += f"; {of}{_span(its, studies)}"
    return Finding(f"{text}.", "learning_rate", "rates" if rates else "rates_unknown", numbers, SUMMARY)


def _span(rates: Mapping[str, float], studies: Studies) -> str:
    """Of one optimizer, whose rates can be compared."""
    low, high = min(rates, key=lambda name: rates[name]), max(rates, key=lambda name: rates[name])
    if len(rates) == 1:
        return f"it is {rate(rates[low])} for {shown(low, studies)}"
    if rates[low] == rates[high]:
        return f"the rates are the same: {rate(rates[low])}"
    return (
        f"the highest rate is {times(rates[high] / rates[low])} the lowest: from {rate(rates[low])} "
        f"({shown(low, studies)}) to {rate(rates[high])} ({shown(high, studies)})"
    )


def _longer_training(budgets: Iterable[int], search: Search) -> Finding | None:
    """By what the best rates of the short runs are divided; None where they are not."""
    if search.divisor == 1:
        return None
    short, long = (counted(epochs, "epoch") for epochs in (search.epochs, search.for_epochs))
    text = (
        f"The best rates of the runs of {short} are divided by {search.divisor:.2f} for training of {long}; all "
        "budgets of a network have this one rate"
    )
    others = sorted(set(budgets) - {search.for_epochs})
    if others:
        text += f", also where the largest is {listed([str(budget) for budget in others])}"
    numbers = {"epochs": search.epochs, "for_epochs": search.for_epochs, "divisor": search.divisor}
    return Finding(f"{text}.", "learning_rate", "longer_training", numbers | {"budgets": others}, CONCLUSIONS)


def _cut_off(tried: Mapping[str, Sequence[float]], studies: Studies) -> Finding:
    """Of searches that ended where a better rate may lie beyond; ``tried``: their rates, from the lowest."""
    of_networks = [
        f"{shown(name, studies)} ({rate(rates[0])} to {rate(rates[-1])})" for name, rates in tried.items()
    ]
    text = f"The search was cut off, and a better rate may lie beyond those tried, for {listed(of_networks)}."
    numbers = {"ends": {name: [rates[0], rates[-1]] for name, rates in tried.items()}}
    return Finding(text, "learning_rate", "rate_search_cut_off", numbers, DATA)
