"""The first screen says of each comparison what its verdict says, and of time what was measured."""

import re
from dataclasses import replace
from typing import Any

import pytest

from cnn_study.analysis.compared import AccuracyDifference, Change, Comparison
from cnn_study.analysis.what_differs import Difference
from cnn_study.params.study import Control, Study
from cnn_study.report.kit.rendering import static_svg
from cnn_study.report.topics.studies.answers import (
    not_to_conclude,
    of_members,
    of_times,
    of_topics,
)
from cnn_study.report.topics.studies.frontier import Frontier, Point
from cnn_study.report.topics.studies.other_budgets import other_budgets
from cnn_study.report.topics.studies.study import ComparedStudy
from cnn_study.report.topics.studies.verdicts import verdict_table
from cnn_study.report.topics.studies.window_or_weights import changes_with_weights
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
    both_ways,
    compared,
    entry,
    turned,
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


@pytest.mark.parametrize(("of", "against"), [("wide", "thin"), ("thin", "wide")])
def test_what_a_control_compares_with_the_baseline_is_told_by_the_control_alone(of: str, against: str) -> None:
    text = of_members(study(asking(Control(of=of, against=against, question="of width")))).finding.text
    assert text == "Not decided against narrow one: odd one (−1.3 points, 95 % CI −2.7 to +0.1)."


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
            "Of a single run, which decides nothing against narrow one: odd one (+0.1 points).",
        ),
        (
            compared("odd", "thin", 0.1, None, interval=None),
            "Without variation between runs, so not decided against narrow one: odd one (+0.1 points).",
        ),
        (compared("odd", "thin", None), "Not compared: odd one."),
    ],
)
def test_every_verdict_has_its_words(pair: Comparison, said: str) -> None:
    assert of_members(study(NO_CONTROLS, against_baseline=[pair])).finding.text == said


def test_of_a_control_that_is_not_compared_no_reason_is_made_up() -> None:
    # That both have trained, to budgets of which none is the other's, is one.
    asked = asking(Control(of="odd", against="thin", question="oddness", topic="Odd"))
    (found,) = of_topics(study(asked, controls=[compared("odd", "thin", None)]))
    assert found.finding.text == "Not compared with and without oddness."


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
        "More accurate with more width (+2.2 points); not decided whether more or less accurate with an "
        "odd width (−1.3 points)."
    )
    assert evenness.finding.text == (
        "Equivalent within 1 point with and without evenness (+0.3 points, 95 % CI −1.1 to +1.7)."
    )
    assert_numbers_are_their_own([width.finding, evenness.finding])


WINDOW = Difference("window", "5×5", "3×3", larger=1)
WEIGHTS = Difference("weights in convolutions", "2,000", "1,000", larger=1)
CHANNELS = Difference("channels", "8", "16")
HIDDEN = Difference("hidden width", "8", "16")
FOLLOWS = Difference("receptive field", "16 px", "10 px", follows=True)


def of_one_topic(*found: tuple[Comparison, tuple[Difference, ...]]) -> tuple[str, dict[str, Any]]:
    """The answer of a topic whose controls differ so, and its numbers; a pair stands both ways round in judged."""
    pairs = [pair for pair, _ in found]
    controls = [
        Control(of=pair.of, against=pair.against, question=f"{pair.of} against {pair.against}", topic="Which")
        for pair in pairs
    ]
    one = study(asking(*controls), controls=pairs)
    one = replace(
        one,
        differing={(pair.of, pair.against): differing for pair, differing in found},
        judged=both_ways(*pairs),
    )
    [answered] = of_topics(one)
    assert_numbers_are_their_own([answered.finding])
    return answered.finding.text, answered.finding.numbers


