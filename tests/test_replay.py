"""The original report's recipe, replayed: who trains at which rate, and whether the rate decides the order."""

import pandas as pd
import pytest

from cnn_study.analysis.tables import replay_table
from cnn_study.params.study import Study
from cnn_study.report.topics.learning_rates.orders import Orders
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


def orders_of(*runs: tuple[str, float, int, float | None], own: float = 0.01) -> Orders:
    return Orders.of(replayed(*runs), STUDIES, own)


def test_the_table_has_rate_by_rate_who_trained_and_how_well() -> None:
    orders = orders_of(
        ("thin", 0.001, 0, 0.5), ("thin", 0.001, 1, 0.6), ("wide", 0.001, 0, 0.7), ("wide", 0.001, 1, 0.7),
        ("thin", 0.01, 0, 0.4), ("thin", 0.01, 1, 0.1), ("wide", 0.01, 0, 0.1), ("wide", 0.01, 1, None),
        ("odd", 0.01, 0, 0.2),
    )  # fmt: skip
    assert orders.table.columns == ("network", "0.001", "0.01")
    assert orders.table.rows == (
        ("narrow one", "55.0 %", "40.0 % (1 of 2)"),
        ("wide, twice", "70.0 %", "0 of 2 trained"),
        ("odd one", "–", "20.0 %"),
    )
    assert orders.table.note == (
        "Means of the runs that trained, in brackets how many did where not all. Differences are not tested."
    )
    all_or_none = orders_of(("thin", 0.01, 0, 0.5), ("wide", 0.01, 0, 0.1))
    assert all_or_none.table.note == "Means of the runs that trained. Differences are not tested."


def test_networks_that_two_studies_call_the_same_are_two_lines() -> None:
    studies = {
        key: Study(title=key, question="?", baseline=name, members={name: "3×3"})
        for key, name in (("a", "thin"), ("b", "wide"))
    }
    orders = Orders.of(replayed(("thin", 0.01, 0, 0.5), ("wide", 0.01, 0, 0.6)), studies, 0.01)
    assert list(orders.names.values()) == ["3×3 (a)", "3×3 (b)"]


def test_a_network_in_no_study_is_another_line_than_one_that_is_shown_by_its_key() -> None:
    studies = {"a": Study(title="A", question="?", baseline="thin", members={"thin": "wide"})}
    orders = Orders.of(replayed(("thin", 0.01, 0, 0.5), ("wide", 0.01, 0, 0.6)), studies, 0.01, others=["wide"])
    assert list(orders.names.values()) == ["wide (A)", "wide"]


def test_who_does_not_train_at_the_own_rate_is_said_before_who_comes_first() -> None:
    low = [("thin", 0.001, 0, 0.5), ("wide", 0.001, 0, 0.7), ("odd", 0.001, 0, 0.6)]
    some = orders_of(*low, ("thin", 0.01, 0, 0.4), ("wide", 0.01, 0, 0.1), ("odd", 0.01, 0, 0.5))
    assert some.finding.rule == "replay_orders_differ"
    assert some.finding.text == (
        "In short runs with the original report's recipe and its rate of 0.01, “wide, twice” does not train and "
        "odd one comes first; with each at its best rate in these runs, “wide, twice” comes first."
    )
    assert some.title == "At the original report's learning rate, “wide, twice” does not train"
    one = orders_of(*low, ("thin", 0.01, 0, 0.4), ("wide", 0.01, 0, 0.1), ("odd", 0.01, 0, None))
    assert one.finding.text.endswith(
        "only narrow one trains; with each at its best rate in these runs, “wide, twice” comes first."
    )
    none = orders_of(*low, ("thin", 0.01, 0, 0.1), ("wide", 0.01, 0, 0.1), ("odd", 0.01, 0, None))
    assert none.title == "At the original report's learning rate, no network trains"
    never = orders_of(
        *low[:2], ("odd", 0.001, 0, 0.1), *[(name, 0.01, 0, 0.1) for name in ("thin", "wide", "odd")]
    )
    assert never.finding.text.endswith("“wide, twice” comes first, and odd one does not train at any.")


