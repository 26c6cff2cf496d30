"""The tables made from recipes.csv: what changes of a recipe gave, and what the search's rule finds and costs."""

import json

import pandas as pd
import pytest

from benchmarks import compare_rates
from benchmarks.compare_recipes import change, compared
from tests.test_search import search_by

USUAL = {"momentum": 0.8, "augmentation": {"flip": True, "shift": 2}}
OTHER = {"momentum": 0.8, "augmentation": {"flip": True, "shift": 4}}


def line(recipe: dict[str, object], network: str, seed: int, validation: float) -> dict[str, object]:
    return {"recipe": json.dumps(recipe), "network": network, "seed": seed, "validation": validation}


def test_a_change_is_compared_with_the_same_networks_and_seeds() -> None:
    lines = [line(USUAL, *of) for of in (("a", 0, 0.80), ("a", 1, 0.82), ("b", 0, 0.90), ("c", 0, 0.5))]
    lines += [line(OTHER, *of) for of in (("a", 0, 0.81), ("a", 1, 0.85), ("b", 0, 0.89), ("d", 0, 0.1))]
    (row,) = compared(pd.DataFrame(lines)).to_dict("index").items()
    assert row[0] == "shift 4"
    assert row[1]["a"] == pytest.approx(2)  # of 1 and 3
    assert row[1]["b"] == pytest.approx(-1)
    assert row[1]["mean"] == pytest.approx(0.5)


def test_a_change_is_told_by_its_keys() -> None:
    more = USUAL | {"momentum": 0.9, "cooldown": 0.3}
    assert change(json.dumps(USUAL), json.dumps(more)) == "momentum 0.9, cooldown 0.3"
    assert change(json.dumps(more), json.dumps(USUAL)) == "momentum 0.8, no cooldown"


def test_a_rate_that_the_search_would_find_is_judged_by_longer_runs() -> None:
    search = search_by().model_copy(update={"for_epochs": 16})  # by which a rate is halved
    short = {0.05: 0.5, 0.1: 0.6, 0.2: 0.5}
    long = {0.025: 0.70, 0.05: 0.78, 0.1: 0.8, 0.2: 0.6}
    lines = pd.DataFrame(
        line(USUAL, "a", 0, accuracy) | {"learning_rate": rate, "epochs": epochs}
        for epochs, found in ((1, short), (16, long), (4, {0.1: 0.9}))
        for rate, accuracy in found.items()
    )
    (row,) = compare_rates.compared(lines, search).to_dict("records")
    assert (row["best tried"], row["at an end"], row["trains with"], row["best at 16"]) == (0.1, False, 0.05, 0.1)
    assert row["vertex"] == pytest.approx(2 ** (0.5 - 10 / 11))  # the slopes are 0.02 and -0.2
    assert (row["below it"], row["half at 16"], row["twice at 16"]) == pytest.approx((2, -8, 2))
    assert row["twice at 1"] == pytest.approx(10)
    assert row["half at 1"] != row["half at 1"]  # not a number: 0.025 was not run
    assert compare_rates.compared(lines[lines["learning_rate"] > 0.05], search).empty