ASKED = (
    (compared("a", "base", 0.9, "better"), (WINDOW, FOLLOWS)),
    (compared("b", "base", 0.1, "better"), (WINDOW, CHANNELS, HIDDEN)),
    # The larger window is that of the second.
    (compared("base", "c", -0.5, "worse"), (replace(WINDOW, larger=-1),)),
    (compared("d", "base", 0.2), (WINDOW,)),
    (compared("e", "base", -0.2, "equivalent"), (WINDOW,)),
    (compared("f", "base", None), (WINDOW,)),
    (compared("wide", "base", 0.6, "better"), (CHANNELS, WEIGHTS)),
)


def test_whether_it_is_the_window_or_the_weights_is_named_for_each() -> None:
    text, numbers = of_one_topic(*ASKED)
    assert text == (
        "A larger window with about the same number of weights in convolutions: a (+0.9 points), b (+0.1) and c "
        "(+0.5) are more accurate than base; e (−0.2) is equivalent to base within 1 point; d (+0.2) is not "
        "shown to differ from base; f is not compared with base. "
        "A larger number of weights in convolutions with the same window: “wide, twice” (+0.6 points) is more "
        "accurate than base."
    )
    assert numbers["comparisons"]["window"] == {
        "of": 6, "better": 3, "equivalent": 1, "not decided": 1, "not compared": 1,
    }  # fmt: skip


def test_many_comparisons_of_the_window_are_counted() -> None:
    text, _ = of_one_topic(*ASKED, (compared("g", "base", 0.4, "better"), (WINDOW,)))
    assert text.startswith(
        "A larger window with about the same number of weights in convolutions: more accurate in 4 of 7 "
        "comparisons (+0.1 to +0.9 points), equivalent within 1 point in 1, not decided in 1 and not "
        "compared in 1. "
    )


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (compared("a", "base", -1.2, "worse"), ": a (−1.2 points) is less accurate than base."),
        (compared("a", "base", 1.2, None), "a (+1.2 points) is without a verdict (no variation) against base."),
        (
            compared("a", "base", 1.2, None, interval=None, seeds=(3, 1)),
            "is without a verdict (single run) against",
        ),
        (compared("a", "base", None), ": a is not compared with base."),
    ],
)
def test_every_verdict_stands_under_the_words_of_the_table(pair: Comparison, said: str) -> None:
    wide = compared("wide", "base", None)
    text, _ = of_one_topic((pair, (WINDOW,)), (wide, (WEIGHTS,)))
    assert said in text
    assert text.endswith("the same window: “wide, twice” is not compared with base.")


def test_what_no_comparison_of_one_side_shows_is_said() -> None:
    baseline = STUDY.baseline
    worse, even = compared("a", baseline, -1.2, "worse"), compared("b", baseline, 0.1, "equivalent")
    wide = (compared("wide", baseline, 0.9, "better"), (WEIGHTS,))
    text, _ = of_one_topic((worse, (WINDOW,)), (even, (WINDOW,)), wide)
    assert text.startswith(
        "No larger window with about the same number of weights in convolutions is shown to help: a (−1.2 points) "
        "is less accurate than narrow one; b (+0.1) is equivalent to narrow one within 1 point. A larger "
    )
    assert "the same window: “wide, twice” (+0.9 points) is more accurate than narrow one." in text
    # A pair with another partner has a part of its own.
    elsewhere = compared("c", "base", 0.2, "equivalent")
    text, _ = of_one_topic(*((pair, (WINDOW,)) for pair in (worse, elsewhere, even)), wide)
    said = "; c (+0.2) is equivalent to base within 1 point; b (+0.1) is equivalent to narrow one within 1 point."
    assert said in text


def test_a_pair_that_two_controls_compare_counts_once() -> None:
    pair = compared("a", "base", 1.2, "better")
    text, _ = of_one_topic(
        (pair, (WINDOW,)),
        (turned(pair), (replace(WINDOW, larger=-1),)),
        (compared("wide", "base", None), (WEIGHTS,)),
    )
    assert ": a (+1.2 points) is more accurate than base." in text


