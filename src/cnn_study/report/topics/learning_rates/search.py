"""What the search for learning rates found, and whose search was cut off."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cnn_study.analysis.results import Result
from cnn_study.analysis.summaries import Summary
from cnn_study.report.kit.charts import CROSS, Spec, inline, lines, quantity, rate_axis, side_by_side, single, tip
from cnn_study.report.kit.findings import Finding, source
from cnn_study.report.kit.members import Members, numbers
from cnn_study.report.kit.page import Figure
from cnn_study.report.kit.wording import Studies, counted, listed, rate, shown, times

DATA = "plots/data/learning_rates.csv"


def learning_rates(results: Mapping[str, Result]) -> pd.DataFrame:
    """What tune found: ``validation_accuracy`` by ``learning_rate``, and whether that one was ``chosen``."""
    rows = [
        {"architecture": name} | run.model_dump() | {"chosen": run.learning_rate == result.tuning.learning_rate}
        for name, result in results.items()
        for run in result.tuning.runs
    ]
    columns = ["architecture", "learning_rate", "status", "validation_accuracy", "chosen"]
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
            "One short run for each rate; the large point is the rate that the network was trained with, crosses "
            "are runs that stayed at chance, or diverged and have no accuracy; side by side, of one rate.",
            source(DATA, "tune"),
            learning_rate_chart(table, members),
        )
    ]


def learning_rate_chart(rates: pd.DataFrame, members: Members) -> Spec:
    """Validation accuracy by learning rate: large points were chosen, crosses did not train.

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
    tips += [tip("status"), tip("chosen")]
    columns = ["name", "learning_rate", field, "status", "chosen"]
    at: Spec = {"x": x, "color": styles["color"]}
    layers = lines(styles, y, tips, at)
    layers[-1]["encoding"]["size"] = {"condition": {"test": "datum.chosen", "value": 170}, "value": 30}
    cross = at | {"x": x | {"field": "place"}, "y": y, "tooltip": tips}
    layers.append({"data": inline(side_by_side(failed)[[*columns, "place"]]), "mark": CROSS, "encoding": cross})
    return single(
        f"{members.title}: validation accuracy by learning rate, in the short runs of the search",
        drawn[columns],
        height=320,
        layer=layers,
    )


def rate_findings(
    learning_rates: pd.DataFrame, summary: Mapping[str, Summary], studies: Studies, epochs: int
) -> list[Finding]:
    """Which learning rates were chosen, for whom a higher one was better, and whose search was cut off.

    ``learning_rates``: plots/data/learning_rates.csv: ``architecture``, ``learning_rate``, ``status``,
    ``validation_accuracy``, ``chosen``, of runs of so many ``epochs``. ``summary`` has all architectures, those
    with a fixed rate as well.
    """
    if learning_rates.empty:
        return []
    trained = learning_rates[learning_rates["status"] == "trained"]
    chosen = trained[trained["chosen"]].set_index("architecture")
    rates = {str(name): float(found) for name, found in chosen["learning_rate"].items()}
    searched = [str(name) for name in learning_rates["architecture"].unique()]
    found = [_chosen_rates(rates, searched, len(summary), studies)]
    highest = trained.groupby("architecture")["validation_accuracy"].max()
    shortfall = 100 * (highest - chosen["validation_accuracy"])
    found += _higher_were_better(
        {str(name): float(missing) for name, missing in shortfall.items()}, studies, epochs
    )
    by_network = learning_rates.groupby("architecture", sort=False)["learning_rate"]
    cut_off = {
        str(name): sorted(tried.tolist()) for name, tried in by_network if summary[str(name)].learning_rate_at_edge
    }
    return [*found, *([_cut_off(cut_off, studies)] if cut_off else [])]


def _chosen_rates(rates: Mapping[str, float], searched: Sequence[str], networks: int, studies: Studies) -> Finding:
    unknown = [name for name in searched if name not in rates]
    numbers: dict[str, Any] = {"networks": networks, "searched": len(searched)}
    numbers |= {"rates": dict(rates), "none_trained": unknown}
    text = (
        f"The learning rate was searched for {len(searched)} of {counted(networks, 'network')}, by one short run "
        "for each rate; "
    )
    if unknown:
        text += f"none that trains was found for {listed([shown(name, studies) for name in unknown])}; "
    parts = [
        f"{rate(value)} for {listed([shown(name, studies) for name in rates if rates[name] == value])}"
        for value in sorted(set(rates.values()))
    ]
    if len(rates) == 1:
        rule, says = "rate_of_one", f"it is {parts[0]}"
    elif len(parts) == 1 and len(rates) == networks:
        rule, says = "rates_agree", f"every network has the same: {parts[0]}"
    elif len(parts) == 1:
        rule, says = "rates_agree", f"those found are the same: {parts[0]}"
    elif parts:
        numbers["factor"] = max(rates.values()) / min(rates.values())
        span = f"span a factor of {times(numbers['factor'])}"
        rule, says = "rates_differ", f"those found {span}: {'; '.join(parts)}"
    else:
        return Finding(f"{text.removesuffix('; ')}.", "learning_rate", "rates_unknown", numbers, DATA)
    return Finding(f"{text}{says}.", "learning_rate", rule, numbers, DATA)


def _higher_were_better(shortfall: Mapping[str, float], studies: Studies, epochs: int) -> list[Finding]:
    """``shortfall``: the points by which the accuracy with the chosen rate is below the best, by network."""
    higher = {name: missing for name, missing in shortfall.items() if missing > 0}
    if not higher:
        return []
    most = max(higher, key=lambda name: higher[name])
    text = (
        f"For {len(higher)} of {counted(len(shortfall), 'network')} a higher rate than the chosen one had a "
        f"higher validation accuracy in these runs of {counted(epochs, 'epoch')}, by at most {higher[most]:.2f} "
        f"points ({shown(most, studies)}). All budgets of a network are trained with its one rate."
    )
    numbers = {"networks": len(shortfall), "higher": len(higher), "points": higher, "epochs": epochs}
    return [Finding(text, "learning_rate", "higher_rates_were_better", numbers, DATA)]


def _cut_off(tried: Mapping[str, Sequence[float]], studies: Studies) -> Finding:
    """Of searches that ended where a better rate may lie beyond; ``tried``: their rates, from the lowest."""
    of_networks = [
        f"{shown(name, studies)} ({rate(rates[0])} to {rate(rates[-1])})" for name, rates in tried.items()
    ]
    text = f"The search was cut off, and a better rate may lie beyond those tried, for {listed(of_networks)}."
    numbers = {"ends": {name: [rates[0], rates[-1]] for name, rates in tried.items()}}
    return Finding(text, "learning_rate", "rate_search_cut_off", numbers, DATA)
