"""Networks compared: what is kept of a difference in test accuracy, of a pair and of a study."""

from dataclasses import asdict, dataclass
from typing import Any

from cnn_study.analysis.best import Best
from cnn_study.analysis.verdicts import Judged, Verdict


@dataclass(frozen=True)
class AccuracyDifference:
    """``of`` minus ``against`` at one ``budget``, in percentage points, not rounded.

    ``seeds``: how many runs of each. With one of either there is no ``interval``, of 95 %, and no ``p_value``, of
    no difference; both are of this comparison alone.
    """

    budget: int
    seeds: tuple[int, int]
    points: float
    interval: tuple[float, float] | None
    p_value: float | None

    @property
    def one_run(self) -> bool:
        """Whether one of the two has a single run."""
        return min(self.seeds) < 2


@dataclass(frozen=True)
class Change:
    """The difference at the largest budget minus that at a smaller ``budget``, in percentage points.

    Taken within seeds, since the runs of a seed share their beginning. ``stable``: the 95 % ``interval`` lies
    within the margin. ``reversed``: the two differences have opposite signs, and their intervals and that of the
    change leave out zero (an intersection-union test; Berger, 1982).
    """

    budget: int
    points: float
    interval: tuple[float, float] | None
    stable: bool
    reversed: bool


@dataclass(frozen=True)
class Comparison:
    """``of`` against ``against``.

    ``largest``: the difference at the largest budget that both were trained to; None where there is no such, or
    one of the two has not trained: then nothing is compared. ``smaller`` and ``changes``: at smaller budgets to
    which both have trained, the smallest first. ``judged``: what is shown, in its family; None without an
    interval.
    """

    of: str
    against: str
    largest: AccuracyDifference | None
    judged: Judged | None
    smaller: tuple[AccuracyDifference, ...]
    changes: tuple[Change, ...]
    classes: dict[str, float]  # mean difference in points for each class that has test images

    @property
    def verdict(self) -> Verdict | None:
        """In its family."""
        return None if self.judged is None else self.judged.verdict

    @property
    def significant(self) -> bool:
        """Whether the two differ, corrected for the number of pairs."""
        return self.verdict in ("better", "worse")

    @property
    def measured(self) -> bool:
        """Whether there is a difference: both networks have trained, to a budget that both have."""
        return self.largest is not None

    @property
    def one_run(self) -> bool:
        """Whether one of the two has a single run, of which there is no interval."""
        return self.largest is not None and self.largest.one_run

    @property
    def points(self) -> float | None:
        """The difference at the largest budget."""
        return None if self.largest is None else self.largest.points

    @property
    def largest_seeds(self) -> tuple[int, int]:
        """How many runs of each there are at the largest budget."""
        return (0, 0) if self.largest is None else self.largest.seeds

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95 % interval, of this comparison alone."""
        return None if self.largest is None else self.largest.interval

    def record(self) -> dict[str, Any]:
        """As metrics/conclusions.json has it."""
        kept = asdict(self)
        largest = kept.pop("largest") or dict.fromkeys(AccuracyDifference.__annotations__)
        judged = kept.pop("judged") or dict.fromkeys(Judged.__annotations__)
        detectable = judged.pop("detectable")
        judged["minimum_detectable_points"] = None if detectable is None else 100 * detectable
        return {"of": kept.pop("of"), "against": kept.pop("against"), **largest, **judged, **kept}


@dataclass(frozen=True)
class StudyComparison:
    """A study's architectures, compared."""

    study: str  # its key in params.studies
    budget: int | None  # the largest that all members have which trained to their own; None where there is no such
    ranking: list[str]  # those that trained to it or, without one, to their own, highest mean accuracy first
    not_ranked: dict[str, str]  # statuses of the other members: at their own largest budget, or else at that one
    against_baseline: list[Comparison]  # every member but the baseline, in the order of the study
    controls: list[Comparison]  # in the order of the study
    best: Best | None  # of the ranked, at the largest budget that all have; None of fewer than two
    pareto: list[str]  # of the ranked those that are worth the cost of a run, cheapest first

    @property
    def by_kind(self) -> list[tuple[str, Comparison]]:
        """Every comparison, each with its kind: ``baseline`` or ``control``."""
        return [
            *(("baseline", pair) for pair in self.against_baseline),
            *(("control", pair) for pair in self.controls),
        ]

    @property
    def pairs(self) -> list[Comparison]:
        """Every comparison, each pair of networks once, the way round in which it stands first."""
        found: dict[frozenset[str], Comparison] = {}
        for _, pair in self.by_kind:
            found.setdefault(frozenset((pair.of, pair.against)), pair)
        return list(found.values())

    def record(self) -> dict[str, Any]:
        """As metrics/conclusions.json has it: without what a clock measured."""
        return {
            "study": self.study,
            "budget": self.budget,
            "ranking": self.ranking,
            "not_ranked": self.not_ranked,
            "against_baseline": [comparison.record() for comparison in self.against_baseline],
            "controls": [comparison.record() for comparison in self.controls],
            "best": None if self.best is None else asdict(self.best),
        }