@pytest.mark.parametrize(
    "differing",
    [
        (),
        (CHANNELS,),
        (WINDOW, WEIGHTS),
        (replace(WINDOW, larger=0),),
        (WINDOW, Difference("normalisation", "yes", "no")),
        (WEIGHTS, Difference("layers", "4", "2")),
    ],
)
def test_a_topic_with_a_pair_that_is_about_neither_names_each(differing: tuple[Difference, ...]) -> None:
    others = [
        (compared("a", "base", 1.2, "better"), (WINDOW,)),
        (compared("b", "base", 0.3, "better"), (WEIGHTS,)),
    ]
    text, _ = of_one_topic(*others, (compared("c", "base", 0.1, "better"), differing))
    assert text == (
        "More accurate with a against base (+1.2 points), b against base (+0.3) and c against base (+0.1)."
    )


@pytest.mark.parametrize("differing", [WINDOW, WEIGHTS])
def test_a_topic_about_one_of_the_two_names_each(differing: Difference) -> None:
    pairs = [compared(name, "base", points, "better") for name, points in (("a", 1.2), ("b", 0.3))]
    text, _ = of_one_topic(*((pair, (differing,)) for pair in pairs))
    assert text == "More accurate with a against base (+1.2 points) and b against base (+0.3)."


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
        found = other_budgets([study(NO_CONTROLS, against_baseline=list(pairs), controls=[])])
        assert found is not None
        assert_numbers_are_their_own([found])
        return found.text

    turned = changing(2.2, -1.5, stable=False, turned=True)
    assert said(turned) == (
        "The only difference is not shown to stay within 1 point of its final value from the smallest training "
        "budget on; reversed: “wide, twice” − narrow one (−1.5 points at 1 epoch, +2.2 at 2)."
    )
    grown = changing(2.2, 0.9, stable=False, turned=False)
    assert said(grown).endswith(
        "; changed most, by 95 % CIs of the change that leave out 0: “wide, twice” − narrow one (+0.9 points at 1 "
        "epoch, +2.2 at 2)."
    )
    other = replace(changing(0.1, 4.9, stable=False, turned=False), of="odd")
    assert said(turned, other).endswith(
        "; reversed: “wide, twice” − narrow one (−1.5 points at 1 epoch, +2.2 at 2); changed most but for "
        "reversals, by 95 % CIs of the change that leave out 0: odd one − narrow one (+4.9 points at 1 epoch, "
        "+0.1 at 2)."
    )
    kept = changing(2.2, 2.0, stable=True, turned=False)
    assert said(kept) == (
        "The only difference is shown to stay within 1 point of its final value from the smallest training budget "
        "on."
    )
    assert said(turned, other).startswith(
        "Of 2 differences, none is shown to stay within 1 point of its final value from the smallest training "
    )
    early = replace(turned.changes[0], reversed=False)
    assert turned.largest
    late = replace(
        turned,
        largest=replace(turned.largest, budget=4),
        smaller=(turned.smaller[0], replace(kept.smaller[0], budget=2)),
        changes=(early, replace(kept.changes[0], budget=2)),
    )
    both = said(late, replace(late, of="odd", changes=(early, replace(early, budget=2))))
    assert ", 1 from the second smallest on (others change, or are too uncertain); none is shown to be" in both
    assert "reversed; changed most, " in both
    assert "second smallest" not in said(late, other)
    assert "second smallest" not in said(late)


def test_of_changes_those_that_are_largest_are_named_and_by_their_study_where_names_are_the_same() -> None:
    # The second is shown to be large, by its short interval; the first is larger.
    large = changing(5.0, 0.0, stable=False, turned=False)
    large = replace(large, changes=(replace(large.changes[0], interval=(0.1, 9.9)),))
    small = changing(2.0, 0.0, stable=False, turned=False)
    small = replace(small, of="odd", changes=(replace(small.changes[0], interval=(1.5, 2.5)),))
    found = other_budgets([study(NO_CONTROLS, against_baseline=[small, large], controls=[])])
    assert found is not None
    assert re.search(r"leave out 0: “wide, twice” − narrow one \(.* and odd one − narrow one \(", found.text)
    other = study(
        NO_CONTROLS.model_copy(update={"title": "Other", "members": {"odd": "wide, twice", "thin": "narrow one"}}),
        against_baseline=[small],
        controls=[],
    )
    found = other_budgets([study(NO_CONTROLS, against_baseline=[large], controls=[]), other])
    assert found is not None
    assert "“wide, twice” − narrow one (“Other”, 0.0 points at 1 epoch, +2.0 at 2)" in found.text


