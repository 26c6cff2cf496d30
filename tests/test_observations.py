"""Sentences about all networks say what the tables show, no more, and every number in them is one of their own."""

import pandas as pd
import pytest

from cnn_study.report.findings import Finding
from cnn_study.report.observations import (
    EXPLODING,
    STEADY,
    VANISHING,
    of_calibration,
    of_fields,
    of_gradients,
    of_rates,
    of_replay,
)
from cnn_study.report.tables import first_over_last
from tests.test_findings import NAMES, STUDIES, SUMMARY, entry, numbers_without_source


def gradients_of(ratios: list[float], architecture: str = "thin", last: float = 0.25) -> pd.DataFrame:
    """A network of two convolutions whose first has ``ratios`` times the gradient norm of its last."""
    rows = []
    for epoch, ratio in enumerate(ratios, start=1):
        layers = {"conv1": ratio * last, "residual1.conv2": last, "residual1.projection": 70.0, "output": 90.0}
        rows += [
            {"architecture": architecture, "epoch": epoch, "layer": layer, "depth": depth, "gradient_norm": norm}
            for depth, (layer, norm) in enumerate(layers.items(), start=1)
        ]
    return pd.DataFrame(rows)


def rates_of(**accuracies: list[float]) -> pd.DataFrame:
    """Searches over 0.1, 0.2, 0.4; an accuracy of 0.1 is a collapse."""
    rows = [
        {
            "architecture": name,
            "learning_rate": rate,
            "status": "collapsed" if accuracy == 0.1 else "trained",
            "validation_accuracy": accuracy,
            "chosen": accuracy == max(found),
        }
        for name, found in accuracies.items()
        for rate, accuracy in zip((0.1, 0.2, 0.4), found, strict=True)
    ]
    return pd.DataFrame(rows)


RATES = rates_of(thin=[0.31, 0.52, 0.1], wide=[0.33, 0.41, 0.57])


# Gradients.


@pytest.mark.parametrize(
    ("ratio", "kind"),
    [
        (VANISHING * 0.999, "vanishing"),
        (VANISHING, "neither"),
        (1.0, "neither"),
        (EXPLODING, "neither"),
        (EXPLODING * 1.001, "exploding"),
    ],
)
def test_the_last_epoch_decides_whether_a_gradient_vanishes_or_explodes(ratio: float, kind: str) -> None:
    norms = gradients_of([0.001, 1000.0, ratio])
    overall, finding = of_gradients(norms, STUDIES, SUMMARY)
    assert finding.rule == f"gradient_{kind}"
    counts = {"vanishing": int(kind == "vanishing"), "exploding": int(kind == "exploding")}
    assert {key: overall.numbers[key] for key in counts} == counts


@pytest.mark.parametrize(
    ("first", "last", "direction"),
    [
        (1.0, STEADY * 0.999, "stays"),
        (1.0, STEADY, "rises"),
        (1.0, 1 / STEADY * 1.001, "stays"),
        (1.0, 1 / STEADY, "falls"),
    ],
)
def test_a_ratio_rises_or_falls_from_a_quarter_on(first: float, last: float, direction: str) -> None:
    finding = of_gradients(gradients_of([first, 7.0, last]), STUDIES, SUMMARY)[1]
    assert finding.numbers["direction"] == direction
    assert finding.text.endswith(f"from 1.0× in epoch 1 it {direction}.")


def test_a_gradient_sentence_in_full() -> None:
    overall, finding = of_gradients(gradients_of([0.5, 0.031]), STUDIES, SUMMARY)
    assert finding.text == (
        "narrow one: in epoch 2 the first convolution's gradient norm is 0.031× the last one's (mean over 3 "
        "seeds), so that the gradient vanishes (below 0.10×); from 0.50× in epoch 1 it falls."
    )
    assert "vanishes in 1 and explodes in 0 of 1 network" in overall.text
    assert "epoch 1" not in of_gradients(gradients_of([0.5]), STUDIES, SUMMARY)[1].text.replace(
        "in epoch 1 the", ""
    )


