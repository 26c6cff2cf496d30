"""Differences are told apart where they are real, and intervals hold the truth as often as they say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from cnn_study.analysis.comparisons import (
    Comparison,
    StudyComparison,
    compare_all,
    compare_pairs,
    holm,
    pareto_front,
)
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


def compared(results: Sequence[Result], of: Study) -> StudyComparison:
    runs = [run for r in results for run in r.predictions]
    by_name = {r.name: r for r in results}
    seconds = {r.name: r.trained.runs[-1].clock.train_seconds for r in results}
    return compare_all(by_name, {"any": of}, labels_of(len(runs[0].predicted)), CLASSES, seconds)["any"]


def pair(first: Right, second: Right) -> Comparison:
    """The second network against the first."""
    results = [result("first", first), result("second", second)]
    return compared(results, study("first", "second")).against_baseline[0]


class Population:
    """Architectures of which runs are drawn; the accuracy over all runs and images is known.

    A run has an image right if skill + luck of the run + ease of the image, to all and to this architecture,
    + chance > 0, all but the skill normal.
    """

    def __init__(self, runs: float, own_images: float, points: float = 0.0) -> None:
        self.runs, self.own_images, self.points = runs, own_images, points
        deviation = np.sqrt(2 + runs**2 + own_images**2)
        accuracies = 0.7, 0.7 + points / 100
        self.skills = [float(deviation * stats.norm.ppf(accuracy)) for accuracy in accuracies]

    def study(self, generator: np.random.Generator, seeds: int = 3, images: int = 400) -> Comparison:
        ease = generator.normal(size=images)
        first, second = (
            skill
            + self.runs * generator.normal(size=(seeds, 1))
            + ease
            + self.own_images * generator.normal(size=images)
            + generator.normal(size=(seeds, images))
            > 0
            for skill in self.skills
        )
        return pair(first, second)


def how_often_the_interval_holds(population: Population, studies: int) -> float:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(studies):
        interval = population.study(generator).interval
        assert interval is not None
        held += interval[0] <= population.points <= interval[1]
    return held / studies


@pytest.mark.parametrize(
    ("runs", "own_images"),
    [(0.5, 0.3), (0.2, 0.3), (0.1, 1.5)],
    ids=["mostly of seeds", "of seeds and images", "mostly of images"],
)
def test_the_interval_holds_the_true_difference_in_93_to_99_percent_of_studies(
    runs: float, own_images: float
) -> None:
    assert 0.93 <= how_often_the_interval_holds(Population(runs, own_images, points=5), studies=1000) <= 0.99


def test_the_interval_of_runs_that_differ_by_chance_alone_nearly_always_holds_the_true_difference() -> None:
    assert how_often_the_interval_holds(Population(runs=0.0, own_images=0.0, points=5), studies=150) >= 0.98


def test_networks_that_are_equally_good_are_seldom_told_apart() -> None:
    generator = np.random.default_rng(1)
    tie = Population(runs=0.1, own_images=0.5)
    found = [tie.study(generator) for _ in range(200)]
    p_values = np.array([comparison.p_value for comparison in found], dtype=float)
    assert np.mean([comparison.significant for comparison in found]) <= 0.08
    # About uniform: a little high rather than low.
    assert 0.3 <= (p_values < 0.5).mean() <= 0.58
    assert 0.1 <= (p_values < 0.25).mean() <= 0.33


def test_a_network_that_is_better_is_told_apart() -> None:
    generator = np.random.default_rng(2)
    winner = Population(runs=0.05, own_images=0.5, points=10)
    found = [winner.study(generator, images=1000) for _ in range(20)]
    assert np.mean([comparison.significant for comparison in found]) >= 0.9
    differences = [comparison.points for comparison in found if comparison.points is not None]
    assert np.mean(differences) == pytest.approx(winner.points, abs=1)


def test_a_difference_that_changes_from_seed_to_seed_is_not_told_apart_however_many_images_there_are() -> None:
    found = pair(right_ones([5000, 5000, 5000], 10_000), right_ones([5800, 4800, 5300], 10_000))
    assert found.points == pytest.approx(3)
    # Student's interval of 8, -2 and 3 points over three seeds, which the images widen but little.
    half = stats.t.ppf(0.975, 2) * 5 / np.sqrt(3)
    assert found.interval == pytest.approx((3 - half, 3 + half), rel=0.03)
    assert not found.significant


def test_networks_without_spread_between_seeds_are_as_uncertain_as_the_images() -> None:
    # 60 images only the first has right, 100 only the second, in every run alike: McNemar's variance, unbiased.
    images = np.arange(1000)
    first, second = np.tile(images < 500, (3, 1)), np.tile((images >= 60) & (images < 600), (3, 1))
    found = pair(first, second)
    error = 100 * np.sqrt((160 - 40**2 / 1000) / (1000 * 999))
    half = stats.t.ppf(0.975, 999) * error
    assert found.interval == pytest.approx((4 - half, 4 + half))
    assert found.p_value == pytest.approx(2 * stats.t.sf(4 / error, 999))


def test_runs_that_happen_to_differ_alike_are_as_uncertain_as_single_runs() -> None:
    # 1 point in each of three pairs, but 110 images of 1000 that only one of the two has right, others each time.
    images = np.arange(1000)
    first = np.array([(images + 300 * seed) % 1000 < 500 for seed in range(3)])
    second = np.array(
        [((images + 300 * seed) % 1000 >= 50) & ((images + 300 * seed) % 1000 < 560) for seed in range(3)]
    )
    found = pair(first, second)
    assert found.points == pytest.approx(1)
    error = 100 * np.sqrt(0.11 / 1000 / 3)
    assert found.interval is not None
    assert found.interval[1] - 1 >= 1.9 * error
    assert found.p_value is not None
    assert found.p_value > 0.2


def test_networks_that_answer_alike_do_not_differ() -> None:
    right = right_ones([50, 60], 100)
    found = pair(right, right)
    assert (found.points, found.interval, found.p_value, found.significant) == (0, (0, 0), 1, False)


def test_one_seed_gives_a_difference_and_no_claim_about_it() -> None:
    found = pair(right_ones([50], 100), right_ones([90], 100))
    assert found.seeds == 1
    assert found.points == pytest.approx(40)
    assert found.classes == pytest.approx(dict.fromkeys(CLASSES, 40))
    assert (found.interval, found.p_value, found.p_holm, found.seeds_to_tell) == (None, None, None, None)
    assert not found.images_forbid  # how many seeds it takes is not known
    assert not found.significant


@pytest.mark.parametrize("status", ["diverged", "collapsed"])
def test_a_network_that_has_not_trained_is_neither_ranked_nor_compared(status: Status) -> None:
    right = right_ones([50, 52, 51], 100)
    failed = result("failed", right_ones([99, 99, 99], 100), status, seconds=1, flops=3000, parameters=5)
    results = [result("base", right), failed, result("other", right_ones([62, 60, 64], 100))]
    found = compared(results, study("base", "failed", "other", controls=[("other", "failed")]))
    assert found.ranking == ["other", "base"]
    assert found.not_ranked == {"failed": status}
    assert found.pareto == ["other"]
    ratios: dict[str, float | None] = {"forward_flops": 3.0, "parameters": 0.5}
    assert found.against_baseline[0] == Comparison(
        "failed", "base", None, 0, None, None, None, None, False, None, ratios, {}
    )
    assert found.controls[0].points is None
    # What is not compared is no hypothesis to correct for.
    assert found.against_baseline[1].p_holm == found.against_baseline[1].p_value is not None


def test_networks_of_different_budgets_are_compared_at_the_largest_that_both_have() -> None:
    usual, short = result("usual", right_ones([80, 80], 100)), result("short", right_ones([60, 60], 100))
    # To a smaller budget, ``usual`` has the other images right; here it trained to that as well.
    runs = [
        run.model_copy(update={"run": run.run.model_copy(update={"status": "trained"})})
        for run in usual.trained.runs
    ]
    usual = replace(usual, trained=Trained(tuple(runs)))
    smaller, _ = usual.budgets
    of_short = {run.seed: short.evaluation.runs[run.key] for run in short.runs}
    short = replace(
        short,
        trained=Trained(tuple(run.model_copy(update={"budget": smaller}) for run in short.runs)),
        evaluation=replace(short.evaluation, runs={(seed, smaller): one for seed, one in of_short.items()}),
    )
    found = compared([usual, short], study("usual", "short")).against_baseline[0]
    assert found.budget == smaller
    assert found.points == pytest.approx(60 - (100 - 80))
    short = replace(
        short, trained=Trained(tuple(run.model_copy(update={"budget": 99}) for run in short.trained.runs))
    )
    short = replace(
        short, evaluation=replace(short.evaluation, runs={(seed, 99): one for seed, one in of_short.items()})
    )
    found = compared([usual, short], study("usual", "short")).against_baseline[0]
    assert (found.budget, found.points) == (None, None)


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
    assert found.against_baseline[0].seeds == 0


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


def test_runs_are_paired_by_seed() -> None:
    right = right_ones([400, 500, 600], 1000)
    better = right_ones([410, 510, 610], 1000)
    results = [result("first", right), result("second", better)]
    other = result("second", better, seeds=[2, 1, 7])  # the last of these has no partner
    paired = compared(results, study("first", "second")).against_baseline[0]
    mixed = compared([results[0], other], study("first", "second")).against_baseline[0]
    assert paired.seeds == 3
    assert paired.points == pytest.approx(1)
    assert paired.significant  # by 1 point in each pair, though accuracies vary by 10
    assert mixed.seeds == 2
    assert mixed.points == pytest.approx((410 - 600 + 510 - 500) / 2 / 10)


def test_a_pair_named_twice_or_both_ways_is_one_hypothesis() -> None:
    networks = three_networks()
    once = compared(networks, study("a", "b", "c"))
    twice = compared(networks, study("a", "b", "c", controls=[("b", "a"), ("a", "c")]))
    assert twice.against_baseline == once.against_baseline
    same, reverse = twice.controls
    assert same == once.against_baseline[0]
    assert reverse.points == pytest.approx(-(once.against_baseline[1].points or 0))
    assert reverse.p_holm == once.against_baseline[1].p_holm
    more = compared(networks, study("a", "b", "c", controls=[("c", "b")]))
    smallest = min(c.p_value or 0 for c in more.against_baseline)
    assert min(c.p_holm or 0 for c in more.against_baseline) == pytest.approx(3 * smallest)


def compared_pairs(results: Sequence[Result], *pairs: tuple[str, str]) -> list[Comparison]:
    return compare_pairs({r.name: r for r in results}, pairs, labels_of(500), CLASSES)


def test_pairs_without_a_study_are_compared_as_a_study_would_and_corrected_for_their_own_number() -> None:
    networks = three_networks()
    of_study = compared(networks, study("a", "b", "c", controls=[("c", "b")])).against_baseline[0]
    alone = compared_pairs(networks, ("b", "a"))[0]
    both = compared_pairs(networks, ("c", "b"), ("b", "a"))[1]
    assert alone == replace(of_study, p_holm=alone.p_value, significant=alone.significant)
    assert alone.p_value is not None
    assert both.p_holm == pytest.approx(2 * alone.p_value)  # the smaller of two
    assert of_study.p_holm == pytest.approx(3 * alone.p_value)  # the smallest of three
    assert [one.significant for one in (alone, both)] == [(one.p_holm or 0) < 0.05 for one in (alone, both)]


def test_pairs_keep_their_order_and_those_of_unknown_networks_are_left_out() -> None:
    networks = three_networks()
    found = compared_pairs(networks, ("c", "b"), ("a", "absent"), ("absent", "b"), ("b", "a"))
    assert [(one.of, one.against) for one in found] == [("c", "b"), ("b", "a")]
    assert found == compared_pairs(networks, ("c", "b"), ("b", "a"))
    assert compared_pairs(networks, ("a", "absent")) == []


def test_a_pair_with_a_failed_network_is_no_hypothesis_of_its_family() -> None:
    networks = [*three_networks(), result("failed", right_ones([99, 99, 99], 500), "collapsed")]
    failed, found = compared_pairs(networks, ("failed", "a"), ("b", "a"))
    assert (failed.points, failed.p_holm) == (None, None)
    assert found.p_holm == found.p_value is not None


def test_holms_correction_as_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, the last raised to 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1, 1]
    assert holm([]) == []


def test_ratios_classes_and_ranks() -> None:
    first = result("first", right_ones([40, 60], 100), seconds=10, flops=100, parameters=20)
    # All of the class 0 and of the class 1 besides.
    right = right_ones([40, 60], 100) | (labels_of(100) < 2)
    second = result("second", right, seconds=25, flops=300, parameters=10)
    found = compared([first, second], study("first", "second"))
    (comparison,) = found.against_baseline
    assert comparison.ratios == pytest.approx({"forward_flops": 3, "parameters": 0.5})
    assert comparison.classes == pytest.approx({name: 50 * (name in CLASSES[:2]) for name in CLASSES})
    assert comparison.points == pytest.approx(10)
    assert found.ranking == ["second", "first"]
    assert found.pareto == ["first", "second"]
    results = {one.name: one for one in (first, second)}
    without = compare_all(results, {"any": study("first", "second")}, labels_of(100), CLASSES, {"second": 1.0})
    assert without["any"].pareto == ["second"]  # of the other nobody knows what it costs


def test_classes_without_test_images_are_left_out() -> None:
    results = {name: result(name, right_ones([4, 5], 8)) for name in ("a", "b")}
    found = compare_all(results, {"any": study("a", "b")}, labels_of(8), CLASSES)["any"]
    assert list(found.against_baseline[0].classes) == list(CLASSES[:8])


def test_seeds_to_tell_agrees_with_the_paired_t_test_where_images_hardly_matter() -> None:
    # Differences of -1, 0 and 1 points: a standard deviation of 1 point, so an effect of 1, for which tables of
    # the paired t test give 10 pairs. Here few images are answered differently, which adds 1 % of the variance.
    found = pair(right_ones([5000] * 3, 10_000), right_ones([4900, 5000, 5100], 10_000))
    assert found.seeds_to_tell == 10
    assert not found.images_forbid


def test_runs_that_differ_wildly_need_many_seeds_and_no_more_images() -> None:
    # A standard deviation of 20 points between seeds, an effect of 1/20: (1.96 + 0.84)² · 20² pairs, and about a
    # tenth more for what the images add.
    found = pair(right_ones([5000] * 3, 10_000), right_ones([3000, 5000, 7000], 10_000))
    seeds = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) ** 2 * 20**2
    assert found.seeds_to_tell is not None
    assert seeds <= found.seeds_to_tell <= 1.25 * seeds
    assert not found.images_forbid


@pytest.mark.parametrize(("only_one", "forbidden"), [(22, False), (29, True)])
def test_images_forbid_where_their_standard_error_alone_is_too_large(only_one: int, forbidden: bool) -> None:
    # So many images only the first has right, and as many only the second, in every run alike: standard errors of
    # 0.33 and 0.38 points, of which 1 point must be 1.96 + 0.84.
    images = np.arange(2000)
    first, second = images < 1000, (images >= only_one) & (images < 1000 + only_one)
    found = pair(np.tile(first, (3, 1)), np.tile(second, (3, 1)))
    assert found.images_forbid == forbidden
    assert (found.seeds_to_tell is None) == forbidden


@pytest.mark.parametrize("seeds", [2, 3, 8])
def test_no_number_of_seeds_makes_up_for_too_few_images(seeds: int) -> None:
    images = np.arange(1000)
    first, second = np.tile(images < 500, (seeds, 1)), np.tile((images >= 60) & (images < 560), (seeds, 1))
    found = pair(first, second)  # the images' standard error is 1.1 points
    assert found.seeds_to_tell is None
    assert found.images_forbid


def test_as_many_seeds_as_it_takes_tell_a_point() -> None:
    generator = np.random.default_rng(4)
    point = Population(runs=0.02, own_images=0.1, points=1)
    seeds = point.study(generator, seeds=150, images=4000).seeds_to_tell
    assert seeds is not None
    told = [point.study(generator, seeds=seeds, images=4000).significant for _ in range(60)]
    assert 0.68 <= np.mean(told) <= 0.92


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ({"slow": (3, 0.9), "fast": (1, 0.7), "worse": (2, 0.6), "middle": (2, 0.8)}, ["fast", "middle", "slow"]),
        ({"b": (1, 0.7), "a": (1, 0.7), "c": (2, 0.7)}, ["a", "b"]),
        ({"less": (1, 0.7), "more": (1, 0.8), "same": (2, 0.8)}, ["more"]),
        ({"only": (1, 0.1)}, ["only"]),
        ({}, []),
    ],
)
def test_the_pareto_front_is_what_nothing_dominates(
    points: Mapping[str, tuple[float, float]], front: list[str]
) -> None:
    assert pareto_front(points) == front
