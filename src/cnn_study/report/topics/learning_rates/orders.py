"""What one rate for all networks does to their order: the original report's recipe, run at several rates."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cnn_study.report.kit.findings import Finding, source
from cnn_study.report.kit.page import Table
from cnn_study.report.kit.wording import (
    Studies,
    counted,
    first_name,
    listed,
    listed_or_counted,
    percent,
    quoted,
    rate,
)

DATA = "plots/data/replay.csv"


@dataclass(frozen=True)
class Orders:
    """The networks' order at the recipe's ``own`` rate, and that with each at its best rate.

    ``means``: by rate, the mean validation accuracy of the runs that trained, by architecture in the order of
    ``names``, which says how each is called. ``runs``: how many trained, of how many, by rate and architecture.
    """

    own: float
    names: Mapping[str, str]
    means: Mapping[float, Mapping[str, float]]
    runs: Mapping[tuple[float, str], tuple[int, int]]

    @classmethod
    def of(cls, replay: pd.DataFrame, studies: Studies, own: float, others: Collection[str] = ()) -> "Orders":
        """``replay``: ``architecture``, ``learning_rate``, ``seed``, ``status``, ``validation_accuracy``.

        ``others``: architectures that no study names.
        """
        names = {str(name): first_name(str(name), studies, others) for name in replay["architecture"].unique()}
        means: dict[float, dict[str, float]] = {}
        runs: dict[tuple[float, str], tuple[int, int]] = {}
        for value, rows in replay.groupby("learning_rate"):
            at = float(str(value))
            trained = rows[rows["status"] == "trained"]
            by_name = trained.groupby("architecture", sort=False)["validation_accuracy"].mean()
            means[at] = {str(name): float(mean) for name, mean in by_name.items()}
            for name, of_network in rows.groupby("architecture", sort=False):
                runs[at, str(name)] = int((of_network["status"] == "trained").sum()), len(of_network)
        return cls(own, names, means, runs)

    @property
    def at_own(self) -> Mapping[str, float] | None:
        """The means at the recipe's own rate; None if it was not tried."""
        return next((means for value, means in self.means.items() if np.isclose(value, self.own)), None)

    @property
    def best_rates(self) -> dict[str, float]:
        """By architecture, the rate with its highest mean; of what trained at one."""
        rates: dict[str, float] = {}
        for value, means in self.means.items():
            for name, mean in means.items():
                if name not in rates or mean > self.means[rates[name]][name]:
                    rates[name] = value
        return rates

    @property
    def best(self) -> dict[str, float]:
        """By architecture, the mean at its best rate."""
        return {name: self.means[value][name] for name, value in self.best_rates.items()}

    @property
    def failed(self) -> list[str]:
        """Of which no run trained at the own rate."""
        return [name for name in self.names if name not in (self.at_own or {})]

    @property
    def there_are(self) -> bool:
        """Whether there are two orders: of several networks at several rates, the own one among them."""
        return self.at_own is not None and len(self.means) > 1 and len(self.names) > 1 and bool(self.best)

    @property
    def differ(self) -> bool:
        """Whether the own rate changes the order; a network that did not train at it has no place in it."""
        return ordered(self.at_own or {}) != ordered(self.best)

    @property
    def title(self) -> str:
        """What is found, as the title of the figure."""
        if not self.there_are:
            return "The original report's recipe at several learning rates"
        if self.failed:
            return f"At the original report's learning rate, {self._do_not_train(self.failed)}"
        return f"The original report's learning rate {'changes' if self.differ else 'keeps'} the order of means"

    @property
    def finding(self) -> Finding:
        """What the own rate does to the order of networks."""
        numbers = {
            "own": self.own,
            "networks": len(self.names),
            "rates": list(self.means),
            "tried": len(self.means),
            "means_at_own": dict(self.at_own or {}),
            "failed_at_own": self.failed,
            "best_means": self.best,
            "best_rates": self.best_rates,
        }
        if not self.there_are:
            rule, text = "replay_without_order", self._why_none
        else:
            rule = "replay_orders_differ" if self.differ else "replay_orders_agree"
            text = (
                f"In short runs with the original report's recipe and its rate of {rate(self.own)}, {self._says}"
            )
        return Finding(f"{text}.", "learning_rate", rule, numbers, DATA)

    @property
    def _why_none(self) -> str:
        recipe = "With the original report's recipe"
        if not self.best:
            return f"{recipe}, no short run trained"
        return (
            f"{recipe}, {counted(len(self.names), 'network')} ran at {counted(len(self.means), 'learning rate')}"
            f"{'' if self.at_own is not None else ', its own not among them'}: there are no two orders to compare"
        )

    @property
    def _says(self) -> str:
        at_own, best = self.at_own or {}, self.best
        here, there = self._first(at_own), self._first(best)
        if self.failed:
            leads = f" and {here}" if len(at_own) > 1 else ""
            never = [name for name in self.names if name not in best]
            still = f", and {self._do_not_train(never)} at any" if never else ""
            best_rates = f"with each at its best rate in these runs, {there}{still}"
            return f"{self._do_not_train(self.failed)}{leads}; {best_rates}"
        if not self.differ:
            return f"the order is that with each network at its best rate in these runs: {there}"
        if here == there:
            return f"{here}, as with each at its best rate in these runs, but others change places"
        return f"{here}; with each at its best rate in these runs, {there}"

    def _first(self, means: Mapping[str, float]) -> str:
        """3×3 comes first; 3×3 and 5×5 are equal and first."""
        first = [quoted(self.names[name]) for name in ordered(means) if means[name] == max(means.values())]
        return f"{listed(first)} {'comes' if len(first) == 1 else 'are equal and come'} first"

    def _do_not_train(self, failed: Sequence[str]) -> str:
        """Of some or all of the networks: 3×3 and 5×5 do not train; only 1×1+3×3 trains."""
        others = [name for name in self.names if name not in failed]
        if not others:
            return "no network trains"
        if len(others) == 1 and len(failed) > 1:
            return f"only {quoted(self.names[others[0]])} trains"
        who = listed_or_counted([quoted(self.names[name]) for name in failed])
        return f"{who} {'does' if len(failed) == 1 else 'do'} not train"

    @property
    def table(self) -> Table:
        """A row for each network, a column for each rate."""
        partly = any(0 < trained < runs for trained, runs in self.runs.values())
        some = ", in brackets how many did where not all" if partly else ""
        return Table(
            "The original report's recipe: validation accuracy by learning rate",
            ("network", *map(rate, self.means)),
            tuple((shown, *(self._cell(at, name) for at in self.means)) for name, shown in self.names.items()),
            source(DATA, "replay"),
            f"Means of the runs that trained{some}. Differences are not tested.",
        )

    def _cell(self, at: float, name: str) -> str:
        trained, runs = self.runs.get((at, name), (0, 0))
        if not runs:
            return "–"
        some = "" if trained == runs else f" ({trained} of {runs})"
        return f"{percent(self.means[at][name])}{some}" if trained else f"0 of {runs} trained"


def ordered(means: Mapping[str, float]) -> list[str]:
    """The networks, the best first."""
    return sorted(means, key=lambda name: -means[name])
