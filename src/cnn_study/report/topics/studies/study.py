"""What is known of one study, and how a comparison in it is put into words.

A sentence says that one network is more accurate than another only where the verdict does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnn_study.analysis.compared import Comparison, StudyComparison
from cnn_study.analysis.costs import Costs, RunCost
from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.statistics import Estimate, equal_means
from cnn_study.analysis.summaries import BudgetSummary, Summary, Timing
from cnn_study.analysis.verdicts import Judged
from cnn_study.analysis.what_differs import Difference, Pair, what_differs_in_studies
from cnn_study.params.study import Study
from cnn_study.report.kit.findings import CONCLUSIONS, Finding
from cnn_study.report.kit.wording import (
    MOST_POINTS,
    at_budget,
    counted,
    counted_points,
    mean_of,
    named,
    points_within,
)


@dataclass(frozen=True)
class ComparedStudy:
    """A study: its ``key`` and ``spec`` in params.yaml, and what came of it.

    ``margin``: within which networks are equivalent, in points. ``summary`` and ``timing``: the objects of
    metrics/summary.json and timing.json by architecture. ``costs``: of training steps, where times are compared.
    ``differing``: what the two networks of each pair differ in, by (of, against). ``judged``: the comparisons of
    all studies by the same, each pair both ways round.
    """

    key: str
    spec: Study
    comparison: StudyComparison
    margin: float
    summary: Mapping[str, Summary]
    timing: Mapping[str, Timing]
    costs: Costs
    differing: Mapping[Pair, Sequence[Difference]] = field(default_factory=dict)
    judged: Mapping[Pair, Comparison] = field(default_factory=dict)

    def name(self, architecture: str) -> str:
        """As the study shows it, to stand in a sentence."""
        return named(architecture, self.spec)

    def at_budget(self, architecture: str) -> Summary | BudgetSummary:
        """What is known of its runs to the budget of the ranking; of those to its largest where there is none."""
        summary = self.summary[architecture]
        return summary.by_budget.get(str(self.comparison.budget), summary)

    def accuracy(self, architecture: str) -> Estimate:
        """Mean test accuracy with its interval, 0 to 1, at the budget of the ranking."""
        return self.at_budget(architecture).test_accuracy

    @property
    def epochs(self) -> str:
        """Of the ranking, where it is of a smaller budget than some network of any study has: " at 2 epochs"."""
        return self._at(self.comparison.budget)

    def _at(self, budget: int | None) -> str:
        return at_budget(None if budget == self._longest else budget)

    @property
    def _longest(self) -> int | None:
        """The largest budget of any network, of this study or another."""
        return max((one.budget for one in self.summary.values()), default=None)

    def budget_of(self, pair: Comparison) -> str:
        """For a sentence: at which budget a pair is compared, where not at the largest of any network."""
        return self._at(None if pair.largest is None else pair.largest.budget)

    def at_budgets(self, pairs: Iterable[Comparison]) -> str:
        """For a caption: at which budgets the pairs are compared, where not at the largest of any network."""
        budgets = sorted({pair.largest.budget for pair in pairs if pair.largest is not None})
        if len(budgets) > 1:
            at_each = " or ".join(map(str, budgets))
            return f" Each pair at the largest budget that both networks have ({at_each} epochs)."
        return "".join(f" At {counted(budget, 'epoch')}." for budget in budgets if budget != self._longest)

    @property
    def at_own_budgets(self) -> bool:
        """Whether the ranked networks share no budget, and each is taken at its own largest."""
        return self.comparison.budget is None and len(self.comparison.ranking) > 1

    def run(self, architecture: str) -> RunCost | None:
        """What training to the ranking's budget costs; None where no run came to its end, or none was measured."""
        step = self.timing[architecture].step
        budget = self.comparison.budget or self.summary[architecture].budget
        return None if step is None else step.runs.get(str(budget))

    def against_baseline(self, architecture: str) -> Comparison | None:
        """None for the baseline itself, and where nothing was compared."""
        pairs = self.comparison.against_baseline
        return next((pair for pair in pairs if pair.of == architecture and pair.measured), None)

    @property
    def pairs(self) -> list[Comparison]:
        """Every comparison, each pair of networks once."""
        return self.comparison.pairs

    @property
    def unasked(self) -> list[Comparison]:
        """Members against the baseline, without those that a control compares with it, either way round."""
        asked = {frozenset((control.of, control.against)) for control in self.spec.controls}
        pairs = self.comparison.against_baseline
        return [pair for pair in pairs if frozenset((pair.of, pair.against)) not in asked]

    @property
    def best(self) -> str | None:
        """The network that is shown to be the most accurate: by all of its p-values, and no verdict denies it."""
        found = self.comparison.best
        if found is None or not found.significant:
            return None
        pairs = (self.judged.get((found.network, name)) for name in self.comparison.ranking)
        denied = any(pair is not None and pair.measured and pair.verdict != "better" for pair in pairs)
        return None if denied else found.network

    @property
    def leaders(self) -> list[str]:
        """Those with the highest mean, more than one where means are equal."""
        accuracies = {name: mean_of(self.accuracy(name)) for name in self.comparison.ranking}
        return [name for name, mean in accuracies.items() if equal_means(mean, max(accuracies.values()))]

    def in_words(self, comparison: Comparison, of: str, against: str) -> str:
        """Of two networks under these names: a is more accurate than b (+1.2 points, 95 % CI +0.8 to +1.5)."""
        difference = points_within(comparison.points or 0.0, comparison.interval)
        judged, seeds = comparison.judged, seeds_in_words(comparison)
        if at := self.budget_of(comparison):
            difference += f",{at}"
        if judged is None:
            why = "one run has no interval" if comparison.one_run else "the runs do not vary"
            return f"{of} and {against} differ by {difference} ({seeds}); {why}, so nothing is decided"
        within = f"by less than {counted_points(self.margin)}"
        texts = {
            "better": f"{of} is more accurate than {against}"
            + (f", but {within}" if judged.smaller_than_margin else ""),
            "worse": f"{of} is less accurate than {against}"
            + (f", but {within}" if judged.smaller_than_margin else ""),
            "equivalent": f"{of} and {against} are equivalent within {counted_points(self.margin)}",
            "not decided": f"{of} against {against} is not decided",
        }
        text = f"{texts[judged.verdict]} ({difference}, {seeds})"
        if judged.verdict == "not decided":
            text += f"; {minimum_detectable(judged)}"
        return text

    def numbers_of(self, comparison: Comparison) -> dict[str, Any]:
        """For a finding: what that sentence rests on."""
        keys = ("of", "against", "seeds", "points", "interval", "verdict", "smaller_than_margin")
        record = comparison.record() | {"margin": self.margin}
        return {key: record[key] for key in (*keys, "minimum_detectable_points", "margin")}

    def finding(
        self, rule: str, text: str, numbers: dict[str, Any], data: str = CONCLUSIONS, *, timed: bool = False
    ) -> Finding:
        """A sentence about this study."""
        return Finding(text, self.key, rule, numbers, data, timed)


