"""The first screen says of each comparison what its verdict says, and of time what was measured."""

from dataclasses import replace
from typing import Any

import pytest

from cnn_study.analysis.comparisons import AccuracyDifference, Change, Comparison
from cnn_study.params.study import Control, Study
from cnn_study.report.kit.rendering import static_svg
from cnn_study.report.topics.studies.answers import (
    not_to_conclude,
    of_budgets,
    of_members,
    of_times,
    of_topics,
)
from cnn_study.report.topics.studies.frontier import Frontier, Point
from cnn_study.report.topics.studies.study import ComparedStudy
from cnn_study.report.topics.studies.verdicts import verdict_table
from tests.report_cases import (
    BEST,
    COMPARISON,
    COSTS,
    MARGIN,
    ODD,
    STUDY,
    SUMMARY,
    TIMING,
    WIDE,
    assert_numbers_are_their_own,
    compared,
    entry,
)


def study(spec: Study = STUDY, **changes: Any) -> ComparedStudy:
    summary = dict(SUMMARY)
    return ComparedStudy("width", spec, replace(COMPARISON, **changes), MARGIN, summary, TIMING, COSTS)


def asking(*controls: Control) -> Study:
    return STUDY.model_copy(update={"controls": controls})


NO_CONTROLS = asking()


def test_members_are_named_under_their_verdicts_with_the_difference() -> None:
    found = of_members(study(NO_CONTROLS))
    assert found.question == STUDY.title
    assert found.finding.text == (
        "More accurate than narrow one: “wide, twice” (+2.2 points); not decided: odd one (−1.3 points)."
    )
    assert_numbers_are_their_own([found.finding])


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (
            compared("odd", "thin", -1.3, "worse"),
            "Less accurate than narrow one: odd one (−1.3 points, 95 % CI −2.7 to +0.1).",
        ),
        (
            compared("odd", "thin", 0.1, "equivalent"),
            "Equivalent to narrow one within 1 point: odd one (+0.1 points, 95 % CI −1.3 to +1.5).",
        ),
        (
            compared("odd", "thin", 0.1, "not decided"),
            "Not decided against narrow one: odd one (+0.1 points, 95 % CI −1.3 to +1.5).",
        ),
        (
            compared("odd", "thin", 0.1, None, interval=None, seeds=(1, 1)),
            "Of a single run, which decides nothing: odd one (+0.1 points).",
        ),
        (
            compared("odd", "thin", 0.1, None, interval=None),
            "Without variation between runs, so not decided: odd one (+0.1 points).",
        ),
        (compared("odd", "thin", None), "Not compared: odd one."),
    ],
)
def test_every_verdict_has_its_words(pair: Comparison, said: str) -> None:
    assert of_members(study(NO_CONTROLS, against_baseline=[pair])).finding.text == said


def test_a_network_that_did_not_train_says_so() -> None:
    one = study(NO_CONTROLS, against_baseline=[compared("odd", "thin", None)])
    failed = replace(one, summary=dict(SUMMARY) | {"odd": entry(0.1, "collapsed")})
    assert of_members(failed).finding.text == "Not compared: odd one (collapsed)."


def test_of_many_networks_the_answer_says_how_many_and_between_which_differences() -> None:
    pairs = [compared("odd", "thin", 0.5 + place, "better") for place in range(9)]
    found = of_members(study(NO_CONTROLS, against_baseline=[*pairs, compared("wide", "thin", None)])).finding
    assert found.text == (
        "More accurate than narrow one: 9 of 10 (+0.5 to +8.5 points); not compared: “wide, twice”."
    )


def test_where_the_baseline_failed_nothing_is_compared_and_why() -> None:
    one = study(NO_CONTROLS, ranking=["odd"], against_baseline=[compared("odd", "thin", None)])
    failed = replace(one, summary=dict(SUMMARY) | {"thin": entry(0.1, "collapsed")})
    assert of_members(failed).finding.text == "Not compared, since narrow one collapsed: odd one."


def test_controls_of_one_topic_are_one_sentence_and_others_their_own() -> None:
    controls = (
        Control(of="wide", against="thin", question="more width", topic="Width"),
        Control(of="odd", against="thin", question="an odd width", topic="Width"),
        Control(of="wide", against="odd", question="evenness"),
    )
    pairs = [WIDE, ODD, compared("wide", "odd", 0.3, "equivalent")]
    width, evenness = of_topics(study(asking(*controls), controls=pairs))
    assert (width.question, evenness.question) == ("Width", "evenness")
    assert width.finding.text == (
        "More accurate with more width (+2.2 points); not decided for an odd width (−1.3 points)."
    )
    assert evenness.finding.text == ("Equivalent within 1 point for evenness (+0.3 points, 95 % CI −1.1 to +1.7).")
    assert_numbers_are_their_own([width.finding, evenness.finding])


def test_members_that_a_control_compares_with_the_baseline_are_answered_there() -> None:
    asked = asking(Control(of="odd", against="thin", question="oddness"))
    assert "odd" not in of_members(study(asked, controls=[ODD])).finding.text


