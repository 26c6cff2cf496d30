"""What units can see is told beside how far the influence on them reaches, and what training does to that."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import pytest

from cnn_study.analysis.results import Result
from cnn_study.evaluation.effective_field import Field, LayerSpread, Spreads
from cnn_study.evaluation.influence import Spread, even_deviation
from cnn_study.report.kit.findings import Finding
from cnn_study.report.topics.receptive_fields.sentences import direction, field_findings, title_of
from cnn_study.report.topics.receptive_fields.tables import (
    LayerField,
    fields_by_layer,
    fields_by_seed,
    last_fields,
    layer_fields,
)
from cnn_study.training.records import Status
from tests.report_cases import (
    BUDGET,
    ENVIRONMENT,
    STUDIES,
    assert_numbers_are_their_own,
    result,
    right_ones,
)


def ended(*statuses: Status) -> Result:
    """A network whose runs have come to this."""
    return result("any", right_ones([5] * len(statuses), 10), statuses)


RESULTS = dict.fromkeys(("thin", "wide", "odd", "wide_matched"), ended("trained", "trained", "trained"))
Deviations = Sequence[float | None]


def spread(deviation: float | None) -> Spread | None:
    """With a side of twice the deviation."""
    return None if deviation is None else Spread(deviation=deviation, side=2 * deviation)


def layer(
    untrained: Deviations,
    trained: Deviations,
    theoretical: int = 16,
    visible: int = 16,
    by_all: int = 32,
    name: str = "conv2",
) -> LayerField:
    """With the deviations of each seed before and after training."""
    field = Field(name, 32, theoretical, 16.0, (0, visible - 1), (0, by_all - 1), None, None)
    return LayerField.of(field, [spread(one) for one in untrained], [spread(one) for one in trained])


def findings(results: Mapping[str, Result] = RESULTS, **last: LayerField) -> list[Finding]:
    """Of networks with these last layers, behind a first one that is spoken of nowhere."""
    first = layer([0.1] * 3, [9.0] * 3, 3, 3, name="conv1")
    return field_findings({name: [first, field] for name, field in last.items()}, results, STUDIES)


GROWS = layer([2.0, 2.2, 2.1], [3.0, 3.3, 3.0])  # by 1.0, 1.1 and 0.9
SHRINKS = layer([2.0, 2.2, 2.1], [1.8, 2.0, 2.0])
STAYS = layer([2.0, 2.2, 2.1], [2.5, 2.1, 2.3])


@pytest.mark.parametrize(
    ("change", "found"),
    [(0.011, 1), (0.009, 0), (-0.009, 0), (-0.011, -1)],
)
def test_a_hundredth_of_a_pixel_is_a_change_where_its_interval_leaves_out_zero(change: float, found: int) -> None:
    # Three seeds that differ by so much have an interval of ± 0.01.
    half = 0.01 / 4.302653 * 3**0.5
    field = layer([2.0] * 3, [2.0 + change - half, 2.0 + change, 2.0 + change + half], 16)
    assert direction(field.change) == found


def test_changes_are_paired_by_seed() -> None:
    # Seeds differ by more than training changes, but all change alike.
    field = layer([2.0, 5.0, 9.0], [2.1, 5.11, 9.09])
    assert direction(field.change) == 1


def test_the_field_of_a_network_that_collapsed_is_not_counted() -> None:
    results = RESULTS | {"wide": ended("collapsed", "trained", "trained")}
    sees, changes, _ = findings(results, thin=GROWS, wide=SHRINKS)
    assert sees.numbers["networks"] == 1
    assert list(changes.numbers["changes"]) == ["thin"]
    assert [finding.rule for finding in findings(results, wide=SHRINKS)] == ["sees", "head_whole"]


def test_how_many_fields_grow_and_shrink_and_which_most() -> None:
    _, finding, _ = findings(thin=GROWS, wide=SHRINKS, odd=STAYS)
    assert finding.text == (
        "Training widens the effective receptive field of the last feature map (a standard deviation) in 1 of 3 "
        "networks (most in narrow one: +1.00 [+0.75, +1.25] pixels) and narrows it in 1 (most in “wide, twice”: "
        "−0.17 [−0.31, −0.02] pixels), by 95 % CIs over seeds, not corrected for their number."
    )
    assert " in 2 of 3 networks (most in narrow one: " in findings(thin=SHRINKS, wide=SHRINKS, odd=STAYS)[1].text
    assert " and widens it in none, by" in findings(thin=SHRINKS, wide=SHRINKS, odd=STAYS)[1].text
    assert "significantly in none of 1 network, by" in findings(odd=STAYS)[1].text


def test_of_one_seed_the_range_of_changes_is_told() -> None:
    sees, finding, *_ = findings(thin=layer([2.0], [3.0]), wide=layer([2.0], [1.5]))
    assert finding.rule == "fields_of_one_seed"
    alone = findings(thin=layer([2.0], [3.0]))[1]
    assert alone.text.endswith("by +1.00 pixels in narrow one; one seed has no interval.")
    words = "by −0.50 pixels in “wide, twice” to +1.00 in narrow one; one seed has no interval."
    assert finding.text.endswith(words)
    assert sees.text.endswith("than if all pixels counted alike, by one seed.")


def test_what_a_unit_can_see_and_in_how_many_networks_its_middle_counts_most() -> None:
    # Influence that is the same in all of 16×16 pixels has a deviation of 4.61.
    near, at = layer([2.0] * 3, [4.3, 4.4, 4.4]), layer([2.0] * 3, [4.5, 4.6, 4.6])
    finding = findings(thin=near, wide=at, odd=layer([2.0] * 3, [5.0] * 3, 46, 30))[0]
    assert finding.text == (
        "A unit of the last feature map can see 16 to 46 pixels a side, of an image's 32. In 2 "
        "of 3 networks the middle of that counts most: influence spreads less than if all pixels counted alike, "
        "by 95 % CIs."
    )
    alone = findings(thin=at)[0].text
    assert alone.startswith(
        "A unit of the last feature map can see 16 pixels a side, of an image's 32. The middle"
    )
    assert "The middle of that is not shown to count most in the network: influence that spreads" in alone
    assert (
        "In none of 2 networks is the middle of that shown to count most: " in findings(thin=at, wide=at)[0].text
    )
    nothing = findings(RESULTS | {"thin": ended("diverged")}, thin=layer([2.0], [None]))[0]
    assert nothing.text.endswith("of an image's 32; none trained.")


@pytest.mark.parametrize(
    ("deviations", "title"),
    [
        ((3.0, 3.0), "The middle of what a unit can see counts most, in all 2 networks"),
        ((3.0, 5.0), "The middle of what a unit can see counts most, in 1 of 2 networks"),
        ((5.0, 5.0), "In none of 2 networks is the middle of what a unit can see shown to count most"),
        ((5.0,), "The middle of what a unit can see is not shown to count most"),
        ((3.0,), "The middle of what a unit can see counts most, in the network"),
        ((None,), "What a unit of the last layer can see"),
    ],
)
def test_the_title_says_in_how_many_networks(deviations: Deviations, title: str) -> None:
    last = {name: layer([2.0] * 3, [one] * 3) for name, one in zip(RESULTS, deviations, strict=False)}
    assert title_of(last, RESULTS) == title


def test_the_dense_head_is_said_to_see_the_whole_image_unless_a_pool_drops_rows() -> None:
    whole = findings(thin=GROWS, wide=SHRINKS)[2]
    assert whole.rule == "head_whole"
    assert whole.text.endswith("Together they see the whole image in 2 of 2 networks.")
    part = findings(thin=GROWS, wide=layer([2.0] * 3, [2.0] * 3, by_all=30))[2]
    assert part.rule == "head_part"
    assert part.text.endswith("in 1 of 2 networks; they miss 2 rows and as many columns in “wide, twice”.")


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    results = RESULTS | {"odd": ended("diverged"), "wide_matched": ended("collapsed", "trained", "trained")}
    assert_numbers_are_their_own(
        findings(
            results,
            thin=layer([2.0, 2.2, 2.13], [3.0, 3.3, 3.07], 46, 31),
            wide=SHRINKS,
            odd=layer([1.77], [None], by_all=30),
            wide_matched=layer([None] * 3, [1.23, 1.5, 1.6]),
        )
    )
    assert_numbers_are_their_own(findings(thin=layer([2.0], [3.3]), wide=layer([2.0], [1.55])))


def spreads_of(one: Result, deviations: Mapping[int, tuple[float, float | None]]) -> Result:
    """With these deviations of the last layer's influence before and after training, by seed."""
    spreads = {
        (seed, BUDGET): Spreads(
            seed=seed,
            budget=BUDGET,
            layers=(LayerSpread(layer="conv1", untrained=spread(before), trained=spread(after)),),
            environment=ENVIRONMENT,
            known_by="",
        )
        for seed, (before, after) in deviations.items()
    }
    return replace(one, evaluation=replace(one.evaluation, spreads=spreads))