def compared_studies(evidence: Evidence) -> list[ComparedStudy]:
    """Every study, in the order of params.yaml."""
    differing = what_differs_in_studies(evidence.params, evidence.results)
    return [
        ComparedStudy(
            key,
            spec,
            evidence.compared[key],
            evidence.params.analysis.margin,
            evidence.summaries,
            evidence.timings,
            evidence.costs,
            differing[key],
            evidence.confirmatory,
        )
        for key, spec in evidence.params.studies.items()
    ]


def pairs_of(studies: Iterable[ComparedStudy]) -> list[tuple[ComparedStudy, Comparison]]:
    """Every comparison of the studies, each pair of networks once, with the first study that has it."""
    found: dict[frozenset[str], tuple[ComparedStudy, Comparison]] = {}
    for study in studies:
        for pair in study.pairs:
            found.setdefault(frozenset((pair.of, pair.against)), (study, pair))
    return list(found.values())


def minimum_detectable(judged: Judged) -> str:
    """The difference that most studies like this one would find, in words."""
    points = 100 * judged.detectable
    size = f"{points:.1f} points" if points <= MOST_POINTS else "more than two accuracies can differ by"
    return f"the minimum detectable difference is {size}"


def rule_of(comparison: Comparison) -> str:
    """The verdict as a part of a rule's name: ``better``, ``worse``, ``equivalent`` or ``not_decided``."""
    return (comparison.verdict or "not decided").replace(" ", "_")


def seeds_in_words(comparison: Comparison) -> str:
    """3 seeds; 3 and 2 seeds."""
    of, against = comparison.largest_seeds
    return counted(of, "seed") if of == against else f"{of} and {counted(against, 'seed')}"
