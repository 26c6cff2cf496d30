"""What a study compares is said as the numbers show it, and every number in a sentence is one of its own."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from cnn_study.analysis.compared import AccuracyDifference, Change, Comparison, StudyComparison
from cnn_study.analysis.costs import NOT_MEASURED, Costs
from cnn_study.analysis.summaries import Summary
from cnn_study.analysis.verdicts import Verdict
from cnn_study.cost.records import Session, StepCosts
from cnn_study.params.study import Control, Study
from cnn_study.report.kit.findings import Finding
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Section
from cnn_study.report.kit.palette import styles_of
from cnn_study.report.topics.studies.budgets import by_budget, stability
from cnn_study.report.topics.studies.class_changes import class_changes
from cnn_study.report.topics.studies.cost import steps
from cnn_study.report.topics.studies.cost_findings import pareto
from cnn_study.report.topics.studies.differences import differences, title_of
from cnn_study.report.topics.studies.ranking import failures, leader, members_table
from cnn_study.report.topics.studies.section import study_section
from cnn_study.report.topics.studies.study import ComparedStudy
from cnn_study.report.topics.studies.verdicts import verdict_table
from scripts.verdict import verdict as verdict_in_words
from tests.report_cases import (
    BEST,
    COMPARISON,
    CONTROL,
    COSTS,
    MARGIN,
    ODD,
    STUDIED,
    STUDY,
    SUMMARY,
    TIMING,
    WIDE,
    around,
    assert_numbers_are_their_own,
    both_ways,
    compared,
    entry,
    judged,
    steps_of,
    timings_of,
)


def compared_study(
    comparison: StudyComparison = COMPARISON,
    summary: Mapping[str, Summary] = SUMMARY,
    costs: Costs = COSTS,
    spec: Study = STUDY,
) -> ComparedStudy:
    judged = both_ways(*(pair for _, pair in comparison.by_kind))
    return ComparedStudy("width", spec, comparison, MARGIN, summary, timings_of(costs), costs, judged=judged)


def section_of(study: ComparedStudy) -> tuple[Section, list[Finding]]:
    """The whole section, with tables in which nothing stands but the differences."""
    members = Members("width", study.spec.title, study.spec.members, styles_of(STUDIED))
    tables = {
        "curves": pd.DataFrame(columns=["study", "architecture", "epoch", "validation_accuracy"]),
        "differences": differences({"width": study.comparison}),
        "budgets": by_budget({"width": study.comparison}),
        "class_changes": class_changes({"width": study.comparison}),
        "cost": pd.DataFrame(columns=["study", "architecture", "status", "run_seconds"]),
        "steps": steps([study]),
    }
    return study_section(study, members, tables, None)


def of_study(
    comparison: StudyComparison,
    summary: Mapping[str, Summary] = SUMMARY,
    costs: Costs = COSTS,
) -> list[Finding]:
    return section_of(compared_study(comparison, summary, costs))[1]


def found_in_study(
    summary: Mapping[str, Summary] = SUMMARY, costs: Costs = COSTS, **changes: Any
) -> dict[str, Finding]:
    found = of_study(replace(COMPARISON, **changes), summary, costs)
    rules = [finding.rule for finding in found]
    assert len(rules) == len(set(rules)), "these studies are small enough for one finding of each rule"
    return {finding.rule: finding for finding in found}


# The answer, and what the one with the highest mean costs.


def test_the_best_is_claimed_where_all_others_are_worse() -> None:
    found = found_in_study()
    assert found["best"].text == (
        "“wide, twice” is the most accurate of 3 networks, with a test accuracy of 72.3 % [71.9, 72.7] (p < 0.05 "
        "against each of the others)."
    )
    assert found["winner_cost"].text == (
        "“wide, twice” takes 0.20× [0.19, 0.21] the time of a training step, 23× the training FLOPs and 0.031× "
        "the parameters of the baseline narrow one (a processor, 2 threads, fp32)."
    )
    assert found["winner_cost"].data == "metrics/timing_conclusions.json"


CLOSE = replace(BEST, p_value=0.05, probability={"wide": 0.6, "thin": 0.36, "odd": 0.04})


def test_a_highest_mean_that_is_not_shown_to_be_the_best_is_told_with_its_lead() -> None:
    assert found_in_study(best=CLOSE)["best_not_decided"].text == (
        "“wide, twice” has the highest mean test accuracy of 3 networks, 72.3 % [71.9, 72.7] (+2.2 points, 95 % "
        "CI +0.8 to +3.6 ahead of narrow one); it is not shown to be the best (probability: 60 %)."
    )


@pytest.mark.parametrize("verdict", ["not decided", "equivalent"])
@pytest.mark.parametrize("where", ["against_baseline", "controls"])
def test_a_best_that_a_verdict_denies_is_not_claimed(verdict: Verdict, where: str) -> None:
    denied: dict[str, Any] = {where: [compared("wide", "thin", 2.2, verdict)]}
    found = found_in_study(**denied)
    assert "best" not in found
    assert "it is not shown to be the best (probability: 93 %)" in found["best_not_decided"].text
    shown: dict[str, Any] = {where: [compared("thin", "wide", -2.2, "worse")]}
    assert "best" in found_in_study(**shown)


@pytest.mark.parametrize("equally", [0.7233, 0.7233 + 1e-15])  # sums in another order end in other digits
def test_means_that_are_equal_have_no_winner(equally: float) -> None:
    equal = {**SUMMARY, "thin": entry(equally), "odd": entry(0.7)}
    assert found_in_study(summary=equal, best=CLOSE)["tie"].text == (
        "“wide, twice” and narrow one share the highest mean test accuracy of 3 networks, 72.3 %; which is the "
        "best is not decided."
    )
    assert found_in_study(summary=dict.fromkeys(SUMMARY, entry(0.7)), best=CLOSE)["tie"].text == (
        "All 3 networks have the same mean test accuracy, 70.0 %; which is the best is not decided."
    )


def test_of_single_runs_and_of_networks_without_a_common_budget_no_best_is_decided() -> None:
    single = {name: entry(0.7 + 0.01 * place, "trained", half=None) for place, name in enumerate(SUMMARY)}
    text = found_in_study(summary=single, ranking=["odd", "wide", "thin"], best=None)["one_run"].text
    assert text == (
        "odd one has the highest mean test accuracy of 3 networks, 72.0 %; whether it is the best is not decided, "
        "since one run has no confidence interval."
    )
    text = found_in_study(budget=None, best=None)["no_shared_budget"].text
    assert text.endswith("since they share no training budget, and each is taken at its own largest.")


def test_a_ranking_at_a_smaller_budget_than_some_have_says_so() -> None:
    shorter = {name: one.model_copy(update={"budget": 4}) for name, one in SUMMARY.items()}
    assert "of 3 networks at 2 epochs, with" in found_in_study(summary=shorter)["best"].text
    assert members_table(compared_study(summary=shorter)).columns[1] == "test accuracy at 2 epochs"


def test_a_study_whose_networks_all_train_for_less_than_others_says_so() -> None:
    longer = SUMMARY | {"of another study": SUMMARY["odd"].model_copy(update={"budget": 4})}
    study = compared_study(summary=longer)
    assert members_table(study).columns[1] == "test accuracy at 2 epochs"
    assert study.at_budgets(study.pairs) == " At 2 epochs."
    assert "training time at 2 epochs is that of" in found_in_study(summary=longer)["pareto"].text
    assert compared_study().at_budgets(study.pairs) == ""


def test_the_table_says_of_how_many_seeds_each_is_where_not_all_are_of_as_many() -> None:
    fewer = SUMMARY | {"odd": entry(0.688, "trained", "trained")}
    table = members_table(compared_study(summary=fewer))
    assert table.columns[:2] == ("network", "seeds")
    assert [row[1] for row in table.rows] == ["3", "3", "2"]


@pytest.mark.parametrize("slower", ["wide", "thin"])
@pytest.mark.parametrize(("beyond", "significant"), [(0.9, False), (0.999, False), (1.001, True), (1.5, True)])
def test_a_difference_in_time_is_significant_where_the_interval_of_the_ratio_leaves_out_one(
    slower: str, beyond: float, significant: bool
) -> None:
    faster = "thin" if slower == "wide" else "wide"
    costs = steps_of(**{faster: (0.01, 0.03), slower: (0.01 * math.exp(0.05 * beyond), 0.04)})
    found = found_in_study(costs=costs, pareto=[faster, slower])
    assert ("the difference in time is not significant" in found["winner_cost"].text) == (not significant)
    assert found["pareto"].numbers["not_significant_in_time"] == ([] if significant else [(faster, slower)])
    said = "the difference in time is not significant between" in found["pareto"].text
    assert said == (not significant)


def test_runs_on_the_front_with_other_numbers_of_images_are_compared_as_runs() -> None:
    costs = steps_of(thin=(0.01, 0.03), wide=(0.01, 0.04))
    timing = timings_of(costs) | {"thin": timings_of(costs, images=20_000)["thin"]}
    comparison = replace(COMPARISON, pareto=["wide", "thin"])
    (finding,) = pareto(ComparedStudy("width", STUDY, comparison, MARGIN, SUMMARY, timing, costs))
    assert finding.text.startswith(
        "The shortest training time is that of “wide, twice” (1.0 s, 72.3 %); narrow one (2.0 s, 70.1 %) is more"
    )
    assert "not significant" not in finding.text


def test_a_time_that_is_not_known_is_left_out() -> None:
    found = found_in_study(costs=NOT_MEASURED)
    assert found["winner_cost"].text == (
        "“wide, twice” takes 23× the training FLOPs and 0.031× the parameters of the baseline narrow one."
    )
    assert (found["winner_cost"].timed, found["winner_cost"].data) == (False, "metrics/summary.json")
    assert "pareto" not in found


def test_the_table_has_accuracies_and_times_of_a_step_over_the_baseline_s() -> None:
    table = members_table(compared_study())
    assert table.columns == ("network", "test accuracy", "training step, narrow one = 1")
    assert table.rows == (
        ("narrow one", "70.1 % [69.7, 70.5]", "1×"),
        ("wide, twice", "72.3 % [71.9, 72.7]", "0.20× [0.19, 0.21]"),
        ("odd one", "68.8 % [68.4, 69.2]", "1.46× [1.40, 1.53]"),
    )
    assert table.note == (
        "Means over 3 seeds with 95 % CIs from each network's own seeds alone (those of differences draw on all "
        "networks); a training step of narrow one takes 41 ms (a processor, 2 threads, "
        "fp32)."
    )
    nothing = members_table(compared_study(costs=NOT_MEASURED))
    assert nothing.columns == ("network", "test accuracy")
    assert nothing.note.startswith("Means over 3 seeds with 95 % CIs from each network's own seeds alone (")


def test_the_table_of_classes_that_are_not_balanced_has_their_balanced_accuracy_too() -> None:
    of_classes = {"2": {"balanced_accuracy": around(0.5)}, "1": {"balanced_accuracy": around(0.3)}}
    unbalanced = {
        name: one.model_copy(
            update={
                "balanced_accuracy": around(0.8),  # at a larger budget than that of the ranking
                "by_budget": {key: one.by_budget[key].model_copy(update=of) for key, of in of_classes.items()},
            }
        )
        for name, one in SUMMARY.items()
    }
    table = members_table(compared_study(summary=unbalanced | {"odd": SUMMARY["odd"]}))
    assert table.columns[2] == "balanced accuracy"
    assert [row[2] for row in table.rows] == ["50.0 % [49.6, 50.4]", "50.0 % [49.6, 50.4]", "–"]


def test_the_table_says_what_became_of_a_network_that_failed() -> None:
    failed = replace(COMPARISON, ranking=["wide", "thin"], not_ranked={"odd": "diverged"})
    summary = SUMMARY | {"odd": entry(0.1, "diverged", "trained", "trained")}
    assert members_table(compared_study(failed, summary)).rows[2][:2] == ("odd one", "diverged")
    nobody = replace(COMPARISON, ranking=[], not_ranked=dict.fromkeys(STUDY.members, "diverged"))
    assert members_table(compared_study(nobody, summary)).note.startswith("A training step of narrow one takes")


def test_the_table_of_steps_has_a_row_for_each_part_of_each_step_and_the_ratio_to_the_baseline() -> None:
    table = steps([ComparedStudy("width", STUDY, COMPARISON, MARGIN, SUMMARY, TIMING, COSTS)])
    of_wide = table[table["architecture"] == "wide"].set_index("part")
    assert of_wide["milliseconds"].to_dict() == pytest.approx(
        {"forward": 3.344, "backward": 4.18, "optimizer": 0.836}
    )
    assert of_wide["ratio"].to_list() == pytest.approx([0.00836 / 0.041] * 3)
    assert table[table["architecture"] == "thin"]["ratio"].isna().all()
    assert len(table) == 9


def test_where_batches_differ_it_is_said_that_times_are_of_an_image() -> None:
    costs = steps_of({"wide": 50}, thin=(0.041, 0.03), wide=(0.00836, 0.04), odd=(0.06, 0.03))
    study = compared_study(costs=costs)
    table = members_table(study)
    assert table.columns[-1] == "training image, narrow one = 1"
    assert "a training step of narrow one, of 100 images, takes 41 ms" in table.note
    assert table.rows[1][-1] == "0.41× [0.39, 0.43]"
    found = found_in_study(costs=costs)
    assert "takes 0.41× [0.39, 0.43] the time of a training image, " in found["winner_cost"].text
    (figure,) = (one for one in section_of(study)[0].figures if one.name.endswith("step_time"))
    in_a_step = "Images in a step: 50 of “wide, twice”; 100 of narrow one and odd one."
    assert figure.caption == f"All networks were measured in turns. {in_a_step}"
    assert figure.spec is not None
    assert "image over the baseline's" in str(figure.spec)


def test_what_was_measured_later_is_said_below_the_figure_of_steps() -> None:
    first = COSTS.found.sessions[0].networks
    earlier, later = ({name: first[name] for name in names} for names in (("thin", "wide"), ("thin", "odd")))
    costs = Costs(StepCosts(reference="thin", sessions=(Session(networks=earlier), Session(networks=later))))
    (figure,) = (one for one in section_of(compared_study(costs=costs))[0].figures if "step_time" in one.name)
    assert figure.caption == "Networks were measured in turns, those added later with one of the first."


def test_a_baseline_with_the_highest_mean_costs_and_gains_nothing_over_itself() -> None:
    best = replace(BEST, network="thin", probability={"thin": 0.7, "wide": 0.3})
    found = found_in_study(ranking=["thin", "wide", "odd"], best=best)
    assert found["best_not_decided"].text.startswith("narrow one has the highest mean")
    assert not {"winner_cost", "classes_both"} & set(found)


def test_a_collapsed_baseline_is_said_and_nothing_is_compared_with_it() -> None:
    summary = SUMMARY | {"thin": entry(0.1, "collapsed", "trained", "collapsed")}
    failed = compared("wide", "thin", None)
    found = found_in_study(
        summary=summary, ranking=["wide", "odd"], not_ranked={"thin": "collapsed"}, against_baseline=[failed]
    )
    assert "the most accurate of the 2 networks that trained" in found["best"].text
    assert found["best"].text.endswith("(p < 0.05 against the other).")
    assert found["not_ranked"].text == "Not ranked: narrow one (2 of 3 runs collapsed to chance)."
    assert not {"winner_cost", "baseline_better", "baseline_not_decided"} & set(found)


def test_nobody_is_the_best_where_nobody_trained() -> None:
    summary = dict.fromkeys(SUMMARY, entry(0.1, "collapsed", "diverged"))
    nothing: dict[str, Any] = {"ranking": [], "against_baseline": [], "controls": [], "best": None, "pareto": []}
    found = found_in_study(summary=summary, not_ranked=dict.fromkeys(STUDY.members, "diverged"), **nothing)
    assert set(found) == {"none_trained", "not_ranked", "control_not_measured"}
    assert found["none_trained"].text == "No network trained in all of its runs."
    assert found["not_ranked"].text == (
        "Not ranked: narrow one, “wide, twice” and odd one (1 of 2 runs collapsed to chance and 1 diverged, each)."
    )


def test_of_a_network_that_has_not_trained_to_the_ranking_s_budget_both_budgets_are_said() -> None:
    later = {name: one.model_copy(update={"budget": 4}) for name, one in SUMMARY.items()}
    ranked = later["odd"].by_budget["2"].model_copy(update={"statuses": ("trained", "collapsed", "collapsed")})
    later["odd"] = later["odd"].model_copy(update={"by_budget": {"2": ranked}})
    failed = {"odd": "collapsed", "thin": "diverged"}
    comparison = replace(COMPARISON, ranking=["wide"], not_ranked=failed, best=None)
    study = compared_study(comparison, later | {"thin": entry(0.1, "diverged").model_copy(update={"budget": 8})})
    assert [row[1:3] for row in members_table(study).rows] == [
        ("1", "diverged at 8 epochs"),
        ("3", "72.3 % [71.9, 72.7]"),
        ("3", "collapsed at 2 epochs"),
    ]
    (finding,) = failures(study)
    assert finding.text == (
        "Not ranked: odd one (2 of 3 runs collapsed to chance at 2 epochs); narrow one (1 of 1 run diverged at 8 "
        "epochs)."
    )
    only = leader(study)
    assert only.text.startswith("Of 3 networks only “wide, twice” trained at 2 epochs, with a test accuracy of")
    assert_numbers_are_their_own([finding])


def test_of_many_that_failed_it_is_said_how_many() -> None:
    members = {f"net_{place}": f"net {place}" for place in range(6)}
    failed = dict.fromkeys(list(members)[1:4], "diverged") | {"net_4": "collapsed"}
    summary = dict.fromkeys(members, entry(0.1, "diverged", "trained"))
    summary |= {"net_0": entry(0.7), "net_4": entry(0.1, "collapsed", "trained"), "net_5": entry(0.7)}
    spec = STUDY.model_copy(update={"members": members, "controls": ()})
    comparison = replace(COMPARISON, ranking=["net_0", "net_5"], not_ranked=failed)
    (finding,) = failures(compared_study(comparison, summary, spec=spec))
    assert finding.text == "Of 6 networks, 3 diverged and 1 collapsed to chance; these are not ranked."


def test_a_single_network_is_not_called_the_best() -> None:
    failed = {"thin": entry(0.1, "diverged"), "odd": entry(0.1, "diverged")}
    found = found_in_study(
        SUMMARY | failed, ranking=["wide"], not_ranked=dict.fromkeys(failed, "diverged"), best=None
    )
    assert found["only_one"].text == (
        "Of 3 networks only “wide, twice” trained, with a test accuracy of 72.3 % [71.9, 72.7]."
    )
    alone = STUDY.model_copy(update={"members": {"wide": "wide, twice"}, "baseline": "wide", "controls": ()})
    comparison = replace(COMPARISON, ranking=["wide"], against_baseline=[], controls=[], best=None)
    assert leader(compared_study(comparison, spec=alone)).text == (
        "“wide, twice” is the only network of this study, with a test accuracy of 72.3 % [71.9, 72.7]."
    )


# Members against the baseline, and controls.


def test_what_is_not_decided_on_its_own_has_its_minimum_detectable_difference() -> None:
    said = "the minimum detectable difference is 1.7 points; `make study` judges"
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
        f"odd one is {word} accurate than narrow one{said} (−1.3 points, 95 % CI −2.7 to +0.1, 3 seeds)."
    )


def test_what_is_not_decided_says_what_could_have_been_detected() -> None:
    assert found_in_study(against_baseline=[compared("odd", "thin", -0.04)])["baseline_not_decided"].text == (
        "odd one against narrow one is not decided (0.0 points, 95 % CI −1.4 to +1.4, 3 seeds); the minimum "
        "detectable difference is 1.7 points."
    )
    few = replace(ODD, judged=judged("not decided", detectable=0.35))
    text = found_in_study(against_baseline=[few])["baseline_not_decided"].text
    assert text.endswith("; the minimum detectable difference is 35.0 points.")
    fewer = replace(ODD, judged=judged("not decided", detectable=1.2))
    text = found_in_study(against_baseline=[fewer])["baseline_not_decided"].text
    assert text.endswith("; the minimum detectable difference is more than two accuracies can differ by.")


def test_unequal_numbers_of_seeds_are_both_said() -> None:
    found = found_in_study(against_baseline=[compared("odd", "thin", -0.04, seeds=(3, 2))])
    assert "3 and 2 seeds)" in found["baseline_not_decided"].text


@pytest.mark.parametrize(
    ("seeds", "why"),
    [
        ((1, 1), "(1 seed); one run has no interval, so nothing is decided."),
        ((3, 1), "(3 and 1 seed); one run has no interval, so nothing is decided."),
        ((3, 3), "(3 seeds); the runs do not vary, so nothing is decided."),
    ],
)
def test_without_an_interval_nothing_is_decided(seeds: tuple[int, int], why: str) -> None:
    one = compared("wide", "thin", 2.2, seeds=seeds, interval=None)
    text = found_in_study(against_baseline=[one], best=None)["baseline_not_decided"].text
    assert text == f"“wide, twice” and narrow one differ by +2.2 points {why}"


# The title of the figure.


@pytest.mark.parametrize(
    ("wide", "odd", "title"),
    [
        ("better", "not decided", "“wide, twice” is more accurate than narrow one"),
        ("better", "better", "“wide, twice” and odd one are more accurate than narrow one"),
        ("better", "worse", "“wide, twice” is more accurate than narrow one and odd one is less accurate"),
        ("worse", "equivalent", "“wide, twice” is less accurate than narrow one"),
        ("equivalent", "equivalent", "“wide, twice” and odd one are equivalent to narrow one within 1 point"),
        ("equivalent", "not decided", "No network is significantly more or less accurate than narrow one"),
    ],
)
def test_a_title_says_which_members_differ_from_the_baseline(wide: Verdict, odd: Verdict, title: str) -> None:
    pairs = [compared("wide", "thin", 2.2, wide), compared("odd", "thin", 0.3, odd)]
    assert title_of(compared_study(replace(COMPARISON, against_baseline=pairs))) == title


def test_a_title_counts_many_members() -> None:
    pairs = [compared(f"net {place}", "thin", 2.2, "better") for place in range(5)]
    many = replace(COMPARISON, against_baseline=pairs)
    assert title_of(compared_study(many)) == "All 5 others are more accurate than narrow one"
    some = replace(many, against_baseline=[*pairs, compared("odd", "thin", 0.1, "equivalent")])
    assert title_of(compared_study(some)) == "5 of 6 networks are more accurate than narrow one"
    failed = replace(many, against_baseline=[*pairs, compared("odd", "thin", None)])
    assert title_of(compared_study(failed)) == "5 of 6 networks are more accurate than narrow one"


def test_without_comparisons_to_the_baseline_a_title_is_about_controls() -> None:
    failed = [compared("wide", "thin", None), compared("odd", "thin", None)]
    one = compared_study(replace(COMPARISON, against_baseline=failed))
    assert title_of(one) == "“wide, twice” is more accurate than wide_matched"
    more = [CONTROL, compared("odd", "wide_matched", 0.2)]
    two = compared_study(replace(COMPARISON, against_baseline=failed, controls=more))
    assert title_of(two) == "1 of 2 differences are significant"
    single = compared("wide", "thin", 2.2, interval=None, seeds=(1, 1))
    assert title_of(compared_study(replace(COMPARISON, against_baseline=[single], controls=[]))) == (
        "No difference is decided"
    )


def test_the_figure_has_each_pair_once_and_says_in_words_what_is_seen() -> None:
    asked = replace(COMPARISON, controls=[*COMPARISON.controls, ODD])
    spec = STUDY.model_copy(
        update={"controls": (*STUDY.controls, Control(of="odd", against="thin", question="oddness"))}
    )
    section, _ = section_of(compared_study(asked, spec=spec))
    assert section.figure
    assert section.figure.spec
    assert len(section.figure.spec["data"]["values"]) == 3
    assert section.figure.alt.count("(not decided)") == 1
    assert "“wide, twice” − narrow one +2.2 points, 95 % CI +0.8 to +3.6 (better)" in section.figure.alt


def test_a_control_that_turns_a_pair_round_changes_neither_the_chart_nor_what_is_said_of_it() -> None:
    turned = compared("thin", "odd", 1.3)
    asked = replace(COMPARISON, controls=[turned, *COMPARISON.controls])
    section, _ = section_of(compared_study(asked))
    figure = section.figure
    assert figure is not None
    assert figure.spec is not None
    labels = [row["label"] for row in figure.spec["data"]["values"]]
    assert labels == ["wide, twice − narrow one", "odd one − narrow one", "wide, twice − wide_matched"]
    said = re.findall(r"(?:: |; )(.*?) [+−][\d.]+ points", figure.alt)
    assert [one.replace("“", "").replace("”", "") for one in said] == labels
    table = verdict_table([compared_study(asked)])
    assert table is not None
    assert [row[0] for row in table.rows] == labels


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
            "“wide, twice” − narrow one changes its sign with the budget: from −0.9 points at 1 epoch to +2.2 at "
            "2, by +3.1 points, 95 % CI +2.0 to +4.2."
        )


@pytest.mark.parametrize(
    ("stable", "words"),
    [
        (
            (True, True),
            "This difference is shown to stay within 1 point of the value at the largest budget (95 % CI): from 1 "
            "epoch on “wide, twice” − narrow one.",
        ),
        ((False, True), ": from 4 epochs on “wide, twice” − narrow one."),
        ((True, False), "No difference is shown to stay within 1 point of its value at the largest budget."),
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


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (1, ". Not shown for odd one 0 − narrow one."),
        (3, ". Not shown for odd one 0 − narrow one, odd one 1 − narrow one and odd one 2 − narrow one."),
        (4, ". For 4 of 5 this is not shown."),
    ],
)
def test_differences_that_are_not_shown_to_be_stable_are_named_or_counted(others: int, words: str) -> None:
    def changing(of: str, stable: bool) -> Comparison:
        changes = (Change(1, 0.1, (-0.5, 0.7), stable=stable, reversed=False),)
        return compared(of, "thin", 2.2, "better", smaller=(BEFORE,), changes=changes)

    spec = STUDY.model_copy(
        update={"members": {**STUDY.members, **{f"odd{number}": f"odd one {number}" for number in range(others)}}}
    )
    pairs = [changing("wide", True), *(changing(f"odd{number}", False) for number in range(others))]
    study = replace(compared_study(replace(COMPARISON, against_baseline=pairs, controls=[])), spec=spec)
    (found,) = stability(study)
    assert found.text.endswith(words)


def test_a_comparison_that_a_control_asks_for_is_told_once() -> None:
    first, second = compared("wide", "thin", 2.2, "better"), compared("odd", "thin", -1.3, "worse")
    spec = STUDY.model_copy(update={"controls": (Control(of="odd", against="thin", question="the oddness"),)})
    comparison = replace(COMPARISON, against_baseline=[first, second], controls=[second])
    rules = [finding.rule for finding in section_of(compared_study(comparison, spec=spec))[1]]
    assert rules.count("baseline_better") == rules.count("control_worse") == 1
    assert "baseline_worse" not in rules


@pytest.mark.parametrize(
    ("points", "verdict", "rule", "words"),
    [
        (1.9, "better", "control_better", "“wide, twice” is more accurate than wide_matched"),
        (-1.9, "worse", "control_worse", "“wide, twice” is less accurate than wide_matched"),
        (
            1.9,
            "not decided",
            "control_not_decided",
            "“wide, twice” against wide_matched is not decided",
        ),
    ],
)
def test_a_control_answers_its_question(points: float, verdict: Verdict, rule: str, words: str) -> None:
    found = found_in_study(controls=[compared("wide", "wide_matched", points, verdict)])
    written = f"{points:+.1f} points, 95 % CI ".replace("-", "−")
    assert found[rule].text.startswith(f"The width: {words} ({written}")
    assert found[rule].about == "width"


def test_a_control_whose_network_failed_or_is_missing_is_not_measured() -> None:
    summary = SUMMARY | {"wide_matched": entry(0.1, "trained", "diverged")}
    failed = compared("wide", "wide_matched", None)
    text = found_in_study(summary=summary, controls=[failed])["control_not_measured"].text
    assert text == "The width: not measured, since wide_matched diverged (the loss was not finite)."
    text = found_in_study(controls=[])["control_not_measured"].text
    assert text.startswith("The width: not measured, since not both trained at 2 epochs, the largest that both")
    apart = {
        name: one.model_copy(update={"by_budget": {"1" if name == "wide" else "2": one.by_budget["2"]}})
        for name, one in SUMMARY.items()
    }
    text = found_in_study(summary=apart, controls=[])["control_not_measured"].text
    assert text == "The width: not measured, since the two share no training budget."
    collapsed = SUMMARY["wide_matched"].by_budget["1"]
    early = SUMMARY["wide_matched"].model_copy(update={"by_budget": {"2": collapsed}})
    text = found_in_study(summary=SUMMARY | {"wide_matched": early}, controls=[])["control_not_measured"].text
    assert "since wide_matched collapsed (stayed at chance) at 2 epochs, the largest that both have." in text


# Classes and the Pareto front.


@pytest.mark.parametrize(
    ("classes", "rule", "words"),
    [
        (
            {"cat": 4.6, "dog": 0.2, "ship": -0.1},
            "classes_both",
            "gains most on cat (+4.6 points) and loses most on",
        ),
        ({"cat": 4.6, "dog": 0.2, "ship": 0.0}, "classes_gain", "loses on no class and gains most on cat (+4.6"),
        ({"cat": 0.0, "dog": 0.0}, "classes_same", "has the same accuracy in each class, compared"),
        (
            {"cat": 0.0, "dog": -0.2, "ship": -3.0},
            "classes_lose",
            "gains on no class and loses most on ship (−3.0",
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
        "The shortest training time is that of “wide, twice” (0.84 s, 72.3 %); narrow one (4.1 s, 70.1 %) is more "
        "accurate than all networks with a shorter one (p < 0.05, not corrected for the number of pairs), on a "
        "processor, 2 threads, fp32."
    )
    assert finding.data == "metrics/timing_conclusions.json"


def test_only_neighbours_on_the_front_that_do_not_differ_in_time_are_named() -> None:
    costs = steps_of(wide=(0.01, 0.03), odd=(0.02, 0.03), thin=(0.0205, 0.04))
    finding = found_in_study(costs=costs, pareto=["wide", "odd", "thin"])["pareto"]
    assert finding.text.endswith("; the difference in time is not significant between odd one and narrow one.")
    costs = steps_of(wide=(0.01, 0.03), odd=(0.0101, 0.03), thin=(0.0102, 0.04))
    finding = found_in_study(costs=costs, pareto=["wide", "odd", "thin"])["pareto"]
    assert finding.text.endswith(
        " significant between “wide, twice” and odd one and between odd one and narrow one."
    )


def test_a_front_of_one_has_no_neighbours() -> None:
    assert found_in_study(pareto=["wide"])["pareto"].text == (
        "No network is shown to be more accurate than all with a shorter training time (p < 0.05, not corrected "
        "for the number of pairs); the shortest is that of “wide, twice” (0.84 s, 72.3 %), on a processor, 2 "
        "threads, fp32."
    )


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
        return [f.text for f in found if f.rule.split("_")[0] in ("baseline", "control")]

    unchanged = set(texts(WIDE)) & set(texts(change))
    assert unchanged == set()
