"""Verdicts of a family are those of the closed procedure, in which a pair has one place."""

from itertools import product

import numpy as np
import pytest

from cnn_study.analysis.variance import Contrast
from cnn_study.analysis.verdicts import judge

MARGIN, ERROR = 0.01, 0.002


def family(*differences: float, error: float = ERROR) -> list[Contrast]:
    """Differences that are known with many degrees of freedom."""
    return [Contrast(difference, error**2, 1000) for difference in differences]


def by_hand(contrasts: list[Contrast], place: int, kind: int) -> float:
    """The largest p-value, by Bonferroni, of all sets with a hypothesis and at most one of each other pair."""
    p_values = [(one.p_different(), one.p_equivalent(MARGIN)) for one in contrasts]
    corrected = 0.0
    for chosen in product((None, 0, 1), repeat=len(contrasts)):
        if chosen[place] == kind:
            members = [p_values[of][which] for of, which in enumerate(chosen) if which is not None]
            corrected = max(corrected, min(1.0, len(members) * min(members)))
    return corrected


def test_p_values_are_corrected_as_by_going_through_all_sets_of_hypotheses() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        contrasts = family(*(float(d) for d in generator.normal(scale=0.008, size=4)))
        for place, found in enumerate(judge(contrasts, MARGIN)):
            assert found.p_different == pytest.approx(by_hand(contrasts, place, 0))
            assert found.p_equivalent == pytest.approx(by_hand(contrasts, place, 1))


def test_a_pair_that_is_shown_to_differ_by_less_than_the_margin_gives_its_place_free() -> None:
    # Of the first nothing can be true any more; the second may still be equivalent or not.
    small, large, open_ = family(0.005, 0.03, 0.0045, error=0.001)
    both = judge([small, open_], MARGIN)
    assert (both[0].verdict, both[0].smaller_than_margin) == ("better", True)
    assert both[1].level == pytest.approx(0.05)
    assert judge([large, open_], MARGIN)[1].level == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("difference", "verdict", "small"),
    [
        (0.02, "better", False),
        (-0.02, "worse", False),
        (0.0058, "better", True),
        (-0.0058, "worse", True),
        (0.0, "equivalent", True),
        (0.0035, "equivalent", True),
    ],
)
def test_verdicts(difference: float, verdict: str, small: bool) -> None:
    (found,) = judge(family(difference), MARGIN)
    assert (found.verdict, found.smaller_than_margin) == (verdict, small)


def test_what_shows_neither_is_not_decided() -> None:
    (found,) = judge(family(0.005, error=0.004), MARGIN)
    assert (found.verdict, found.smaller_than_margin) == ("not decided", False)


def test_the_level_is_the_one_that_decides() -> None:
    generator = np.random.default_rng(1)
    for _ in range(50):
        contrasts = family(*(float(d) for d in generator.normal(scale=0.006, size=5)))
        for one, found in zip(contrasts, judge(contrasts, MARGIN), strict=True):
            assert (one.p_different() < found.level) == (found.p_different < 0.05)
            assert (one.p_equivalent(MARGIN) < found.level) == (found.p_equivalent < 0.05)
            assert found.detectable == one.detectable(found.level)


def test_an_empty_family_has_no_verdicts() -> None:
    assert judge([], MARGIN) == []