def test_the_range_of_gradients_names_both_ends() -> None:
    norms = pd.concat([gradients_of([0.4]), gradients_of([12.0], "wide"), gradients_of([2.0], "wide_matched")])
    text = of_gradients(norms, STUDIES, SUMMARY)[0].text
    assert "in 0 and explodes in 1 of 3 networks" in text
    assert "least in narrow one, 0.40×, and greatest in “wide, twice”, 12×" in text


def test_only_trained_networks_with_two_convolutions_have_a_gradient_flow() -> None:
    summary = SUMMARY | {"wide": entry(0.1, "trained", "collapsed")}
    norms = pd.concat([gradients_of([0.4]), gradients_of([0.001], "wide"), gradients_of([3.0], "gone")])
    assert [finding.numbers.get("of") for finding in of_gradients(norms, STUDIES, summary)] == [None, "thin"]
    single = norms[norms["layer"] != "residual1.conv2"]
    assert first_over_last(single).empty
    assert of_gradients(single, STUDIES, SUMMARY) == []
    assert of_gradients(norms.head(0), STUDIES, SUMMARY) == []


def test_first_over_last_goes_by_depth_and_passes_over_projections() -> None:
    norms = pd.concat([gradients_of([0.4, 0.2]), gradients_of([3.0], "wide")])
    expected = [("thin", 1, 0.4), ("thin", 2, 0.2), ("wide", 1, 3.0)]
    for rows in (norms, norms.iloc[::-1]):
        ratios = first_over_last(rows).sort_values(["architecture", "epoch"])
        assert list(ratios.columns) == ["architecture", "epoch", "ratio"]
        assert (
            list(zip(ratios["architecture"], ratios["epoch"], ratios["ratio"].round(9), strict=True)) == expected
        )
    assert first_over_last(gradients_of([0.4], last=0.0))["ratio"].isna().all()


@pytest.mark.parametrize(
    ("of", "against", "rule", "words"),
    [
        (1.0, STEADY, "lowers", "it lowers this ratio"),
        (1.0, STEADY * 0.999, "leaves", "it leaves this ratio about as it is"),
        (STEADY * 0.999, 1.0, "leaves", "it leaves this ratio about as it is"),
        (STEADY, 1.0, "raises", "it raises this ratio"),
    ],
)
def test_a_control_raises_or_lowers_the_ratio_from_a_quarter_on(
    of: float, against: float, rule: str, words: str
) -> None:
    norms = pd.concat([gradients_of([9.0, of], "wide"), gradients_of([1.0, against], "wide_matched")])
    (finding,) = controlled(of_gradients(norms, STUDIES, SUMMARY))
    assert finding.rule == f"gradient_control_{rule}"
    assert words in finding.text


def test_the_gradients_of_a_control_in_full() -> None:
    norms = pd.concat([gradients_of([0.62], "wide"), gradients_of([0.31], "wide_matched")])
    assert controlled(of_gradients(norms, STUDIES, SUMMARY))[0].text == (
        "The width alone: in the last epoch the first convolution's gradient norm is 0.62× the last one's in "
        "“wide, twice” and 0.31× in wide_matched; it raises this ratio (by means over seeds, not tested)."
    )


@pytest.mark.parametrize("missing", ["wide", "wide_matched"])
def test_a_control_of_which_one_network_has_no_gradient_flow_says_nothing_of_gradients(missing: str) -> None:
    norms = pd.concat([gradients_of([0.62], "wide"), gradients_of([0.31], "wide_matched")])
    assert controlled(of_gradients(norms[norms["architecture"] != missing], STUDIES, SUMMARY)) == []
    collapsed = SUMMARY | {missing: entry(0.1, "trained", "collapsed")}
    assert controlled(of_gradients(norms, STUDIES, collapsed)) == []


def controlled(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.rule.startswith("gradient_control")]


# Receptive fields.


