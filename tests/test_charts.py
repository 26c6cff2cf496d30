"""Charts show what the tables say, the same network always in the same colour."""

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cnn_study.report import topics
from cnn_study.report.kit.charts import Spec
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.palette import styles_of
from cnn_study.report.kit.rendering import static_svg
from cnn_study.report.topics.classes.calibration import reliability_chart
from cnn_study.report.topics.classes.confusion import confusion_chart
from cnn_study.report.topics.gradients.charts import (
    FIRST_MIDDLE_LAST,
    first_over_last_chart,
    gradient_by_epoch,
    gradient_by_layer,
    gradient_heat_map,
    gradient_to_weight,
)
from cnn_study.report.topics.learning_rates.replay import replay_chart
from cnn_study.report.topics.learning_rates.search import learning_rate_chart
from cnn_study.report.topics.receptive_fields.chapter import receptive_fields_by_layer
from cnn_study.report.topics.studies.budgets import budget_chart
from cnn_study.report.topics.studies.class_changes import class_chart
from cnn_study.report.topics.studies.cost import PARTS, accuracy_against_time, step_time
from cnn_study.report.topics.studies.curves import validation_curves
from cnn_study.report.topics.studies.differences import difference_chart

ORDER = ["other", "narrow", "wide", "deep"]  # all of a made-up params.yaml; three are in the study
SHOWN = Members("width", "Width", {"wide": "5×5", "narrow": "3×3", "deep": "6 layers"}, styles_of(ORDER))
EPOCHS = range(1, 4)
LAYERS = ("conv1", "output")


def members() -> Iterator[dict[str, Any]]:
    for architecture, name in SHOWN.names.items():
        yield {"study": "width", "architecture": architecture, "name": name}
    yield {"study": "depth", "architecture": "wide", "name": "5 layers"}


def curves() -> pd.DataFrame:
    return pd.DataFrame(
        member | {"seed": seed, "epoch": epoch, "validation_accuracy": 0.5 + 0.1 * epoch + 0.01 * seed}
        for member in members()
        for seed in (0, 1)
        for epoch in EPOCHS
    )


def cost(seconds: tuple[float, float, float] = (10.0, 20.0, 30.0)) -> pd.DataFrame:
    """The slowest network is not the best: narrow and wide are the front."""
    accuracies = {"narrow": 0.7, "wide": 0.8, "deep": 0.75}
    times = dict(zip(accuracies, seconds, strict=True))
    return pd.DataFrame(
        member
        | {"seed": seed, "status": "trained", "run_seconds": times[member["architecture"]]}
        | {"test_accuracy": accuracies[member["architecture"]] + 0.01 * seed}
        for member in members()
        for seed in (0, 1)
    )


def steps() -> pd.DataFrame:
    return pd.DataFrame(
        {"study": "width", "architecture": architecture, "batch_size": 128, "part": part, "milliseconds": 10.0}
        | {"ratio": 1.1, "low": 1.0, "high": 1.2}
        for architecture in SHOWN.names
        for part in PARTS
    )


def norms() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "architecture": name,
            "epoch": epoch,
            "layer": layer,
            "depth": depth,
            "gradient_norm": 10.0**-epoch * depth,
        }
        | {"weight_norm": 2.0, "ratio": 10.0**-epoch * depth / 2}
        for name in ORDER
        for epoch in EPOCHS
        for depth, layer in enumerate(LAYERS, 1)
    )


def ratios() -> pd.DataFrame:
    return pd.DataFrame(
        {"architecture": name, "epoch": epoch, "convolutions": 2 + 8 * place, "ratio": 0.1**epoch}
        for place, name in enumerate(ORDER)
        for epoch in EPOCHS
    )


def rates() -> pd.DataFrame:
    statuses = {0.01: "trained", 0.1: "trained", 1.0: "diverged"}
    return pd.DataFrame(
        {"architecture": name, "learning_rate": rate, "status": status, "best": rate == 0.1}
        | {"validation_accuracy": None if status == "diverged" else 0.6 + rate}
        for name in ORDER
        for rate, status in statuses.items()
    )


def comparisons() -> pd.DataFrame:
    rows = [("wide", 1.5, 0.5, 2.5, "better"), ("deep", -0.2, -1.0, 0.6, "equivalent")]
    return pd.DataFrame(
        {"study": "width", "of": of, "against": "narrow"}
        | {"points": points, "low": low, "high": high, "verdict": verdict}
        for of, points, low, high, verdict in rows
    )


