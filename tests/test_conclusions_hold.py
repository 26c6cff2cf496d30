"""In studies drawn from real runs, verdicts are wrong as seldom as they say, intervals hold the truth as often."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from cnn_study.analysis.best import probability_of_best
from tests.study_simulation import Analysis, Population, real_runs

pytestmark = pytest.mark.long

NETWORKS = 7
PAIRS = tuple(combinations(range(NETWORKS), 2))[:20]  # as many as the study compares
IMAGES, STUDIES = 2000, 250  # for error rates; for power as many images as CIFAR-10 has
EXTRA: Mapping[str, Sequence[float]] = {
    "equal": (1,) * NETWORKS,
    "moderately unequal": (1, 1, 1, 1, 2, 2, 2),
    "strongly unequal": (1, 1, 1, 1, 1, 1, 12),  # as 1×1+3×3 in release 0.1.0: 0.90 points where others have 0.26
}
VARIABLE = NETWORKS - 1


def studies(population: Population, runs: Sequence[int], count: int, images: int) -> Iterator[Analysis]:
    generator = np.random.default_rng(0)
    for _ in range(count):
        yield Analysis.of(population.study(generator, runs, images), PAIRS)


@cache
def analyses(kind: str, seeds: int) -> list[Analysis]:
    """Of networks that are equally accurate."""
    population = Population([0.0] * NETWORKS, EXTRA[kind])
    return list(studies(population, [seeds] * NETWORKS, STUDIES, IMAGES))


def test_the_drawn_studies_are_like_the_real_one() -> None:
    real = real_runs()
    drawn = Population([0.0] * NETWORKS, EXTRA["equal"]).study(np.random.default_rng(0), [3] * NETWORKS, 10_000)
    for part in ("image_part", "between"):
        ratio = np.mean([getattr(one, part) for one in drawn.values()]) / np.mean(
            [getattr(one, part) for one in real.values()]
        )
        assert 0.5 < ratio < 1.6, part
    errors = [
        np.mean([one.error for one in Analysis.of(dict(enumerate(runs)), PAIRS).contrasts.values()])
        for runs in (drawn.values(), list(real.values())[:NETWORKS])
    ]
    assert errors[0] == pytest.approx(errors[1], rel=0.25)


@pytest.mark.parametrize(
    ("kind", "most"), [("equal", 0.06), ("moderately unequal", 0.06), ("strongly unequal", 0.08)]
)
def test_few_studies_have_a_wrong_verdict(kind: str, most: float) -> None:
    wrong = [
        any(verdict.verdict in ("better", "worse") for verdict in one.verdicts.values())
        for seeds in (2, 3, 4, 5)
        for one in analyses(kind, seeds)
    ]
    assert np.mean(wrong) <= most


@pytest.mark.parametrize("kind", EXTRA)
@pytest.mark.parametrize("seeds", [2, 3, 4, 5])
def test_intervals_hold_the_true_difference_in_93_to_97_percent_of_studies(kind: str, seeds: int) -> None:
    held = [
        contrast.interval()[0] <= 0 <= contrast.interval()[1]
        for one in analyses(kind, seeds)
        for contrast in one.contrasts.values()
    ]
    assert 0.93 <= np.mean(held) <= 0.97


def test_intervals_of_the_most_variable_network_hold_less_often_and_how_often() -> None:
    held = [
        contrast.interval()[0] <= 0 <= contrast.interval()[1]
        for one in analyses("strongly unequal", 3)
        for pair, contrast in one.contrasts.items()
        if VARIABLE in pair
    ]
    assert 0.8 <= np.mean(held) <= 0.95