def fields_of(**last: tuple[int, int, int | None, int | None]) -> pd.DataFrame:
    """Of each network: theoretical and visible side, effective side before and after training.

    The last layer's; the first layer's, which is told of nowhere, comes after it.
    """
    rows = [
        {
            "architecture": name,
            "layer": f"conv{depth}",
            "depth": depth,
            "theoretical": theoretical,
            "theoretical_share": (visible / 32) ** 2,
            "effective_untrained": before,
            "effective_trained": after,
        }
        for name, layer in last.items()
        for depth, (theoretical, visible, before, after) in ((2, layer), (1, (3, 3, 1, 3)))
    ]
    return pd.DataFrame(rows).astype({"effective_untrained": "Int64", "effective_trained": "Int64"})


@pytest.mark.parametrize(
    ("field", "rule", "text"),
    [
        (
            (16, 16, 13, 15),
            "field_smaller",
            "16×16 pixels, 25.0 % of the image; its effective field has a side of 13 pixels before training and "
            "of 15 after it in one run, 1 less than it can see.",
        ),
        (
            (16, 16, 1, 16),
            "field_whole",
            "16×16 pixels, 25.0 % of the image; its effective field has a side of 1 pixel before training and of "
            "16 after it in one run, no less than it can see.",
        ),
        (
            (46, 30, 17, 33),
            "field_whole",
            "30×30 pixels, 87.9 % of the image (of a theoretical side of 46); its effective field has a side of "
            "17 pixels before training and of 33 after it in one run, no less than it can see.",
        ),
        (
            (16, 16, None, 1),
            "field_smaller",
            "16×16 pixels, 25.0 % of the image; before training no pixel moves it; after it its effective field "
            "has a side of 1 pixel in one run, 15 less than it can see.",
        ),
        (
            (16, 16, 13, None),
            "field_unused",
            "16×16 pixels, 25.0 % of the image; its effective field has a side of 13 pixels before training; "
            "after it, in one run, no pixel moves it.",
        ),
    ],
)
def test_what_a_unit_can_see_beside_what_it_uses(
    field: tuple[int, int, int | None, int | None], rule: str, text: str
) -> None:
    finding = of_fields(fields_of(thin=field), SUMMARY, STUDIES)[-1]
    assert finding.rule == rule
    assert finding.text == f"narrow one: the central unit of the last layer can see {text}"


@pytest.mark.parametrize("statuses", [("diverged",), ("diverged", "diverged")])
def test_a_network_of_which_every_run_diverged_has_no_field_after_training(statuses: tuple[str, ...]) -> None:
    (finding,) = of_fields(fields_of(thin=(16, 16, 13, None)), SUMMARY | {"thin": entry(0.1, *statuses)}, STUDIES)
    assert finding.rule == "field_no_network"
    assert finding.text.endswith(
        "a side of 13 pixels before training; there is no network after it, since every run diverged (the loss "
        "was not finite)."
    )


@pytest.mark.parametrize("after", [15, None])
def test_the_field_of_a_collapsed_network_is_told_with_its_collapse(after: int | None) -> None:
    summary = SUMMARY | {"thin": entry(0.1, "diverged", "collapsed")}
    (finding,) = of_fields(fields_of(thin=(16, 16, 13, after)), summary, STUDIES)
    assert "in a run that collapsed (stayed at chance)" in finding.text
    one_trained = SUMMARY | {"thin": entry(0.1, "collapsed", "trained")}
    (finding,) = of_fields(fields_of(thin=(16, 16, 13, after)), one_trained, STUDIES)
    assert "collapsed" not in finding.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ((4, -2, 0), "grows most in narrow one, by 4 pixels, and shrinks most in “wide, twice”, by 2 pixels."),
        ((4, 1, 4), "grows most in narrow one and odd one, by 4 pixels, and shrinks in none."),
        ((0, -1, -1), "grows in none, and shrinks most in “wide, twice” and odd one, by 1 pixel."),
        ((0, 0, 0), "grows in none, and shrinks in none."),
    ],
)
def test_the_first_sentence_on_fields_says_whose_training_changes_most(
    changes: tuple[int, int, int], words: str
) -> None:
    sides = {name: (16, 16, 9, 9 + change) for name, change in zip(("thin", "wide", "odd"), changes, strict=True)}
    first, *others = of_fields(fields_of(**sides), SUMMARY, STUDIES)
    start = "With training, in one run of each of 3 networks, the side of the effective field "
    assert first.text == start + words
    assert [finding.numbers["of"] for finding in others] == list(sides)


