"""Everything that the report is made from, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cnn_study.analysis.comparisons import Comparison, StudyComparison, compare_all, compare_pairs
from cnn_study.analysis.evaluation import Evaluation
from cnn_study.analysis.results import Result, summary, timing
from cnn_study.data.splits import Split
from cnn_study.params.study import Params


@dataclass(frozen=True)
class Evidence:
    """What the stages have found, by architecture in the order of params.yaml.

    ``replays``: of the architectures of its section, what the stage replay has written. ``comparable``: whether
    all runs had the same environment.
    """

    params: Params
    test: Split
    results: Mapping[str, Result]
    evaluations: Mapping[str, Evaluation]
    replays: Mapping[str, Mapping[str, Any]]
    comparable: bool

    @cached_property
    def summaries(self) -> dict[str, dict[str, Any]]:
        """The objects of metrics/summary.json."""
        return {name: summary(result, self.test.labels) for name, result in self.results.items()}

    @cached_property
    def timings(self) -> dict[str, dict[str, Any]]:
        """The objects of metrics/timing.json."""
        return {name: timing(result) for name, result in self.results.items()}

    @cached_property
    def compared(self) -> dict[str, StudyComparison]:
        """Every study by its key."""
        return compare_all(self.results, self.params.studies, self.test.labels, self.test.classes)

    def compare(self, pairs: tuple[tuple[str, str], ...]) -> list[Comparison]:
        """Pairs (of, against) as a family of their own, but those with an architecture that is not there."""
        return compare_pairs(self.results, pairs, self.test.labels, self.test.classes)