def by_budget() -> pd.DataFrame:
    """Two budgets of the comparisons."""
    rows = comparisons().rename(columns={"of": "architecture"})
    return pd.concat([rows.assign(budget=budget, points=budget / 2) for budget in (1, 2)])


def class_changes() -> pd.DataFrame:
    return pd.DataFrame(
        {"study": "width", "architecture": name, "name": SHOWN.names[name], "class": label, "points": points}
        for name in ("wide", "deep")
        for label, points in (("cat", -3.0), ("dog", 1.0))
    )


def replay() -> pd.DataFrame:
    """Each network trains with two seeds at one rate, and at the other with one of them."""
    runs = [(0.001, 0, 0.5), (0.001, 1, 0.6), (0.01, 0, 0.4), (0.01, 1, None)]
    return pd.DataFrame(
        {
            "architecture": name,
            "learning_rate": rate,
            "seed": seed,
            "status": "trained" if accuracy else "diverged",
            "validation_accuracy": accuracy,
        }
        for name in ORDER
        for rate, seed, accuracy in runs
    )


def confusion() -> pd.DataFrame:
    counts = {("cat", "cat"): 8, ("cat", "dog"): 2, ("dog", "cat"): 1, ("dog", "dog"): 9}
    return pd.DataFrame(
        {"architecture": name, "actual": actual, "predicted": predicted, "count": count}
        for name in ORDER
        for (actual, predicted), count in counts.items()
    )


def calibration() -> pd.DataFrame:
    bins = [(0.1, 0.2, 29), (0.3, None, 0), (0.6, 0.5, 30), (0.9, 0.8, 40)]  # of 29 and of 0 there is no point
    return pd.DataFrame(
        {"architecture": name, "confidence": confidence, "accuracy": accuracy, "count": count}
        for name in ORDER
        for confidence, accuracy, count in bins
    )


def fields_by_layer() -> pd.DataFrame:
    return pd.DataFrame(
        {"architecture": name, "layer": layer, "depth": depth, "kind": kind, "pixels": 3 * depth + place}
        | ({"low": 3 * depth, "high": 3 * depth + 2 * place} if place else {"low": np.nan, "high": np.nan})
        for name in ORDER
        for depth, layer in enumerate(LAYERS, 1)
        for place, kind in enumerate(("the same influence everywhere", "before training", "after training"))
    )


@dataclass(frozen=True)
class Drawn:
    """A chart of made-up numbers, and how many marks it has to have."""

    spec: Spec
    marks: int


def every_chart() -> dict[str, Drawn]:
    """Each chart function's chart, three networks in most of them."""
    return {
        "validation_curves": Drawn(validation_curves(curves(), SHOWN), 3 + 3 + 9),
        "accuracy_against_time": Drawn(accuracy_against_time(cost(), SHOWN, ["narrow", "wide"]), 1 + 1 + 6 + 3),
        "budget_chart": Drawn(budget_chart(by_budget(), SHOWN), 1 + 4 + 4),
        "difference_chart": Drawn(difference_chart(comparisons(), SHOWN, 1.0), 1 + 1 + 2 + 2),
        "step_time": Drawn(step_time(steps(), SHOWN), 3 * 4),
        "gradient_by_layer": Drawn(gradient_by_layer(norms(), SHOWN), 9 + 18),
        "gradient_by_epoch": Drawn(gradient_by_epoch(norms(), SHOWN), 6 + 18 + 6),
        "gradient_to_weight": Drawn(gradient_to_weight(norms(), SHOWN), 6 + 18 + 6),
        "gradient_heat_map": Drawn(gradient_heat_map(norms(), SHOWN), 18),
        "first_over_last_chart": Drawn(first_over_last_chart(ratios(), SHOWN), 1 + 12 + 3 + 9),
        "learning_rate_chart": Drawn(learning_rate_chart(rates(), SHOWN), 3 + 6 + 3),
        "replay_chart": Drawn(replay_chart(replay(), SHOWN, 0.01), 3 + 9 + 3 + 1 + 1),
        "confusion_chart": Drawn(confusion_chart(confusion(), SHOWN), 12),
        "reliability_chart": Drawn(reliability_chart(calibration(), SHOWN), 1 + 3 + 6),
        "receptive_fields_by_layer": Drawn(receptive_fields_by_layer(fields_by_layer(), SHOWN), 9 + 18 + 12),
        "class_chart": Drawn(class_chart(class_changes(), SHOWN), 4 + 4),
    }


CHARTS = every_chart()