def test_only_networks_that_trained_are_ranked_by_what_training_changes() -> None:
    summary = SUMMARY | {"wide": entry(0.1, "collapsed", "trained"), "odd": entry(0.1, "diverged")}
    table = fields_of(thin=(16, 16, 9, 10), wide=(16, 16, 2, 16), odd=(16, 16, 9, None))
    assert of_fields(table, summary, STUDIES)[0].numbers["changes"] == {"thin": 1}
    rules = [finding.rule for finding in of_fields(fields_of(wide=(16, 16, 2, 16)), summary, STUDIES)]
    assert rules == ["field_whole"]


# Learning rates.


def test_rates_that_differ_are_told_with_their_factor_and_those_at_the_edge_are_flagged() -> None:
    spread, edge = of_rates(RATES, SUMMARY, STUDIES)
    assert spread.rule == "rates_differ"
    assert spread.text == (
        "The learning rate was searched for 2 of 4 networks, by one short run for each rate; the best ones found "
        "span a factor of 2.0×: 0.2 for narrow one; 0.4 for “wide, twice”."
    )
    assert edge.rule == "rate_at_edge"
    assert edge.text.startswith("“wide, twice”: the best learning rate found, 0.4, is the highest of 3 tried")


def test_every_network_has_one_rate_only_where_all_were_searched_and_found_one() -> None:
    middle, failed = [0.3, 0.5, 0.4], [0.1, 0.1, 0.1]
    both = {name: SUMMARY[name] for name in ("thin", "wide")}
    (all_agree,) = of_rates(rates_of(thin=middle, wide=middle), both, STUDIES)
    assert all_agree.text.endswith(
        "for 2 of 2 networks, by one short run for each rate; every network has the same best one: 0.2 for narrow "
        "one and “wide, twice”."
    )
    (fixed,) = of_rates(rates_of(thin=middle, wide=middle), SUMMARY, STUDIES)
    (none_found,) = of_rates(rates_of(thin=middle, wide=failed), both, STUDIES)
    for finding in (fixed, none_found):
        assert "every" not in finding.text
        assert finding.rule == "rates_agree"
    assert "for 2 of 4 networks" in fixed.text
    assert "none that trains was found for “wide, twice”; the best ones found are the same" in none_found.text


def test_the_lowest_rate_is_an_edge_too_and_the_middle_is_none() -> None:
    (spread, edge) = of_rates(rates_of(thin=[0.5, 0.4, 0.3]), SUMMARY, STUDIES)
    assert spread.rule == "rates_agree"
    assert "0.1, is the lowest of 3 tried" in edge.text
    assert len(of_rates(rates_of(thin=[0.3, 0.5, 0.4]), SUMMARY, STUDIES)) == 1


def test_a_search_in_which_nothing_trained_finds_no_best_rate() -> None:
    (finding,) = of_rates(rates_of(thin=[0.1, 0.1, 0.1]), SUMMARY, STUDIES)
    assert finding.rule == "rates_unknown"
    assert finding.text.endswith("none that trains was found for narrow one; so there is no best one.")
    assert of_rates(RATES.head(0), SUMMARY, STUDIES) == []


# The report's recipe, replayed.


