"""Which conclusions hold under both optimizers is said as the comparisons under each say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.mirrors import Agreement, Decided, MirroredPair, beside_partners, common_budget
from cnn_study.analysis.results import Result
from cnn_study.analysis.verdicts import Verdict
from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import Params, validate
from cnn_study.report.kit.wording import points_within
from cnn_study.report.topics.studies.answers import of_mirror
from cnn_study.report.topics.studies.optimizers import (
    Mirror,
    agreement,
    mirrors,
    mirrors_table,
    under_both,
    under_both_table,
)
from cnn_study.training.finished import Trained
from cnn_study.training.records import Status
from tests.conftest import REPOSITORY
from tests.report_cases import CLASSES, labels_of, numbers_without_source, prepared_of, result, right_ones

IMAGES = 2000
SHARES = {"kernel_3x3": 0.70, "kernel_5x5": 0.75, "kernel_7x7": 0.80, "kernel_1x1_3x3": 0.701}
WITH_ADAMW = {"kernel_3x3": 0.70, "kernel_5x5": 0.76, "kernel_7x7": 0.60, "kernel_1x1_3x3": 0.699}


def params(**trained_to: Sequence[int]) -> Params:
    """The committed ones of these networks, whose study of AdamW has budgets that made-up results have."""
    content = read_yaml(REPOSITORY / "params.yaml")
    content["training"]["budgets"] = [1, 2]
    there = {*SHARES, *(f"{name}_adamw" for name in SHARES)}
    content["architectures"] = {name: entry for name, entry in content["architectures"].items() if name in there}
    content["studies"] = {key: content["studies"][key] for key in ("kernel_size", "optimizer")}
    kernels = content["studies"]["kernel_size"]
    kernels["members"] = {name: shown for name, shown in kernels["members"].items() if name in there}
    kernels["controls"] = []
    for name, entry in content["architectures"].items():
        if name.endswith("_adamw"):
            entry["training"]["budgets"] = list(trained_to.get(name, (1, 2)))
    return validate(content)


def evidence(
    found: Params, failed: Mapping[str, Status] | None = None, with_adamw: Mapping[str, float] = WITH_ADAMW
) -> Evidence:
    """At the larger budget, networks have the shares of images right that are planted."""
    shares = SHARES | {f"{name}_adamw": share for name, share in with_adamw.items()}
    results = {}
    for name, share in shares.items():
        counts = [round(IMAGES * share) + seed for seed in range(2 if name.endswith("_adamw") else 3)]
        status: Status = (failed or {}).get(name, "trained")
        results[name] = result(name, right_ones(counts, IMAGES), status)
    return Evidence(found, labels_of(IMAGES), CLASSES, prepared_of(IMAGES), results, {})


def mirror_of(given: Evidence) -> Mirror:
    (mirror,) = mirrors(given).values()
    return mirror


@pytest.mark.parametrize(
    ("here", "there", "agreement"),
    [
        ("better", "better", "same"),
        ("worse", "worse", "same"),
        ("equivalent", "equivalent", "same"),
        ("better", "worse", "reversed"),
        ("worse", "better", "reversed"),
        ("better", "equivalent", "differs"),
        ("equivalent", "worse", "differs"),
        ("not decided", "better", "not decided"),
        ("worse", "not decided", "not decided"),
        ("not decided", "not decided", "not decided"),
        (None, "better", "not decided"),
        (None, None, "not decided"),
    ],
)
def test_verdicts_under_both_decide(here: Verdict | None, there: Verdict | None, agreement: Agreement) -> None:
    points = {"better": 2.0, "worse": -2.0, "equivalent": 0.1, "not decided": 9.0, None: 1.0}
    (pair,) = beside_partners(
        4,
        {"a_adamw": "a", "b_adamw": "b"},
        {("a_adamw", "b_adamw"): Decided(points[here], None, here)},
        {("a", "b"): Decided(points[there], None, there), ("b", "a"): Decided(0.0, None, "equivalent")},
    )
    assert pair.agreement == agreement
    assert (pair.partners, pair.budget) == (("a", "b"), 4)


@pytest.mark.parametrize(("small", "agreement"), [(True, "not decided"), (False, "differs")])
def test_equivalence_does_not_deny_an_order_by_less_than_the_margin(small: bool, agreement: Agreement) -> None:
    better = Decided(0.5, (0.2, 0.8), "better", smaller_than_margin=small)
    equivalent = Decided(0.1, (-0.3, 0.5), "equivalent", smaller_than_margin=True)
    for here, there in ((better, equivalent), (equivalent, better)):
        assert MirroredPair("a", "b", ("c", "d"), 4, here, there).agreement == agreement


def test_single_runs_and_a_small_order_are_said_as_the_first_table_says_them() -> None:
    mirror = mirror_of(evidence(params()))
    pair = replace(
        mirror.pairs[0],
        here=Decided(5.0, None, None, one_run=True),
        there=Decided(0.5, (0.2, 0.8), "better", smaller_than_margin=True),
    )
    mirror.__dict__["pairs"] = [pair, replace(pair, here=Decided(5.0, None, None))]
    assert [row[1:3] for row in under_both_table(mirror).rows] == [
        ("+0.5 [+0.2, +0.8] ▲ better, by less than 1 point", "+5.0 single run"),
        ("+0.5 [+0.2, +0.8] ▲ better, by less than 1 point", "+5.0 no variation"),
    ]
    one, other = (finding.text for finding in under_both(mirror)[:2])
    assert "with Muon more accurate by less than the margin (+0.5 points" in one
    assert one.endswith("with AdamW not decided, of a single run (+5.0 points).")
    assert other.endswith("with AdamW not decided, without variation between runs (+5.0 points).")


def test_single_runs_have_no_verdict() -> None:
    single = evidence(params())
    results = {
        name: replace(one, trained=Trained(tuple(run for run in one.trained.runs if run.seed == 0)))
        for name, one in single.results.items()
    }
    pairs = mirror_of(replace(single, results=results)).pairs
    assert {(one.verdict, one.one_run) for pair in pairs for one in (pair.here, pair.there)} == {(None, True)}


def test_intervals_end_where_an_accuracy_or_a_change_does() -> None:
    mirror = mirror_of(evidence(params()))
    wide = Decided(20.0, (-130.0, 170.0), "not decided")
    mirror.__dict__["pairs"] = [replace(mirror.pairs[0], here=wide, there=wide, change_interval=(-150.0, 250.0))]
    saved = mirrors_table({"optimizer": mirror})
    assert saved[["low", "high", "change_low", "change_high"]].to_numpy().tolist() == [[-100, 100, -150, 200]]
    assert under_both_table(mirror).rows[0][3] == "0.0 [−150.0, +200.0]"
    assert "95 % CI of the change −150.0 to +200.0" in of_mirror(mirror).finding.text


def test_a_pair_without_a_comparison_of_its_partners_is_left_out() -> None:
    here = {("a_adamw", "b_adamw"): Decided(1.0, None, "better")}
    assert beside_partners(4, {"a_adamw": "a", "b_adamw": "b"}, here, {}) == []


def test_planted_orders_are_found_under_both() -> None:
    mirror = mirror_of(evidence(params()))
    assert [(pair.of, pair.agreement) for pair in mirror.pairs] == [
        ("kernel_5x5_adamw", "same"),
        ("kernel_7x7_adamw", "reversed"),
        ("kernel_1x1_3x3_adamw", "same"),
    ]
    _, seven, smallest = mirror.pairs
    assert [one.smaller_than_margin for one in (seven.there, seven.here)] == [False, False]
    assert [one.smaller_than_margin for one in (smallest.there, smallest.here)] == [True, True]
    assert [one.verdict for one in (seven.there, seven.here)] == ["better", "worse"]
    assert [one.points for one in (seven.there, seven.here)] == pytest.approx([10.0, -10.0], abs=0.06)


def test_both_are_compared_at_the_largest_budget_that_all_have() -> None:
    shorter = params(kernel_7x7_adamw=[1])
    assert common_budget(params(), "optimizer") == 2
    assert common_budget(shorter, "optimizer") == 1
    # To the smaller budget, made-up runs have collapsed.
    assert mirror_of(evidence(shorter)).pairs == []
    largest = params()
    runs = evidence(largest).results["kernel_3x3"].trained.runs
    assert {run.budget for run in runs} == {1, 2}
    more = {name: _with_a_larger_budget(one) for name, one in evidence(largest).results.items()}
    # But for the level of the family that a pair is judged in, and so its minimum detectable difference.
    with_more, without = (
        [
            replace(pair, here=replace(pair.here, detectable=None), there=replace(pair.there, detectable=None))
            for pair in one
        ]
        for one in (mirror_of(replace(evidence(largest), results=more)).pairs, mirror_of(evidence(largest)).pairs)
    )
    assert with_more == without


def _with_a_larger_budget(one: Result) -> Result:
    """With runs to 8 epochs, which are not looked at."""
    if one.name.endswith("_adamw"):
        return one
    added = [run.model_copy(update={"budget": 8}) for run in one.runs_to(1)]
    seen = {run.key: one.evaluation.runs[run.seed, 1] for run in added}
    trained = replace(one.trained, runs=(*one.trained.runs, *added))
    return replace(one, trained=trained, evaluation=replace(one.evaluation, runs={**one.evaluation.runs, **seen}))


def test_no_common_budget_is_said() -> None:
    apart = params(**{f"{name}_adamw": [3] for name in SHARES})
    findings = under_both(mirror_of(evidence(apart)))
    assert {finding.rule for finding in findings} == {"under_both_not_compared"}
    assert findings[0].text.endswith("under both, since the networks share no training budget.")


def test_each_pair_is_said_with_what_was_found_under_each() -> None:
    mirror = mirror_of(evidence(params()))
    found = {finding.numbers["of"]: finding for finding in under_both(mirror)}
    here, there = (
        points_within(one.points, one.interval) for one in (mirror.pairs[0].here, mirror.pairs[0].there)
    )
    assert there.startswith("+5.0 points, 95 % CI ")
    assert found["kernel_5x5_adamw"].text == (
        f"5×5 against 3×3 at 2 epochs: the conclusion is the same under both, with Muon more accurate "
        f"({there}) and with AdamW "
        f"more accurate ({here})."
    )
    for finding in found.values():
        assert not numbers_without_source(finding.text, finding.numbers, ("1×1+3×3", "3×3", "5×5", "7×7"))
    assert found["kernel_7x7_adamw"].rule == "under_both_reversed"
    assert "the conclusion is reversed, with Muon more accurate (+10.0" in found["kernel_7x7_adamw"].text
    assert "with Muon equivalent within the margin (+0.1" in found["kernel_1x1_3x3_adamw"].text
    assert {finding.about for finding in found.values()} == {"optimizer"}


def test_it_is_counted_how_many_conclusions_are_the_same() -> None:
    assert agreement(mirror_of(evidence(params()))).text == (
        "With Muon and with AdamW at 2 epochs, the conclusion is the same for 2 of 3 comparisons and reversed for "
        "1; the difference has opposite signs in 2 of 3, and by 95 % CIs, not corrected, it changes in 3."
    )
    same = agreement(mirror_of(evidence(params(), with_adamw=SHARES)))
    assert same.text == (
        "With Muon and with AdamW at 2 epochs, the conclusion is the same for all 3 comparisons; the difference "
        "has opposite signs in none of 3."
    )
    one = agreement(mirror_of(evidence(params(), {"kernel_7x7": "collapsed", "kernel_5x5": "diverged"})))
    assert "the conclusion is the same for the only comparison; the difference has opposite signs" in one.text
    open_pair = MirroredPair("a", "b", ("c", "d"), 2, Decided(1.0, None, None), Decided(1.0, None, None))
    mirror = mirror_of(evidence(params()))
    for number, words in ((1, "not decided for the only comparison"), (2, "decided for none of 2 comparisons")):
        mirror.__dict__["pairs"] = [open_pair] * number
        assert f", it is {words} whether the conclusion is the same; the difference" in agreement(mirror).text
    nothing = agreement(mirror_of(evidence(params(), {"kernel_3x3": "collapsed"})))
    assert nothing.text == "Nothing could be compared between Muon and AdamW."
    for finding in (same, one, nothing):
        assert not numbers_without_source(finding.text, finding.numbers, ())


def test_what_failed_is_not_compared_and_the_rest_is() -> None:
    mirror = mirror_of(evidence(params(), {"kernel_7x7": "collapsed"}))
    found = {finding.numbers["of"]: finding for finding in under_both(mirror)}
    assert found["kernel_7x7_adamw"].text == (
        "7×7 against 3×3 is not compared under both at 2 epochs, since not all of the four networks have trained."
    )
    assert [pair.of for pair in mirror.pairs] == ["kernel_5x5_adamw", "kernel_1x1_3x3_adamw"]


def test_the_table_says_in_what_the_recipes_differ() -> None:
    mirror = mirror_of(evidence(params()))
    table = under_both_table(mirror)
    assert table.columns == ("pair", "Muon", "AdamW", "change", "same conclusion?")
    assert [row[0] for row in table.rows] == ["5×5 against 3×3", "7×7 against 3×3", "1×1+3×3 against 3×3"]
    assert [row[4] for row in table.rows] == ["yes", "reversed", "yes"]
    assert table.rows[1][3].startswith("−20.0 [−")
    assert table.rows[1][1].startswith("+10.0 [+")
    assert table.rows[1][1].endswith("] ▲ better")
    assert (
        "the baselines differ in optimizer (AdamW, not Muon) and momentum (0.9, not 0.8); each network has"
        in table.note
    )
    saved = mirrors_table({"optimizer": mirror})
    assert saved["partner_of"].to_list() == ["kernel_5x5", "kernel_7x7", "kernel_1x1_3x3"]
    assert saved["points"].to_list() == pytest.approx([6.0, -10.0, -0.1], abs=0.06)
    assert saved["partner_points"].to_list() == pytest.approx([5.0, 10.0, 0.1], abs=0.06)
    assert list(mirrors_table({})) == list(saved)


def test_the_first_screen_says_from_which_recipe_to_which_and_how_much_changes() -> None:
    answered = of_mirror(mirror_of(evidence(params())))
    text = answered.finding.text
    assert answered.question == "Another optimizer"
    assert text.startswith(
        "With AdamW instead of Muon, at 2 epochs: the same conclusion for 5×5 against 3×3 (+5.0 → +6.0 "
    )
    assert "the opposite for 7×7 against 3×3 (+10.0 → −10.0 points, 95 % CI of the change −" in text
    changes = (
        "; by 95 % CIs, not corrected, the difference itself changes for 5×5 against 3×3, 7×7 against 3×3 and "
        "1×1+3×3 against 3×3."
    )
    assert text.endswith(changes)