def parts(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a specification."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from parts(child)


def axis_titles(spec: Spec, channel: str) -> set[str]:
    found = [
        part[channel] for part in parts(spec) if isinstance(part.get(channel), dict) and "field" in part[channel]
    ]
    return {axis.get("title") or axis.get("axis", {}).get("title") or axis["field"] for axis in found}


def draws(function: Callable[..., Any]) -> bool:
    types = function.__annotations__
    return types.get("return") == Spec and types.get("members") == Members and function.__name__[0] != "_"


def test_every_chart_function_is_among_those_tested() -> None:
    names = [module.name for module in pkgutil.walk_packages(topics.__path__, f"{topics.__name__}.")]
    members = [inspect.getmembers(importlib.import_module(name), inspect.isfunction) for name in names]
    assert {name for functions in members for name, function in functions if draws(function)} == set(CHARTS)


@pytest.mark.parametrize("name", CHARTS)
def test_a_network_has_its_colour_and_its_name_in_every_chart(name: str) -> None:
    expected = {SHOWN.names[key]: style.colour for key, style in styles_of(ORDER).items() if key in SHOWN.names}
    for part in parts(CHARTS[name].spec):
        scale = part.get("scale", {})
        if part.get("field") == "name" and str(scale.get("range", [""])[0]).startswith("#"):
            assert len(scale["domain"]) >= 2
            found = dict(zip(scale["domain"], scale["range"], strict=True))
            assert found.items() <= expected.items()
    values = CHARTS[name].spec["data"]["values"]
    assert {row["name"] for row in values if "name" in row} <= set(SHOWN.names.values())


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_json_has_a_title_and_writes_in_the_page_s_colour(name: str) -> None:
    text = json.dumps(CHARTS[name].spec, allow_nan=False)
    assert CHARTS[name].spec["title"].startswith("Width: ")
    assert "currentColor" in text


def test_against_layer_and_against_epoch_cannot_be_taken_for_each_other() -> None:
    by_layer, by_epoch = CHARTS["gradient_by_layer"].spec, CHARTS["gradient_by_epoch"].spec
    assert axis_titles(by_layer, "x") == {"layer (image → output)"}
    assert axis_titles(by_epoch, "x") == axis_titles(CHARTS["gradient_to_weight"].spec, "x") == {"epoch"}
    assert "against layer" in by_layer["title"]
    assert "against epoch" in by_epoch["title"]


@pytest.mark.parametrize("change", [("status", "collapsed"), ("run_seconds", None)])
def test_a_network_of_which_a_seed_did_not_train_or_no_step_was_measured_is_not_compared(
    change: tuple[str, str | None],
) -> None:
    table = cost()
    column, value = change
    table.loc[(table["architecture"] == "wide") & (table["seed"] == 1), column] = value
    if column == "run_seconds":
        table.loc[table["architecture"] == "wide", column] = value
    spec = accuracy_against_time(table, SHOWN, ["narrow"])
    assert {row["name"] for row in spec["data"]["values"]} == {"3×3", "6 layers"}
    assert "5×5" not in static_svg(spec)


def test_the_front_goes_up_where_it_reaches_a_network() -> None:
    spec = CHARTS["accuracy_against_time"].spec
    steps = spec["layer"][0]["data"]["values"]
    assert [(step["run_seconds"], step["test_accuracy"]) for step in steps] == [
        (10.0, 0.705),
        (20.0, 0.805),
        (30.0, 0.805),
    ]


def test_times_that_span_a_decade_have_a_logarithmic_axis() -> None:
    def types(spec: Spec) -> set[str]:
        return {
            part["scale"]["type"]
            for part in parts(spec)
            if part.get("field") == "run_seconds" and "type" in part.get("scale", {})
        }

    assert types(accuracy_against_time(cost(), SHOWN, [])) == {"linear"}
    assert types(accuracy_against_time(cost((1.0, 20.0, 400.0)), SHOWN, [])) == {"log"}


def dots_of(spec: Spec) -> dict[str, str]:
    """The drawn marks of a chart of differences, by their labels."""
    drawn = static_svg(spec).split("<path")
    return {
        dot.split("difference: ")[1].split(";")[0]: dot for dot in drawn if 'aria-roledescription="point"' in dot
    }


def test_what_is_not_decided_is_hollow_and_each_verdict_has_its_shape() -> None:
    table = comparisons()
    verdicts = ["better", "worse", "equivalent", "not decided", None]
    table = pd.concat([table.head(1).assign(of=f"net_{verdict}", verdict=verdict) for verdict in verdicts])
    dots = dots_of(difference_chart(table, SHOWN, 1.0))
    hollow = {label.split(" ")[0] for label, dot in dots.items() if " fill=" not in dot}
    assert hollow == {"net_not", "net_None"}
    shapes = {re.findall(r' d="([^"]+)"', dot)[0] for dot in dots.values()}
    assert len(shapes) == len(dots) == len(verdicts)


def test_a_difference_is_filled_at_the_budget_at_which_it_has_a_verdict_also_if_that_is_a_smaller_one() -> None:
    table = by_budget().assign(verdict=None)
    largest = {"wide": 2, "deep": 1}
    table = table[table["budget"] <= table["architecture"].map(largest)]
    table.loc[table["budget"] == table["architecture"].map(largest), "verdict"] = "worse"
    drawn = static_svg(budget_chart(table, SHOWN)).split("<path")
    dots = [dot for dot in drawn if 'aria-roledescription="point"' in dot]
    filled = [re.findall(r"epochs: (\d).* name: ([^;]*);", dot)[0] for dot in dots if 'fill-opacity="1"' in dot]
    assert (len(dots), filled) == (3, [("2", "5×5"), ("1", "6 layers")])


def test_a_difference_of_single_runs_has_a_mark_and_no_interval() -> None:
    table = comparisons().assign(low=np.nan, high=np.nan, verdict=None)
    spec = difference_chart(table, SHOWN, 1.0)
    assert len(dots_of(spec)) == 2
    assert not re.findall(r"label: [^>]*rule mark", static_svg(spec))


def test_the_band_of_differences_reaches_over_the_margin() -> None:
    band = difference_chart(comparisons(), SHOWN, 0.5)["layer"][0]["data"]["values"]
    assert band == [{"from": -0.5, "to": 0.5}]


def test_differences_to_several_others_name_them() -> None:
    pairs = comparisons().assign(against=["narrow", "wide"])
    labels = [row["label"] for row in difference_chart(pairs, SHOWN, 1.0)["data"]["values"]]
    assert labels == ["5×5 − 3×3", "6 layers − 5×5"]


def test_the_first_and_the_last_layer_are_named_at_the_end_of_their_lines() -> None:
    rows = CHARTS["gradient_by_epoch"].spec["data"]["values"]
    assert {(row["epoch"], row["end"]) for row in rows if row["end"]} == {(3, "conv1"), (3, "output")}
    assert {(row["layer"], row["place"]) for row in rows} == {("conv1", 0.0), ("output", 1.0)}


def test_the_colours_of_layers_and_epochs_are_seen_on_white_and_on_dark() -> None:
    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear)) + 0.05

    for colour in FIRST_MIDDLE_LAST:
        assert min(light("#FFFFFF") / light(colour), light(colour) / light("#111111")) >= 3


