"""A sentence says what the numbers show, no more, and every number in it is one of its own."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from cnn_study import findings
from cnn_study.comparisons import Comparison, StudyComparison
from cnn_study.findings import (
    EXPLODING,
    STEADY,
    VANISHING,
    Finding,
    first_over_last,
    of_calibration,
    of_fields,
    of_gradients,
    of_rates,
    of_replay,
    of_study,
)
from cnn_study.params import Study

# No architecture of the project: whatever a user calls his own gets sentences as well.
STUDY = Study.model_validate(
    {
        "title": "Width",
        "question": "which",
        "baseline": "thin",
        "members": {"thin": "narrow one", "wide": "wide, twice", "odd": "odd one"},
        "controls": [{"of": "wide", "against": "wide_matched", "question": "the width alone"}],
    }
)
STUDIES = {"width": STUDY}
NAMES = ("narrow one", "wide, twice", "odd one", "wide_matched", "the width alone")


def around(mean: float, half: float | None = 0.004) -> dict[str, Any]:
    return {"mean": mean, "ci95": None if half is None else [mean - half, mean + half], "per_seed": [mean]}


def entry(accuracy: float, *statuses: str, half: float | None = 0.004) -> dict[str, Any]:
    statuses = statuses or ("trained", "trained", "trained")
    status = next((status for status in ("diverged", "collapsed") if status in statuses), "trained")
    return {
        "status": status,
        "statuses": list(statuses),
        "seeds": list(range(len(statuses))),
        "test_accuracy": around(accuracy, half),
        "receptive_field": {"theoretical": 10, "effective": 8},
    }


SUMMARY = {"thin": entry(0.7011), "wide": entry(0.7233), "odd": entry(0.6877), "wide_matched": entry(0.7044)}
TIMING = {"thin": {"train_seconds": around(41.0, 3.0)}, "wide": {"train_seconds": around(8.36, 1.0)}}


def compared(of: str, against: str, points: float | None, told: bool, **more: Any) -> Comparison:
    interval = None if points is None else (points - 1.4, points + 1.4)
    values: dict[str, Any] = {
        "seeds": 3,
        "interval": interval,
        "p_value": 0.02,
        "p_holm": 0.04,
        "seeds_to_tell": 17,
        "ratios": {"train_seconds": 1.62, "forward_flops": 23.4, "parameters": 0.0312},
        "classes": {"cat": 4.6, "dog": 0.2, "ship": -3.5},
    }
    return Comparison(of=of, against=against, points=points, told_apart=told, **(values | more))


WIDE = compared("wide", "thin", 2.2, told=True)
ODD = compared("odd", "thin", -1.3, told=False)
CONTROL = compared("wide", "wide_matched", 1.9, told=True)
COMPARISON = StudyComparison("width", ["wide", "thin", "odd"], {}, [WIDE, ODD], [CONTROL], ["wide", "thin"])


def study_findings(
    comparison: StudyComparison = COMPARISON, summary: Mapping[str, Any] = SUMMARY, **changes: Any
) -> dict[str, Finding]:
    found = of_study("width", STUDY, replace(comparison, **changes), summary, TIMING)
    rules = [finding.rule for finding in found]
    assert len(rules) == len(set(rules)), "these studies are small enough for one finding of each rule"
    return {finding.rule: finding for finding in found}


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def numbers_without_source(text: str, numbers: Mapping[str, Any], names: tuple[str, ...]) -> set[str]:
    """The numbers in a text, names apart, that are no way of writing one of ``numbers``."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "")
    written = set(re.findall(r"[-+]?\d+(?:\.\d+)?(?:e[-+]\d+)?", text))
    ways: set[str] = set()
    for number in numbers_in(numbers):
        forms = [way(number) for way in (findings.points, findings.percent, findings.times, findings.seconds)]
        forms.append(f"{number:g}")
        ways |= {re.sub("[ ×%s]", "", form) for form in forms}
    return written - ways


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


# The winner.


