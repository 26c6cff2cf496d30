"""What a study compares is said as the numbers show it, and every number in a sentence is one of its own."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cnn_study.analysis.comparisons import AccuracyDifference, Change, Comparison, StudyComparison
from cnn_study.analysis.costs import NOT_MEASURED, Costs
from cnn_study.analysis.summaries import Summary
from cnn_study.analysis.verdicts import Verdict
from cnn_study.params.study import Control
from cnn_study.report.kit.findings import Finding
from cnn_study.report.topics.studies.chapter import study_findings
from cnn_study.report.topics.studies.cost import pareto, steps
from cnn_study.report.topics.studies.differences import controls_table
from cnn_study.report.topics.studies.ranking import members_table
from cnn_study.report.topics.studies.study import ComparedStudy
from scripts.verdict import verdict as verdict_in_words
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
    judged,
    steps_of,
    timings_of,
)


def of_study(
    comparison: StudyComparison,
    summary: Mapping[str, Summary] = SUMMARY,
    costs: Costs = COSTS,
) -> list[Finding]:
    return study_findings(ComparedStudy("width", STUDY, comparison, MARGIN, summary, timings_of(costs), costs))


def found_in_study(
    summary: Mapping[str, Summary] = SUMMARY, costs: Costs = COSTS, **changes: Any
) -> dict[str, Finding]:
    found = of_study(replace(COMPARISON, **changes), summary, costs)
    rules = [finding.rule for finding in found]
    assert len(rules) == len(set(rules)), "these studies are small enough for one finding of each rule"
    return {finding.rule: finding for finding in found}


# The winner.


def test_a_planted_winner_is_named_with_its_lead_and_its_cost() -> None:
    found = found_in_study()
    assert found["winner"].text == (
        "“wide, twice” has the highest mean test accuracy of 3 ranked networks, 72.3 % [71.9, 72.7]; it is more "
        "accurate than the baseline narrow one (+2.2 points, 95 % CI +0.8 to +3.6, 3 seeds)."
    )
    assert found["winner_cost"].text == (
        "“wide, twice” takes 0.20× [0.19, 0.21] the time of a training step, 23× the training FLOPs and 0.031× "
        "the parameters of the baseline narrow one (a processor, 2 threads, fp32)."
    )
    assert found["winner_cost"].data == "metrics/timing.json"


@pytest.mark.parametrize("slower", ["wide", "thin"])
@pytest.mark.parametrize(("beyond", "significant"), [(0.9, False), (0.999, False), (1.001, True), (1.5, True)])
def test_a_difference_in_time_is_significant_where_the_interval_of_the_ratio_leaves_out_one(
    slower: str, beyond: float, significant: bool
) -> None:
    faster = "thin" if slower == "wide" else "wide"
    costs = steps_of(**{faster: (0.01, 0.03), slower: (0.01 * math.exp(0.05 * beyond), 0.04)})
    found = found_in_study(costs=costs, pareto=[faster, slower])
    assert ("the difference in time is not significant" in found["winner_cost"].text) == (not significant)
    assert found["pareto"].numbers["not_significant_in_time"] == ([] if significant else [faster, slower])
    assert ("their times differ significantly" in found["pareto"].text) == significant


def test_runs_on_the_front_with_other_numbers_of_images_are_compared_as_runs() -> None:
    costs = steps_of(thin=(0.01, 0.03), wide=(0.01, 0.04))
    timing = timings_of(costs) | {"thin": timings_of(costs, images=20_000)["thin"]}
    comparison = replace(COMPARISON, pareto=["wide", "thin"])
    (finding,) = pareto(ComparedStudy("width", STUDY, comparison, MARGIN, SUMMARY, timing, costs))
    assert "are “wide, twice” (1.0 s, 72.3 %) and narrow one (2.0 s, 70.1 %)" in finding.text
    assert finding.text.endswith("; their times differ significantly.")


def test_a_cost_that_is_not_known_is_left_out() -> None:
    without = {name: one.model_copy(update={"training_flops": None}) for name, one in SUMMARY.items()}
    found = found_in_study(summary=without, costs=NOT_MEASURED)
    assert found["winner_cost"].text == "“wide, twice” takes 0.031× the parameters of the baseline narrow one."
    assert (found["winner_cost"].timed, found["winner_cost"].data) == (False, "metrics/summary.json")
    assert "pareto" not in found
    found = found_in_study(summary=without)
    assert "0.20× [0.19, 0.21] the time of a training step and 0.031× the parameters" in found["winner_cost"].text


def test_the_tables_say_what_a_step_takes_and_on_which_machine() -> None:
    study = ComparedStudy("width", STUDY, COMPARISON, MARGIN, SUMMARY, TIMING, COSTS)
    table = members_table(study)
    column = table.columns.index("training step")
    assert [row[column] for row in table.rows] == [
        "41 ms", "8.36 ms, 0.20× [0.19, 0.21]", "60 ms, 1.46× [1.40, 1.53]",
    ]  # fmt: skip
    assert [row[table.columns.index("MFLOPs in training")] for row in table.rows] == ["0.0", "0.0", "0.0"]
    assert "(a processor, 2 threads, fp32)" in table.note
    ((*_, ratio),) = controls_table(study).rows
    assert ratio == "1.19× [1.14, 1.26]"
    nothing = replace(study, timing=timings_of(NOT_MEASURED), costs=NOT_MEASURED)
    assert {row[column] for row in members_table(nothing).rows} == {"–"}
    assert "processor" not in members_table(nothing).note


def test_the_table_of_steps_has_a_row_for_each_part_of_each_step_and_the_ratio_to_the_baseline() -> None:
    table = steps([ComparedStudy("width", STUDY, COMPARISON, MARGIN, SUMMARY, TIMING, COSTS)])
    of_wide = table[table["architecture"] == "wide"].set_index("part")
    assert of_wide["milliseconds"].to_dict() == pytest.approx(
        {"forward": 3.344, "backward": 4.18, "optimizer": 0.836}
    )
    assert of_wide["ratio"].to_list() == pytest.approx([0.00836 / 0.041] * 3)
    assert table[table["architecture"] == "thin"]["ratio"].isna().all()
    assert len(table) == 9


@pytest.mark.parametrize(
    ("verdict", "rule", "words"),
    [
        (
            "not decided",
            "winner_not_decided",
            "the difference between it and the baseline narrow one is not decided (+2.2 points, 95 % CI −0.6 to "
            "+5.0, 3 seeds); the minimum detectable difference is 1.7 points.",
        ),
        (
            "equivalent",
            "winner_equivalent",
            "it and the baseline narrow one are equivalent within 1 point (+2.2 points, 95 % CI −0.6 to +5.0, "
            "3 seeds).",
        ),
    ],
)
def test_a_winner_that_is_not_better_than_the_baseline_is_only_the_highest_mean(
    verdict: Verdict, rule: str, words: str
) -> None:
    pair = compared("wide", "thin", 2.2, verdict, interval=(-0.6, 5.0))
    found = found_in_study(against_baseline=[pair])
    assert "winner" not in found
    assert "highest mean test accuracy" in found[rule].text
    assert found[rule].text.endswith(words)
    assert "more accurate" not in found[rule].text


def test_the_best_is_claimed_where_all_others_are_worse() -> None:
    assert found_in_study()["best"].text == (
        "“wide, twice” is the most accurate of the study: the p-value against each of the others is below 0.05 "
        "(93.0 % probability of being the best)."
    )
    close = replace(BEST, p_value=0.05, probability={"wide": 0.6, "thin": 0.36, "odd": 0.04})
    assert found_in_study(best=close)["best_not_decided"].text == (
        "Which network is the most accurate of the study is not decided: “wide, twice” has a 60.0 % "
        "probability of being so; a probability of at least 5 % have “wide, twice” and narrow one."
    )
    assert not {"best", "best_not_decided"} & set(found_in_study(best=None))


def test_a_baseline_with_the_highest_mean_has_no_lead_over_itself() -> None:
    found = found_in_study(ranking=["thin", "wide", "odd"])
    assert found["winner_is_baseline"].text.startswith("The baseline narrow one has the highest mean")
    assert not {"winner", "winner_cost", "classes_both"} & set(found)


def test_a_winner_over_a_collapsed_baseline_is_compared_with_nothing() -> None:
    summary = SUMMARY | {"thin": entry(0.1, "collapsed", "trained", "collapsed")}
    failed = compared("wide", "thin", None)
    found = found_in_study(
        summary=summary, ranking=["wide", "odd"], not_ranked={"thin": "collapsed"}, against_baseline=[failed]
    )
    assert found["winner_not_compared"].text.endswith(
        "it is not compared with the baseline narrow one, which collapsed (stayed at chance)."
    )
    assert found["not_ranked"].text == "narrow one is not ranked: 2 of 3 runs collapsed (stayed at chance)."
    assert not {"winner", "winner_cost", "baseline_better", "baseline_not_decided"} & set(found)


def test_nobody_wins_where_nobody_trained() -> None:
    summary = dict.fromkeys(SUMMARY, entry(0.1, "collapsed", "diverged"))
    nothing: dict[str, Any] = {"ranking": [], "against_baseline": [], "controls": [], "best": None, "pareto": []}
    found = found_in_study(summary=summary, not_ranked={"thin": "diverged"}, **nothing)
    assert set(found) == {"no_winner", "not_ranked", "control_not_measured"}
    assert found["no_winner"].text == "None is the most accurate: of 1 network, none trained."
    assert "1 of 2 runs collapsed (stayed at chance) and 1 of 2 runs diverged" in found["not_ranked"].text


# The runner-up.


def test_a_runner_up_that_the_study_does_not_test_is_neither_better_nor_worse() -> None:
    found = found_in_study(ranking=["wide", "odd", "thin"])
    text = found["runner_up_not_tested"].text
    assert "72.3 % [71.9, 72.7] and 68.8 % [68.4, 69.2], differ by +3.6 points" in text
    assert "does not test this pair" in text


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("better", "“wide, twice” is more accurate than {}"),
        ("not decided", "the difference between “wide, twice” and {} is not decided"),
    ],
)
def test_a_runner_up_that_is_the_baseline_or_in_a_control_has_its_verdict(verdict: Verdict, words: str) -> None:
    by_baseline = found_in_study(against_baseline=[compared("wide", "thin", 2.2, verdict)])
    assert words.format("narrow one") in by_baseline["runner_up_tested"].text
    pair = compared("wide", "odd", 3.0, verdict)
    by_control = found_in_study(ranking=["wide", "odd", "thin"], controls=[pair])["runner_up_tested"].text
    assert words.format("odd one") in by_control


def test_a_single_trained_network_has_no_runner_up() -> None:
    found = found_in_study(ranking=["wide"])
    assert not [rule for rule in found if rule.startswith("runner_up")]
    assert "of 1 ranked network," in found["winner"].text


# Members against the baseline, and controls.


def test_what_is_not_decided_on_its_own_has_its_minimum_detectable_difference() -> None:
    said = "the minimum detectable difference is 1.7 points; `make study` corrects"
    assert said in verdict_in_words(compared("odd", "thin", 0.4, "not decided"))
    assert "detectable" not in verdict_in_words(compared("odd", "thin", 0.4, "better"))


@pytest.mark.parametrize("verdict", ["better", "worse", "equivalent", "not decided"])
def test_a_member_is_what_the_verdict_says(verdict: Verdict) -> None:
    rules = set(found_in_study(against_baseline=[compared("odd", "thin", 0.4, verdict)]))
    expected = f"baseline_{verdict}".replace(" ", "_")
    assert {rule for rule in rules if rule.startswith("baseline")} == {expected}


@pytest.mark.parametrize(("verdict", "word"), [("better", "more"), ("worse", "less")])
@pytest.mark.parametrize("small", [True, False])
def test_a_difference_that_is_shown_to_be_small_is_said_to_be(verdict: Verdict, word: str, small: bool) -> None:
    pair = replace(ODD, judged=judged(verdict, smaller_than_margin=small))
    text = found_in_study(against_baseline=[pair])[f"baseline_{verdict}"].text
    said = ", but by less than 1 point" if small else ""
    assert text == (
        f"odd one is {word} accurate than the baseline narrow one{said} (−1.3 points, 95 % CI −2.7 to +0.1, 3 "
        "seeds)."
    )


def test_what_is_not_decided_says_what_could_have_been_detected() -> None:
    assert found_in_study(against_baseline=[compared("odd", "thin", -0.04)])["baseline_not_decided"].text == (
        "The difference between odd one and the baseline narrow one is not decided (+0.0 points, 95 % CI −1.4 to "
        "+1.4, 3 seeds); the minimum detectable difference is 1.7 points."
    )


def test_unequal_numbers_of_seeds_are_both_said() -> None:
    found = found_in_study(against_baseline=[compared("odd", "thin", -0.04, seeds=(3, 2))])
    assert "3 and 2 seeds)" in found["baseline_not_decided"].text


def test_with_one_seed_there_is_no_interval_and_nothing_is_decided() -> None:
    one = compared("wide", "thin", 2.2, seeds=(1, 1), interval=None)
    summary = SUMMARY | {"wide": entry(0.7233, "trained", half=None)}
    found = found_in_study(summary=summary, against_baseline=[one], best=None)
    assert found["winner_not_decided"].text == (
        "“wide, twice” has the highest mean test accuracy of 3 ranked networks, 72.3 %; it and the baseline "
        "narrow one differ by +2.2 points, of 1 seed: one run has no interval, nothing is decided."
    )


# Over budgets.

BEFORE = AccuracyDifference(1, (3, 3), -0.9, (-1.5, -0.3), 0.01)


@pytest.mark.parametrize("reversed_", [True, False])
def test_an_order_that_changes_with_the_budget_is_said_where_the_change_is_significant(reversed_: bool) -> None:
    change = Change(1, 3.1, (2.0, 4.2), stable=False, reversed=reversed_)
    pair = compared("wide", "thin", 2.2, "better", smaller=(BEFORE,), changes=(change,))
    found = found_in_study(against_baseline=[pair])
    assert ("order_changes" in found) == reversed_
    if reversed_:
        assert found["order_changes"].text == (
            "The order changes with the budget: “wide, twice” − narrow one is −0.9 points at 1 epoch and +2.2 "
            "at 2, a change of +3.1 points, 95 % CI +2.0 to +4.2."
        )


@pytest.mark.parametrize(
    ("stable", "words"),
    [
        (
            (True, True),
            "within 1 point of the difference at the largest budget (95 % CI) stay “wide, twice” − narrow one "
            "from 1 epoch on.",
        ),
        ((False, True), "stay “wide, twice” − narrow one from 4 epochs on."),
        ((True, False), "no difference is shown to stay within 1 point."),
    ],
)
def test_a_difference_is_stable_from_the_budget_on_from_which_all_changes_are(
    stable: tuple[bool, bool], words: str
) -> None:
    changes = tuple(
        Change(budget, 0.1, (-0.5, 0.7), stable=one, reversed=False)
        for budget, one in zip((1, 4), stable, strict=True)
    )
    pair = compared("wide", "thin", 2.2, "better", smaller=(BEFORE, replace(BEFORE, budget=4)), changes=changes)
    found = found_in_study(against_baseline=[pair], controls=[])
    assert found["stability"].text.endswith(words)


def test_a_comparison_is_told_once_though_it_is_the_winner_s_or_a_control_s_as_well() -> None:
    winner, other = compared("wide", "thin", 2.2, "better"), compared("odd", "thin", -1.3, "worse")
    study = STUDY.model_copy(update={"controls": (Control(of="odd", against="thin", question="the oddness"),)})
    comparison = replace(COMPARISON, against_baseline=[winner, other], controls=[other])
    rules = [
        finding.rule
        for finding in study_findings(ComparedStudy("width", study, comparison, MARGIN, SUMMARY, TIMING, COSTS))
    ]
    assert rules.count("winner") == rules.count("control_worse") == 1
    assert not [rule for rule in rules if rule.startswith("baseline_")]


@pytest.mark.parametrize(
    ("points", "verdict", "rule", "words"),
    [
        (1.9, "better", "control_better", "“wide, twice” is more accurate than wide_matched"),
        (-1.9, "worse", "control_worse", "“wide, twice” is less accurate than wide_matched"),
        (
            1.9,
            "not decided",
            "control_not_decided",
            "the difference between “wide, twice” and wide_matched is not decided",
        ),
    ],
)
def test_a_control_answers_its_question(points: float, verdict: Verdict, rule: str, words: str) -> None:
    found = found_in_study(controls=[compared("wide", "wide_matched", points, verdict)])
    written = f"{points:+.1f} points, 95 % CI ".replace("-", "−")
    assert found[rule].text.startswith(f"the width: {words} ({written}")
    assert found[rule].about == "width"


def test_a_control_whose_network_failed_or_is_missing_is_not_measured() -> None:
    summary = SUMMARY | {"wide_matched": entry(0.1, "trained", "diverged")}
    failed = compared("wide", "wide_matched", None)
    text = found_in_study(summary=summary, controls=[failed])["control_not_measured"].text
    assert text == "the width: not measured, since wide_matched diverged (the loss was not finite)."
    text = found_in_study(controls=[])["control_not_measured"].text
    assert text == "the width: not measured, since “wide, twice” and wide_matched are not compared."


# Classes and the Pareto front.


@pytest.mark.parametrize(
    ("classes", "rule", "words"),
    [
        (
            {"cat": 4.6, "dog": 0.2, "ship": -0.1},
            "classes_both",
            "gains most on cat (+4.6 points) and loses most on",
        ),
        ({"cat": 4.6, "dog": 0.2, "ship": 0.0}, "classes_gain", "loses on no class; it gains most on cat (+4.6"),
        (
            {"cat": 0.0, "dog": -0.2, "ship": -3.0},
            "classes_lose",
            "gains on no class; it loses most on ship (−3.0",
        ),
    ],
)
def test_the_classes_that_the_winner_helps_and_hurts_most(
    classes: dict[str, float], rule: str, words: str
) -> None:
    found = found_in_study(against_baseline=[replace(WIDE, classes=classes)])
    assert words in found[rule].text
    assert "single classes are not tested" in found[rule].text


def test_the_pareto_front_is_what_is_better_than_all_that_is_faster() -> None:
    finding = found_in_study()["pareto"]
    assert finding.text == (
        "Worth their cost are “wide, twice” (0.8 s, 72.3 %) and narrow one (4.1 s, 70.1 %) (a processor, 2 "
        "threads, fp32): each is more accurate than all that are cheaper, with p-values below 0.05, not "
        "corrected for the number of pairs; their times differ significantly."
    )
    assert finding.data == "metrics/timing.json"


def test_only_neighbours_on_the_front_that_do_not_differ_in_time_are_named() -> None:
    costs = steps_of(wide=(0.01, 0.03), odd=(0.02, 0.03), thin=(0.0205, 0.04))
    finding = found_in_study(costs=costs, pareto=["wide", "odd", "thin"])["pareto"]
    assert finding.text.endswith(
        "; the difference in time to the next of them is not significant for odd one and narrow one."
    )


def test_a_front_of_one_has_no_neighbours() -> None:
    assert found_in_study(pareto=["wide"])["pareto"].text.startswith("Worth its cost is")


# All sentences.


def every_finding() -> list[Finding]:
    not_decided = compared("wide", "thin", 0.7, interval=(0.1, 1.3))
    change = Change(1, 3.1, (2.0, 4.2), stable=False, reversed=True)
    reversed_ = replace(WIDE, smaller=(BEFORE,), changes=(change,))
    unsure = replace(BEST, p_value=0.3)
    failed = {"thin": entry(0.1, "collapsed", "diverged", "trained"), "odd": entry(0.1, "diverged")}
    variants = [
        COMPARISON,
        replace(COMPARISON, ranking=["wide", "odd", "thin"], against_baseline=[not_decided], controls=[]),
        replace(COMPARISON, ranking=["thin", "wide", "odd"], against_baseline=[reversed_], best=unsure),
        replace(COMPARISON, ranking=[], not_ranked={"thin": "diverged", "odd": "diverged"}, best=None, pareto=[]),
    ]
    return [f for variant in variants for f in of_study(variant, SUMMARY | failed)]


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    assert_numbers_are_their_own(every_finding())


@pytest.mark.parametrize(
    "change",
    [
        compared("wide", "thin", 2.3, "better", interval=(0.8, 3.6)),
        compared("wide", "thin", 2.2, "better", interval=(0.9, 3.6)),
        compared("wide", "thin", 2.2, "better", seeds=(3, 4)),
        compared("wide", "thin", 2.2, "equivalent"),
        compared("wide", "thin", 2.2),
    ],
)
def test_a_changed_comparison_changes_every_sentence_that_rests_on_it(change: Comparison) -> None:
    def texts(comparison: Comparison) -> list[str]:
        pair = replace(comparison, against="wide_matched")
        found = found_in_study(against_baseline=[comparison], controls=[pair]).values()
        return [f.text for f in found if f.rule.split("_")[0] in ("winner", "baseline", "control", "runner")]

    unchanged = set(texts(WIDE)) & set(texts(change))
    assert [text for text in unchanged if "FLOPs" not in text] == []
