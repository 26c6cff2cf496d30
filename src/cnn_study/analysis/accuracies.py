"""Which test images the runs of all networks have right, by budget, and how accuracies vary."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from cnn_study.analysis.results import Result
from cnn_study.analysis.variance import Contrast, Floats, Outcomes, Pool, Variance, pools_of, variances
from cnn_study.data.splits import Integers


class Accuracies:
    """Of all networks.

    ``labels`` (N,) of the test images; ``optimizers``: by which each network is trained. Networks of one optimizer
    and budget have their variances moderated by one another.
    """

    def __init__(self, results: Mapping[str, Result], labels: Integers, optimizers: Mapping[str, str]) -> None:
        self.results, self.labels, self.optimizers = results, labels, optimizers
        # Each is worked out once.
        self.outcomes = cache(self._outcomes)
        self.variances = cache(self._variances)
        self._right = cache(self._right_by_seed)
        self._changes = cache(self._changes_between)
        self._variances_of_changes = cache(lambda *budgets: variances(self._changes(*budgets), optimizers))

    def budgets(self, names: Iterable[str]) -> list[int]:
        """Those that all of these were trained to, the smallest first."""
        return sorted(set.intersection(*(set(self.results[name].budgets) for name in names)))

    def largest(self, names: Iterable[str]) -> int | None:
        """The largest budget that all of these were trained to; None where they share none."""
        return max(self.budgets(names), default=None)

    def trained(self, *names: str, budget: int) -> bool:
        """Whether all runs of these to the budget have trained."""
        return all(run.status == "trained" for name in names for run in self.results[name].runs_to(budget))

    def runs(self, name: str, budget: int) -> int:
        """How many runs of a network to the budget have not diverged."""
        return len(self._right(name, budget))

    def by_image(self, name: str, budget: int) -> Floats:
        """The share of runs that have each image right, (N,)."""
        return np.asarray(np.mean(list(self._right(name, budget).values()), axis=0, dtype=float))

    def mean(self, name: str, budget: int) -> float:
        """The mean test accuracy, 0 to 1."""
        return float(self.by_image(name, budget).mean())

    def contrast(self, of: str, against: str, budget: int) -> Contrast | None:
        """The difference of two networks.

        None where one of them has not at least two runs, or where nothing varies, so that nothing tells chance.
        """
        return _contrast((of, against), self.outcomes(budget), self.variances(budget))

    def interaction(self, pair: tuple[str, str], other: tuple[str, str], budget: int) -> Contrast | None:
        """The difference of one pair minus that of another; None as in ``contrast``."""
        return _contrast((*pair, *reversed(other)), self.outcomes(budget), self.variances(budget))

    def change(self, of: str, against: str, budget: int, later: int) -> Contrast | None:
        """How the difference changes from one budget to another, within the seeds that have both."""
        return _contrast((of, against), self._changes(budget, later), self._variances_of_changes(budget, later))

    def pools(self) -> dict[tuple[int, str], Pool]:
        """Of the networks that are trained to a budget by an optimizer, by both."""
        budgets = sorted({budget for result in self.results.values() for budget in result.budgets})
        return {
            (budget, str(optimizer)): pool
            for budget in budgets
            for optimizer, pool in pools_of(self.outcomes(budget), self.optimizers).items()
        }

    def _right_by_seed(self, name: str, budget: int) -> dict[int, npt.NDArray[np.bool_]]:
        result = self.results[name]
        runs = zip(result.runs_to(budget), result.correct(self.labels, budget), strict=True)
        return {run.seed: right for run, right in runs if right is not None}

    def _outcomes(self, budget: int) -> dict[str, Outcomes]:
        """By network, of those that have trained to the budget in at least two runs."""
        return {
            name: Outcomes(np.array(list(right.values()), dtype=float))
            for name, right in self._trained_to(budget).items()
            if len(right) > 1
        }

    def _trained_to(self, budget: int) -> dict[str, dict[int, npt.NDArray[np.bool_]]]:
        return {
            name: self._right(name, budget)
            for name, result in self.results.items()
            if budget in result.budgets and self.trained(name, budget=budget)
        }

    def _variances(self, budget: int) -> dict[str, Variance]:
        return variances(self.outcomes(budget), self.optimizers)

    def _changes_between(self, budget: int, later: int) -> dict[str, Outcomes]:
        before, after = self._trained_to(budget), self._trained_to(later)
        changes = {
            name: [
                after[name][seed].astype(float) - right for seed, right in of_seeds.items() if seed in after[name]
            ]
            for name, of_seeds in before.items()
            if name in after
        }
        return {name: Outcomes(np.array(of_seeds)) for name, of_seeds in changes.items() if len(of_seeds) > 1}


def _contrast(
    names: Sequence[str], outcomes: Mapping[str, Outcomes], found: Mapping[str, Variance]
) -> Contrast | None:
    """The first of these networks minus the second, plus the third minus the fourth where there are four."""
    if any(name not in outcomes for name in names):
        return None
    contrast = Contrast.of_sum([((-1) ** place, outcomes[name], found[name]) for place, name in enumerate(names)])
    return contrast if contrast.variance > 0 else None