def test_a_planted_winner_is_named_with_its_lead_and_its_cost() -> None:
    found = study_findings()
    assert found["winner"].text == (
        "“wide, twice” has the highest mean test accuracy of 3 ranked networks, 72.3 % [71.9, 72.7]; it is more "
        "accurate than the baseline narrow one (+2.2 [+0.8, +3.6] points, 3 seeds)."
    )
    assert found["winner_cost"].text == (
        "“wide, twice” takes 1.6× the training time, 23× the FLOPs and 0.031× the parameters of the baseline "
        "narrow one."
    )
    assert found["winner_cost"].data == "metrics/timing.json"


def test_a_cost_that_is_not_known_is_left_out() -> None:
    ratios = {"train_seconds": None, "forward_flops": 2.0, "parameters": None}
    found = study_findings(against_baseline=[replace(WIDE, ratios=ratios)])
    assert found["winner_cost"].text == "“wide, twice” takes 2.0× the FLOPs of the baseline narrow one."
    assert "winner_cost" not in study_findings(against_baseline=[replace(WIDE, ratios=dict.fromkeys(ratios))])


def test_a_winner_that_the_test_does_not_tell_from_the_baseline_is_only_the_highest_mean() -> None:
    found = study_findings(against_baseline=[replace(WIDE, told_apart=False, interval=(-0.6, 5.0))])
    assert "winner" not in found
    text = found["winner_not_told"].text
    assert "highest mean test accuracy" in text
    assert "it cannot be told from the baseline narrow one (+2.2 [-0.6, +5.0] points, 3 seeds)" in text
    assert "17 seeds would tell a difference of one point" in text
    assert "more accurate" not in text


def test_a_baseline_with_the_highest_mean_has_no_lead_over_itself() -> None:
    found = study_findings(ranking=["thin", "wide", "odd"])
    assert found["winner_is_baseline"].text.startswith("The baseline narrow one has the highest mean")
    assert not {"winner", "winner_cost", "classes_both"} & set(found)


