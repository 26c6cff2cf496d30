"""Everything that the report is made from, in one place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cnn_study.analysis.accuracies import Accuracies
from cnn_study.analysis.compared import Comparison, StudyComparison
from cnn_study.analysis.comparisons import Comparer, Pair
from cnn_study.analysis.costs import NOT_MEASURED, Costs
from cnn_study.analysis.results import Result
from cnn_study.analysis.summaries import Summaries, Summary, Timing, environments
from cnn_study.analysis.training_flops import training_flops
from cnn_study.data.splits import Integers
from cnn_study.evaluation.results import Pixels
from cnn_study.params.study import Params
from cnn_study.sources.prepared import Prepared
from cnn_study.training.records import Replayed


@dataclass(frozen=True)
class Evidence:
    """What the stages have found, by architecture in the order of params.yaml.

    ``labels`` (N,) of the test images, ``classes`` their names by label. ``prepared``: of all images, and
    ``duplicates`` the pixels of its pairs. ``replays``: of the architectures of section ``replay``. ``costs``: of
    their training steps.
    """

    params: Params
    labels: Integers
    classes: tuple[str, ...]
    prepared: Prepared
    results: Mapping[str, Result]
    replays: Mapping[str, Replayed]
    costs: Costs = NOT_MEASURED
    duplicates: tuple[Pixels, ...] = ()

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """The objects of metrics/summary.json."""
        return {name: Summary.of(result, self.labels, self._flops(name)) for name, result in self.results.items()}

    def _flops(self, name: str) -> int:
        recipe, shape = self.params.trainings[name].recipe, self.params.data.source.shape(len(self.classes))
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
    def accuracies(self) -> Accuracies:
        """Which test images all runs have right."""
        optimizers = {name: training.recipe.optimizer for name, training in self.params.trainings.items()}
        return Accuracies(self.results, self.labels, optimizers)

    @cached_property
    def comparer(self) -> Comparer:
        """That makes the comparisons."""
        margin = self.params.analysis.margin
        return Comparer(self.results, self.accuracies, self.classes, margin, self._run_seconds)

    @cached_property
    def confirmatory(self) -> dict[Pair, Comparison]:
        """All pairs of all studies, judged together."""
        return self.comparer.family(pair for study in self.params.studies.values() for pair in study.pairs)

    @cached_property
    def compared(self) -> dict[str, StudyComparison]:
        """Every study by its key."""
        return self.comparer.studies(self.params.studies, self.confirmatory)

    @property
    def _run_seconds(self) -> dict[str, dict[int, float]]:
        """What training takes, by measured steps, by architecture and budget, where it is known."""
        steps = {name: timing.step for name, timing in self.timings.items()}
        return {
            name: {int(budget): run.seconds for budget, run in step.runs.items()}
            for name, step in steps.items()
            if step is not None
        }

    def compare(self, pairs: Iterable[Pair]) -> list[Comparison]:
        """Pairs (of, against), except those with an architecture that is not there.

        What a study compares as well is what the study finds; the others are a family of their own.
        """
        known = [pair for pair in pairs if all(name in self.results for name in pair)]
        others = self.comparer.family(pair for pair in known if pair not in self.confirmatory)
        compared = self.confirmatory | others
        return [compared[pair] for pair in known]
