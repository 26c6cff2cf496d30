"""Which networks are compared, at which budgets, and in which family."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from cnn_study.analysis.accuracies import Accuracies
from cnn_study.analysis.compared import Comparison, StudyComparison
from cnn_study.analysis.comparisons import Comparer, pareto_front
from cnn_study.analysis.results import Result
from cnn_study.params.study import Control, Study
from cnn_study.training.finished import Trained
from cnn_study.training.records import Status
from tests.report_cases import CLASSES, Right, labels_of, result, right_ones


def study(baseline: str, *others: str, controls: Sequence[tuple[str, str]] = ()) -> Study:
    pairs = tuple(Control(of=of, against=against, question="anything") for of, against in controls)
    return Study(
        title="Any",
        question="which",
        members={name: name for name in (baseline, *others)},
        baseline=baseline,
        controls=pairs,
    )


def comparer(results: Sequence[Result], optimizers: Mapping[str, str] | None = None) -> Comparer:
    by_name = {r.name: r for r in results}
    labels = labels_of(max(len(run.predicted) for r in results for run in r.predictions))
    accuracies = Accuracies(by_name, labels, optimizers or dict.fromkeys(by_name, "muon"))
    seconds = {r.name: {run.budget: run.clock.train_seconds for run in r.trained.runs} for r in results}
    return Comparer(by_name, accuracies, CLASSES, 1.0, seconds)


def compared(results: Sequence[Result], of: Study) -> StudyComparison:
    return in_studies(comparer(results), {"any": of})["any"]


def in_studies(found: Comparer, studies: Mapping[str, Study]) -> dict[str, StudyComparison]:
    return found.studies(studies, found.family(pair for study in studies.values() for pair in study.pairs))


def pair(first: Right, second: Right) -> Comparison:
    """The second network against the first."""
    results = [result("first", first), result("second", second)]
    return compared(results, study("first", "second")).against_baseline[0]


def test_a_difference_that_changes_from_seed_to_seed_is_not_decided_however_many_images_there_are() -> None:
    found = pair(right_ones([5000, 5000, 5000], 10_000), right_ones([5800, 4800, 5300], 10_000))
    assert found.points == pytest.approx(3)
    assert found.verdict == "not decided"


def test_runs_that_all_answer_alike_say_nothing_of_chance() -> None:
    right = right_ones([50, 50], 100)
    for others in (right, right_ones([50, 50], 100)):
        found = pair(right, others)
        assert (found.points, found.interval, found.verdict) == (0, None, None)


def test_few_images_of_which_all_runs_have_as_many_right_give_no_certainty() -> None:
    # Five networks of two runs each on 40 images; each run has its own images wrong, two to four of them.
    networks = [
        result(name, np.array([np.roll(np.arange(40) >= wrong, 7 * (2 * place + run)) for run in range(2)]))
        for place, (name, wrong) in enumerate(zip("abcde", (2, 3, 4, 2, 3), strict=True))
    ]
    (found, *_) = compared(networks, study("a", "b", "c", "d", "e")).against_baseline
    assert found.verdict == "not decided"
    assert found.interval is not None
    assert found.interval[0] < 0 < found.interval[1]


def test_one_seed_gives_a_difference_and_no_verdict() -> None:
    found = pair(right_ones([50], 100), right_ones([90], 100))
    assert found.largest is not None
    assert found.largest.seeds == (1, 1)
    assert found.points == pytest.approx(40)
    assert found.classes == pytest.approx(dict.fromkeys(CLASSES, 40))
    assert (found.interval, found.largest.p_value, found.judged, found.verdict) == (None, None, None, None)
    assert not found.significant
    record = found.record()
    assert (record["points"], record["verdict"], record["minimum_detectable_points"]) == (found.points, None, None)


@pytest.mark.parametrize("status", ["diverged", "collapsed"])
def test_a_network_that_has_not_trained_is_neither_ranked_nor_compared(status: Status) -> None:
    right = right_ones([50, 52, 51], 100)
    failed = result("failed", right_ones([99, 99, 99], 100), status, seconds=1, flops=3000, parameters=5)
    results = [result("base", right), failed, result("other", right_ones([62, 60, 64], 100))]
    found = compared(results, study("base", "failed", "other", controls=[("other", "failed")]))
    assert found.ranking == ["other", "base"]
    assert found.not_ranked == {"failed": status}
    assert found.pareto == ["other"]
    assert found.against_baseline[0] == Comparison("failed", "base", None, None, (), (), {})
    assert found.controls[0].points is None
    # What is not compared is no hypothesis to correct for.
    judged = found.against_baseline[1].judged
    assert judged is not None
    assert judged.level == pytest.approx(0.05)


def test_networks_of_different_budgets_are_compared_at_the_largest_that_both_have() -> None:
    usual = trained_to_both(result("usual", right_ones([80, 80], 100)))
    smaller, _ = usual.budgets
    short = to_one_budget(result("short", right_ones([60, 60], 100)), smaller)
    found = compared([usual, short], study("usual", "short")).against_baseline[0]
    assert found.largest is not None
    assert found.largest.budget == smaller
    assert found.points == pytest.approx(60 - (100 - 80))
    found = compared([usual, to_one_budget(short, 99)], study("usual", "short")).against_baseline[0]
    assert (found.largest, found.points) == (None, None)


def trained_to_both(one: Result) -> Result:
    """To a smaller budget, ``result`` has the other images right; here it trained to that as well."""
    runs = [
        run.model_copy(update={"run": run.run.model_copy(update={"status": "trained"})})
        for run in one.trained.runs
    ]
    return replace(one, trained=Trained(tuple(runs)))


def to_one_budget(one: Result, budget: int) -> Result:
    """Its runs to its largest budget, as if they were to this one, and no others."""
    evaluated = {(run.seed, budget): one.evaluation.runs[run.key] for run in one.runs}
    runs = tuple(run.model_copy(update={"budget": budget}) for run in one.runs)
    return replace(one, trained=Trained(runs), evaluation=replace(one.evaluation, runs=evaluated))


def test_a_network_that_has_not_trained_to_the_budget_of_the_ranking_is_not_ranked() -> None:
    usual = trained_to_both(result("usual", right_ones([20, 24], 100)))
    late = result("late", right_ones([5, 6], 100))  # collapsed at the smaller budget, with 95 and 94 right
    short = to_one_budget(result("short", right_ones([60, 64], 100)), usual.budgets[0])
    found = compared([usual, late, short], study("usual", "late", "short"))
    assert (found.budget, found.ranking, found.not_ranked) == (1, ["usual", "short"], {"late": "collapsed"})
    assert found.best is not None
    assert list(found.best.probability) == ["usual", "short"]
    # Where all share their largest budget, a smaller one changes nothing.
    assert compared([usual, late], study("usual", "late")).ranking == ["usual", "late"]


def test_nothing_is_compared_where_the_baseline_or_every_network_has_failed() -> None:
    right = right_ones([50, 52, 51], 100)
    for others in ("trained", "collapsed"):
        results = [result("base", right, "collapsed"), result("other", right, others)]
        found = compared(results, study("base", "other"))
        assert [comparison.points for comparison in found.against_baseline] == [None]
        assert found.ranking == (["other"] if others == "trained" else [])


def test_a_failed_run_makes_an_architecture_one_that_is_not_compared() -> None:
    right = right_ones([50, 52, 51], 100)
    mixed = result("mixed", right, ["trained", "diverged", "trained"])
    found = compared([result("base", right), mixed], study("base", "mixed"))
    assert found.not_ranked == {"mixed": "diverged"}
    assert found.against_baseline[0].points is None


def three_networks() -> list[Result]:
    generator = np.random.default_rng(3)
    return [
        result(name, generator.random((3, 500)) < accuracy, seconds=seconds)
        for name, accuracy, seconds in (("a", 0.6, 10.0), ("b", 0.68, 20.0), ("c", 0.63, 30.0))
    ]


def test_nothing_depends_on_the_order_of_architectures_seeds_or_budgets() -> None:
    networks = three_networks()
    of = study("a", "b", "c", controls=[("c", "b")])
    assert compared([turned(r) for r in networks[::-1]], of) == compared(networks, of)


def turned(one: Result) -> Result:
    """With its runs in reverse."""
    runs = dict(reversed(list(one.evaluation.runs.items())))
    return replace(one, trained=Trained(one.trained.runs[::-1]), evaluation=replace(one.evaluation, runs=runs))


def test_networks_may_have_other_and_fewer_seeds() -> None:
    right = right_ones([400, 410, 405], 1000)
    usual = [result("first", right), result("second", right_ones([500, 510], 1000))]
    others = [usual[0], result("second", right_ones([500, 510], 1000), seeds=[7, 9])]
    found, other = (
        compared(networks, study("first", "second")).against_baseline[0] for networks in (usual, others)
    )
    assert found == other
    assert found.largest is not None
    assert found.largest.seeds == (2, 3)
    assert found.verdict == "better"


def two_budgets(name: str, before: Right, after: Right) -> Result:
    """That trained to both budgets, and has these images right."""
    smaller = result(name, ~before)  # has ``before`` right to the smaller budget
    larger = result(name, after)
    runs = [
        run.model_copy(update={"run": run.run.model_copy(update={"status": "trained"})})
        for run in larger.trained.runs
    ]
    small = larger.budgets[0]
    seen = {key: (smaller if key[1] == small else larger).evaluation.runs[key] for key in larger.evaluation.runs}
    return replace(larger, trained=Trained(tuple(runs)), evaluation=replace(larger.evaluation, runs=seen))


def test_a_change_between_budgets_is_taken_within_seeds() -> None:
    # Seeds differ by 10 points, and each gains 10 points with the larger budget; the other network gains none.
    before = right_ones([4000, 5000, 6000], 10_000)
    grown = two_budgets("grown", before, right_ones([5000, 6000, 7000], 10_000))
    same = two_budgets("same", before, before)
    (found,) = compared([same, grown], study("same", "grown")).against_baseline
    (smaller,), (change,) = found.smaller, found.changes
    assert (smaller.budget, change.budget) == (1, 1)
    assert smaller.points == pytest.approx(0)
    assert change.points == pytest.approx(10)
    assert change.interval is not None
    assert found.interval is not None
    assert change.interval[0] > 8  # though the difference itself is not decided
    assert found.verdict == "not decided"
    assert not change.stable
    assert not change.reversed


def test_a_change_within_the_margin_is_stable_and_one_of_sign_reverses_the_order() -> None:
    base = two_budgets("base", right_ones([5000] * 3, 10_000), right_ones([6000] * 3, 10_000))
    follows = two_budgets("follows", right_ones([5100] * 3, 10_000), right_ones([6100] * 3, 10_000))
    turns = two_budgets("turns", right_ones([4500] * 3, 10_000), right_ones([6500] * 3, 10_000))
    found = compared([base, follows, turns], study("base", "follows", "turns"))
    changes = [pair.changes[0] for pair in found.against_baseline]
    assert [(change.stable, change.reversed) for change in changes] == [(True, False), (False, True)]


def test_an_order_is_reversed_only_where_both_differences_are_significant() -> None:
    base = two_budgets("base", right_ones([5000] * 3, 10_000), right_ones([6000] * 3, 10_000))
    before = np.vstack([right_ones([4999], 10_000)] * 3)  # less by one image, which shows nothing
    rises = two_budgets("rises", before, right_ones([6500] * 3, 10_000))
    (found,) = compared([base, rises], study("base", "rises")).against_baseline
    (smaller,), (change,) = found.smaller, found.changes
    assert smaller.points < 0 < (found.points or 0)
    assert change.interval is not None
    assert change.interval[0] > 0
    assert not change.reversed


def test_verdicts_are_given_once_for_all_studies_together() -> None:
    networks = three_networks()
    studies = {"one": study("a", "b"), "two": study("b", "c", controls=[("a", "b")])}
    found = in_studies(comparer(networks), studies)
    first, again = found["one"].against_baseline[0], found["two"].controls[0]
    assert first.judged is not None
    assert again.judged is not None
    assert first.judged.level == again.judged.level == pytest.approx(0.025)  # two pairs
    opposite = {"better": "worse", "worse": "better"}
    assert opposite[first.verdict or ""] == again.verdict
    assert again.interval == pytest.approx(tuple(-end for end in reversed(first.interval or ())))


def test_networks_are_pooled_with_those_of_their_optimizer() -> None:
    networks = [result(name, np.random.default_rng(n).random((3, 500)) < 0.6) for n, name in enumerate("abcdefgh")]
    pooled = comparer(networks).accuracies.variances(2)
    assert {one.most for one in pooled.values()} == {16}
    optimizers = {name: "adamw" if name in "ab" else "muon" for name in "abcdefgh"}
    apart = comparer(networks, optimizers=optimizers).accuracies
    assert {one.most for one in apart.variances(2).values()} == {4, 12}
    assert {key: len(pool.networks) for key, pool in apart.pools().items()} == {(2, "adamw"): 2, (2, "muon"): 6}


def test_members_are_ranked_at_the_largest_budget_that_all_have() -> None:
    usual = two_budgets("usual", right_ones([700] * 2, 1000), right_ones([900] * 2, 1000))
    longer = two_budgets("longer", right_ones([600] * 2, 1000), right_ones([950] * 2, 1000))
    short = replace(
        usual,
        name="short",
        trained=Trained(tuple(run for run in usual.trained.runs if run.budget == 1)),
    )
    found = compared([short, longer], study("short", "longer"))
    assert (found.budget, found.ranking) == (1, ["short", "longer"])
    assert found.best is None or found.best.budget == 1
    assert compared([usual, longer], study("usual", "longer")).ranking == ["longer", "usual"]


def test_the_front_is_that_of_the_ranking_s_budget() -> None:
    # "late" is better than "early" at two epochs alone, to which "short" was not trained.
    early = two_budgets("early", right_ones([600] * 2, 1000), right_ones([700] * 2, 1000))
    late = two_budgets("late", right_ones([550] * 2, 1000), right_ones([900] * 2, 1000))
    usual = two_budgets("short", right_ones([500] * 2, 1000), right_ones([500] * 2, 1000))
    short = replace(usual, trained=Trained(tuple(run for run in usual.trained.runs if run.budget == 1)))
    assert compared([short, early, late], study("short", "early", "late")).pareto == ["early"]
    assert compared([early, late], study("early", "late")).pareto == ["late"]


def test_the_best_is_of_the_largest_budget_that_all_have() -> None:
    found = compared(three_networks(), study("a", "b", "c")).best
    assert found is not None
    assert (found.budget, found.network) == (2, "b")
    failed = result("d", right_ones([450] * 3, 500), "collapsed")
    assert compared([*three_networks(), failed], study("a", "b", "c", "d")).best == found
    assert compared(three_networks(), study("a")).best is None


def test_a_pair_named_twice_or_both_ways_is_one_hypothesis() -> None:
    networks = three_networks()
    once = compared(networks, study("a", "b", "c"))
    twice = compared(networks, study("a", "b", "c", controls=[("b", "a"), ("a", "c")]))
    assert twice.against_baseline == once.against_baseline
    same, reverse = twice.controls
    assert same == once.against_baseline[0]
    assert reverse.points == pytest.approx(-(once.against_baseline[1].points or 0))
    assert reverse.judged is not None
    assert once.against_baseline[1].judged is not None
    assert reverse.judged.p_different == once.against_baseline[1].judged.p_different


def test_classes_and_ranks() -> None:
    first = result("first", right_ones([40, 60], 100), seconds=10, flops=100, parameters=20)
    # All of the class 0 and of the class 1 besides.
    right = right_ones([40, 60], 100) | (labels_of(100) < 2)
    second = result("second", right, seconds=25, flops=300, parameters=10)
    found = compared([first, second], study("first", "second"))
    (comparison,) = found.against_baseline
    assert comparison.classes == pytest.approx({name: 50 * (name in CLASSES[:2]) for name in CLASSES})
    assert comparison.points == pytest.approx(10)
    assert found.ranking == ["second", "first"]
    assert found.pareto == ["first"]  # of two runs each; no significant difference
    one_cost = replace(comparer([first, second]), seconds={"second": {2: 1.0}})
    without = in_studies(one_cost, {"any": study("first", "second")})
    assert without["any"].pareto == ["second"]  # of the other nobody knows what it costs


def test_classes_without_test_images_are_left_out() -> None:
    found = compared([result(name, right_ones([4, 5], 8)) for name in ("a", "b")], study("a", "b"))
    assert list(found.against_baseline[0].classes) == list(CLASSES[:8])


@pytest.mark.parametrize(
    ("points", "better", "front"),
    [
        ({"c": (3, 0.9), "a": (1, 0.7), "b": (2, 0.6)}, {("c", "a"), ("c", "b")}, ["a", "c"]),
        ({"c": (3, 0.9), "a": (1, 0.7), "b": (2, 0.8)}, {("c", "a"), ("b", "a")}, ["a", "b"]),
        ({"slow": (3, 0.9), "fast": (1, 0.7)}, set(), ["fast"]),
        ({"b": (1, 0.7), "a": (1, 0.8)}, set(), ["a"]),
        ({"only": (1, 0.1)}, set(), ["only"]),
        ({}, set(), []),
    ],
)  # fmt: skip
def test_on_the_front_is_what_is_better_than_all_that_is_cheaper(
    points: Mapping[str, tuple[float, float]], better: set[tuple[str, str]], front: list[str]
) -> None:
    assert pareto_front(points, lambda of, against: (of, against) in better) == front


def test_a_slower_network_is_on_the_front_only_if_it_is_significantly_better() -> None:
    assert compared(three_networks(), study("a", "b", "c")).pareto == ["a", "b"]


def test_a_network_on_the_front_is_better_than_every_cheaper_one_not_only_the_next() -> None:
    points = {"cheap": (1.0, 0.8), "bad": (2.0, 0.6), "middling": (3.0, 0.7), "best": (4.0, 0.9)}
    assert pareto_front(points, lambda of, cheaper: points[of][1] > points[cheaper][1]) == ["cheap", "best"]