def test_a_pair_at_a_smaller_budget_than_others_have_says_so() -> None:
    early = compared("odd", "thin", 0.1, "not decided")
    assert early.largest
    early = replace(early, largest=replace(early.largest, budget=1))
    late = compared("wide", "thin", 2.2, "better")
    text = of_members(study(NO_CONTROLS, against_baseline=[late, early])).finding.text
    assert text.endswith("“wide, twice” (+2.2 points); not decided: odd one (+0.1 points at 1 epoch).")
    assert "(+0.1 points, 95 % CI −1.3 to +1.5, at 1 epoch, 3 seeds)" in study().in_words(early, "a", "b")


def test_a_baseline_that_another_study_has_under_another_name_is_shown_with_it() -> None:
    assert "than narrow one (base): " in of_members(study(), " (base)").finding.text


def test_what_differs_besides_weights_is_among_what_not_to_conclude() -> None:
    asked = asking(Control(of="wide", against="thin", question="width", topic="Which"))
    one = replace(study(asked), differing={("wide", "thin"): (CHANNELS, WEIGHTS)})
    assert changes_with_weights(one) == ["channels"]
    text = not_to_conclude([one]).finding.text
    assert "alone matter in “Width”, since with the same window channels change with them" in text
    assert changes_with_weights(replace(one, differing={("wide", "thin"): (WINDOW,)})) == []


def test_a_budget_at_which_a_network_failed_is_one_at_which_the_difference_does_not_stay() -> None:
    kept = changing(2.2, 2.0, stable=True, turned=False)
    assert kept.largest
    longer = replace(kept, largest=replace(kept.largest, budget=4))  # nothing is known of 2 epochs
    for pair, said in ((kept, "is shown"), (longer, "is not shown")):
        found = other_budgets([study(NO_CONTROLS, against_baseline=[pair], controls=[])])
        assert found is not None
        assert found.text.startswith(f"The only difference {said} to stay")


def test_the_epochs_that_rates_were_found_for_are_said_where_they_are_known() -> None:
    one = study(NO_CONTROLS, against_baseline=[changing(2.2, 2.0, stable=True, turned=False)])
    known, unknown = (other_budgets([one], rates) for rates in (8, None))
    assert known is not None
    assert unknown is not None
    assert known.text.endswith("; learning rates that were searched are those for 8 epochs.")
    assert "learning rates" not in unknown.text


def test_of_one_budget_nothing_is_said_about_others() -> None:
    assert other_budgets([study()]) is None


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
        "By means alone, the highest test accuracy of what was tried: in 10 s, the thin for 2 epochs (70.0 % "
        "after 8.0 s); in 1.4 min to 3 min, the wide for 2 epochs (80.0 % after 1.3 min). Times are those of "
        "training steps on a machine."
    )
    assert found.finding.timed
    assert of_times(replace(FRONTIER, points=())) == []
    # What is the most accurate takes the longest: there is no time beyond it.
    [longest] = of_times(replace(FRONTIER, points=(point("thin", 1, 5, 0.6), point("wide", 1, 740.4, 0.8))))
    assert "; in 13 min, the wide for 1 epoch (80.0 % after 12 min)" in longest.finding.text