def test_an_order_that_the_rates_leave_as_it_is_is_not_laid_to_them() -> None:
    orders = orders_of(
        ("thin", 0.001, 0, 0.6), ("wide", 0.001, 0, 0.1), ("thin", 0.01, 0, 0.7), ("wide", 0.01, 0, 0.5)
    )
    assert orders.finding.rule == "replay_orders_agree"
    assert orders.finding.text.endswith(
        "the order is that with each network at its best rate in these runs: narrow one comes first."
    )
    assert orders.title == "The original report's learning rate keeps the order of means"


def test_orders_of_the_same_networks_differ_where_their_best_rates_turn_them_round() -> None:
    orders = orders_of(
        ("thin", 0.001, 0, 0.5), ("wide", 0.001, 0, 0.9),
        ("thin", 0.01, 0, 0.7), ("wide", 0.01, 0, 0.6),
    )  # fmt: skip
    assert orders.finding.rule == "replay_orders_differ"
    assert orders.best_rates == {"wide": 0.001, "thin": 0.01}
    assert orders.finding.text.endswith(
        "narrow one comes first; with each at its best rate in these runs, “wide, twice” comes first."
    )
    assert orders.title == "The original report's learning rate changes the order of means"
    behind = orders_of(
        ("odd", 0.001, 0, 0.2), ("thin", 0.001, 0, 0.5), ("wide", 0.001, 0, 0.3),
        ("odd", 0.01, 0, 0.8), ("thin", 0.01, 0, 0.3), ("wide", 0.01, 0, 0.4),
    )  # fmt: skip
    assert (
        "odd one comes first, as with each at its best rate in these runs, but others change places."
        in behind.finding.text
    )


def test_networks_that_are_equal_share_the_first_place() -> None:
    runs = [(name, rate, 0, 0.5) for name in ("thin", "wide") for rate in (0.001, 0.01)]
    text = orders_of(*runs).finding.text
    assert text.endswith("at its best rate in these runs: narrow one and “wide, twice” are equal and come first.")


def test_an_order_goes_by_the_runs_that_trained() -> None:
    orders = orders_of(
        ("thin", 0.001, 0, 0.2), ("wide", 0.001, 0, 0.3), ("thin", 0.001, 1, 0.2), ("wide", 0.001, 1, 0.3),
        ("thin", 0.01, 0, 0.5), ("wide", 0.01, 0, 0.6), ("thin", 0.01, 1, 0.5), ("wide", 0.01, 1, 0.1),
    )  # fmt: skip
    assert orders.at_own == {"thin": 0.5, "wide": 0.6}
    assert orders.finding.rule == "replay_orders_agree"


@pytest.mark.parametrize(
    ("runs", "own", "why"),
    [
        ([("thin", 0.01, 0, 0.5), ("wide", 0.01, 0, 0.6)], 0.01, "2 networks ran at 1 learning rate: there"),
        ([("thin", 0.01, 0, 0.5), ("thin", 0.1, 0, 0.6)], 0.01, "1 network ran at 2 learning rates: there"),
        ([("thin", 0.01, 0, 0.5), ("wide", 0.1, 0, 0.6)], 0.02, "rates, its own not among them: there"),
        ([("thin", 0.01, 0, 0.1), ("wide", 0.01, 0, 0.1), ("thin", 0.1, 0, None)], 0.01, "no short run trained."),
    ],
)
def test_without_a_second_rate_or_network_or_anything_trained_there_is_no_order(
    runs: list[tuple[str, float, int, float | None]], own: float, why: str
) -> None:
    orders = orders_of(*runs, own=own)
    assert orders.finding.rule == "replay_without_order"
    assert why in orders.finding.text
    assert orders.title == "The original report's recipe at several learning rates"


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    runs = [("thin", 0.01, 0, 0.5), ("wide", 0.01, 0, 0.1), ("thin", 0.003, 0, 0.7), ("wide", 0.003, 0, 0.8)]
    alone = orders_of(("thin", 0.01, 0, 0.5))
    assert_numbers_are_their_own([orders_of(*runs).finding, orders_of(*runs, own=1.0).finding, alone.finding])
