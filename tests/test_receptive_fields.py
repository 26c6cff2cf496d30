"""What units can see is told beside what they use, network by network."""

import pandas as pd
import pytest

from cnn_study.analysis.results import Result
from cnn_study.report.topics.receptive_fields.sentences import field_findings
from cnn_study.training.records import Status
from tests.report_cases import STUDIES, assert_numbers_are_their_own, result, right_ones


def ended(*statuses: Status) -> Result:
    """A network whose runs have come to this."""
    return result("any", right_ones([5] * len(statuses), 10), statuses)


RESULTS = dict.fromkeys(("thin", "wide", "odd", "wide_matched"), ended("trained", "trained"))


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
            "visible": visible,
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
    finding = field_findings(fields_of(thin=field), RESULTS, STUDIES)[-1]
    assert finding.rule == rule
    assert finding.text == f"narrow one: the central unit of the last layer can see {text}"


@pytest.mark.parametrize("statuses", [("diverged",), ("diverged", "diverged")])
def test_a_network_of_which_every_run_diverged_has_no_field_after_training(statuses: tuple[Status, ...]) -> None:
    (finding,) = field_findings(fields_of(thin=(16, 16, 13, None)), RESULTS | {"thin": ended(*statuses)}, STUDIES)
    assert finding.rule == "field_no_network"
    assert finding.text.endswith(
        "a side of 13 pixels before training; there is no network after it, since every run diverged (the loss "
        "was not finite)."
    )


@pytest.mark.parametrize("after", [15, None])
def test_the_field_of_a_collapsed_network_is_told_with_its_collapse(after: int | None) -> None:
    results = RESULTS | {"thin": ended("diverged", "collapsed")}
    (finding,) = field_findings(fields_of(thin=(16, 16, 13, after)), results, STUDIES)
    assert "in a run that collapsed (stayed at chance)" in finding.text
    one_trained = RESULTS | {"thin": ended("collapsed", "trained")}
    (finding,) = field_findings(fields_of(thin=(16, 16, 13, after)), one_trained, STUDIES)
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
    first, *others = field_findings(fields_of(**sides), RESULTS, STUDIES)
    start = "With training, in one run of each of 3 networks, the side of the effective field "
    assert first.text == start + words
    assert [finding.numbers["of"] for finding in others] == list(sides)


def test_only_networks_that_trained_are_ranked_by_what_training_changes() -> None:
    results = RESULTS | {"wide": ended("collapsed", "trained"), "odd": ended("diverged")}
    table = fields_of(thin=(16, 16, 9, 10), wide=(16, 16, 2, 16), odd=(16, 16, 9, None))
    assert field_findings(table, results, STUDIES)[0].numbers["changes"] == {"thin": 1}
    rules = [finding.rule for finding in field_findings(fields_of(wide=(16, 16, 2, 16)), results, STUDIES)]
    assert rules == ["field_whole"]


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    results = RESULTS | {"odd": ended("diverged"), "wide_matched": ended("collapsed")}
    fields = fields_of(
        thin=(46, 31, 17, 21), wide=(16, 16, 13, 16), odd=(9, 9, 5, None), wide_matched=(9, 9, 5, 7)
    )
    assert_numbers_are_their_own(field_findings(fields, results, STUDIES))
