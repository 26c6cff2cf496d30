"""What a rate costs that is a factor off the best one, by the runs of the search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cnn_study.analysis.results import Result
from cnn_study.analysis.statistics import standard_error
from cnn_study.report.kit.findings import Finding, source
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Table
from cnn_study.report.kit.wording import NAMED, Studies, counted, listed, percent, points, rate, shown
from cnn_study.report.topics.learning_rates.search import DATA
from cnn_study.training.records import ShortRun
from cnn_study.training.tuning import best

Side = Literal["lower", "higher"]
SIDES: tuple[Side, ...] = ("lower", "higher")
SMALL = 0.1  # points that are shown as no number


@dataclass(frozen=True)
class BestRun:
    """The best run of the search, and those with the next rates, where they were tried.

    ``accuracy`` of the best one on the validation images, and its standard ``error`` by these alone; 0 to 1.
    ``found``: the rate that the network trains with.
    """

    rate: float
    found: float
    accuracy: float
    error: float
    beside: Mapping[Side, ShortRun | None]

    def difference(self, side: Side) -> float | None:
        """Points of accuracy that the other rate has more; None if it was not tried or did not train."""
        other = self.beside[side]
        if other is None or other.status != "trained" or other.validation_accuracy is None:
            return None
        return 100 * (other.validation_accuracy - self.accuracy)

    def cell(self, side: Side) -> str:
        """As a table has it: −3.1; collapsed; – where the rate was not tried."""
        other, difference = self.beside[side], self.difference(side)
        if other is None:
            return "–"
        return other.status if difference is None else points(difference)


def best_of(results: Mapping[str, Result]) -> dict[str, BestRun]:
    """By architecture, of those whose rate was searched, and which trained at one."""
    found = {}
    for name, result in results.items():
        runs = sorted(result.tuning.runs, key=lambda run: run.learning_rate)
        for lower, own, higher in zip([None, *runs], runs, [*runs[1:], None], strict=False):
            accuracy = own.validation_accuracy
            if own == best(runs) and own.status == "trained" and accuracy:
                error = standard_error(accuracy, result.tuning.validation_images)
                beside: dict[Side, ShortRun | None] = {"lower": lower, "higher": higher}
                found[name] = BestRun(own.learning_rate, result.tuning.learning_rate, accuracy, error, beside)
    return found


def study_table(found: Mapping[str, BestRun], members: Members, factor: float) -> Table:
    """The networks of one study."""
    there = {name: found[name] for name in members.names if name in found}
    return Table(
        f"{members.title}: change of accuracy with another rate, points",
        ("network", "best tried", f"best ÷ {factor:g}", f"best × {factor:g}", "rate used"),
        tuple(
            (members.names[name], rate(one.rate), *(one.cell(side) for side in SIDES), rate(one.found))
            for name, one in there.items()
        ),
        source(DATA, "tune"),
        f"Validation accuracy in the search; standard error about {_mean_error(there):.1f}. Rate used: "
        "by the rule of the search, which Methods gives.",
    )


def rate_table(found: Mapping[str, BestRun], studies: Studies) -> Table | None:
    """All networks, with the rates; None where no rate was searched."""
    if not found:
        return None
    return Table(
        "What another learning rate costs, all networks",
        ("network", "best tried", "validation accuracy", "next lower", "next higher", "rate used"),
        tuple(
            (
                shown(name, studies),
                rate(one.rate),
                percent(one.accuracy),
                *(_with_rate(one, side) for side in SIDES),
                rate(one.found),
            )
            for name, one in found.items()
        ),
        source(DATA, "tune"),
        "In the runs of the search, one for each rate: differences in points; one standard error of an accuracy, "
        f"by the validation images alone, is about {_mean_error(found):.1f}.{_not_tried(found)}",
    )


def _not_tried(found: Mapping[str, BestRun]) -> str:
    return " –: not tried." if any(one.beside[side] is None for one in found.values() for side in SIDES) else ""


def _with_rate(one: BestRun, side: Side) -> str:
    other = one.beside[side]
    return one.cell(side) + ("" if other is None else f" ({rate(other.learning_rate)})")


def _mean_error(found: Mapping[str, BestRun]) -> float:
    return 100 * sum(one.error for one in found.values()) / len(found)


def off_by_finding(found: Mapping[str, BestRun], studies: Studies, factor: float) -> Finding | None:
    """The most that a rate beside the best one costs, and whom it keeps from training; None without a search."""
    differences = {
        (name, side): difference
        for name, one in found.items()
        for side in SIDES
        if (difference := one.difference(side)) is not None
    }
    failed = [
        name
        for name, one in found.items()
        if any(other is not None and one.difference(side) is None for side, other in one.beside.items())
    ]
    if not differences and not failed:
        return None
    numbers: dict[str, Any] = {"factor": factor, "networks": len(found), "failed": failed}
    parts, rule = [], "rate_off_costs"
    if differences:
        name, side = worst = min(differences, key=lambda pair: differences[pair])
        most = -differences[worst]
        numbers |= {"most": most, "of": name, "side": side, "small": SMALL}
        if most > 0:
            where = f"in {shown(name, studies)} at the {side} one"
            cost = f"up to {most:.1f}" if most >= SMALL else f"less than {SMALL}"
            parts.append(f"costs {cost} points of validation accuracy ({where})")
        else:
            parts.append("costs no network validation accuracy")
            rule = "rate_off_costs_nothing"
    if failed:
        parts.append(f"keeps {_named(failed, len(found), studies)} from training")
    text = (
        f"In the search, a rate {factor:g} times lower or higher than the best one {listed(parts)}; one run "
        "for each rate."
    )
    return Finding(text, "learning_rate", rule, numbers | {"count": len(failed)}, DATA)


def _named(names: Sequence[str], networks: int, studies: Studies) -> str:
    if len(names) <= NAMED:
        return listed([shown(name, studies) for name in names])
    return f"{len(names)} of {counted(networks, 'network')}"
