"""Everything that the report is made from, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cnn_study.analysis.comparisons import Comparison, StudyComparison, compare_all, compare_pairs
from cnn_study.analysis.results import Result, Summaries, Summary, Timing, environments
from cnn_study.data.splits import Integers
from cnn_study.evaluation.results import Pixels
from cnn_study.params.study import Params
from cnn_study.sources.prepared import Prepared
from cnn_study.training.records import Replayed


@dataclass(frozen=True)
class Evidence:
    """What the stages have found, by architecture in the order of params.yaml.

    ``labels`` (N,) of the test images, ``classes`` their names by label. ``prepared``: of all images, and
    ``duplicates`` the pixels of its pairs. ``replays``: of the architectures of section ``replay``.
    """

    params: Params
    labels: Integers
    classes: tuple[str, ...]
    prepared: Prepared
    results: Mapping[str, Result]
    replays: Mapping[str, Replayed]
    duplicates: tuple[Pixels, ...] = ()

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """The objects of metrics/summary.json."""
        return {name: Summary.of(result, self.labels) for name, result in self.results.items()}

    @property
    def summary(self) -> Summaries:
        """metrics/summary.json."""
        return Summaries(
            dataset=self.params.data.dataset, test_images=len(self.labels), architectures=self.summaries
        )

    @cached_property
    def timings(self) -> dict[str, Timing]:
        """The objects of metrics/timing.json."""
        return {name: Timing.of(result) for name, result in self.results.items()}

    @cached_property
    def environments(self) -> dict[str, Any]:
        """metrics/environment.json."""
        return environments(self.results, self.replays)

    @property
    def comparable(self) -> bool:
        """Whether all runs had the same environment."""
        return bool(self.environments["comparable"])

    @cached_property
    def compared(self) -> dict[str, StudyComparison]:
        """Every study by its key."""
        return compare_all(self.results, self.params.studies, self.labels, self.classes)

    def compare(self, pairs: tuple[tuple[str, str], ...]) -> list[Comparison]:
        """Pairs (of, against) as a family of their own, but those with an architecture that is not there."""
        return compare_pairs(self.results, pairs, self.labels, self.classes)
