"""What is known of one study, and how a comparison in it is put into words.

A sentence says that one network is more accurate than another only where the difference is significant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cnn_study.analysis.comparisons import Comparison, StudyComparison
from cnn_study.analysis.costs import Costs, RunCost
from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.results import Summary, Timing
from cnn_study.analysis.statistics import Estimate
from cnn_study.analysis.variance import POWER
from cnn_study.params.study import Study
from cnn_study.report.kit.findings import CONCLUSIONS, Finding
from cnn_study.report.kit.wording import counted, named, points_within, round_percent

VERDICTS = {True: "told apart", False: "not told apart"}


@dataclass(frozen=True)
class ComparedStudy:
    """A study: its ``key`` and ``spec`` in params.yaml, and what came of it.

    ``summary`` and ``timing``: the objects of metrics/summary.json and timing.json by architecture. ``costs``: of
    training steps, where times are compared.
    """

    key: str
    spec: Study
    comparison: StudyComparison
    summary: Mapping[str, Summary]
    timing: Mapping[str, Timing]
    costs: Costs

    def name(self, architecture: str) -> str:
        """As the study shows it, to stand in a sentence."""
        return named(architecture, self.spec)

    def accuracy(self, architecture: str) -> Estimate:
        """Mean test accuracy with its interval, 0 to 1."""
        return self.summary[architecture].test_accuracy

    def run(self, architecture: str) -> RunCost | None:
        """What training to its largest budget costs; None where no run came to its end, or none was measured."""
        step = self.timing[architecture].step
        return None if step is None else step.runs.get(str(self.summary[architecture].budget))

    def against_baseline(self, architecture: str) -> Comparison | None:
        """None for the baseline itself, and where nothing was compared."""
        pairs = self.comparison.against_baseline
        return next((pair for pair in pairs if pair.of == architecture and is_measured(pair)), None)

    def finding(
        self, rule: str, text: str, numbers: dict[str, Any], data: str = CONCLUSIONS, *, timed: bool = False
    ) -> Finding:
        """A sentence about this study."""
        return Finding(text, self.key, rule, numbers, data, timed)


def compared_studies(evidence: Evidence) -> list[ComparedStudy]:
    """Every study, in the order of params.yaml."""
    return [
        ComparedStudy(key, spec, evidence.compared[key], evidence.summaries, evidence.timings, evidence.costs)
        for key, spec in evidence.params.studies.items()
    ]


def is_measured(comparison: Comparison) -> bool:
    """Whether both networks have trained."""
    return comparison.points is not None


def relation_of(comparison: Comparison) -> str:
    """One of ``better``, ``worse``, ``not_told``: better and worse are significant."""
    if not comparison.significant or not comparison.points:
        return "not_told"
    return "better" if comparison.points > 0 else "worse"


def in_words(comparison: Comparison, of: str, against: str) -> str:
    """``of`` is more accurate than ``against`` (+1.2 [+0.8, +1.5] points, 3 seeds), or whatever the test says."""
    relations = {
        "better": "is more accurate than",
        "worse": "is less accurate than",
        "not_told": "cannot be told from",
    }
    relation = relation_of(comparison)
    difference = points_within(comparison.points or 0.0, comparison.interval)
    text = f"{of} {relations[relation]} {against} ({difference}, {counted(comparison.seeds, 'seed')})"
    if relation == "not_told":
        if comparison.interval and not comparison.interval[0] <= 0 <= comparison.interval[1]:
            text += ": its interval leaves out zero, but not once corrected for the number of comparisons"
        text += f"; {_seeds_needed(comparison)}"
    return text


def _seeds_needed(comparison: Comparison) -> str:
    tells = "would tell a difference of one point"
    if comparison.images_forbid:
        return f"no number of seeds {tells} with these test images"
    if comparison.seeds_to_tell is None:
        return f"how many seeds {tells} is not known" + (" with one seed" if comparison.seeds == 1 else "")
    seeds = counted(comparison.seeds_to_tell, "seed")
    return f"{seeds} {tells} in {round_percent(POWER)} of studies, before correction"


def numbers_of(comparison: Comparison) -> dict[str, Any]:
    """For a finding: what the sentence that ``in_words`` gives rests on."""
    keys = ("of", "against", "seeds", "points", "interval", "told_apart", "seeds_to_tell", "images_forbid")
    record = comparison.record()
    return {key: record[key] for key in keys} | {"power": POWER}