def changing(points: float, before: float, *, stable: bool, turned: bool) -> Comparison:
    """A comparison at two budgets."""
    smaller = AccuracyDifference(1, (3, 3), before, (before - 1, before + 1), 0.5)
    change = Change(1, points - before, (points - before - 0.5, points - before + 0.5), stable, turned)
    return compared("wide", "thin", points, "better", smaller=(smaller,), changes=(change,))


def test_what_changes_with_the_budget_is_told_with_both_ends() -> None:
    def said(*pairs: Comparison) -> str:
        [found] = of_budgets([study(NO_CONTROLS, against_baseline=list(pairs), controls=[])])
        assert_numbers_are_their_own([found.finding])
        return found.finding.text

    turned = changing(2.2, -1.5, stable=False, turned=True)
    assert said(turned) == (
        "Not one of 1 difference is shown to stay within 1 point of the value at the largest budget; reversed: "
        "“wide, twice” − narrow one (−1.5 points at 1 epoch, +2.2 at 2)."
    )
    grown = changing(2.2, 0.9, stable=False, turned=False)
    assert said(grown).endswith(
        "; largest change: “wide, twice” − narrow one (+0.9 points at 1 epoch, +2.2 at 2)."
    )
    kept = changing(2.2, 2.0, stable=True, turned=False)
    assert said(kept) == ("1 of 1 difference is shown to stay within 1 point of the value at the largest budget.")


def test_of_one_budget_nothing_is_said_about_others() -> None:
    assert of_budgets([study()]) == []


def point(name: str, budget: int, seconds: float, accuracy: float) -> Point:
    return Point(name, f"the {name}", budget, seconds, accuracy, accuracy - 0.01, accuracy + 0.01, 1000)


POINTS = (
    point("thin", 1, 4, 0.60),
    point("thin", 2, 8, 0.70),
    point("wide", 1, 40, 0.65),
    point("wide", 2, 80, 0.80),
    point("odd", 1, 90, 0.70),
    point("odd", 2, 180, 0.79),
)
FRONTIER = Frontier(POINTS, "thin", 1.0, "a machine", ("thin", "wide", "odd"))


def test_the_front_is_what_has_a_higher_mean_than_all_that_cost_less() -> None:
    assert [(one.architecture, one.budget) for one in FRONTIER.front] == [("thin", 1), ("thin", 2), ("wide", 2)]
    alike = replace(FRONTIER, points=(point("thin", 1, 4, 0.6), point("wide", 1, 4, 0.7), point("odd", 1, 5, 0.7)))
    assert [one.architecture for one in alike.front] == ["wide"]
    assert list(FRONTIER.table["front"]) == [True, True, False, True, False, False]


def test_for_a_time_the_best_network_within_it_is_named() -> None:
    [found] = of_times(FRONTIER)
    assert found.finding.text == (
        "Highest mean accuracy in 10 s, the thin for 2 epochs (70.0 %); in 1.3 min or more, the wide for 2 epochs "
        "(80.0 %). Times are those of training steps on a machine."
    )
    assert found.finding.timed
    assert of_times(replace(FRONTIER, points=())) == []


def test_the_figure_names_the_front_and_draws_every_point_and_the_band() -> None:
    figure = FRONTIER.figure
    assert figure is not None
    assert figure.title == "Highest mean accuracy: the thin in 10 s and the wide in 1.3 min"
    assert "the thin and the wide" in figure.alt
    svg = static_svg(figure.spec or {})
    assert svg.count('aria-roledescription="point"') == len(POINTS)
    assert svg.count('aria-roledescription="line mark"') == 3
    assert svg.count('aria-roledescription="area mark"') == 1
    assert ">the wide<" in svg
    assert replace(FRONTIER, points=()).figure is None


def test_what_is_not_decided_or_not_the_best_is_not_to_be_concluded() -> None:
    text = not_to_conclude([study(NO_CONTROLS, best=replace(BEST, p_value=0.3))]).finding.text
    assert "(1 of 3 comparisons)" in text
    assert "that “wide, twice”, which has the highest mean, is the best of" in text
    assert "is the best of" not in not_to_conclude([study(NO_CONTROLS)]).finding.text


def test_the_table_has_each_pair_once_with_a_word_for_its_verdict_and_every_budget() -> None:
    pair = changing(2.2, -1.5, stable=False, turned=True)
    table = verdict_table([study(against_baseline=[pair, ODD], controls=[pair])])
    assert table is not None
    assert table.columns == ("comparison", "verdict", "2 epochs", "1 epoch")
    assert table.rows == (
        ("wide, twice − narrow one", "▲ better", "+2.2 [+0.8, +3.6]", "−1.5 [−2.5, −0.5]"),
        ("odd one − narrow one", "? not decided", "−1.3 [−2.7, +0.1]", "–"),
    )
    assert verdict_table([study(against_baseline=[], controls=[])]) is None


def test_of_labels_that_would_cover_one_another_the_more_expensive_point_keeps_its_own() -> None:
    assert [one.architecture for one in FRONTIER.labelled] == ["wide", "thin"]
    near = (*POINTS, point("close", 1, 79, 0.797))
    assert [one.architecture for one in replace(FRONTIER, points=near).labelled] == ["wide", "thin"]
    apart = (*POINTS, point("close", 1, 79, 0.75))
    assert [one.architecture for one in replace(FRONTIER, points=apart).labelled] == ["wide", "close", "thin"]