def replayed(*runs: tuple[str, float, int, float | None]) -> pd.DataFrame:
    """Runs of one recipe: network, rate, seed, accuracy; 0.1 is a collapse, None a divergence."""
    statuses = {0.1: "collapsed", None: "diverged"}
    columns = ["architecture", "learning_rate", "seed", "validation_accuracy"]
    table = pd.DataFrame(runs, columns=columns)
    return table.assign(status=[statuses.get(run[3], "trained") for run in runs])


def found_in_replay(*runs: tuple[str, float, int, float | None], own: float = 0.01) -> list[Finding]:
    return of_replay(replayed(*runs), STUDIES, own, epochs=1, images=500)


def test_a_replay_tells_rate_by_rate_who_trained_and_in_which_order() -> None:
    low, high, orders = found_in_replay(
        ("thin", 0.001, 0, 0.5), ("thin", 0.001, 1, 0.6), ("wide", 0.001, 0, 0.7), ("wide", 0.001, 1, 0.7),
        ("thin", 0.01, 0, 0.4), ("thin", 0.01, 1, 0.3), ("wide", 0.01, 0, 0.1), ("wide", 0.01, 1, None),
    )  # fmt: skip
    assert low.text == (
        "With the report's recipe at a rate of 0.001, 0 of 4 runs of 1 epoch on 500 images did not train; "
        "mean validation accuracies of those that did: “wide, twice” 70.0 % and narrow one 55.0 %."
    )
    assert high.text == (
        "With the report's recipe at the report's rate, 0.01, 2 of 4 runs of 1 epoch on 500 images did not train "
        "(“wide, twice”: 2); mean validation accuracies of those that did: narrow one 35.0 %."
    )
    assert high.numbers["failed"] == {"wide": 2}
    assert orders.rule == "replay_orders_differ"
    assert orders.text == (
        "In these short runs, of 1 epoch on 500 images, the order by mean validation accuracy at the report's "
        "rate, 0.01, is narrow one 35.0 % (no run of “wide, twice” trained); with each network at its best of 2 "
        "rates it is “wide, twice” 70.0 % (at 0.001) and narrow one 55.0 % (at 0.001). The two orders differ: "
        "here the rates alone change the order; differences are not tested."
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


# Calibration.


def test_calibration_names_the_best_and_the_worst() -> None:
    (finding,) = of_calibration({"thin": 0.031, "wide": 0.012, "odd": 0.024}, STUDIES)
    assert finding.text.startswith("Of 3 networks, “wide, twice” (1.2 %) has the smallest")
    assert "narrow one (3.1 %) the largest" in finding.text
    assert of_calibration({"odd": 0.024}, STUDIES)[0].rule == "calibration_of_one"
    assert of_calibration({}, STUDIES) == []


# All sentences.


def every_finding() -> list[Finding]:
    norms = pd.concat([gradients_of([0.43, 0.0123], "wide"), gradients_of([3.4, 17.0], "wide_matched")])
    summary = SUMMARY | {"odd": entry(0.1, "diverged"), "wide_matched": entry(0.1, "collapsed")}
    fields = fields_of(
        thin=(46, 31, 17, 21), wide=(16, 16, 13, 16), odd=(9, 9, 5, None), wide_matched=(9, 9, 5, 7)
    )
    searches = rates_of(thin=[0.31, 0.52, 0.1], wide=[0.33, 0.41, 0.57], odd=[0.1, 0.1, 0.1])
    replay = [("thin", 0.01, 0, 0.5), ("wide", 0.01, 0, 0.1), ("thin", 0.003, 0, 0.7), ("wide", 0.003, 0, 0.8)]
    return [
        *of_gradients(norms, STUDIES, SUMMARY),
        *of_fields(fields, summary, STUDIES),
        *of_rates(searches, summary, STUDIES),
        *found_in_replay(*replay),
        *of_calibration({"thin": 0.031, "wide": 0.012}, STUDIES),
    ]


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    for finding in every_finding():
        assert not numbers_without_source(finding.text, finding.numbers, NAMES), finding
        assert finding.numbers
        assert finding.text.endswith(".")
