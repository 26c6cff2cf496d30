"""The original report's claims hold, fail or stay open as the measured numbers say."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cnn_study.analysis.compared import AccuracyDifference, Comparison
from cnn_study.analysis.costs import NOT_MEASURED
from cnn_study.analysis.statistics import Estimate
from cnn_study.analysis.verdicts import Verdict
from cnn_study.analysis.what_differs import Difference
from cnn_study.report.topics.claims.chapter import verdicts_in_words
from cnn_study.report.topics.claims.checks import CLAIMS, Claim, check_claims
from cnn_study.report.topics.claims.networks import CLAIMED_PAIRS
from cnn_study.report.topics.claims.statements import _how
from cnn_study.training.records import Status
from tests.report_cases import compared, entry, numbers_in, numbers_without_source, steps_of

NAMES = ("3×3", "5×5", "7×7", "1×1+3×3", "2 layers", "4 layers", "6 layers", "residual")
ACCURACIES = {
    "kernel_3x3": 0.60,
    "kernel_5x5": 0.65,
    "kernel_7x7": 0.55,
    "kernel_1x1_3x3": 0.70,
    "depth_4": 0.75,
    "depth_6": 0.80,
    "residual": 0.85,
}
STEPS = dict(zip(ACCURACIES, (0.01, 0.02, 0.03, 0.04, 0.02, 0.03, 0.04), strict=True))
FIELDS = dict(zip(ACCURACIES, (10, 16, 22, 10, 46, 36, 27), strict=True))
NORMS = {"kernel_3x3": (1.0, 3.0), "depth_4": (1.0, 4.0), "depth_6": (3.0, 6.0), "residual": (1.0, 9.0)}
SPREAD = np.array([0.99, 1.0, 1.01])  # the seeds' norms in the last epoch, over their mean
RATE = 0.01
POSITION = {check.decide.__name__: index for index, check in enumerate(CLAIMS.values())}


def world() -> dict[str, Any]:
    """Numbers by which every claim holds; accuracies and times have 3 seeds."""
    return {
        "dataset": "cifar10",
        "summary": {
            name: entry(accuracy, half=0.01, theoretical=FIELDS[name]) for name, accuracy in ACCURACIES.items()
        },
        "costs": steps_of(**{name: (seconds, 0.03) for name, seconds in STEPS.items()}),
        "compared": [comparison(of, against, 4.2, told=True) for of, against in CLAIMED_PAIRS],
        "gradients": norms_of(NORMS),
        "replay": replay_of(kernel_3x3=["collapsed"] * 2, kernel_7x7=["collapsed"] * 2),
        "rate": RATE,
        "recipes": {name: [] for name in ACCURACIES},
    }


def norms_of(norms: Mapping[str, tuple[float, ...]], spread: Sequence[float] = tuple(SPREAD)) -> pd.DataFrame:
    """By seed, two layers whose norms are 0.6 and 0.8 of the total; seeds differ in the last epoch."""
    rows = [
        {"architecture": name, "seed": seed, "epoch": epoch, "layer": layer, "gradient_norm": share * norm}
        for name, totals in norms.items()
        for seed, factor in enumerate(spread)
        for epoch, norm in enumerate((*totals[:-1], factor * totals[-1]), start=1)
        for layer, share in {"conv1": 0.6, "output": 0.8}.items()
    ]
    return pd.DataFrame(rows, columns=["architecture", "seed", "epoch", "layer", "gradient_norm"])


def replay_of(rate: float = RATE, **statuses: Sequence[str]) -> pd.DataFrame:
    rows = [
        {"architecture": name, "learning_rate": rate, "seed": seed, "status": status, "validation_accuracy": 0.1}
        for name, found in statuses.items()
        for seed, status in enumerate(found)
    ]
    return pd.DataFrame(rows, columns=["architecture", "learning_rate", "seed", "status", "validation_accuracy"])


def comparison(of: str, against: str, points: float | None, told: bool, seeds: int = 3, **more: Any) -> Comparison:
    interval = None if points is None or seeds == 1 else (points - 1.3, points + 1.3)
    verdict: Verdict = "not decided" if not (told and points) else "better" if points > 0 else "worse"
    return compared(of, against, points, verdict, interval=interval, seeds=(seeds, seeds), **more)


def with_pair(changed: Comparison) -> dict[str, Any]:
    numbers = world()
    found = {(one.of, one.against): one for one in numbers["compared"]} | {(changed.of, changed.against): changed}
    return numbers | {"compared": list(found.values())}


def checked(name: str, numbers: dict[str, Any]) -> Claim:
    return check_claims(**numbers)[POSITION[name]]


def test_a_world_as_the_report_says_bears_every_claim_out() -> None:
    claims = check_claims(**world())
    assert [claim.verdict for claim in claims] == ["holds"] * 13
    assert len(CLAIMED_PAIRS) == len(set(map(frozenset, CLAIMED_PAIRS))) == 10


def test_each_claim_names_the_file_that_shows_its_numbers() -> None:
    files = {
        check.decide.__name__: claim.data
        for check, claim in zip(CLAIMS.values(), check_claims(**world()), strict=True)
    }
    assert files["most_accurate_kernel"] == files["residual_most_accurate"] == "metrics/conclusions.json"
    assert files["kernels_at_chance"] == "plots/data/replay.csv"
    assert files["fields_of_kernels"] == "metrics/summary.json"
    assert files["residual_slowest"] == "metrics/timing_conclusions.json"
    assert files["residual_ends_largest"] == "plots/data/gradient_norms_by_seed.csv"


def test_what_a_clock_measured_is_marked_and_nothing_else() -> None:
    checks = zip(CLAIMS.values(), check_claims(**world()), strict=True)
    timed = {check.decide.__name__ for check, claim in checks if claim.timed}
    assert timed == {"fastest_kernel", "slowest_kernel", "residual_slowest", "six_layers_second_slowest"}
    elsewhere = check_claims(**(world() | {"dataset": "fashion_mnist"}))
    assert not [claim for claim in elsewhere if claim.timed]


def test_the_answer_counts_the_verdicts() -> None:
    assert verdicts_in_words(check_claims(**world()), "cifar10").text == "13 of 13 claims hold."
    one = check_claims(**with_pair(comparison("residual", "depth_6", -9.0, told=True)))
    found = verdicts_in_words(one, "cifar10")
    assert found.text == "12 of 13 claims hold and 1 does not hold."
    assert found.timed
    elsewhere = verdicts_in_words(check_claims(**(world() | {"dataset": "fashion_mnist"})), "fashion_mnist")
    assert elsewhere.text == "1 of 13 claims holds and 12 are not measured, being about other images."
    for finding in (found, elsewhere):
        assert not numbers_without_source(finding.text, finding.numbers, ())


@pytest.mark.parametrize("of", [world, lambda: with_pair(comparison("residual", "depth_6", -9.0, told=True))])
def test_on_other_data_only_the_receptive_fields_are_checked(of: Any) -> None:
    fields, *others = sorted(
        check_claims(**(of() | {"dataset": "fashion_mnist"})),
        key=lambda claim: "pixels" not in claim.claim,
    )
    assert fields.verdict == "holds"
    assert {claim.verdict for claim in others} == {"not measured"}
    assert {claim.because for claim in others} == {
        "the data are a part of Fashion-MNIST, not the original report's CIFAR-10"
    }
    assert {claim.data for claim in others} == {"metrics/summary.json"}


@pytest.mark.parametrize(
    ("claim", "of", "against"),
    [
        *(("most_accurate_kernel", "kernel_1x1_3x3", f"kernel_{size}") for size in ("3x3", "5x5", "7x7")),
        ("moderate_kernel", "kernel_1x1_3x3", "kernel_5x5"),
        ("moderate_kernel", "kernel_5x5", "kernel_3x3"),
        ("moderate_kernel", "kernel_5x5", "kernel_7x7"),
        ("accuracy_grows_with_depth", "depth_4", "kernel_3x3"),
        ("accuracy_grows_with_depth", "depth_6", "depth_4"),
        *(("residual_most_accurate", "residual", other) for other in ("kernel_3x3", "depth_4", "depth_6")),
    ],
)
def test_each_pair_of_a_claim_about_accuracy_can_sink_it(claim: str, of: str, against: str) -> None:
    for told, points, verdict in (
        (True, 1.0, "holds"),
        (True, -1.0, "does not hold"),
        (False, 1.0, "not decided"),
        (False, -1.0, "not decided"),
    ):
        found = checked(claim, with_pair(comparison(of, against, points, told)))
        assert found.verdict == verdict
        written = f"{points:+.1f} points, 95 % CI {points - 1.3:+.1f} to {points + 1.3:+.1f}".replace("-", "−")
        assert verdict == "holds" or written in found.because


def test_accuracies_decide_nothing_that_the_test_has_not_told() -> None:
    numbers = with_pair(comparison("depth_6", "depth_4", 30.0, told=False))
    numbers["summary"]["depth_6"] = entry(0.99, half=0.001)
    assert checked("accuracy_grows_with_depth", numbers).verdict == "not decided"


def test_a_network_that_is_equivalent_is_not_more_accurate() -> None:
    found = checked("accuracy_grows_with_depth", with_pair(compared("depth_6", "depth_4", 0.3, "equivalent")))
    assert found.verdict == "does not hold"
    assert found.because.endswith("equivalent")


@pytest.mark.parametrize(("interval", "named"), [((-3.0, -0.1), True), ((-3.0, 0.1), False), (None, False)])
def test_a_smaller_budget_that_says_the_other_way_round_is_named_and_decides_nothing(
    interval: tuple[float, float] | None, named: bool
) -> None:
    smaller = (AccuracyDifference(1, (3, 3), -1.5, interval, 0.04),)
    worse = compared("depth_6", "depth_4", 2.0, "worse", smaller=smaller)
    better = compared("depth_6", "depth_4", 2.0, "better", smaller=smaller)
    assert checked("accuracy_grows_with_depth", with_pair(better)).verdict == "holds"
    because = checked("accuracy_grows_with_depth", with_pair(worse)).because
    assert ("but −1.5 points, 95 % CI −3.0 to −0.1 at 1 epoch" in because) == named


@pytest.mark.parametrize("pair", [[], [comparison("depth_6", "depth_4", None, told=False, seeds=0)]])
def test_a_pair_that_is_not_compared_is_not_measured(pair: list[Comparison]) -> None:
    others = [one for one in world()["compared"] if one.of != "depth_6"]
    found = checked("accuracy_grows_with_depth", world() | {"compared": [*others, *pair]})
    assert (found.verdict, found.because) == ("not measured", "6 layers and 4 layers are not compared")


def test_with_one_seed_nothing_about_accuracies_and_norms_is_told() -> None:
    numbers = world() | {
        "compared": [comparison(of, against, 40.0, told=False, seeds=1) for of, against in CLAIMED_PAIRS],
        "gradients": norms_of(NORMS, spread=(1.0,)),
    }
    for claim in (
        "most_accurate_kernel",
        "residual_most_accurate",
        "residual_ends_largest",
        "six_layers_grow_slowest",
    ):
        found = checked(claim, numbers)
        assert found.verdict == "not decided"
        assert "one run" in found.because


@pytest.mark.parametrize(("seeds", "why"), [((3, 1), "one run has no interval"), ((3, 3), "the runs do not vary")])
def test_a_pair_without_a_verdict_says_why(seeds: tuple[int, int], why: str) -> None:
    pair = compared("depth_6", "depth_4", 1.0, None, interval=None, seeds=seeds)
    assert (
        f"6 layers against 4 layers +1.0 points, {why}"
        in checked("accuracy_grows_with_depth", with_pair(pair)).because
    )


def test_of_norms_with_one_run_it_is_said_of_which() -> None:
    one, three = Estimate.of([2.0]), Estimate.of([1.0, 1.1, 1.2])
    assert _how(one, one) == "one run each, without intervals"
    assert _how(one, three) == _how(three, one) == "one run of one of them, without an interval"
    assert _how(three, Estimate.of([5.0, 5.1, 5.2])) == "intervals do not overlap"


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (("collapsed", "collapsed"), ("collapsed",), "holds"),
        (("collapsed", "diverged"), ("diverged",), "holds"),
        (("collapsed", "trained"), ("collapsed",), "not decided"),
        (("diverged", "trained", "trained"), ("collapsed",), "not decided"),
        (("trained", "trained"), ("collapsed",), "does not hold"),
        (("trained",), ("collapsed", "trained"), "does not hold"),
        ((), ("collapsed",), "not measured"),
        ((), ("trained",), "does not hold"),
    ],
)
def test_the_replay_decides_who_stays_at_chance(
    first: tuple[str, ...], second: tuple[str, ...], verdict: str
) -> None:
    numbers = world() | {"replay": replay_of(kernel_3x3=first, kernel_7x7=second)}
    statuses: tuple[Status, ...] = ("trained", "collapsed", "diverged")
    for own in statuses:
        numbers["summary"] |= dict.fromkeys(("kernel_3x3", "kernel_7x7"), entry(0.5, own, "trained", own))
        assert checked("kernels_at_chance", numbers).verdict == verdict


def test_only_runs_at_the_reports_own_rate_count() -> None:
    replays = [replay_of(kernel_3x3=["collapsed"], kernel_7x7=["collapsed"])]
    replays.append(replay_of(rate=0.003, kernel_3x3=["trained"], kernel_7x7=["trained"]))
    both = world() | {"replay": pd.concat(replays)}
    assert checked("kernels_at_chance", both).verdict == "holds"
    assert checked("kernels_at_chance", both | {"rate": 0.003}).verdict == "does not hold"
    assert checked("kernels_at_chance", both | {"rate": 0.001}).verdict == "not measured"


def test_what_the_replay_and_the_studys_own_runs_did_is_both_said() -> None:
    numbers = world() | {"replay": replay_of(kernel_3x3=["collapsed", "trained", "diverged"])}
    numbers["summary"]["kernel_3x3"] = entry(0.4, "trained", "diverged", "collapsed", "trained")
    found = checked("kernels_at_chance", numbers | {"replay": replay_of(kernel_3x3=["trained"] * 2)})
    assert found.because == (
        "3×3: with the original report's recipe at its rate 0.01, 0 of 2 short runs at chance, and with the "
        "study's own recipe, 1 of 4 runs at chance and 1 diverged"
    )
    found = checked("kernels_at_chance", numbers)
    assert found.verdict == "not measured"
    assert found.because == (
        "7×7: no short runs with the original report's recipe at its rate 0.01, and with the study's own recipe, "
        "0 of 3 runs at chance"
    )
    assert found.numbers["kernel_3x3"]["replayed"] == {"runs": 3, "collapsed": 1, "diverged": 1}


@pytest.mark.parametrize(
    ("claim", "slower", "faster"),
    [
        ("fastest_kernel", "kernel_5x5", "kernel_3x3"),
        ("fastest_kernel", "kernel_1x1_3x3", "kernel_3x3"),
        ("slowest_kernel", "kernel_1x1_3x3", "kernel_7x7"),
        ("residual_slowest", "residual", "depth_6"),
        ("six_layers_second_slowest", "depth_6", "depth_4"),
        ("six_layers_second_slowest", "residual", "depth_6"),
    ],
)
@pytest.mark.parametrize(
    ("beyond", "verdict"),
    [(1.001, "holds"), (0.999, "not decided"), (-0.999, "not decided"), (-1.001, "does not hold")],
)
def test_times_differ_where_the_interval_of_their_ratio_leaves_out_one(
    claim: str, slower: str, faster: str, beyond: float, verdict: str
) -> None:
    # Where no other network's time comes between the two.
    base = 0.004 if claim == "fastest_kernel" else 0.14
    steps = {name: (seconds, 0.03) for name, seconds in STEPS.items()}
    steps |= {faster: (base, 0.03), slower: (base * math.exp(0.05 * beyond), 0.04)}
    if (claim, slower) == ("six_layers_second_slowest", "depth_6"):
        steps["residual"] = (base * 2, 0.03)
    found = checked(claim, world() | {"costs": steps_of(**steps)})
    assert found.verdict == verdict
    assert ("not significant" in found.because) == (verdict == "not decided")


def test_a_claim_about_time_says_the_ratio_of_steps_and_is_open_where_none_was_measured() -> None:
    because = "a training step of residual takes 4.00× [3.83, 4.17] the time of 2 layers"
    found = checked("residual_slowest", world())
    assert because in found.because
    assert found.numbers["residual against kernel_3x3"]["step"]["ratio"] == pytest.approx(4.0)
    batches = steps_of({"residual": 50}, **{name: (seconds, 0.03) for name, seconds in STEPS.items()})
    because = "a training image of residual takes 8.00× [7.67, 8.35] the time of 2 layers"
    assert because in checked("residual_slowest", world() | {"costs": batches}).because
    some = {name: (seconds, 0.03) for name, seconds in STEPS.items() if name != "depth_4"}
    found = checked("residual_slowest", world() | {"costs": steps_of(**some)})
    assert (found.verdict, found.because) == ("not measured", "residual and 4 layers are not timed")


def test_fields_must_agree_to_the_pixel_whether_trained_or_not() -> None:
    numbers = world()
    numbers["summary"]["kernel_7x7"] = entry(0.1, "diverged", theoretical=22)
    assert checked("fields_of_kernels", numbers).verdict == "holds"
    numbers["summary"]["kernel_7x7"] = entry(0.1, "diverged", theoretical=23, effective=22)
    found = checked("fields_of_kernels", numbers)
    assert (found.verdict, found.because) == ("does not hold", "7×7 sees 23 pixels")


@pytest.mark.parametrize(
    ("claim", "of", "against"),
    [
        ("small_networks_settle_lower", "depth_6", "kernel_3x3"),
        ("small_networks_settle_lower", "residual", "depth_4"),
        ("residual_ends_largest", "residual", "depth_6"),
    ],
)
@pytest.mark.parametrize(
    ("apart", "verdict"),
    [(1.001, "holds"), (0.999, "not decided"), (-0.999, "not decided"), (-1.001, "does not hold")],
)
def test_last_norms_are_told_where_their_intervals_part(
    claim: str, of: str, against: str, apart: float, verdict: str
) -> None:
    # Intervals reach as far out as the norm is large: of x and y they touch where y - x = reach · (x + y).
    reach = stats.t.ppf(0.975, 2) * stats.sem(SPREAD) * apart
    last = {name: norms[-1] for name, norms in NORMS.items()}
    last |= {against: 5.5, of: 5.5 * (1 + reach) / (1 - reach)}
    if claim == "small_networks_settle_lower":
        large = {name: 50.0 for name in ("depth_6", "residual") if name != of}
        small = {name: 0.5 for name in ("kernel_3x3", "depth_4") if name != against}
        last |= large | small
    numbers = world() | {"gradients": norms_of({name: (100.0, norm) for name, norm in last.items()})}
    assert checked(claim, numbers).verdict == verdict


def test_a_total_norm_is_the_root_of_the_sum_of_the_layers_squares_seed_by_seed() -> None:
    found = checked("residual_ends_largest", world()).numbers["residual against depth_4"]["last_norm"]
    assert found["residual"]["mean"] == pytest.approx(9.0)
    assert found["depth_4"]["ci95"] == pytest.approx(Estimate.of(list(4 * SPREAD)).ci95)


@pytest.mark.parametrize(
    ("growth", "verdict"),
    [
        ((2.0, 3.0, 4.0, 1.5), "holds"),
        ((2.0, 3.0, 4.0, 1.9), "holds"),
        ((2.0, 3.0, 4.0, 1.92), "not decided"),  # 1.92 and 2 reach out 0.025 times as much: 1.97 and 1.95
        ((2.0, 3.0, 4.0, 2.08), "not decided"),
        ((2.0, 3.0, 4.0, 2.12), "does not hold"),
        ((2.0, 3.0, 4.0, 1.03), "holds"),
        ((2.0, 3.0, 4.0, 1.02), "not decided"),
        ((2.0, 3.0, 4.0, 0.98), "not decided"),
        ((2.0, 3.0, 4.0, 0.97), "does not hold"),
        ((0.9, 0.8, 0.7, 0.5), "does not hold"),
    ],
)
def test_six_layers_grow_slowest_only_if_they_grow(growth: tuple[float, ...], verdict: str) -> None:
    names = ("kernel_3x3", "depth_4", "residual", "depth_6")
    norms = {name: (2.0, 7.0, 2.0 * factor) for name, factor in zip(names, growth, strict=True)}
    assert checked("six_layers_grow_slowest", world() | {"gradients": norms_of(norms)}).verdict == verdict


def test_growth_is_each_seeds_own() -> None:
    # The seeds' norms differ tenfold, and each grows by about 3: told from 2 all the same.
    gradients = norms_of(
        {"kernel_3x3": (1.0, 3.0), "depth_4": (1.0, 3.0), "residual": (1.0, 3.0), "depth_6": (1.0, 2.0)}
    )
    gradients["gradient_norm"] *= 10.0 ** gradients["seed"]
    assert checked("six_layers_grow_slowest", world() | {"gradients": gradients}).verdict == "holds"
    assert checked("residual_ends_largest", world() | {"gradients": gradients}).verdict == "not decided"


@pytest.mark.parametrize("name", ["kernel_3x3", "depth_4", "depth_6", "residual"])
def test_what_went_on_in_the_reports_own_runs_is_not_comparable_with_another_recipe(name: str) -> None:
    differ = [Difference("optimizer", "muon", "adam"), Difference("learning rate", "0.2", "0.01")]
    numbers = world() | {"recipes": {name: differ, "kernel_5x5": differ}}
    before = {claim.claim: claim for claim in check_claims(**world())}
    changed = [claim for claim in check_claims(**numbers) if claim != before[claim.claim]]
    assert [claim.claim for claim in changed] == [claim for claim in before if "radient" in claim]
    for claim in changed:
        assert (claim.verdict, claim.data, claim.timed) == ("not comparable", "params.yaml", False)
        assert "differ from them in optimizer and learning rate" in claim.because
        assert claim.numbers == {name: {"optimizer": ["muon", "adam"], "learning rate": ["0.2", "0.01"]}}


def test_with_the_reports_recipe_and_rate_its_gradients_are_checked() -> None:
    assert checked("residual_ends_largest", world()).verdict == "holds"


def test_growth_needs_two_epochs_and_norms_need_one() -> None:
    one = world() | {"gradients": norms_of({name: norms[-1:] for name, norms in NORMS.items()})}
    assert checked("six_layers_grow_slowest", one).verdict == "not measured"
    assert checked("residual_ends_largest", one).verdict == "holds"
    none = world() | {"gradients": norms_of({})}
    assert checked("residual_ends_largest", none).verdict == "not measured"


def test_there_is_no_growth_from_nothing() -> None:
    numbers = world() | {"gradients": norms_of(NORMS | {"depth_4": (0.0, 4.0)})}
    found = checked("six_layers_grow_slowest", numbers)
    assert (found.verdict, found.because) == ("not measured", "too few gradient norms: 4 layers")


@pytest.mark.parametrize("failure", ["absent", "collapsed", "diverged"])
@pytest.mark.parametrize("name", ACCURACIES)
def test_what_involves_a_network_that_is_missing_or_failed_is_not_measured(
    name: str, failure: Status | Literal["absent"]
) -> None:
    numbers = world()
    if failure == "absent":
        del numbers["summary"][name]
    else:
        numbers["summary"][name] = entry(0.1, failure, theoretical=FIELDS[name])
    before = {claim.claim: claim for claim in check_claims(**world())}
    changed = {}
    for claim in check_claims(**numbers):
        if claim.verdict != before[claim.claim].verdict:
            changed[claim.claim] = claim.verdict
    assert changed
    assert set(changed.values()) == {"not measured"}


def test_a_study_of_other_networks_measures_no_claim() -> None:
    summary = {"mine": entry(0.5), "other": entry(0.6)}
    gradients, replay = norms_of({"mine": (1.0, 2.0)}), replay_of(mine=["collapsed"])
    claims = check_claims("cifar10", summary, NOT_MEASURED, [], gradients, replay, RATE, {})
    assert {claim.verdict for claim in claims} == {"not measured"}


def test_one_refuted_pair_is_enough_whatever_is_missing_besides() -> None:
    numbers = with_pair(comparison("kernel_1x1_3x3", "kernel_3x3", -2.0, told=True))
    del numbers["summary"]["kernel_7x7"]
    found = checked("most_accurate_kernel", numbers)
    assert found.verdict == "does not hold"
    assert "7×7" not in found.because


def test_every_number_in_a_reason_is_one_of_its_numbers() -> None:
    mixed = world() | {"replay": replay_of(kernel_3x3=["collapsed", "trained"], kernel_7x7=["diverged"])}
    mixed["summary"]["kernel_7x7"] = entry(0.1, "collapsed", "trained")
    worlds = [world(), mixed, with_pair(comparison("depth_4", "kernel_3x3", -3.3, told=True))]
    for claim in (claim for numbers in worlds for claim in check_claims(**numbers)):
        assert claim.because
        three_digits = {f"{number:.3g}" for number in numbers_in(claim.numbers)}
        assert not numbers_without_source(claim.because, claim.numbers, NAMES) - three_digits, claim
