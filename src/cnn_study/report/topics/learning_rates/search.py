"""What the search for learning rates found, which rates follow from it, and whose search was cut off."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cnn_study.analysis.results import Result
from cnn_study.analysis.summaries import Summary
from cnn_study.report.kit.charts import CROSS, Spec, inline, lines, quantity, rate_axis, side_by_side, single, tip
from cnn_study.report.kit.findings import CONCLUSIONS, SUMMARY, Finding, source
from cnn_study.report.kit.members import Members, numbers
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.wording import Studies, counted, listed, rate, shown, times
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
            "One short run for each rate; the large point is the best, between whose neighbours the rate was "
            "found. Crosses are runs that stayed at chance, or diverged and have no accuracy; side by side, of "
            "one rate.",
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
    learning_rates: pd.DataFrame, summary: Mapping[str, Summary], studies: Studies, search: Search
) -> list[Finding]:
    """Which learning rates were found, how they follow from the best of short runs, and whose search was cut off.

    ``learning_rates``: plots/data/learning_rates.csv. ``summary`` has all architectures, those with a fixed rate
    as well.
    """
    if learning_rates.empty:
        return []
    searched = [str(name) for name in learning_rates["architecture"].unique()]
    trained = {str(name) for name in learning_rates.loc[learning_rates["status"] == "trained", "architecture"]}
    rates = {name: summary[name].learning_rate for name in searched if name in trained}
    found = [_rates(rates, searched, len(summary), studies)]
    if longer := _longer_training({name: summary[name].budget or 1 for name in rates}, search):
        found.append(longer)
    by_network = learning_rates.groupby("architecture", sort=False)["learning_rate"]
    cut_off = {
        str(name): sorted(tried.tolist()) for name, tried in by_network if summary[str(name)].learning_rate_at_edge
    }
    return [*found, *([_cut_off(cut_off, studies)] if cut_off else [])]


def _rates(rates: Mapping[str, float], searched: Sequence[str], networks: int, studies: Studies) -> Finding:
    unknown = [name for name in searched if name not in rates]
    numbers: dict[str, Any] = {"networks": networks, "searched": len(searched)}
    numbers |= {"rates": dict(rates), "none_trained": unknown}
    text = (
        f"The learning rate was searched for {len(searched)} of {counted(networks, 'network')}, by one short run "
        "for each rate; "
    )
    if unknown:
        text += f"none that trains was found for {listed([shown(name, studies) for name in unknown])}; "
    if not rates:
        return Finding(f"{text.removesuffix('; ')}.", "learning_rate", "rates_unknown", numbers, DATA)
    low, high = min(rates, key=lambda name: rates[name]), max(rates, key=lambda name: rates[name])
    if len(rates) == 1:
        rule, says = "rate_of_one", f"it is {rate(rates[low])} for {shown(low, studies)}"
    elif rates[low] == rates[high]:
        rule, says = "rates_agree", f"those found are the same: {rate(rates[low])}"
    else:
        numbers["factor"] = rates[high] / rates[low]
        rule = "rates_differ"
        says = (
            f"those found span a factor of {times(numbers['factor'])}: from {rate(rates[low])} "
            f"({shown(low, studies)}) to {rate(rates[high])} ({shown(high, studies)})"
        )
    return Finding(f"{text}{says}.", "learning_rate", rule, numbers, SUMMARY)


def _longer_training(budgets: Mapping[str, int], search: Search) -> Finding | None:
    """By how much the rates are lower than the best of the short runs; None where all train as shortly."""
    divisors = {budget: (budget / search.epochs) ** search.horizon for budget in sorted(set(budgets.values()))}
    if all(divisor == 1 for divisor in divisors.values()):
        return None
    by = listed([f"{divisor:.2f} for {counted(budget, 'epoch')}" for budget, divisor in divisors.items()])
    text = (
        f"Longer training wants lower rates: the best of the runs of {counted(search.epochs, 'epoch')}, read off "
        f"between the rates, is divided by {by}. All budgets of a network have its one rate, that of the largest."
    )
    numbers = {"epochs": search.epochs, "divisors": {str(key): value for key, value in divisors.items()}}
    return Finding(text, "learning_rate", "longer_training", numbers | {"budgets": [*divisors]}, CONCLUSIONS)


def _cut_off(tried: Mapping[str, Sequence[float]], studies: Studies) -> Finding:
    """Of searches that ended where a better rate may lie beyond; ``tried``: their rates, from the lowest."""
    of_networks = [
        f"{shown(name, studies)} ({rate(rates[0])} to {rate(rates[-1])})" for name, rates in tried.items()
    ]
    text = f"The search was cut off, and a better rate may lie beyond those tried, for {listed(of_networks)}."
    numbers = {"ends": {name: [rates[0], rates[-1]] for name, rates in tried.items()}}
    return Finding(text, "learning_rate", "rate_search_cut_off", numbers, DATA)
