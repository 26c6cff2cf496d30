"""What a study compares is said as the numbers show it, and every number in a sentence is one of its own."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cnn_study.analysis.comparisons import Comparison, StudyComparison
from cnn_study.analysis.costs import NOT_MEASURED, Costs
from cnn_study.analysis.results import Summary
from cnn_study.params.study import Control
from cnn_study.report.kit.findings import Finding
from cnn_study.report.topics.studies.chapter import study_findings
from cnn_study.report.topics.studies.cost import pareto, steps
from cnn_study.report.topics.studies.differences import controls_table
from cnn_study.report.topics.studies.ranking import members_table
from cnn_study.report.topics.studies.study import ComparedStudy
from tests.report_cases import (
    COMPARISON,
    COSTS,
    ODD,
    STUDY,
    SUMMARY,
    TIMING,
    WIDE,
    assert_numbers_are_their_own,
    compared,
    entry,
    steps_of,
    timings_of,
)


def of_study(
    comparison: StudyComparison,
    summary: Mapping[str, Summary] = SUMMARY,
    costs: Costs = COSTS,
) -> list[Finding]:
    return study_findings(ComparedStudy("width", STUDY, comparison, summary, timings_of(costs), costs))


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
        "accurate than the baseline narrow one (+2.2 [+0.8, +3.6] points, 3 seeds)."
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
    assert ("differ significantly in time" in found["pareto"].text) == significant


def test_runs_on_the_front_with_other_numbers_of_images_are_compared_as_runs() -> None:
    costs = steps_of(thin=(0.01, 0.03), wide=(0.01, 0.04))
    timing = timings_of(costs) | {"thin": timings_of(costs, images=20_000)["thin"]}
    comparison = replace(COMPARISON, pareto=["wide", "thin"])
    (finding,) = pareto(ComparedStudy("width", STUDY, comparison, SUMMARY, timing, costs))
    assert "is “wide, twice” (1.0 s, 72.3 %) and narrow one (2.0 s, 70.1 %)" in finding.text
    assert finding.text.endswith("; neighbours on it differ significantly in time.")


def test_a_cost_that_is_not_known_is_left_out() -> None:
    without = {name: one.model_copy(update={"training_flops": None}) for name, one in SUMMARY.items()}
    found = found_in_study(summary=without, costs=NOT_MEASURED)
    assert found["winner_cost"].text == "“wide, twice” takes 0.031× the parameters of the baseline narrow one."
    assert (found["winner_cost"].timed, found["winner_cost"].data) == (False, "metrics/summary.json")
    assert "pareto" not in found
    found = found_in_study(summary=without)
    assert "0.20× [0.19, 0.21] the time of a training step and 0.031× the parameters" in found["winner_cost"].text


def test_the_tables_say_what_a_step_takes_and_on_which_machine() -> None:
    study = ComparedStudy("width", STUDY, COMPARISON, SUMMARY, TIMING, COSTS)
    table = members_table(study)
    column = table.columns.index("training step")
    assert [row[column] for row in table.rows] == [
        "41 ms", "8.36 ms, 0.20× [0.19, 0.21]", "60 ms, 1.46× [1.40, 1.53]",
    ]  # fmt: skip
    assert [row[table.columns.index("MFLOPs in training")] for row in table.rows] == ["0.0", "0.0", "0.0"]
    assert "(a processor, 2 threads, fp32)" in table.note
    ((*_, ratio),) = controls_table(STUDY, COMPARISON, COSTS).rows
    assert ratio == "1.19× [1.14, 1.26]"
    nothing = replace(study, timing=timings_of(NOT_MEASURED), costs=NOT_MEASURED)
    assert {row[column] for row in members_table(nothing).rows} == {"–"}
    assert "processor" not in members_table(nothing).note


def test_the_table_of_steps_has_a_row_for_each_part_of_each_step_and_the_ratio_to_the_baseline() -> None:
    table = steps([ComparedStudy("width", STUDY, COMPARISON, SUMMARY, TIMING, COSTS)])
    of_wide = table[table["architecture"] == "wide"].set_index("part")
    assert of_wide["milliseconds"].to_dict() == pytest.approx(
        {"forward": 3.344, "backward": 4.18, "optimizer": 0.836}
    )
    assert of_wide["ratio"].to_list() == pytest.approx([0.00836 / 0.041] * 3)
    assert table[table["architecture"] == "thin"]["ratio"].isna().all()
    assert len(table) == 9


def test_a_winner_that_the_test_does_not_tell_from_the_baseline_is_only_the_highest_mean() -> None:
    found = found_in_study(against_baseline=[replace(WIDE, significant=False, interval=(-0.6, 5.0))])
    assert "winner" not in found
    text = found["winner_not_told"].text
    assert "highest mean test accuracy" in text
    assert "it cannot be told from the baseline narrow one (+2.2 [−0.6, +5.0] points, 3 seeds)" in text
    assert "17 seeds would tell a difference of one point in 80 % of studies, before correction" in text
    assert "more accurate" not in text


def test_a_baseline_with_the_highest_mean_has_no_lead_over_itself() -> None:
    found = found_in_study(ranking=["thin", "wide", "odd"])
    assert found["winner_is_baseline"].text.startswith("The baseline narrow one has the highest mean")
    assert not {"winner", "winner_cost", "classes_both"} & set(found)


def test_a_winner_over_a_collapsed_baseline_is_compared_with_nothing() -> None:
    summary = SUMMARY | {"thin": entry(0.1, "collapsed", "trained", "collapsed")}
    failed = compared("wide", "thin", None, told=False)
    found = found_in_study(
        summary=summary, ranking=["wide", "odd"], not_ranked={"thin": "collapsed"}, against_baseline=[failed]
    )
    assert found["winner_not_compared"].text.endswith(
        "it is not compared with the baseline narrow one, which collapsed (stayed at chance)."
    )
    assert found["not_ranked"].text == "narrow one is not ranked: 2 of 3 runs collapsed (stayed at chance)."
    assert not {"winner", "winner_cost", "baseline_better", "baseline_not_told"} & set(found)


def test_nobody_wins_where_nobody_trained() -> None:
    summary = dict.fromkeys(SUMMARY, entry(0.1, "collapsed", "diverged"))
    nothing: dict[str, Any] = {"ranking": [], "against_baseline": [], "controls": [], "pareto": []}
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


@pytest.mark.parametrize(("told", "words"), [(True, "is more accurate than"), (False, "cannot be told from")])
def test_a_runner_up_that_is_the_baseline_or_in_a_control_is_told_by_its_test(told: bool, words: str) -> None:
    by_baseline = found_in_study(against_baseline=[replace(WIDE, significant=told)])
    assert f"“wide, twice” {words} narrow one" in by_baseline["runner_up_tested"].text
    pair = compared("odd", "wide", -3.0, told)
    by_control = found_in_study(ranking=["wide", "odd", "thin"], controls=[pair])["runner_up_tested"].text
    assert f"odd one {'is less accurate than' if told else 'cannot be told from'} “wide, twice”" in by_control


def test_a_single_trained_network_has_no_runner_up() -> None:
    found = found_in_study(ranking=["wide"])
    assert not [rule for rule in found if rule.startswith("runner_up")]
    assert "of 1 ranked network," in found["winner"].text


# Members against the baseline, and controls.


@pytest.mark.parametrize("points", [-0.1, -5.0, 0.1, 5.0])
@pytest.mark.parametrize("told", [True, False])
def test_a_member_is_better_or_worse_only_where_the_test_told_it_apart(points: float, told: bool) -> None:
    comparison = compared("odd", "thin", points, told)
    rules = set(found_in_study(against_baseline=[comparison]))
    expected = ("baseline_better" if points > 0 else "baseline_worse") if told else "baseline_not_told"
    assert {rule for rule in rules if rule.startswith("baseline")} == {expected}


def test_a_planted_tie_says_how_many_seeds_would_tell() -> None:
    tie = compared("odd", "thin", -0.04, told=False)
    assert found_in_study(against_baseline=[tie])["baseline_not_told"].text == (
        "odd one cannot be told from the baseline narrow one (+0.0 [−1.4, +1.4] points, 3 seeds); "
        "17 seeds would tell a difference of one point in 80 % of studies, before correction."
    )


def test_where_no_number_of_seeds_would_tell_the_sentence_says_why() -> None:
    tie = compared("odd", "thin", -0.04, told=False, seeds_to_tell=None, images_forbid=True)
    finding = found_in_study(against_baseline=[tie])["baseline_not_told"]
    assert finding.text.endswith(
        "; no number of seeds would tell a difference of one point with these test images."
    )
    assert finding.numbers["images_forbid"]
    unknown = replace(tie, images_forbid=False)
    text = found_in_study(against_baseline=[unknown])["baseline_not_told"].text
    assert text.endswith("; how many seeds would tell a difference of one point is not known.")


@pytest.mark.parametrize(
    ("interval", "corrected"),
    [((0.01, 2.0), True), ((0.0, 2.0), False), ((-0.01, 2.0), False), ((-2.0, 0.0), False), ((-2.0, -0.01), True)],
)
def test_an_interval_without_zero_that_is_not_told_apart_is_explained(
    interval: tuple[float, float], corrected: bool
) -> None:
    comparison = replace(ODD, interval=interval)
    text = found_in_study(against_baseline=[comparison])["baseline_not_told"].text
    assert ("not once corrected for the number of comparisons" in text) == corrected


def test_with_one_seed_there_is_no_interval_and_nothing_is_told() -> None:
    one = compared("wide", "thin", 2.2, told=False, seeds=1, interval=None, seeds_to_tell=None)
    summary = SUMMARY | {"wide": entry(0.7233, "trained", half=None)}
    found = found_in_study(summary=summary, against_baseline=[one])
    assert found["winner_not_told"].text == (
        "“wide, twice” has the highest mean test accuracy of 3 ranked networks, 72.3 %; it cannot be told from "
        "the baseline narrow one (+2.2 points, 1 seed); how many seeds would tell a difference of one point is "
        "not known with one seed."
    )


def test_a_comparison_is_told_once_though_it_is_the_winner_s_or_a_control_s_as_well() -> None:
    winner, other = compared("wide", "thin", 2.2, told=True), compared("odd", "thin", -1.3, told=True)
    study = STUDY.model_copy(
        update={"controls": (Control(of="odd", against="thin", question="the oddness alone"),)}
    )
    comparison = replace(COMPARISON, against_baseline=[winner, other], controls=[other])
    rules = [
        finding.rule
        for finding in study_findings(ComparedStudy("width", study, comparison, SUMMARY, TIMING, COSTS))
    ]
    assert rules.count("winner") == rules.count("control_worse") == 1
    assert not [rule for rule in rules if rule.startswith("baseline_")]


@pytest.mark.parametrize(
    ("points", "told", "rule", "words"),
    [
        (1.9, True, "control_better", "is more accurate than"),
        (-1.9, True, "control_worse", "is less accurate than"),
        (1.9, False, "control_not_told", "cannot be told from"),
    ],
)
def test_a_control_answers_its_question(points: float, told: bool, rule: str, words: str) -> None:
    found = found_in_study(controls=[compared("wide", "wide_matched", points, told)])
    written = f"{points:+.1f} [".replace("-", "−")
    assert found[rule].text.startswith(f"The width alone: “wide, twice” {words} wide_matched ({written}")
    assert found[rule].about == "width"


def test_a_control_whose_network_failed_or_is_missing_is_not_measured() -> None:
    summary = SUMMARY | {"wide_matched": entry(0.1, "trained", "diverged")}
    failed = compared("wide", "wide_matched", None, told=False)
    text = found_in_study(summary=summary, controls=[failed])["control_not_measured"].text
    assert text == "The width alone: not measured, since wide_matched diverged (the loss was not finite)."
    text = found_in_study(controls=[])["control_not_measured"].text
    assert text == "The width alone: not measured, since “wide, twice” and wide_matched are not compared."


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


def test_the_pareto_front_is_one_of_means() -> None:
    finding = found_in_study()["pareto"]
    assert finding.text == (
        "The Pareto front of the cost of training (a processor, 2 threads, fp32) and mean test accuracy is “wide, "
        "twice” (0.8 s, 72.3 %) and narrow one (4.1 s, 70.1 %): every other ranked network is matched or beaten "
        "in both by one of these; neighbours on it differ significantly in time."
    )
    assert finding.data == "metrics/timing.json"


def test_only_neighbours_on_the_front_that_do_not_differ_in_time_are_named() -> None:
    costs = steps_of(wide=(0.01, 0.03), odd=(0.02, 0.03), thin=(0.0205, 0.04))
    finding = found_in_study(costs=costs, pareto=["wide", "odd", "thin"])["pareto"]
    assert finding.text.endswith(
        "; the difference in time to a neighbour on it is not significant for odd one and narrow one."
    )


def test_a_front_of_one_has_no_neighbours() -> None:
    assert found_in_study(pareto=["wide"])["pareto"].text.endswith("in both by one of these.")


# All sentences.


def every_finding() -> list[Finding]:
    not_told = compared("wide", "thin", 0.7, told=False, interval=(0.1, 1.3))
    failed = {"thin": entry(0.1, "collapsed", "diverged", "trained"), "odd": entry(0.1, "diverged")}
    variants = [
        COMPARISON,
        replace(COMPARISON, ranking=["wide", "odd", "thin"], against_baseline=[not_told], controls=[]),
        replace(
            COMPARISON, ranking=["thin", "wide", "odd"], against_baseline=[replace(not_told, seeds_to_tell=None)]
        ),
        replace(COMPARISON, ranking=[], not_ranked={"thin": "diverged", "odd": "diverged"}, pareto=[]),
    ]
    return [f for variant in variants for f in of_study(variant, SUMMARY | failed)]


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    assert_numbers_are_their_own(every_finding())


@pytest.mark.parametrize(
    "change",
    [{"points": 2.3}, {"interval": (0.9, 3.6)}, {"interval": (0.8, 3.7)}, {"seeds": 4}, {"significant": False}],
)
def test_a_changed_comparison_changes_every_sentence_that_rests_on_it(change: dict[str, Any]) -> None:
    def texts(comparison: Comparison) -> list[str]:
        pair = replace(comparison, against="wide_matched")
        found = found_in_study(against_baseline=[comparison], controls=[pair]).values()
        return [f.text for f in found if f.rule.split("_")[0] in ("winner", "baseline", "control", "runner")]

    unchanged = set(texts(WIDE)) & set(texts(replace(WIDE, **change)))
    assert [text for text in unchanged if "FLOPs" not in text] == []