def test_a_winner_over_a_collapsed_baseline_is_compared_with_nothing() -> None:
    summary = SUMMARY | {"thin": entry(0.1, "collapsed", "trained", "collapsed")}
    failed = compared("wide", "thin", None, told=False)
    found = study_findings(
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
    found = study_findings(summary=summary, not_ranked={"thin": "diverged"}, **nothing)
    assert set(found) == {"no_winner", "not_ranked", "control_not_measured"}
    assert found["no_winner"].text == "None is the most accurate: of 1 network, none trained."
    assert "1 of 2 runs collapsed (stayed at chance) and 1 of 2 runs diverged" in found["not_ranked"].text


# The runner-up.


def test_a_runner_up_that_the_study_does_not_test_is_neither_better_nor_worse() -> None:
    found = study_findings(ranking=["wide", "odd", "thin"])
    text = found["runner_up_not_tested"].text
    assert "72.3 % [71.9, 72.7] and 68.8 % [68.4, 69.2], differ by +3.6 points" in text
    assert "does not test this pair" in text


@pytest.mark.parametrize(("told", "words"), [(True, "is more accurate than"), (False, "cannot be told from")])
def test_a_runner_up_that_is_the_baseline_or_in_a_control_is_told_by_its_test(told: bool, words: str) -> None:
    by_baseline = study_findings(against_baseline=[replace(WIDE, told_apart=told)])
    assert f"“wide, twice” {words} narrow one" in by_baseline["runner_up_tested"].text
    pair = compared("odd", "wide", -3.0, told)
    by_control = study_findings(ranking=["wide", "odd", "thin"], controls=[pair])["runner_up_tested"].text
    assert f"odd one {'is less accurate than' if told else 'cannot be told from'} “wide, twice”" in by_control


def test_a_single_trained_network_has_no_runner_up() -> None:
    found = study_findings(ranking=["wide"])
    assert not [rule for rule in found if rule.startswith("runner_up")]
    assert "of 1 ranked network," in found["winner"].text


# Members against the baseline, and controls.


@pytest.mark.parametrize("points", [-0.1, -5.0, 0.1, 5.0])
@pytest.mark.parametrize("told", [True, False])
def test_a_member_is_better_or_worse_only_where_the_test_told_it_apart(points: float, told: bool) -> None:
    comparison = compared("odd", "thin", points, told)
    rules = set(study_findings(against_baseline=[comparison]))
    expected = ("baseline_better" if points > 0 else "baseline_worse") if told else "baseline_not_told"
    assert {rule for rule in rules if rule.startswith("baseline")} == {expected}


def test_a_planted_tie_says_how_many_seeds_would_tell() -> None:
    tie = compared("odd", "thin", -0.04, told=False)
    assert study_findings(against_baseline=[tie])["baseline_not_told"].text == (
        "odd one cannot be told from the baseline narrow one (+0.0 [-1.4, +1.4] points, 3 seeds); "
        "17 seeds would tell a difference of one point."
    )


@pytest.mark.parametrize(
    ("interval", "corrected"),
    [((0.01, 2.0), True), ((0.0, 2.0), False), ((-0.01, 2.0), False), ((-2.0, 0.0), False), ((-2.0, -0.01), True)],
)
def test_an_interval_without_zero_that_is_not_told_apart_is_explained(
    interval: tuple[float, float], corrected: bool
) -> None:
    comparison = replace(ODD, interval=interval)
    text = study_findings(against_baseline=[comparison])["baseline_not_told"].text
    assert ("not once corrected for the number of comparisons" in text) == corrected


def test_with_one_seed_there_is_no_interval_and_nothing_is_told() -> None:
    one = compared("wide", "thin", 2.2, told=False, seeds=1, interval=None, seeds_to_tell=None)
    summary = SUMMARY | {"wide": entry(0.7233, "trained", half=None)}
    found = study_findings(summary=summary, against_baseline=[one])
    assert found["baseline_not_told"].text == (
        "“wide, twice” cannot be told from the baseline narrow one (+2.2 points, 1 seed); "
        "how many seeds would tell a difference of one point is not known."
    )
    assert "of 3 ranked networks, 72.3 %; it cannot be told" in found["winner_not_told"].text


@pytest.mark.parametrize(
    ("points", "told", "rule", "words"),
    [
        (1.9, True, "control_better", "is more accurate than"),
        (-1.9, True, "control_worse", "is less accurate than"),
        (1.9, False, "control_not_told", "cannot be told from"),
    ],
)
def test_a_control_answers_its_question(points: float, told: bool, rule: str, words: str) -> None:
    found = study_findings(controls=[compared("wide", "wide_matched", points, told)])
    assert found[rule].text.startswith(f"The width alone: “wide, twice” {words} wide_matched ({points:+.1f} [")
    assert found[rule].about == "width"


def test_a_control_whose_network_failed_or_is_missing_is_not_measured() -> None:
    summary = SUMMARY | {"wide_matched": entry(0.1, "trained", "diverged")}
    failed = compared("wide", "wide_matched", None, told=False)
    text = study_findings(summary=summary, controls=[failed])["control_not_measured"].text
    assert text == "The width alone: not measured, since wide_matched diverged (the loss was not finite)."
    text = study_findings(controls=[])["control_not_measured"].text
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
            "gains on no class; it loses most on ship (-3.0",
        ),
    ],
)
def test_the_classes_that_the_winner_helps_and_hurts_most(
    classes: dict[str, float], rule: str, words: str
) -> None:
    found = study_findings(against_baseline=[replace(WIDE, classes=classes)])
    assert words in found[rule].text
    assert "single classes are not tested" in found[rule].text


def test_the_pareto_front_has_times_and_accuracies() -> None:
    finding = study_findings()["pareto"]
    assert "the Pareto front is “wide, twice” (8.4 s, 72.3 %) and narrow one (41 s, 70.1 %)" in finding.text
    assert finding.data == "metrics/timing.json"


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


# Receptive fields.


