"""In studies drawn from real runs, verdicts are wrong as seldom as they say, intervals hold the truth as often.

What the document says of more studies is what simulated_studies.json shows.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from benchmarks.simulated_studies import (
    NETWORKS,
    RESULTS,
    UNEQUAL_SEEDS,
    Population,
    best,
    error_rates,
    in_words,
    power,
    real_runs,
    rows,
)
from cnn_study.analysis.variance import Outcomes
from cnn_study.base.files import read_json
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.long


@cache
def rates(kind: str, seeds: int) -> Mapping[str, Any]:
    return error_rates(kind, [seeds] * NETWORKS, count=150)


def test_the_drawn_studies_are_like_the_real_one() -> None:
    real = real_runs()
    population = Population([0.0] * len(real), [1.0] * len(real))
    drawn = population.study(np.random.default_rng(0), [3] * len(real), 10_000)
    for part in (image_part, shared):
        of_drawn, of_real = part(list(drawn.values())), part(list(real.values()))
        assert of_drawn == pytest.approx(of_real, rel=0.3)


def image_part(networks: Sequence[Outcomes]) -> float:
    return float(np.mean([one.image_part for one in networks]))


def shared(networks: Sequence[Outcomes]) -> float:
    """The variance of a difference that comes from the choice of images."""
    pairs = list(combinations(networks, 2))
    of_means = [(of.by_image - against.by_image).var(ddof=1) / of.images for of, against in pairs]
    of_runs = [of.image_part / of.runs + against.image_part / against.runs for of, against in pairs]
    return float(np.mean(np.subtract(of_means, of_runs)))


# One test for each kind, since studies drawn once serve both assertions.
@pytest.mark.parametrize(
    ("kind", "most"),
    [
        pytest.param("equal", 0.06, marks=pytest.mark.thorough),
        pytest.param("moderately unequal", 0.06, marks=pytest.mark.thorough),
        ("strongly unequal", 0.08),
    ],
)
def test_few_studies_have_a_wrong_verdict_and_intervals_hold_the_truth_in_93_to_97_percent(
    kind: str, most: float
) -> None:
    found = {seeds: rates(kind, seeds) for seeds in (2, 3, 4, 5)}
    wrong = np.mean([one["with_a_wrong_verdict"] for one in found.values()])
    studies = sum(one["studies"] for one in found.values())
    chance = np.sqrt(most * (1 - most) / studies)  # the standard error of such a share
    assert wrong <= most + 2 * chance
    assert {seeds: one["held"] for seeds, one in found.items() if not 0.93 <= one["held"] <= 0.97} == {}


@pytest.mark.thorough
def test_of_unequal_seeds_the_same_holds_and_a_variable_network_in_three_pairs_makes_more_wrong() -> None:
    assert error_rates("equal", UNEQUAL_SEEDS, count=150)["with_a_wrong_verdict"] <= 0.06 + 2 * 0.02
    found = rates("strongly unequal, in three pairs", 3)
    assert 0.05 <= found["with_a_wrong_verdict"] <= 0.15
    assert found["held_of_most_variable"] <= 0.93


def test_intervals_of_the_most_variable_network_hold_less_often_and_how_often() -> None:
    assert 0.75 <= rates("strongly unequal", 3)["held_of_most_variable"] <= 0.93


def test_a_difference_of_one_point_is_found_with_three_seeds() -> None:
    found = power(25)
    assert found["alone"] >= 0.9
    assert 0.55 <= found["together"] <= 0.9
    # What is said to be detectable in 80 % of studies is near the point that is found in about as many.
    assert 100 * found["detectable"] == pytest.approx(1, abs=0.15)


def test_a_network_that_is_probably_the_best_is_the_best_as_often_as_that_says() -> None:
    found = best(150)
    assert found["with_one"] >= 20
    assert found["right"] >= 0.8 * found["with_one"]


def test_the_document_says_what_was_simulated() -> None:
    results = read_json(REPOSITORY / RESULTS)
    document = (REPOSITORY / "docs/statistics.md").read_text(encoding="utf-8")
    assert [row for row in rows(results) if row not in document.splitlines()] == []
    assert in_words(results) in " ".join(document.split())
