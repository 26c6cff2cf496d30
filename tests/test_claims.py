"""The report's claims hold, fail or stay open as the measured numbers say."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from cnn_study.claims import CLAIMS, NORMS_DIFFER, Claim, check_claims
from cnn_study.comparisons import Comparison, StudyComparison
from tests.test_findings import around, entry, numbers_without_source

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
SECONDS = dict(zip(ACCURACIES, (10.0, 20.0, 30.0, 40.0, 20.0, 30.0, 40.0), strict=True))
FIELDS = dict(zip(ACCURACIES, (10, 16, 22, 10, 46, 36, 27), strict=True))
NORMS = {"kernel_3x3": (1.0, 3.0), "depth_4": (1.0, 4.0), "depth_6": (3.0, 6.0), "residual": (1.0, 9.0)}
POSITION = {check.__name__: index for index, check in enumerate(CLAIMS.values())}


def world() -> dict[str, Any]:
    """Numbers by which every claim holds, but that 3×3 and 7×7 stay at chance; no pair is tested."""
    summary = {name: entry(accuracy, half=0.01) for name, accuracy in ACCURACIES.items()}
    for name, pixels in FIELDS.items():
        summary[name]["receptive_field"] = {"theoretical": pixels, "effective": pixels}
    timing = {name: {"train_seconds": around(seconds, 2.0)} for name, seconds in SECONDS.items()}
    return {"summary": summary, "timing": timing, "comparisons": {}, "gradients": norms_of(NORMS)}


def norms_of(norms: Mapping[str, tuple[float, ...]]) -> pd.DataFrame:
    """Two layers whose norms are 0.6 and 0.8 of the total."""
    rows = [
        {"architecture": name, "epoch": epoch, "layer": layer, "depth": depth, "gradient_norm": share * total}
        for name, totals in norms.items()
        for epoch, total in enumerate(totals, start=1)
        for depth, (layer, share) in enumerate({"conv1": 0.6, "output": 0.8}.items(), start=1)
    ]
    return pd.DataFrame(rows, columns=["architecture", "epoch", "layer", "depth", "gradient_norm"])


def with_test(of: str, against: str, points: float | None, told: bool) -> dict[str, StudyComparison]:
    interval = None if points is None else (points - 1.3, points + 1.3)
    pair = Comparison(of, against, 3, points, interval, 0.01, 0.02, told, 9, {}, {})
    return {"any": StudyComparison("any", [], {}, [], [pair], [])}


def checked(name: str, numbers: dict[str, Any]) -> Claim:
    return check_claims(**numbers)[POSITION[name]]


def set_accuracy(numbers: dict[str, Any], name: str, accuracy: float, half: float | None = 0.01) -> None:
    numbers["summary"][name]["test_accuracy"] = around(accuracy, half)


def test_a_world_as_the_report_says_bears_every_claim_out() -> None:
    verdicts = {claim.claim: claim.verdict for claim in check_claims(**world())}
    at_chance = list(CLAIMS)[POSITION["kernels_at_chance"]]
    assert verdicts.pop(at_chance) == "does not hold"
    assert set(verdicts.values()) == {"holds"}
    assert len(verdicts) == 12


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
        (False, 1.0, "cannot be told"),
        (False, -1.0, "cannot be told"),
    ):
        for pair in (with_test(of, against, points, told), with_test(against, of, -points, told)):
            found = checked(claim, world() | {"comparisons": pair})
            assert found.verdict == verdict
            assert (
                verdict == "holds" or f"{points:+.1f} [{points - 1.3:+.1f}, {points + 1.3:+.1f}]" in found.because
            )


def test_a_pair_tested_among_the_comparisons_with_the_baseline_counts_as_a_control_does() -> None:
    study = with_test("kernel_5x5", "kernel_3x3", 5.0, told=False)["any"]
    study = replace(study, against_baseline=study.controls, controls=[])
    assert checked("moderate_kernel", world() | {"comparisons": {"any": study}}).verdict == "cannot be told"


@pytest.mark.parametrize(
    ("accuracy", "verdict"),
    [(0.771, "holds"), (0.769, "cannot be told"), (0.731, "cannot be told"), (0.729, "does not hold")],
)
def test_a_pair_that_no_study_tests_is_told_where_the_intervals_part(accuracy: float, verdict: str) -> None:
    numbers = world()
    set_accuracy(numbers, "depth_6", accuracy)  # depth_4 has 0.75, and both intervals reach 0.01 out
    assert checked("accuracy_grows_with_depth", numbers).verdict == verdict


def test_intervals_that_touch_do_not_part() -> None:
    numbers = world()
    numbers["summary"]["depth_4"]["test_accuracy"]["ci95"] = [0.74, 0.76]
    numbers["summary"]["depth_6"]["test_accuracy"]["ci95"] = [0.76, 0.84]
    assert checked("accuracy_grows_with_depth", numbers).verdict == "cannot be told"


def test_with_one_seed_nothing_about_accuracy_or_time_is_told() -> None:
    numbers = world()
    for name, accuracy in ACCURACIES.items():
        set_accuracy(numbers, name, accuracy, half=None)
        numbers["timing"][name]["train_seconds"] = around(SECONDS[name], None)
    for claim in ("most_accurate_kernel", "residual_most_accurate", "fastest_kernel", "residual_slowest"):
        found = checked(claim, numbers)
        assert found.verdict == "cannot be told"
        assert "one run each" in found.because


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (("collapsed", "collapsed"), ("collapsed",), "holds"),
        (("collapsed", "trained"), ("collapsed",), "cannot be told"),
        (("trained",), ("collapsed",), "does not hold"),
        (("collapsed",), ("diverged",), "not measured"),
        (("trained",), ("diverged",), "does not hold"),
    ],
)
def test_collapsed_runs_are_at_chance(first: tuple[str, ...], second: tuple[str, ...], verdict: str) -> None:
    numbers = world()
    numbers["summary"] |= {"kernel_3x3": entry(0.1, *first), "kernel_7x7": entry(0.1, *second)}
    assert checked("kernels_at_chance", numbers).verdict == verdict


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
    ("difference", "verdict"),
    [(4.1, "holds"), (3.9, "cannot be told"), (-3.9, "cannot be told"), (-4.1, "does not hold")],
)
def test_times_are_told_where_their_intervals_part(
    claim: str, slower: str, faster: str, difference: float, verdict: str
) -> None:
    numbers = world()
    # Where no other network's time comes between the two.
    base = 4.0 if claim == "fastest_kernel" else 140.0
    numbers["timing"][slower]["train_seconds"] = around(base + difference, 2.0)
    numbers["timing"][faster]["train_seconds"] = around(base, 2.0)
    if (claim, slower) == ("six_layers_second_slowest", "depth_6"):
        numbers["timing"]["residual"]["train_seconds"] = around(base + 100, 2.0)
    assert checked(claim, numbers).verdict == verdict


def test_fields_must_agree_to_the_pixel_whether_trained_or_not() -> None:
    numbers = world()
    numbers["summary"]["kernel_7x7"]["status"] = "diverged"
    assert checked("fields_of_kernels", numbers).verdict == "holds"
    numbers["summary"]["kernel_7x7"]["receptive_field"]["theoretical"] = 23
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
    ("ratio", "verdict"),
    [
        (NORMS_DIFFER * 1.001, "holds"),
        (NORMS_DIFFER * 0.999, "cannot be told"),
        (1 / NORMS_DIFFER * 1.001, "cannot be told"),
        (1 / NORMS_DIFFER * 0.999, "does not hold"),
    ],
)
def test_last_norms_are_told_where_they_differ_by_a_tenth(
    claim: str, of: str, against: str, ratio: float, verdict: str
) -> None:
    last = {name: norms[-1] for name, norms in NORMS.items()} | {against: 5.5, of: 5.5 * ratio}
    if claim == "small_networks_settle_lower":
        large = {name: 50.0 for name in ("depth_6", "residual") if name != of}
        small = {name: 0.5 for name in ("kernel_3x3", "depth_4") if name != against}
        last |= large | small
    numbers = world() | {"gradients": norms_of({name: (100.0, norm) for name, norm in last.items()})}
    assert checked(claim, numbers).verdict == verdict


@pytest.mark.parametrize(
    ("growth", "verdict"),
    [
        ((2.0, 3.0, 4.0, 1.5), "holds"),
        ((2.0, 3.0, 4.0, 1.9), "cannot be told"),
        ((2.0, 3.0, 4.0, 2.1), "cannot be told"),
        ((2.0, 3.0, 4.0, 2.3), "does not hold"),
        ((2.0, 3.0, 4.0, 1.05), "cannot be told"),
        ((0.9, 0.8, 0.7, 0.5), "does not hold"),
        ((2.0, 3.0, 4.0, 0.5), "does not hold"),
    ],
)
def test_six_layers_grow_slowest_only_if_they_grow(growth: tuple[float, ...], verdict: str) -> None:
    names = ("kernel_3x3", "depth_4", "residual", "depth_6")
    norms = {name: (2.0, 7.0, 2.0 * factor) for name, factor in zip(names, growth, strict=True)}
    assert checked("six_layers_grow_slowest", world() | {"gradients": norms_of(norms)}).verdict == verdict


def test_growth_needs_two_epochs_and_norms_need_one() -> None:
    one = world() | {"gradients": norms_of({name: norms[-1:] for name, norms in NORMS.items()})}
    assert checked("six_layers_grow_slowest", one).verdict == "not measured"
    assert checked("residual_ends_largest", one).verdict == "holds"
    none = world() | {"gradients": norms_of({})}
    assert checked("residual_ends_largest", none).verdict == "not measured"


@pytest.mark.parametrize("failure", ["absent", "collapsed", "diverged"])
@pytest.mark.parametrize("name", ACCURACIES)
def test_what_involves_a_network_that_is_missing_or_failed_is_not_measured(name: str, failure: str) -> None:
    numbers = world()
    if failure == "absent":
        del numbers["summary"][name], numbers["timing"][name]
    else:
        field = numbers["summary"][name]["receptive_field"]
        numbers["summary"][name] = entry(0.1, failure) | {"receptive_field": field}
    before = {claim.claim: claim for claim in check_claims(**world())}
    changed = {}
    for claim in check_claims(**numbers):
        if claim.verdict != before[claim.claim].verdict:
            changed[claim.claim] = claim.verdict
    assert changed
    assert set(changed.values()) == {"not measured"}


def test_a_study_of_other_networks_measures_no_claim() -> None:
    summary = {"mine": entry(0.5), "other": entry(0.6)}
    claims = check_claims(summary, {}, {}, norms_of({"mine": (1.0, 2.0)}))
    assert {claim.verdict for claim in claims} == {"not measured"}


def test_one_refuted_pair_is_enough_whatever_is_missing_besides() -> None:
    numbers = world()
    del numbers["summary"]["kernel_7x7"]
    set_accuracy(numbers, "kernel_3x3", 0.9)
    found = checked("most_accurate_kernel", numbers)
    assert found.verdict == "does not hold"
    assert "7×7" not in found.because


def test_every_number_in_a_reason_is_one_of_its_numbers() -> None:
    collapsed = world()
    collapsed["summary"]["kernel_7x7"] = entry(0.1, "collapsed", "trained")
    worlds = [world(), collapsed, world() | {"comparisons": with_test("depth_4", "kernel_3x3", 3.3, told=True)}]
    for claim in (claim for numbers in worlds for claim in check_claims(**numbers)):
        assert claim.because
        assert not numbers_without_source(claim.because, claim.numbers, NAMES), claim
