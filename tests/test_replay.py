"""The original report's recipe, replayed: who trains at which rate, and whether the rate decides the order."""

import pandas as pd
import pytest

from cnn_study.analysis.tables import replay_table
from cnn_study.report.kit.findings import Finding
from cnn_study.report.topics.learning_rates.replay import replay_findings
from cnn_study.training.records import Replayed, ShortRun
from tests.report_cases import ENVIRONMENT, STUDIES, assert_numbers_are_their_own, short_run


def replayed(*runs: tuple[str, float, int, float | None]) -> pd.DataFrame:
    """Runs of one recipe: network, rate, seed, accuracy; 0.1 is a collapse, None a divergence."""
    by_network: dict[str, list[ShortRun]] = {}
    for name, rate, seed, accuracy in runs:
        by_network.setdefault(name, []).append(short_run(rate, seed, accuracy))
    return replay_table(
        {
            name: Replayed(images=500, runs=tuple(of_network), environment=ENVIRONMENT)
            for name, of_network in by_network.items()
        }
    )


def found_in_replay(*runs: tuple[str, float, int, float | None], own: float = 0.01) -> list[Finding]:
    return replay_findings(replayed(*runs), STUDIES, own, epochs=1, images=500)


def test_a_replay_tells_rate_by_rate_who_trained_and_in_which_order() -> None:
    low, high, orders = found_in_replay(
        ("thin", 0.001, 0, 0.5), ("thin", 0.001, 1, 0.6), ("wide", 0.001, 0, 0.7), ("wide", 0.001, 1, 0.7),
        ("thin", 0.01, 0, 0.4), ("thin", 0.01, 1, 0.3), ("wide", 0.01, 0, 0.1), ("wide", 0.01, 1, None),
    )  # fmt: skip
    assert low.text == (
        "With the original report's recipe at a rate of 0.001, 0 of 4 runs of 1 epoch on 500 images did not "
        "train; mean validation accuracies of those that did: “wide, twice” 70.0 % and narrow one 55.0 %."
    )
    assert high.text == (
        "With the original report's recipe at its own rate, 0.01, 2 of 4 runs of 1 epoch on 500 images did not "
        "train (“wide, twice”: 2); mean validation accuracies of those that did: narrow one 35.0 %."
    )
    assert high.numbers["failed"] == {"wide": 2}
    assert orders.rule == "replay_orders_differ"
    assert orders.text == (
        "In these short runs, of 1 epoch on 500 images, the order by mean validation accuracy at the original "
        "report's rate, 0.01, is narrow one 35.0 % (no run of “wide, twice” trained); with each network at its "
        "best of 2 rates it is “wide, twice” 70.0 % (at 0.001) and narrow one 55.0 % (at 0.001). The two orders "
        "differ: here the rates alone change the order; differences are not tested."
    )


def test_an_order_that_the_rates_leave_as_it_is_is_not_laid_to_them() -> None:
    orders = found_in_replay(
        ("thin", 0.001, 0, 0.6), ("wide", 0.001, 0, 0.1), ("odd", 0.001, 0, None),
        ("thin", 0.01, 0, 0.7), ("wide", 0.01, 0, 0.5), ("odd", 0.01, 0, 0.1),
    )[-1]  # fmt: skip
    assert orders.rule == "replay_orders_agree"
    assert "is narrow one 70.0 % and “wide, twice” 50.0 % (no run of odd one trained); with" in orders.text
    assert (
        "narrow one 70.0 % (at 0.01) and “wide, twice” 50.0 % (at 0.01) (no run of odd one trained)" in orders.text
    )
    assert "The two orders are the same: here the rates alone do not change the order" in orders.text


def test_orders_of_the_same_networks_differ_where_their_best_rates_turn_them_round() -> None:
    orders = found_in_replay(
        ("thin", 0.001, 0, 0.5), ("wide", 0.001, 0, 0.9),
        ("thin", 0.01, 0, 0.7), ("wide", 0.01, 0, 0.6),
    )[-1]  # fmt: skip
    assert orders.rule == "replay_orders_differ"
    assert orders.numbers["best_rates"] == {"wide": 0.001, "thin": 0.01}


def test_an_order_goes_by_the_runs_that_trained() -> None:
    orders = found_in_replay(
        ("thin", 0.001, 0, 0.2), ("wide", 0.001, 0, 0.3), ("thin", 0.001, 1, 0.2), ("wide", 0.001, 1, 0.3),
        ("thin", 0.01, 0, 0.5), ("wide", 0.01, 0, 0.6), ("thin", 0.01, 1, 0.5), ("wide", 0.01, 1, 0.1),
    )[-1]  # fmt: skip
    assert orders.numbers["means_at_own"] == {"thin": 0.5, "wide": 0.6}
    assert orders.rule == "replay_orders_agree"


@pytest.mark.parametrize(
    ("runs", "own"),
    [
        ([("thin", 0.01, 0, 0.5), ("wide", 0.01, 0, 0.6)], 0.01),
        ([("thin", 0.01, 0, 0.5), ("thin", 0.1, 0, 0.6)], 0.01),
        ([("thin", 0.01, 0, 0.5), ("wide", 0.1, 0, 0.6)], 0.02),
        ([("thin", 0.01, 0, 0.1), ("wide", 0.01, 0, 0.1), ("thin", 0.1, 0, None), ("wide", 0.1, 0, 0.1)], 0.01),
    ],
)
def test_without_a_second_rate_or_network_or_anything_trained_there_is_no_order(
    runs: list[tuple[str, float, int, float | None]], own: float
) -> None:
    assert {finding.rule for finding in found_in_replay(*runs, own=own)} == {"replay"}


def test_a_replay_in_which_nothing_trains_ranks_nothing() -> None:
    (finding,) = found_in_replay(("thin", 0.01, 0, 0.1))
    assert finding.text.endswith("1 of 1 run of 1 epoch on 500 images did not train (narrow one: 1).")


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    runs = [("thin", 0.01, 0, 0.5), ("wide", 0.01, 0, 0.1), ("thin", 0.003, 0, 0.7), ("wide", 0.003, 0, 0.8)]
    assert_numbers_are_their_own(found_in_replay(*runs))