def test_one_network_alone_has_its_shares_in_the_squares_unless_there_are_many_classes() -> None:
    alone = replace(SHOWN, names={"wide": "5×5"})
    assert all(f">{share}%<" in static_svg(confusion_chart(confusion(), alone)) for share in (80, 20, 10, 90))
    assert ">80%<" not in static_svg(CHARTS["confusion_chart"].spec)
    names = [f"class {place:02}" for place in range(13)]
    many = pd.DataFrame(
        {"architecture": "wide", "actual": one, "predicted": other, "count": 1} for one in names for other in names
    )
    assert ">8%<" not in static_svg(confusion_chart(many, alone))


def test_zero_norms_do_not_break_a_logarithmic_axis() -> None:
    table = norms()
    table.loc[table["layer"] == "conv1", "gradient_norm"] = 0.0
    spec = gradient_by_epoch(table, SHOWN)
    assert {row["layer"] for row in spec["data"]["values"]} == {"output"}
    assert "NaN" not in static_svg(spec)


def test_a_study_of_which_nothing_trained_still_has_its_charts() -> None:
    table = cost().assign(status="diverged", run_seconds=np.nan, test_accuracy=np.nan)
    assert static_svg(accuracy_against_time(table, SHOWN, [])).startswith("<svg")


def test_the_parts_of_a_step_have_a_panel_each_behind_that_of_the_whole() -> None:
    spec = step_time(steps(), SHOWN)
    assert spec["facet"]["column"]["sort"] == ["whole step", *PARTS]
    rows = pd.DataFrame(spec["data"]["values"]).pivot_table("milliseconds", "name", "part")
    assert rows["whole step"].to_list() == [10.0 * len(PARTS)] * 3
    assert (rows[list(PARTS)].to_numpy() == 10.0).all()
    drawn = static_svg(spec)
    assert [drawn.count(f">{part}</text>") for part in ("whole step", *PARTS)] == [1, 1, 1, 1]
    assert drawn.count(">6 layers</text>") == 1  # names stand once, at the left
