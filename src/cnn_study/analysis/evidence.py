"""Everything that the report is made from, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cnn_study.analysis.comparisons import Comparison, StudyComparison, compare_all, compare_pairs
from cnn_study.analysis.costs import NOT_MEASURED, Costs
from cnn_study.analysis.results import Result, Summaries, Summary, Timing, environments
from cnn_study.cost.flops import training_flops
from cnn_study.data.splits import Integers
from cnn_study.params.study import Params
from cnn_study.training.records import Replayed


@dataclass(frozen=True)
class Evidence:
    """What the stages have found, by architecture in the order of params.yaml.

    ``labels`` (N,) of the test images, ``classes`` their names by label. ``replays``: of the architectures of
    section ``replay``. ``costs``: of their training steps.
    """

    params: Params
    labels: Integers
    classes: tuple[str, ...]
    results: Mapping[str, Result]
    replays: Mapping[str, Replayed]
    costs: Costs = NOT_MEASURED

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """The objects of metrics/summary.json."""
        return {name: Summary.of(result, self.labels, self._flops(name)) for name, result in self.results.items()}

    def _flops(self, name: str) -> int:
        recipe, shape = self.params.trainings[name].recipe, self.params.data.source.shape
        return training_flops(self.params.architectures[name], shape, recipe.optimizer, recipe.batch_size)

    @property
    def summary(self) -> Summaries:
        """metrics/summary.json."""
        return Summaries(
            dataset=self.params.data.dataset, test_images=len(self.labels), architectures=self.summaries
        )

    @cached_property
    def timings(self) -> dict[str, Timing]:
        """The objects of metrics/timing.json."""
        return {name: Timing.of(result, self.costs) for name, result in self.results.items()}

    @cached_property
    def environments(self) -> dict[str, Any]:
        """metrics/environment.json."""
        return environments(self.results, self.replays, self.costs)

    @property
    def comparable(self) -> bool:
        """Whether all runs had the same environment."""
        return bool(self.environments["comparable"])

    @cached_property
    def compared(self) -> dict[str, StudyComparison]:
        """Every study by its key."""
        return compare_all(self.results, self.params.studies, self.labels, self.classes, self._run_seconds)

    @property
    def _run_seconds(self) -> dict[str, float]:
        """What training to the largest budget takes, by measured steps, where it is known."""
        steps = {name: timing.step for name, timing in self.timings.items()}
        budgets = {name: str(result.budget) for name, result in self.results.items()}
        return {
            name: step.runs[budgets[name]].seconds
            for name, step in steps.items()
            if step is not None and budgets[name] in step.runs
        }

    def compare(self, pairs: tuple[tuple[str, str], ...]) -> list[Comparison]:
        """Pairs (of, against) as a family of their own, but those with an architecture that is not there."""
        return compare_pairs(self.results, pairs, self.labels, self.classes)
