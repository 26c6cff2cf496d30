"""Verdicts on many pairs of networks at once: no more than 5 % of studies have a wrong one among them.

Of each pair two things can be shown: that the two differ, and that they differ by less than a margin. At most
one of the two null hypotheses, "no difference" and "a difference of the margin or more", is true, so that a pair
takes one place among the comparisons, not two (as in Goeman, Solari and Stijnen, 2010).

The p-values are corrected by Holm's procedure (1979) in its closed form (Marcus, Peritz and Gabriel, 1976): a
hypothesis is rejected if every set of hypotheses that may all be true, and of which it is one, is rejected by
Bonferroni's inequality. Such a set has at most one hypothesis of each pair. So each pair stands among the
others' comparisons with the larger of its two p-values: it gives its place free only when nothing of it may be
true any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cnn_study.analysis.statistics import LEVEL
from cnn_study.analysis.variance import Contrast

Verdict = Literal["better", "worse", "equivalent", "not decided"]


def opposite(verdict: Verdict) -> Verdict:
    """Of the same pair, the second against the first."""
    reversed_: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}
    return reversed_.get(verdict, verdict)


@dataclass(frozen=True)
class Judged:
    """What is shown of a pair, and how surely.

    ``p_different`` and ``p_equivalent`` are corrected for the number of pairs. ``smaller_than_margin``: whether
    that is shown. ``level``: that a p-value of this pair, not corrected, is compared with. ``detectable``: the
    minimum detectable difference at this level, as a fraction.
    """

    verdict: Verdict
    smaller_than_margin: bool
    p_different: float
    p_equivalent: float
    level: float
    detectable: float


def judge(contrasts: Sequence[Contrast], margin: float) -> list[Judged]:
    """A family of pairs, each named once, with ``margin`` as a fraction."""
    p_values = [(one.p_different(), one.p_equivalent(margin)) for one in contrasts]
    places = [max(both) for both in p_values]
    found = []
    for place, (contrast, (different, equivalent)) in enumerate(zip(contrasts, p_values, strict=True)):
        others = sorted((*places[:place], *places[place + 1 :]), reverse=True)
        corrected = _corrected(different, others), _corrected(equivalent, others)
        level = _level(others)
        found.append(
            Judged(
                _verdict(contrast.difference, *corrected),
                corrected[1] < LEVEL,
                *corrected,
                level,
                contrast.detectable(level),
            )
        )
    return found


def _verdict(difference: float, p_different: float, p_equivalent: float) -> Verdict:
    if p_different < LEVEL and difference:
        return "better" if difference > 0 else "worse"
    return "equivalent" if p_equivalent < LEVEL else "not decided"


def _corrected(p_value: float, others: Sequence[float]) -> float:
    """The largest p-value of all sets with this hypothesis; ``others``: the other pairs' larger ones, falling."""
    smallest = [min(p_value, other) for other in (1.0, *others)]
    return min(1.0, max(count * smaller for count, smaller in enumerate(smallest, start=1)))


def _level(others: Sequence[float]) -> float:
    """The p-value, not corrected, below which a hypothesis is rejected, given the other pairs'."""
    # Of all sets of one size, that with the largest p-values is the last to be rejected by the others in it.
    levels = [LEVEL / (count + 1) for count in range(len(others) + 1)]
    return min(level for level, p_value in zip(levels, [1.0, *others], strict=True) if p_value >= level)