def test_a_time_includes_what_takes_exactly_as_long_and_is_not_said_twice() -> None:
    exactly = (point("thin", 1, 10, 0.6), point("wide", 1, 20, 0.7), point("odd", 1, 60, 0.8))
    said = replace(FRONTIER, points=exactly).by_time()
    # Within a minute there is the most accurate itself, which stands last: no 20 seconds' network for it.
    assert [(time, one.architecture) for time, one in said] == [("10 s", "thin"), ("1 min", "odd")]


@pytest.mark.parametrize(
    ("seconds", "said"), [(9.51, "9.6 s"), (59.2, "1 min"), (60, "1 min"), (601, "11 min"), (625, "11 min")]
)
def test_the_time_of_the_last_is_one_in_which_it_ends(seconds: float, said: str) -> None:
    points = (point("thin", 1, 5, 0.6), point("wide", 1, seconds, 0.7))
    chosen = replace(FRONTIER, points=points).by_time()
    assert chosen[-1][0] == said
    assert len({time for time, _ in chosen}) == len(chosen)


def test_the_band_of_the_figure_reaches_a_margin_to_both_sides_of_the_baseline() -> None:
    figure = replace(FRONTIER, margin=2.0).figure
    assert figure is not None
    assert figure.spec is not None
    (band,) = [
        layer
        for layer in figure.spec["layer"]
        if isinstance(layer["mark"], dict) and "area" in layer["mark"].values()
    ]
    assert [(row["low"], row["high"]) for row in band["data"]["values"]] == [
        pytest.approx((0.58, 0.62)), pytest.approx((0.68, 0.72)),
    ]  # fmt: skip


def test_the_figure_names_the_front_and_draws_every_point_and_the_band() -> None:
    figure = FRONTIER.figure
    assert figure is not None
    assert figure.title == "Highest mean accuracy: the thin in 10 s and the wide in 1.4 min"
    assert "the thin and the wide" in figure.alt
    svg = static_svg(figure.spec or {})
    assert svg.count('aria-roledescription="point"') == len(POINTS)
    assert svg.count('aria-roledescription="line mark"') == 3
    assert svg.count('aria-roledescription="area mark"') == 1
    assert ">the wide<" in svg
    assert replace(FRONTIER, points=()).figure is None


def test_the_figure_s_title_names_a_network_once_for_times_in_a_row() -> None:
    rising = (point("thin", 1, 9, 0.6), point("wide", 1, 50, 0.7), point("wide", 2, 900, 0.8))
    figure = replace(FRONTIER, points=rising).figure
    assert figure is not None
    assert figure.title == "Highest mean accuracy: the thin in 10 s and the wide in 1 min"


def test_what_is_not_decided_or_not_the_best_is_not_to_be_concluded() -> None:
    text = not_to_conclude([study(NO_CONTROLS, best=replace(BEST, p_value=0.3))]).finding.text
    assert "(1 of 3 comparisons)" in text
    assert "that “wide, twice”, which has the highest mean, is the best of" in text
    assert "is the best of" not in not_to_conclude([study(NO_CONTROLS)]).finding.text
    assert "more accurate after equal time" in text
    undecided = study(NO_CONTROLS, against_baseline=[ODD], controls=[])
    assert "more accurate after equal time" not in not_to_conclude([undecided]).finding.text


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
    near = (*POINTS, point("close", 1, 59, 0.797))
    assert [one.architecture for one in replace(FRONTIER, points=near).labelled] == ["wide", "thin"]
    apart = (*POINTS, point("close", 1, 59, 0.75))
    assert [one.architecture for one in replace(FRONTIER, points=apart).labelled] == ["wide", "close", "thin"]


def test_what_is_best_in_none_of_the_times_that_are_named_is_not_bold() -> None:
    brief = replace(FRONTIER, points=(*POINTS, point("odd", 1, 79, 0.75)))
    assert "the odd" in {one.name for one in brief.front}
    assert "the odd" not in brief.chosen
    assert brief.figure
    assert brief.figure.spec
    rows = brief.figure.spec["data"]["values"]
    assert {row["name"] for row in rows if row["chosen"]} == {"the thin", "the wide"}
