"""The variance of a difference is that of its draws, each part is what it says, and intervals follow from it."""

import numpy as np
import pytest
from scipy import stats

from cnn_study.analysis.variance import Contrast, Floats, Outcomes, Variance, pools_of, variances

IMAGES = 400


def right(generator: np.random.Generator, chances: Floats, runs: int) -> Outcomes:
    """Runs that have each image right with its chance (N,), independently."""
    return Outcomes((generator.random((runs, len(chances))) < chances).astype(float))


def contrast(of: Outcomes, against: Outcomes) -> Contrast:
    outcomes = {"of": of, "against": against}
    found = variances(outcomes, dict.fromkeys(outcomes, "pool"))
    return Contrast.of(of, against, found["of"], found["against"])


def test_the_variance_is_that_of_studies_with_new_runs_and_new_images() -> None:
    generator = np.random.default_rng(0)
    differences, found = [], []
    for _ in range(3000):
        ease = generator.random(IMAGES)
        own, other = (
            right(generator, np.clip(ease + 0.3 * generator.normal(size=IMAGES), 0, 1), runs) for runs in (3, 2)
        )
        seen = [Variance(one.between, one.runs - 1, one.runs, 3, "any") for one in (own, other)]
        one = Contrast.of(own, other, *seen)
        differences.append(one.difference)
        found.append(one.variance)
    assert np.mean(found) / np.var(differences) == pytest.approx(1, abs=0.08)


def test_the_variance_of_a_change_of_differences_is_that_of_studies_with_new_runs_and_new_images() -> None:
    generator = np.random.default_rng(3)
    changes, found = [], []
    for _ in range(3000):
        ease = generator.random(IMAGES)
        four = [
            right(generator, np.clip(ease + 0.3 * generator.normal(size=IMAGES), 0, 1), runs)
            for runs in (3, 2, 3, 2)
        ]
        seen = [Variance(one.between, one.runs - 1, one.runs, 6, "any") for one in four]
        one = Contrast.of_sum(list(zip((1, -1, -1, 1), four, seen, strict=True)))
        changes.append(one.difference)
        found.append(one.variance)
    assert np.mean(changes) == pytest.approx(0, abs=0.002)
    assert np.mean(found) / np.var(changes) == pytest.approx(1, abs=0.08)


def test_runs_that_differ_by_chance_alone_vary_by_the_image_part() -> None:
    generator = np.random.default_rng(1)
    runs = [right(generator, generator.random(IMAGES), 5) for _ in range(300)]
    between = np.mean([one.between for one in runs])
    assert between == pytest.approx(np.mean([one.image_part for one in runs]), rel=0.1)


def test_networks_without_spread_between_seeds_are_as_uncertain_as_the_images() -> None:
    # 60 images only the first has right, 100 only the second, in every run alike: McNemar's variance, unbiased.
    images = np.arange(1000)
    first, second = np.tile(images < 500, (3, 1)), np.tile((images >= 60) & (images < 600), (3, 1))
    found = contrast(Outcomes(second.astype(float)), Outcomes(first.astype(float)))
    error = np.sqrt((160 - 40**2 / 1000) / (1000 * 999))
    half = stats.t.ppf(0.975, 999) * error
    assert found.interval() == pytest.approx((0.04 - half, 0.04 + half))
    assert found.p_different() == pytest.approx(2 * stats.t.sf(0.04 / error, 999))


def test_runs_that_happen_to_agree_are_as_uncertain_as_their_luck_with_the_images() -> None:
    # Each run of both has 500 of 1000 images right, others each time.
    generator = np.random.default_rng(2)
    half = np.arange(1000) < 500
    of, against = (
        Outcomes(np.array([generator.permutation(half) for _ in range(3)], dtype=float)) for _ in range(2)
    )
    assert of.between == against.between == 0
    assert contrast(of, against).error == pytest.approx(np.sqrt(0.25 / 1000 * 2 / 3), rel=0.1)


@pytest.mark.parametrize("right", [50, 52, 100])
def test_where_nothing_varies_nothing_is_shown(right: int) -> None:
    of, against = (Outcomes(np.tile(np.arange(100) < count, (2, 1)).astype(float)) for count in (right, right))
    found = contrast(of, against)
    assert (found.difference, found.variance) == (0, 0)
    assert (found.p_different(), found.p_equivalent(0.01), found.detectable(0.05)) == (1, 1, np.inf)


