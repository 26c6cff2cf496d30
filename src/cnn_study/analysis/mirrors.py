"""Which conclusions hold when the same networks are trained otherwise: with another optimizer, say.

A study that mirrors another has a partner in it for each of its networks. Each of its pairs, a member against the
baseline, stands beside the pair of their partners, at the largest budget that all networks of both studies have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cnn_study.analysis.accuracies import Accuracies
from cnn_study.analysis.compared import AccuracyDifference, Comparison
from cnn_study.analysis.comparisons import Comparer, Pair
from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.results import Result
from cnn_study.analysis.statistics import side_of
from cnn_study.analysis.verdicts import Verdict
from cnn_study.params.study import Params
from cnn_study.training.finished import Trained

Agreement = Literal["same", "reversed", "differs", "not decided"]


@dataclass(frozen=True)
class Decided:
    """What a comparison says: the difference in points, its 95 % interval, and the verdict; None without one.

    ``one_run``: whether a network of the two has a single run, of which there is no interval.
    ``smaller_than_margin``: whether that is shown of the difference. ``detectable``: the minimum detectable
    difference, in points.
    """

    points: float
    interval: tuple[float, float] | None
    verdict: Verdict | None
    one_run: bool = False
    smaller_than_margin: bool = False
    detectable: float | None = None


@dataclass(frozen=True)
class MirroredPair:
    """A pair of a study (``of``, ``against``) and that of its ``partners``, both compared at ``budget`` epochs.

    ``change_interval``: 95 %, in points, of the difference here less that of the partners, of this pair alone;
    None of single runs.
    """

    of: str
    against: str
    partners: Pair
    budget: int
    here: Decided
    there: Decided
    change_interval: tuple[float, float] | None = None

    @property
    def change(self) -> float:
        """The difference here less that of the partners, in points."""
        return self.here.points - self.there.points

    @property
    def changes(self) -> bool:
        """Whether the interval of the change leaves out 0."""
        return side_of(self.change_interval, 0) != 0

    @property
    def agreement(self) -> Agreement:
        """``same``: the verdicts are equal. ``differs``: an order under one, equivalence under the other.

        Where that order is by less than the margin, equivalence does not deny it, and nothing is decided.
        """
        verdicts = {self.here.verdict, self.there.verdict}
        if verdicts & {"not decided", None}:
            return "not decided"
        if len(verdicts) == 1:
            return "same"
        if verdicts == {"better", "worse"}:
            return "reversed"
        return "not decided" if self.here.smaller_than_margin and self.there.smaller_than_margin else "differs"


def common_budget(params: Params, study: str) -> int | None:
    """The largest, in epochs, that all members of a study and all their partners are trained to."""
    names = [name for pair in params.partners(study).items() for name in pair]
    shared = set.intersection(*(set(params.trainings[name].budgets) for name in names))
    return max(shared, default=None)


def beside_partners(
    budget: int, partners: Mapping[str, str], here: Mapping[Pair, Decided], there: Mapping[Pair, Decided]
) -> list[MirroredPair]:
    """Every pair that has been compared ``here`` and, with its ``partners``, ``there``; all at ``budget``."""
    mirrored = {pair: (partners[pair[0]], partners[pair[1]]) for pair in here}
    return [
        MirroredPair(*pair, mirrored[pair], budget, here[pair], there[mirrored[pair]])
        for pair in here
        if mirrored[pair] in there
    ]


def mirrored_pairs(evidence: Evidence, study: str) -> list[MirroredPair]:
    """Those of one study: all pairs, its own and its partners', are one family of comparisons.

    But for pairs that all studies' comparisons judge at this budget as well: they have the verdict of those.
    """
    params = evidence.params
    partners, baseline = params.partners(study), params.studies[study].baseline
    budget = common_budget(params, study)
    if budget is None:
        return []
    until = {name: _up_to(result, budget) for name, result in evidence.results.items() if budget in result.budgets}
    own = [(name, baseline) for name in partners if name != baseline]
    pairs = [*own, *((partners[of], partners[against]) for of, against in own)]
    pairs = [pair for pair in pairs if all(name in until for name in pair)]
    accuracies = Accuracies(until, evidence.labels, evidence.accuracies.optimizers)
    family = Comparer(until, accuracies, evidence.classes, params.analysis.margin).family(pairs)
    family |= {
        pair: one
        for pair, one in evidence.confirmatory.items()
        if pair in family and one.largest is not None and one.largest.budget == budget
    }
    decided = {pair: _decided(one.largest, one) for pair, one in family.items() if one.largest is not None}
    beside = beside_partners(budget, partners, {pair: decided[pair] for pair in own if pair in decided}, decided)
    return [replace(pair, change_interval=_change_interval(pair, accuracies)) for pair in beside]


def _change_interval(pair: MirroredPair, accuracies: Accuracies) -> tuple[float, float] | None:
    contrast = accuracies.interaction((pair.of, pair.against), pair.partners, pair.budget)
    return None if contrast is None else contrast.interval_in_points()


def _up_to(result: Result, budget: int) -> Result:
    """Without the runs to larger budgets."""
    return replace(result, trained=Trained(tuple(run for run in result.trained.runs if run.budget <= budget)))


def _decided(difference: AccuracyDifference, comparison: Comparison) -> Decided:
    judged = comparison.judged
    return Decided(
        difference.points,
        difference.interval,
        comparison.verdict,
        one_run=difference.one_run,
        smaller_than_margin=judged is not None and judged.smaller_than_margin,
        detectable=None if judged is None else 100 * judged.detectable,
    )