def test_tables_have_each_seed_and_their_means_with_intervals() -> None:
    runs = result("thin", right_ones([5] * 3, 10), ("trained", "diverged", "trained"), seeds=[4, 0, 7])
    runs = spreads_of(runs, {7: (3.0, 4.5), 4: (2.0, 3.0), 0: (1.0, None)})  # in another order than the runs
    fields = {"thin": layer_fields(runs)}
    assert fields_by_seed(fields, {"thin": runs}).fillna(-1).to_numpy().tolist() == [
        ["thin", "conv1", 1, 4, 2.0, 3.0, 4.0, 6.0],
        ["thin", "conv1", 1, 0, 1.0, -1, 2.0, -1],
        ["thin", "conv1", 1, 7, 3.0, 4.5, 6.0, 9.0],
    ]
    (row,) = fields_by_layer(fields).to_dict("records")
    assert (row["theoretical"], row["visible"], row["even"]) == (10, 10, even_deviation(10))
    assert (row["deviation_untrained"], row["deviation_trained"], row["change"]) == (2.0, 3.75, 1.25)
    half = 12.706205 * 0.25  # of two seeds: Student's quantile with one degree of freedom
    assert (row["change_low"], row["change_high"]) == pytest.approx((1.25 - half, 1.25 + half))
    assert (row["side_untrained"], row["side_trained"]) == (4.0, 7.5)
    members = pd.DataFrame({"architecture": ["thin"]})
    assert last_fields({"thin": runs}, members)["pixels"].tolist() == [10, 7.5]