@pytest.mark.parametrize(
    ("theoretical", "effective", "rule", "words"),
    [
        (16, 15, "field_smaller", "25.0 % of the area of the 32×32 image; the effective one has 15, 1 pixel less"),
        (16, 16, "field_whole", "the effective one is no smaller, 16 pixels"),
        (16, 17, "field_whole", "the effective one is no smaller, 17 pixels"),
        (
            31,
            17,
            "field_smaller",
            "93.8 % of the area of the 32×32 image; the effective one has 17, 14 pixels less",
        ),
        (32, 16, "field_smaller", "a side of 32 pixels, no less than that of the 32×32 image"),
        (46, 23, "field_smaller", "a side of 46 pixels, no less than that of the 32×32 image"),
        (16, None, "field_unused", "there is no effective one"),
    ],
)
def test_a_receptive_field_beside_the_image_and_its_effective_part(
    theoretical: int, effective: int | None, rule: str, words: str
) -> None:
    field = {"theoretical": theoretical, "effective": effective}
    (finding,) = of_fields({"thin": entry(0.7) | {"receptive_field": field}}, STUDIES)
    assert finding.rule == rule
    assert words in finding.text
    assert finding.numbers["share"] == min(1, theoretical**2 / 1024)


# Learning rates.


def test_rates_that_differ_are_told_with_their_factor_and_those_at_the_edge_are_flagged() -> None:
    spread, edge = of_rates(RATES, STUDIES)
    assert spread.rule == "rates_differ"
    assert spread.text.endswith("span a factor of 2.0×: 0.2 for narrow one; 0.4 for “wide, twice”.")
    assert edge.rule == "rate_at_edge"
    assert edge.text.startswith("“wide, twice”: the best learning rate found, 0.4, is the highest of 3 tried")


def test_the_lowest_rate_is_an_edge_too_and_the_middle_is_none() -> None:
    (spread, edge) = of_rates(rates_of(thin=[0.5, 0.4, 0.3]), STUDIES)
    assert spread.rule == "rates_agree"
    assert "0.1, is the lowest of 3 tried" in edge.text
    assert [finding.rule for finding in of_rates(rates_of(thin=[0.3, 0.5, 0.4]), STUDIES)] == ["rates_agree"]


def test_a_search_in_which_nothing_trained_finds_no_best_rate() -> None:
    assert of_rates(rates_of(thin=[0.1, 0.1, 0.1]), STUDIES) == []
    assert of_rates(RATES.head(0), STUDIES) == []
    assert of_rates(RATES.assign(chosen=False), STUDIES) == []


def replayed(*runs: tuple[str, float, int, float | None]) -> pd.DataFrame:
    """Runs of one recipe: network, rate, seed, accuracy; 0.1 is a collapse, None a divergence."""
    statuses = {0.1: "collapsed", None: "diverged"}
    columns = ["architecture", "learning_rate", "seed", "validation_accuracy"]
    table = pd.DataFrame(runs, columns=columns)
    return table.assign(status=[statuses.get(run[3], "trained") for run in runs])


def test_a_replay_tells_rate_by_rate_who_trained_and_in_which_order() -> None:
    low, high = of_replay(
        replayed(
            ("thin", 0.001, 0, 0.5), ("thin", 0.001, 1, 0.6), ("wide", 0.001, 0, 0.7), ("wide", 0.001, 1, 0.7),
            ("thin", 0.01, 0, 0.4), ("thin", 0.01, 1, 0.3), ("wide", 0.01, 0, 0.1), ("wide", 0.01, 1, None),
        ),
        STUDIES,
        own=0.01,
    )  # fmt: skip
    assert low.text == (
        "With the report's recipe at a rate of 0.001, 0 of 4 runs did not train; "
        "mean validation accuracies of those that did: “wide, twice” 70.0 % and narrow one 55.0 %."
    )
    assert high.text == (
        "With the report's recipe at the report's rate, 0.01, 2 of 4 runs did not train (“wide, twice”: 2); "
        "mean validation accuracies of those that did: narrow one 35.0 %."
    )
    assert high.numbers["failed"] == {"wide": 2}


