"""The search for a learning rate: which rates it tries, and which one it chooses."""

from collections.abc import Mapping

import pytest

from cnn_study.base.schema import parse
from cnn_study.training.records import ShortRun
from cnn_study.training.search import Search, choice, standard_error
from tests.report_cases import short_run

IMAGES = 2500  # at 0.5, one standard error is 0.01


def search_by(factor: float = 2) -> Search:
    ranges = {"muon": [0.05, 0.2], "sgd": [0.01, 0.3], "adam": [0.001, 0.001], "adamw": [0.001, 0.01]}
    values = {"range": ranges, "factor": factor, "beyond": 0, "epochs": 1, "images": 10, "seed": 0}
    return parse(Search, values, "tune")


def runs_of(accuracies: Mapping[float, float | None]) -> list[ShortRun]:
    """0.1 is a collapse, None a divergence."""
    return [short_run(rate, 0, accuracy) for rate, accuracy in accuracies.items()]


def test_the_first_rates_are_a_factor_apart_and_those_of_the_optimizer() -> None:
    assert search_by().first("muon") == (0.05, 0.1, 0.2)
    assert search_by().first("adam") == (0.001,)
    assert search_by(factor=10).first("adamw") == (0.001, 0.01)
    assert search_by().first("sgd") == (0.01, 0.02, 0.04, 0.08, 0.16)  # 0.32 is above the highest


@pytest.mark.parametrize(
    ("accuracies", "chosen"),
    [
        ({0.1: 0.48, 0.2: 0.50, 0.4: 0.40}, 0.2),
        ({0.1: 0.491, 0.2: 0.50, 0.4: 0.40}, 0.1),  # within one standard error
        ({0.1: 0.495, 0.2: 0.491, 0.4: 0.50}, 0.1),  # the lowest of all that are
        ({0.4: 0.50, 0.2: 0.50, 0.1: 0.30}, 0.2),  # in whatever order they were tried
        ({0.1: None, 0.2: 0.30, 0.4: 0.25}, 0.2),
        ({0.1: 0.1, 0.2: 0.105, 0.4: None}, 0.2),  # a collapse is never chosen beside one that trained
        ({0.1: 0.1, 0.2: None}, 0.1),
        ({0.2: None, 0.1: None}, 0.1),
    ],
)
def test_the_lowest_rate_that_one_standard_error_does_not_tell_from_the_best_is_chosen(
    accuracies: dict[float, float | None], chosen: float
) -> None:
    assert choice(runs_of(accuracies), IMAGES) == chosen


@pytest.mark.parametrize(
    ("accuracies", "following"),
    [
        ({0.1: 0.4, 0.2: 0.5, 0.4: 0.3}, None),
        ({0.1: 0.3, 0.2: 0.4, 0.4: 0.5}, 0.8),
        ({0.1: 0.5, 0.2: 0.4, 0.4: 0.3}, 0.05),
        ({0.1: 0.495, 0.2: 0.5, 0.4: 0.3}, 0.05),  # the chosen one is at an end, though the best is not
        ({0.1: 0.4, 0.2: 0.495, 0.4: 0.5}, 0.8),  # and the other way round
        ({0.1: 0.1, 0.2: 0.5, 0.4: 0.3}, None),
        ({0.1: 0.1, 0.2: None, 0.4: None}, 0.05),  # none has trained: rates that are too high are the usual cause
        ({0.3: 0.5}, 0.15),
    ],
)
def test_the_search_goes_on_beyond_an_end_where_the_best_or_the_chosen_rate_lies(
    accuracies: dict[float, float | None], following: float | None
) -> None:
    assert search_by().following(runs_of(accuracies), IMAGES) == following


def test_equal_networks_get_equal_rates_whichever_of_two_tied_rates_came_out_ahead() -> None:
    """The two sides of a control: noise puts one rate ahead on one side and the other on the other."""
    one, other = {0.05: 0.4, 0.1: 0.5, 0.2: 0.495}, {0.05: 0.4, 0.1: 0.495, 0.2: 0.5}
    assert choice(runs_of(one), IMAGES) == choice(runs_of(other), IMAGES) == 0.1


def test_the_standard_error_is_that_of_a_share() -> None:
    assert standard_error(0.5, 2500) == pytest.approx(0.01)
    assert standard_error(0.8, 5000) == pytest.approx(0.00566, abs=1e-5)
