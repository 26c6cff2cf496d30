"""The best network is claimed only where all others are worse, and its probability is that of the posterior."""

import numpy as np
import pytest
from scipy import stats

from cnn_study.analysis.best import Best, probability_of_best
from cnn_study.analysis.variance import Outcomes, Variance


def runs(accuracy: float, images: int = 2000, seed: int = 0, count: int = 3) -> Outcomes:
    generator = np.random.default_rng(seed)
    return Outcomes((generator.random((count, images)) < accuracy).astype(float))


def best(**accuracies: float) -> Best:
    outcomes = {name: runs(accuracy, seed=seed) for seed, (name, accuracy) in enumerate(accuracies.items())}
    found = {name: Variance(1e-4, 20.0, 3, 20.0, "any") for name in outcomes}
    return Best.of(4, outcomes, found)


def test_a_network_far_ahead_is_the_best() -> None:
    found = best(a=0.6, b=0.8, c=0.5)
    assert (found.budget, found.network, found.significant) == (4, "b", True)
    assert list(found.probability) == ["b", "a", "c"]
    assert found.probability["b"] > 0.99


def test_one_rival_is_enough_against_the_claim() -> None:
    found = best(a=0.6, b=0.8, c=0.795)
    assert not found.significant
    assert found.probability["a"] < 0.01
    assert sum(found.probability.values()) == pytest.approx(1)


def test_the_probability_of_two_is_that_of_the_t_distribution() -> None:
    # The same images are right in all runs of both but for 10, so that only the runs' variances count.
    first, second = (Outcomes(np.tile(np.arange(10_000) < right, (2, 1)).astype(float)) for right in (5010, 5000))
    variance = 2e-6
    chances = probability_of_best([first, second], [Variance(variance, 1e6, 2, 1e6, "any")] * 2)
    assert chances[0] == pytest.approx(stats.norm.cdf(0.001 / np.sqrt(variance)), abs=0.015)
    # With few degrees of freedom it is less sure.
    few = probability_of_best([first, second], [Variance(variance, 2.0, 2, 2.0, "any")] * 2)
    assert few[0] < chances[0] - 0.02


def test_images_that_networks_share_make_a_small_lead_surer() -> None:
    # Both leads are 0.5 points; in one case the rival has the same images right but for these.
    alike = [Outcomes(np.tile(np.arange(2000) < right, (3, 1)).astype(float)) for right in (1010, 1000)]
    generator = np.random.default_rng(0)
    shuffled = Outcomes(np.tile(generator.permutation(alike[1].by_image), (3, 1)))
    certain = [Variance(1e-8, 1e6, 3, 1e6, "any")] * 2
    assert probability_of_best(alike, certain)[0] > 0.97
    assert probability_of_best([alike[0], shuffled], certain)[0] < 0.75


def test_probabilities_are_the_same_each_time() -> None:
    assert best(a=0.6, b=0.61, c=0.6) == best(a=0.6, b=0.61, c=0.6)


def test_networks_between_which_nothing_tells_share_the_probability() -> None:
    same = Outcomes(np.ones((2, 40)))
    nothing = Variance(0.0, 1.0, 2, 4.0, "any")
    assert probability_of_best([same] * 4, [nothing] * 4) == [0.25] * 4
    found = Best.of(2, {"a": same, "b": same}, {"a": nothing, "b": nothing})
    assert (found.p_value, found.significant) == (1, False)