def test_a_replay_in_which_nothing_trains_ranks_nothing() -> None:
    (finding,) = of_replay(replayed(("thin", 0.01, 0, 0.1)), STUDIES, own=0.01)
    assert finding.text.endswith("1 of 1 runs did not train (narrow one: 1).")


# Calibration.


def test_calibration_names_the_best_and_the_worst() -> None:
    (finding,) = of_calibration({"thin": 0.031, "wide": 0.012, "odd": 0.024}, STUDIES)
    assert finding.text.startswith("Of 3 networks, “wide, twice” (1.2 %) has the smallest")
    assert "narrow one (3.1 %) the largest" in finding.text
    assert of_calibration({"odd": 0.024}, STUDIES)[0].rule == "calibration_of_one"
    assert of_calibration({}, STUDIES) == []


# All sentences.


def every_finding() -> list[Finding]:
    not_told = compared("wide", "thin", 0.7, told=False, interval=(0.1, 1.3))
    failed = {"thin": entry(0.1, "collapsed", "diverged", "trained"), "odd": entry(0.1, "diverged")}
    variants = [
        COMPARISON,
        replace(COMPARISON, ranking=["wide", "odd", "thin"], against_baseline=[not_told], controls=[]),
        replace(COMPARISON, ranking=["thin", "wide", "odd"]),
        replace(COMPARISON, ranking=[], not_ranked={"thin": "diverged", "odd": "diverged"}, pareto=[]),
    ]
    found = [f for variant in variants for f in of_study("width", STUDY, variant, SUMMARY | failed, TIMING)]
    norms = pd.concat([gradients_of([0.43, 0.0123]), gradients_of([3.4, 17.0], "wide")])
    found += of_gradients(norms, STUDIES, SUMMARY) + of_rates(RATES, STUDIES)
    found += of_replay(replayed(("thin", 0.1, 0, 0.5), ("wide", 0.1, 0, 0.1)), STUDIES, 0.1)
    for effective in (5, 11, None):
        found += of_fields({"odd": {"receptive_field": {"theoretical": 11, "effective": effective}}}, STUDIES)
    return found + of_calibration({"thin": 0.031, "wide": 0.012}, STUDIES)


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    for finding in every_finding():
        assert not numbers_without_source(finding.text, finding.numbers, NAMES), finding
        assert finding.numbers
        assert finding.text.endswith(".")


@pytest.mark.parametrize(
    "change",
    [{"points": 2.3}, {"interval": (0.9, 3.6)}, {"interval": (0.8, 3.7)}, {"seeds": 4}, {"told_apart": False}],
)
def test_a_changed_comparison_changes_every_sentence_that_rests_on_it(change: dict[str, Any]) -> None:
    def texts(comparison: Comparison) -> list[str]:
        pair = replace(comparison, against="wide_matched")
        found = study_findings(against_baseline=[comparison], controls=[pair]).values()
        return [f.text for f in found if f.rule.split("_")[0] in ("winner", "baseline", "control", "runner")]

    unchanged = set(texts(WIDE)) & set(texts(replace(WIDE, **change)))
    assert [text for text in unchanged if "FLOPs" not in text] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04, "+0.0"), (-0.04, "+0.0"), (-0.06, "-0.1"), (1.26, "+1.3"), (12.0, "+12.0")],
)
def test_points_have_one_decimal_and_a_sign(value: float, text: str) -> None:
    assert findings.points(value) == text


def test_a_network_with_several_names_is_shown_with_all_of_them() -> None:
    other = STUDY.model_copy(update={"members": {"thin": "one layer", "odd": "odd one"}})
    studies = STUDIES | {"depth": other}
    assert findings.shown("thin", studies) == "narrow one (also one layer)"
    assert findings.shown("odd", studies) == "odd one"
    assert findings.shown("wide_matched", studies) == "wide_matched"
