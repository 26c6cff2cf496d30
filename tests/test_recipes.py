"""The table of what changes of a recipe gave is one of differences to the same runs of the usual recipe."""

import json

import pandas as pd
import pytest

from benchmarks.compare_recipes import change, compared

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