def test_runs_that_agree_too_often_to_be_moderated_are_as_uncertain_as_their_luck_with_the_images() -> None:
    generator = np.random.default_rng(7)
    outcomes = {
        f"network {n}": Outcomes(np.array([generator.permutation(40) < 30 for _ in range(2)], dtype=float))
        for n in range(6)
    }
    found = variances(outcomes, dict.fromkeys(outcomes, "any"))
    assert max(one.between for one in outcomes.values()) < 1e-20
    assert all(found[name].value == one.image_part > 0 for name, one in outcomes.items())
    (pool,) = pools_of(outcomes, dict.fromkeys(outcomes, "any")).values()
    assert not pool.moderated


def test_a_pool_lends_degrees_of_freedom_and_never_more_than_it_has() -> None:
    generator = np.random.default_rng(3)
    outcomes = {f"network {n}": right(generator, np.full(IMAGES, 0.7), 3) for n in range(8)}
    pooled = variances(outcomes, dict.fromkeys(outcomes, "muon"))
    assert {one.most for one in pooled.values()} == {16}
    assert all(2 < one.freedom <= 16 for one in pooled.values())
    # Of another optimizer there are too few.
    apart = variances(outcomes, {name: "adamw" if n < 2 else "muon" for n, name in enumerate(outcomes)})
    assert (apart["network 0"].freedom, apart["network 0"].most) == (2, 4)
    assert apart["network 0"].value == max(outcomes["network 0"].between, outcomes["network 0"].image_part)


def test_what_two_networks_share_is_known_only_once() -> None:
    outcomes = right(np.random.default_rng(4), np.full(IMAGES, 0.7), 3)
    alone, shared = (Variance(1e-3, 10.0, 3, 10.0, pool) for pool in ("own", "shared"))
    other = Variance(1e-3, 10.0, 3, 10.0, "shared")
    # Images add next to nothing to these.
    assert Contrast.of(outcomes, outcomes, alone, other).freedom == pytest.approx(20, rel=0.02)
    assert Contrast.of(outcomes, outcomes, shared, other).freedom == pytest.approx(10, rel=0.02)


def test_no_pool_lends_degrees_of_freedom_to_another() -> None:
    outcomes = right(np.random.default_rng(4), np.full(IMAGES, 0.7), 3)
    own, of_others = Variance(1e-3, 8.0, 3, 8.0, "muon"), Variance(1e-9, 2.0, 3, 50.0, "adamw")
    pair = [(1, outcomes, own), (-1, outcomes, own)]
    others = [(-1, outcomes, of_others), (1, outcomes, of_others)]
    assert Contrast.of_sum(pair).freedom == pytest.approx(8, rel=0.02)
    assert Contrast.of_sum([*pair, *others]).freedom == pytest.approx(8, rel=0.02)


def test_a_pool_says_whether_its_variances_are_equal() -> None:
    generator = np.random.default_rng(5)
    equal = {f"network {n}": right(generator, np.full(IMAGES, 0.7), 3) for n in range(8)}
    unequal = {
        name: Outcomes(np.array([np.roll(np.arange(IMAGES) < 100 * run, run) for run in range(1, 4)], dtype=float))
        if name == "network 0"
        else one
        for name, one in equal.items()
    }
    p_values = [
        pool.equal
        for outcomes in (equal, unequal)
        for pool in pools_of(outcomes, dict.fromkeys(outcomes, "any")).values()
    ]
    assert p_values[0] is not None
    assert p_values[1] is not None
    assert p_values[0] > 0.05 > p_values[1]


def test_equivalence_is_shown_where_both_ends_of_the_90_percent_interval_are_within_the_margin() -> None:
    found = Contrast(0.004, 0.003**2, 20)
    half = float(stats.t.ppf(0.95, 20)) * found.error
    assert found.p_equivalent(0.004 + 1.001 * half) < 0.05 < found.p_equivalent(0.004 + 0.999 * half)
    assert Contrast(-0.004, 0.003**2, 20).p_equivalent(0.01) == found.p_equivalent(0.01)


@pytest.mark.parametrize("level", [0.05, 0.0025])
def test_a_detectable_difference_is_detected_in_80_percent_of_studies(level: float) -> None:
    generator = np.random.default_rng(6)
    freedom, variance = 12, 0.003**2
    true = Contrast(0.0, variance, freedom).detectable(level)
    draws = 20_000
    seen = true + np.sqrt(variance) * generator.normal(size=draws)
    estimated = variance * generator.chisquare(freedom, draws) / freedom
    found = [
        Contrast(float(difference), float(of), freedom).p_different() < level
        for difference, of in zip(seen[:4000], estimated[:4000], strict=True)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.02)
