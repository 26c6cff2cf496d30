"""Variances of few runs are moderated by one another; an outlier neither decides for the others nor joins them."""

from math import inf

import numpy as np
import numpy.typing as npt
import pytest

from cnn_study.analysis.moderation import FEWEST, can_be_moderated, moderated, prior

Floats = npt.NDArray[np.float64]

NETWORKS, OWN = 15, 2  # degrees of freedom of three runs


def drawn(generator: np.random.Generator, common_freedom: float = inf) -> Floats:
    """Variances of three runs each, whose true ones are 1, or distributed with so many degrees of freedom."""
    true = np.ones(NETWORKS)
    if common_freedom != inf:
        true = common_freedom / generator.chisquare(common_freedom, NETWORKS)
    return true * generator.chisquare(OWN, NETWORKS) / OWN


def test_the_common_variance_and_its_degrees_of_freedom_are_those_of_limma() -> None:
    # By R, limma 3.54.1: f <- fitFDistRobustly(variances, 2); f$scale, f$df2.
    variances = [0.1, 2.7, 0.6, 1.9, 0.2, 3.4, 1.2, 0.9, 0.15, 2.5, 0.7, 2.2, 0.4, 80, 4.1]
    common = prior(np.array(variances), np.full(len(variances), 2.0))
    assert common.scale == pytest.approx(1.552912, rel=1e-6)
    assert common.freedom.max() == pytest.approx(7.808692, rel=1e-6)
    # Only the outlier has fewer.
    assert list(common.freedom < common.freedom.max()) == [variance == 80 for variance in variances]


@pytest.mark.parametrize("outlier", [0.2, 40])
def test_variances_that_differ_by_chance_have_endless_degrees_of_freedom_in_common(outlier: float) -> None:
    # By limma as well.
    variances = [0.4, 1.7, 0.9, outlier, 2.1, 1.1, 0.6, 1.4, 0.8, 0.3, 1.2, 2.6]
    common = prior(np.array(variances), np.full(len(variances), 2.0))
    assert [freedom == inf for freedom in common.freedom] == [variance < 40 for variance in variances]
    assert common.variance == pytest.approx(
        np.mean([variance for variance in variances if variance < 40]), rel=0.02
    )


def test_equal_variances_are_found_to_be_equal() -> None:
    generator = np.random.default_rng(0)
    found = [moderated([float(v) for v in drawn(generator)], [OWN] * NETWORKS) for _ in range(200)]
    assert np.mean([one[0].freedom > 20 for one in found]) > 0.5
    assert np.mean([one.variance for of_study in found for one in of_study]) == pytest.approx(1, abs=0.05)


def test_variances_that_differ_are_found_to_differ() -> None:
    generator = np.random.default_rng(0)
    found = [prior(drawn(generator, 2), np.full(NETWORKS, float(OWN))) for _ in range(200)]
    assert np.median([common.scale for common in found]) == pytest.approx(1, abs=0.25)
    assert np.median([common.freedom.max() for common in found]) < 5


def test_an_outlier_keeps_its_variance_and_changes_little_for_the_others() -> None:
    variances = [float(variance) for variance in drawn(np.random.default_rng(1))]
    before = moderated(variances, [OWN] * NETWORKS)
    after = moderated([*variances[:3], 40.0, *variances[4:]], [OWN] * NETWORKS)
    assert after[3].variance > 15
    assert after[3].freedom < 4
    others = [one.variance for place, one in enumerate(after) if place != 3]
    # A plain mean of all would be 3.6.
    assert np.mean(others) == pytest.approx(np.mean([one.variance for one in before]), rel=0.4)


def test_none_has_more_degrees_of_freedom_than_all_have_together() -> None:
    generator = np.random.default_rng(2)
    freedoms = [1, 1, 2, 2, 3, 4]
    for _ in range(20):
        variances = [float(generator.chisquare(freedom) / freedom) for freedom in freedoms]
        found = moderated(variances, freedoms)
        assert all(own <= one.freedom <= sum(freedoms) for own, one in zip(freedoms, found, strict=True))
        assert all(min(variances) <= one.variance <= max(variances) for one in found)


def test_few_variances_or_many_that_are_zero_cannot_be_moderated() -> None:
    assert not can_be_moderated([1.0] * (FEWEST - 1))
    assert can_be_moderated([1.0] * FEWEST)
    assert not can_be_moderated([0.0, 0.0, 0.0, 1.0, 1.0])
    assert can_be_moderated([0.0, 0.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("zeros", [1, 2, 3])
def test_runs_that_happen_to_agree_have_a_variance_all_the_same(zeros: int) -> None:
    found = moderated([0.0] * zeros + [1.0] * (6 - zeros), [OWN] * 6)
    assert all(np.isfinite(one.variance) and one.variance > 0 for one in found)
    assert all(one.freedom >= OWN for one in found)
