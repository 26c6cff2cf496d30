"""Times are compared as ratios within blocks, and those of another day by their ratio to what both days had."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from cnn_study.analysis.costs import NOT_MEASURED, Costs, Ratio
from cnn_study.cost.records import Session, StepCosts
from tests.report_cases import ENVIRONMENT, MACHINE, measured_step

BLOCKS = 20
TRUE = {"base": 0.02, "second": 0.03, "third": 0.021}  # seconds of a step on an idle machine
Times = dict[str, list[float]]


def times_of(names: tuple[str, ...], busy: float = 1.0, seed: int = 19) -> Times:
    """What steps take in blocks, each of which is slower by a factor, for all networks alike."""
    generator = np.random.default_rng(seed)
    slower = busy * np.exp(generator.normal(0, 0.3, BLOCKS))
    return {name: list(TRUE[name] * slower * np.exp(generator.normal(0, 0.01, BLOCKS))) for name in names}


def costs_of(*sessions: Times, batches: dict[str, int] | None = None) -> Costs:
    return Costs(
        StepCosts(
            reference="base",
            sessions=tuple(
                Session(
                    networks={
                        name: measured_step(seconds, batch_size=(batches or {}).get(name, 100))
                        for name, seconds in times.items()
                    }
                )
                for times in sessions
            ),
        )
    )


def ratio_of(costs: Costs, of: str, against: str) -> Ratio:
    found = costs.ratio(of, against)
    assert found
    return found


def test_the_interval_of_a_ratio_is_student_s_of_the_blocks_own_ratios() -> None:
    times = times_of(("base", "second"))
    found = ratio_of(costs_of(times), "second", "base")
    expected = stats.ttest_rel(np.log(times["second"]), np.log(times["base"])).confidence_interval(0.95)
    assert found.ci95 == pytest.approx((np.exp(expected.low), np.exp(expected.high)))
    assert found.ratio == pytest.approx(stats.gmean(np.array(times["second"]) / times["base"]))
    # The machine's moods, of 30 %, are no part of it.
    assert found.ci95[1] / found.ci95[0] < 1.03
    other = ratio_of(costs_of(times), "base", "second")
    assert (other.ratio, *other.ci95) == pytest.approx((1 / found.ratio, 1 / found.ci95[1], 1 / found.ci95[0]))


def test_the_interval_holds_the_true_ratio_in_95_of_100_studies_also_of_networks_of_two_days() -> None:
    held = {"one day": 0, "two days": 0}
    studies = 400
    for study in range(studies):
        one, other = (
            times_of(("base", name), busy, seed=2 * study + day)
            for day, (name, busy) in enumerate((("second", 1.0), ("third", 3.0)))
        )
        costs = costs_of(one, other)
        for when, (of, against) in {"one day": ("second", "base"), "two days": ("third", "second")}.items():
            low, high = ratio_of(costs, of, against).ci95
            held[when] += low < TRUE[of] / TRUE[against] < high
    for when, count in held.items():
        assert 0.92 <= count / studies <= 0.98, when


def test_networks_of_two_days_are_compared_by_their_ratios_to_the_reference() -> None:
    first, second = times_of(("base", "second")), times_of(("base", "third"), busy=3.0, seed=20)
    costs = costs_of(first, second)
    one = np.log(second["third"]) - np.log(second["base"])
    other = np.log(first["second"]) - np.log(first["base"])
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert ratio_of(costs, "third", "second").ci95 == pytest.approx((np.exp(expected.low), np.exp(expected.high)))
    # Of a day when the machine was busy, in seconds of the day when it was not.
    steps = {name: costs.step(name, {}) for name in TRUE}
    for name, step in steps.items():
        assert step
        base = steps["base"]
        assert base
        if name != "base":
            assert step.seconds / base.seconds == pytest.approx(ratio_of(costs, name, "base").ratio)
    third = steps["third"]
    assert third
    assert third.seconds < 2 * TRUE["third"] < stats.gmean(second["third"])


def test_the_reference_is_compared_in_the_session_of_the_other() -> None:
    first, second = times_of(("base", "second")), times_of(("base", "third"), busy=3.0, seed=20)
    assert ratio_of(costs_of(first, second), "base", "third") == ratio_of(costs_of(second), "base", "third")


def test_where_batches_differ_times_of_an_image_are_compared() -> None:
    costs = costs_of({"base": [0.02, 0.02], "second": [0.03, 0.03]}, batches={"base": 100, "second": 50})
    assert ratio_of(costs, "second", "base").ratio == pytest.approx(3.0)
    assert (costs.unit("second", "base"), costs.unit("second")) == ("training image", "training step")
    one, other = (costs.step(name, {1: 1000}) for name in ("base", "second"))
    assert one
    assert other
    assert (one.runs["1"].seconds, other.runs["1"].seconds) == pytest.approx((0.2, 0.6))


def test_what_was_measured_later_than_the_first_is_known() -> None:
    costs = costs_of(times_of(("base", "second")), times_of(("base", "third")))
    assert costs.added("base", "second", "third", "unknown") == ["third"]
    assert costs_of(times_of(("base", "second"))).added("base", "second") == []


def test_the_parts_of_a_step_make_up_the_whole() -> None:
    costs = costs_of(times_of(("base",)), times_of(("base", "third"), busy=3.0, seed=20))
    for name in ("base", "third"):
        step = costs.step(name, {})
        assert step
        parts = (step.forward_seconds, step.backward_seconds, step.optimizer_seconds)
        assert sum(parts) == pytest.approx(step.seconds)
        assert parts == pytest.approx([share * step.seconds for share in (0.4, 0.5, 0.1)])
        assert step.processor_seconds == pytest.approx(2 * step.seconds)


@pytest.mark.parametrize(
    ("low", "high", "sign"), [(1.001, 1.2, 1), (1.0, 1.2, 0), (0.9, 1.1, 0), (0.9, 1.0, 0), (0.9, 0.999, -1)]
)
def test_a_ratio_is_significant_where_its_interval_leaves_out_one(low: float, high: float, sign: int) -> None:
    assert Ratio(ratio=1.0, ci95=(low, high)).sign == sign


def test_what_was_not_measured_has_no_ratio_and_no_step() -> None:
    costs = costs_of(times_of(("base", "second")))
    assert costs.ratio("base", "third") is None
    assert costs.ratio("base", "base") is None
    assert costs.step("third", {1: 100}) is None
    assert NOT_MEASURED.ratio("base", "second") is None
    assert (NOT_MEASURED.machine("base"), NOT_MEASURED.environments) == ("", {})
    assert set(costs.ratios([("second", "base"), ("third", "base")])) == {"second over base"}


def test_the_machine_is_named_once_for_each_setting() -> None:
    base, second = measured_step([0.1, 0.2]), measured_step([0.1, 0.2])
    second = second.model_copy(update={"environment": replace(ENVIRONMENT, threads=1)})
    third = base.model_copy(update={"environment": replace(ENVIRONMENT, device="cuda", processor="a GPU")})
    networks = {"base": base, "second": second, "third": third}
    costs = Costs(StepCosts(reference="base", sessions=(Session(networks=networks),)))
    assert costs.machine("base", "base") == MACHINE
    assert costs.machine("base", "second") == f"{MACHINE}; a processor, 1 thread, fp32"
    assert costs.machine("third", "unknown") == "a GPU, fp32"
