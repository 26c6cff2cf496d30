"""Channels that never say anything, and what is said of them."""

from collections.abc import Mapping

import pandas as pd

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.results import Result
from cnn_study.analysis.summaries import Summary
from cnn_study.report.kit.findings import Finding, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Table
from cnn_study.report.kit.wording import Studies, counted, with_status

DATA = "plots/data/dead_channels.csv"


def dead_channels(results: Mapping[str, Result]) -> pd.DataFrame:
    """How many channels are ``dead``, by ``architecture`` and ``layer``: where there are any.

    ``channels``: how many the layer has. Of networks that have weights of their own.
    """
    rows = [
        {"architecture": name, "layer": layer, "channels": len(flags), "dead": int(flags.sum())}
        for name, result in results.items()
        if _is_looked_into(result)
        for layer, flags in result.evaluation.inside.dead.items()
        if flags.any()
    ]
    return pd.DataFrame(rows, columns=["architecture", "layer", "channels", "dead"])


def dead_finding(
    results: Mapping[str, Result], summary: Mapping[str, Summary], studies: Studies, images: int
) -> Finding:
    """How many networks have dead channels on so many test images, in one run of each, and which the most."""
    looked_into = sum(map(_is_looked_into, results.values()))
    by_network = {
        str(name): int(count)
        for name, count in dead_channels(results).groupby("architecture", sort=False)["dead"].sum().items()
    }
    numbers = {"networks": looked_into, "of_these": len(by_network), "dead": by_network, "images": images}
    tried, runs = f"on {images:,} test images", "one run of each" if looked_into > 1 else "one run"
    networks = counted(looked_into, "network")
    if not looked_into:
        text, rule = "Every run that would be looked into diverged.", "dead_unknown"
        numbers["networks"] = len(results)
    elif not by_network:
        where = f" in any of {networks}" if looked_into > 1 else ""
        text = f"No channel is dead{where}: each is positive somewhere {tried} ({runs})."
        rule = "no_dead_channels"
    else:
        most = max(by_network, key=lambda name: by_network[name])
        has = "has" if len(by_network) == 1 else "have"
        whole = f"{len(by_network)} of {networks} {has} dead channels, which are positive nowhere {tried} ({runs})"
        count, name = by_network[most], with_status(most, summary, studies)
        there = f"{count} in {name}" if len(by_network) == 1 else f"at most {count}, in {name}"
        text, rule = f"{whole}: {there}.", "dead_channels"
    return Finding(text, "inside", rule, numbers, DATA)


def dead_in_first_layers(members: Members, results: Mapping[str, Result]) -> str:
    """How many channels of the first layers of these networks are dead, in words."""
    insides = [results[name].evaluation.inside for name in members.names if _is_looked_into(results[name])]
    if not insides:
        return "first weights, since every run diverged"
    dead = sum(int(next(iter(inside.dead.values())).sum()) for inside in insides if inside.dead)
    return f"{counted(dead, 'dead channel')}, crossed out" if dead else "no dead channel in these layers"


def dead_table(dead: pd.DataFrame, evidence: Evidence) -> Table:
    """By network and layer."""
    return Table(
        "Dead channels",
        ("network", "layer", "dead", "of channels"),
        tuple(
            (
                with_status(str(row["architecture"]), evidence.summaries, evidence.params.studies),
                str(row["layer"]),
                str(row["dead"]),
                str(row["channels"]),
            )
            for row in dead.to_dict("records")
        ),
        source(DATA),
        "Layers that are not named have none.",
    )


def _is_looked_into(result: Result) -> bool:
    """Whether the run has weights that training left behind."""
    return result.evaluation.inside.looked_into.status != "diverged"
