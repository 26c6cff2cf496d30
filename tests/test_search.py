"""The search for a learning rate: which rates it tries, and which one it finds."""

import math
from collections.abc import Mapping

import pytest

from cnn_study.base.schema import parse
from cnn_study.training.records import ShortRun
from cnn_study.training.search import Search
from cnn_study.training.tuning import next_rate, peak, searched
from tests.report_cases import short_run


def search_by(factor: float = 2, beyond: int = 5) -> Search:
    ranges = {"muon": [0.05, 0.2], "sgd": [0.01, 0.3], "adam": [0.001, 0.001], "adamw": [0.001, 0.01]}
    values = {"range": ranges, "factor": factor, "beyond": beyond, "epochs": 1, "images": 10}
    values |= {"for_epochs": 1, "horizon": 0.25, "seed": 0}
    return parse(Search, values, "tune")


def runs_of(accuracies: Mapping[float, float | None]) -> list[ShortRun]:
    """0.1 is a collapse, None a divergence."""
    return [short_run(rate, 0, accuracy) for rate, accuracy in accuracies.items()]


def test_the_first_rates_are_a_factor_apart_and_those_of_the_optimizer() -> None:
    assert search_by().initial_rates("muon") == (0.05, 0.1, 0.2)
    assert search_by().initial_rates("adam") == (0.001,)
    assert search_by(factor=10).initial_rates("adamw") == (0.001, 0.01)
    assert search_by(factor=30).initial_rates("sgd") == (0.01, 0.3)  # whatever the error of a logarithm
    assert search_by().initial_rates("sgd") == (0.01, 0.02, 0.04, 0.08, 0.16)  # 0.32 is above the highest


@pytest.mark.parametrize(
    ("accuracies", "found"),
    [
        ({0.1: 0.40, 0.2: 0.50, 0.4: 0.40}, 0.2),
        ({0.1: 0.50 - 1e-9, 0.2: 0.50, 0.4: 0.40}, 0.1 * 2**0.5),  # whichever is ahead
        ({0.1: 0.50, 0.2: 0.50 - 1e-9, 0.4: 0.40, 0.05: 0.40}, 0.1 * 2**0.5),
        ({0.1: 0.45, 0.2: 0.50, 0.4: 0.35}, 0.2 * 2**-0.25),
        ({0.4: 0.35, 0.2: 0.50, 0.1: 0.45}, 0.2 * 2**-0.25),  # in whatever order they were tried
        ({0.1: 0.40, 0.2: 0.50, 0.4: None}, 0.2 * 2 ** (-0.4 / 1.2)),  # away from what diverges
        ({0.1: 0.50, 0.2: 0.40, 0.4: 0.30}, 0.1),  # at an end
        ({0.1: 0.30, 0.2: 0.40, 0.4: 0.50}, 0.4),
        ({0.1: 0.50, 0.2: 0.50, 0.4: 0.50}, 0.1),  # of equals the lowest
        ({0.1: 0.1, 0.2: None}, 0.1),
        ({0.2: None, 0.1: None}, 0.1),
    ],
)
def test_the_best_rate_is_read_off_between_those_that_were_tried(
    accuracies: dict[float, float | None], found: float
) -> None:
    assert peak(runs_of(accuracies)) == pytest.approx(found)


@pytest.mark.parametrize(("epochs", "for_epochs", "found"), [(1, 1, 0.126), (1, 16, 0.063), (2, 32, 0.063)])
def test_longer_training_gets_a_lower_rate_than_the_best_between_those_tried(
    epochs: int, for_epochs: int, found: float
) -> None:
    def run(rate: float) -> ShortRun:
        return short_run(rate, 0, 0.8 - 0.1 * math.log2(rate / 0.126) ** 2)

    search = search_by().model_copy(update={"epochs": epochs, "for_epochs": for_epochs})
    assert searched(search, "muon", run).learning_rate == found  # by the power of a quarter


@pytest.mark.parametrize(
    ("accuracies", "following"),
    [
        ({0.1: 0.4, 0.2: 0.5, 0.4: 0.3}, None),
        ({0.1: 0.3, 0.2: 0.4, 0.4: 0.5}, 0.8),
        ({0.1: 0.5, 0.2: 0.4, 0.4: 0.3}, 0.05),
        ({0.1: 0.1, 0.2: 0.5, 0.4: 0.3}, None),
        ({0.1: 0.1, 0.2: None}, 0.05),  # none has trained, and one has diverged: they are too high
        ({0.1: 0.1, 0.2: 0.1, 0.4: 0.1}, 0.05),  # or too high or too low
        ({0.05: 0.1, 0.1: 0.1, 0.2: 0.1, 0.4: 0.1}, 0.8),
        ({0.3: 0.5}, 0.15),
    ],
)
def test_the_search_goes_on_beyond_an_end_where_the_best_is(
    accuracies: dict[float, float | None], following: float | None
) -> None:
    assert next_rate(runs_of(accuracies), factor=2) == following


@pytest.mark.parametrize(
    ("highest", "beyond", "tried", "found", "cut_off"),
    [
        (0.1, 5, [0.05, 0.1, 0.2], 0.1, False),
        (0.8, 5, [0.05, 0.1, 0.2, 0.4, 0.8, 1.6], 0.8, False),
        (0.0125, 5, [0.05, 0.1, 0.2, 0.025, 0.0125, 0.00625], 0.0125, False),
        (0.8, 3, [0.05, 0.1, 0.2, 0.4, 0.8, 1.6], 0.8, False),  # as many as it takes, and no more
        (0.8, 2, [0.05, 0.1, 0.2, 0.4, 0.8], 0.8, True),
        (0.8, 0, [0.05, 0.1, 0.2], 0.2, True),
    ],
)
def test_a_search_climbs_to_the_best_rate_unless_it_is_cut_off(
    highest: float, beyond: int, tried: list[float], found: float, cut_off: bool
) -> None:
    def run(rate: float) -> ShortRun:
        return short_run(rate, 0, 0.8 - 0.1 * abs(math.log2(rate / highest)))

    ended = searched(search_by(beyond=beyond), "muon", run)
    assert [one.learning_rate for one in ended.runs] == tried
    assert (ended.learning_rate, ended.cut_off) == (found, cut_off)


def test_a_search_in_which_nothing_trains_ends_too() -> None:
    found = searched(search_by(beyond=3), "muon", lambda rate: short_run(rate, 0, 0.1))
    assert [one.learning_rate for one in found.runs] == [0.05, 0.1, 0.2, 0.025, 0.4, 0.0125]
    assert (found.learning_rate, found.cut_off) == (0.0125, True)
