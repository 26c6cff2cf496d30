"""How networks are compared: the difference in test accuracy of a pair, at each budget, and what is shown of it.

Verdicts are given on one family of pairs: all that the studies compare, each once, at the largest budget that
both networks have. What is said of smaller budgets describes, and has no verdict, except where a study mirrors
another (``mirrors``): its pairs and their partners are one more family. How much a difference varies
is worked out in ``variance``, what may be said of many at once in ``verdicts``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from cnn_study.analysis.accuracies import Accuracies
from cnn_study.analysis.best import Best
from cnn_study.analysis.compared import AccuracyDifference, Change, Comparison, StudyComparison
from cnn_study.analysis.results import Result, worst
from cnn_study.analysis.statistics import LEVEL, side_of
from cnn_study.analysis.variance import Contrast
from cnn_study.analysis.verdicts import judge, opposite
from cnn_study.params.study import Study

Pair = tuple[str, str]
_Signed = TypeVar("_Signed", "AccuracyDifference", "Change")


@dataclass(frozen=True)
class Comparer:
    """All that comparisons are made from.

    ``classes``: their names by label; ``margin``: below which networks are equivalent, in percentage points.
    ``seconds``: what training costs, by architecture and budget, where it is known.
    """

    results: Mapping[str, Result]
    accuracies: Accuracies
    classes: Sequence[str]
    margin: float
    seconds: Mapping[str, Mapping[int, float]] = field(default_factory=dict)

    def studies(
        self, studies: Mapping[str, Study], judged: Mapping[Pair, Comparison]
    ) -> dict[str, StudyComparison]:
        """Every study by its key. ``judged``: all their pairs, which are one family."""
        return {key: self._study(key, study, judged) for key, study in studies.items()}

    def family(self, pairs: Iterable[Pair]) -> dict[Pair, Comparison]:
        """Pairs (of, against), judged together, each as it stands here and the other way round."""
        compared = [self._compare(*pair) for pair in {frozenset(pair): pair for pair in pairs}.values()]
        contrasts = [self._contrast(pair) for pair in compared]
        judged = iter(judge([one for one in contrasts if one is not None], self.margin / 100))
        family = [
            pair if contrast is None else replace(pair, judged=next(judged))
            for pair, contrast in zip(compared, contrasts, strict=True)
        ]
        return {(pair.of, pair.against): pair for one in family for pair in (one, self._reversed(one))}

    def _study(self, key: str, study: Study, judged: Mapping[Pair, Comparison]) -> StudyComparison:
        failed = {name: status for name in study.members if (status := self.results[name].status) != "trained"}
        trained = [name for name in study.members if name not in failed]
        budget = self.accuracies.largest(trained) if trained else None
        if budget is not None:
            at_budget = {name: worst(run.status for run in self.results[name].runs_to(budget)) for name in trained}
            failed |= {name: status for name, status in at_budget.items() if status != "trained"}
            trained = [name for name in trained if name not in failed]
        at = {name: budget or self.results[name].budget for name in trained}
        accuracy = {name: self.accuracies.mean(name, at[name]) for name in trained}
        seconds = {name: self.seconds.get(name, {}).get(at[name]) for name in trained}
        points = {name: (cost, accuracy[name]) for name, cost in seconds.items() if cost is not None}
        members = [(name, study.baseline) for name in study.members if name != study.baseline]
        return StudyComparison(
            study=key,
            budget=budget,
            ranking=sorted(accuracy, key=lambda name: (-accuracy[name], name)),
            not_ranked={name: failed[name] for name in study.members if name in failed},
            against_baseline=[judged[pair] for pair in members],
            controls=[judged[control.of, control.against] for control in study.controls],
            best=None if budget is None else self._best(trained, budget),
            pareto=pareto_front(points, lambda of, cheaper: self._better(of, cheaper, at[of], at[cheaper])),
        )

    def _best(self, names: Sequence[str], budget: int) -> Best | None:
        outcomes = {name: found for name in names if (found := self.accuracies.outcomes(budget).get(name))}
        if len(outcomes) < max(2, len(names)):
            return None
        return Best.of(budget, outcomes, self.accuracies.variances(budget))

    def _better(self, of: str, against: str, *budgets: int) -> bool:
        """Whether ``of`` is more accurate with a p-value below 0.05, of this pair alone; not if budgets differ."""
        budget, *others = set(budgets)
        contrast = None if others else self.accuracies.contrast(of, against, budget)
        return contrast is not None and contrast.difference > 0 and contrast.p_different() < LEVEL

    def _contrast(self, pair: Comparison) -> Contrast | None:
        if pair.largest is None:
            return None
        return self.accuracies.contrast(pair.of, pair.against, pair.largest.budget)

    def _compare(self, of: str, against: str) -> Comparison:
        """Not judged."""
        budgets = self.accuracies.budgets((of, against))
        if not budgets or not self.accuracies.trained(of, against, budget=budgets[-1]):
            return Comparison(of, against, None, None, (), (), {})
        last = self._difference(of, against, budgets[-1])
        smaller = [one for one in budgets[:-1] if self.accuracies.trained(of, against, budget=one)]
        differences = [self._difference(of, against, budget) for budget in smaller]
        return Comparison(
            of,
            against,
            largest=last,
            judged=None,
            smaller=tuple(differences),
            changes=tuple(self._change(of, against, one, last) for one in differences),
            classes=self._classes(of, against, last.budget),
        )

    def _difference(self, of: str, against: str, budget: int) -> AccuracyDifference:
        contrast = self.accuracies.contrast(of, against, budget)
        points = 100 * (self.accuracies.mean(of, budget) - self.accuracies.mean(against, budget))
        seeds = self.accuracies.runs(of, budget), self.accuracies.runs(against, budget)
        if contrast is None:
            return AccuracyDifference(budget, seeds, points, None, None)
        return AccuracyDifference(budget, seeds, points, contrast.interval_in_points(), contrast.p_different())

    def _change(self, of: str, against: str, before: AccuracyDifference, last: AccuracyDifference) -> Change:
        points = last.points - before.points
        contrast = self.accuracies.change(of, against, before.budget, last.budget)
        if contrast is None:
            return Change(before.budget, points, None, stable=False, reversed=False)
        low, high = contrast.interval_in_points()
        return Change(
            before.budget,
            points,
            (low, high),
            stable=-self.margin < low and high < self.margin,
            reversed=side_of(before.interval, 0) * side_of(last.interval, 0) < 0 and side_of((low, high), 0) != 0,
        )

    def _classes(self, of: str, against: str, budget: int) -> dict[str, float]:
        by_image = self.accuracies.by_image(of, budget) - self.accuracies.by_image(against, budget)
        labels = self.accuracies.labels
        return {
            name: 100 * float(by_image[labels == label].mean())
            for label, name in enumerate(self.classes)
            if (labels == label).any()
        }

    def _reversed(self, pair: Comparison) -> Comparison:
        """The same, of the second against the first."""
        judged = pair.judged
        return replace(
            pair,
            of=pair.against,
            against=pair.of,
            largest=None if pair.largest is None else _minus(pair.largest),
            judged=None if judged is None else replace(judged, verdict=opposite(judged.verdict)),
            smaller=tuple(_minus(one) for one in pair.smaller),
            changes=tuple(_minus(one) for one in pair.changes),
            classes={name: -points for name, points in pair.classes.items()},
        )


def pareto_front(points: Mapping[str, tuple[float, float]], better: Callable[[str, str], bool]) -> list[str]:
    """The networks worth their cost, cheapest first: each is better than every cheaper one.

    ``points``: (cost, accuracy) by name. ``better``: whether one is more accurate than another, and not by chance.
    Of equally cheap ones the more accurate goes first.
    """
    order = sorted(points, key=lambda name: (points[name][0], -points[name][1], name))
    return [name for place, name in enumerate(order) if all(better(name, cheaper) for cheaper in order[:place])]


def _minus(one: _Signed) -> _Signed:
    interval = None if one.interval is None else (-one.interval[1], -one.interval[0])
    return replace(one, points=-one.points, interval=interval)
