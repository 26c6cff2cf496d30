"""What a training step costs is measured in turns, joined by ratio, and only when it can have changed."""

import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from cnn_study.base.environment import Environment, set_up
from cnn_study.base.files import write_json
from cnn_study.base.yaml import read_yaml
from cnn_study.cost import blocks
from cnn_study.cost.blocks import Step, measure
from cnn_study.cost.records import NOTHING, Session, StepCosts
from cnn_study.cost.step import Job, StepClocks, TimedStep
from cnn_study.data.shape import Shape, save_shape
from cnn_study.networks.architecture import spec_of
from cnn_study.training.loop import train_step
from cnn_study.training.optimizers import make_optimizer, set_rate
from cnn_study.training.recipe import Optimizer
from stages import cost
from tests.conftest import REPOSITORY, RESIDUAL, SHAPE, SMALL, Project
from tests.report_cases import measured_step

NAMES = ("a", "b", "c", "d")


class Machine:
    """A made-up clock, and networks whose steps take what they are said to; it remembers whose turn it was."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.time, self.turns, self.seconds = 0.0, list[str](), seconds

    def now(self) -> float:
        return self.time

    def networks(self) -> dict[str, "Made"]:
        return {name: Made(self, name) for name in self.seconds}

    def visits(self) -> list[tuple[str, int]]:
        """Whose turns followed one another, each with how many steps it had."""
        return [(name, len(list(steps))) for name, steps in itertools.groupby(self.turns) if name != "rest"]


class Made:
    """All steps take as long, but for the first one after a rest, which takes ten times as long."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.name, self.cold = machine, name, True

    def step(self) -> Step:
        seconds = self.machine.seconds[self.name] * (10 if self.cold else 1)
        self.cold = False
        self.machine.time += seconds
        self.machine.turns.append(self.name)
        return Step(0.4 * seconds, 0.5 * seconds, 0.1 * seconds, 2 * seconds)

    def rest(self) -> None:
        self.cold = True
        self.machine.turns.append("rest")


def nobody(*_: object) -> None:
    """Watches nothing."""


def test_each_block_has_every_network_once_in_an_order_that_changes() -> None:
    machine = Machine(dict.fromkeys(NAMES, 0.01))
    measure(machine.networks(), machine.now, nobody)
    warmed, visits = machine.visits()[: len(NAMES)], machine.visits()[len(NAMES) :]
    assert warmed == [(name, 2) for name in NAMES]
    orders = [
        tuple(name for name, _ in visits[start : start + len(NAMES)])
        for start in range(0, len(visits), len(NAMES))
    ]
    assert len(orders) == blocks.BLOCKS
    assert {tuple(sorted(order)) for order in orders} == {NAMES}
    assert len(set(orders)) > 8
    assert {order[0] for order in orders} == set(NAMES)  # none has always the same neighbour or place


def test_a_block_s_value_is_the_mean_of_its_steps_without_the_one_after_another_network() -> None:
    machine = Machine({"fast": 0.01, "slow": 0.1})
    found = measure(machine.networks(), machine.now, nobody)
    for name, seconds in machine.seconds.items():
        assert len(found[name].blocks) == len(found["fast"].blocks) >= 5
        for block in found[name].blocks:
            expected = Step(0.4 * seconds, 0.5 * seconds, 0.1 * seconds, 2 * seconds)
            assert vars(block) == pytest.approx(vars(expected))
    # As many as fit into its share of the time, and one that does not count.
    assert {name: one.steps for name, one in found.items()} == {"fast": blocks.MOST_STEPS, "slow": 2}
    assert set(machine.visits()[2:]) == {("fast", blocks.MOST_STEPS + 1), ("slow", 3)}


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0, 20), (0.01, 20), (0.06, 8), (0.1, 6), (0.2, 5), (30.0, 5)]
)
def test_slow_networks_have_fewer_blocks_and_never_too_few(seconds: float, expected: int) -> None:
    machine, told = Machine(dict.fromkeys(NAMES, seconds)), list[tuple[int, int, float]]()
    found = measure(machine.networks(), machine.now, lambda *said: told.append(said))
    assert {len(one.blocks) for one in found.values()} == {expected}
    assert [done for done, _, _ in told] == list(range(1, expected + 1))
    done, of, left = told[-1]
    assert (done, of, left) == (expected, expected, 0)
    assert told[0][2] == pytest.approx((machine.time - spent_warming(seconds)) * (1 - 1 / expected), abs=1e-9)


def spent_warming(seconds: float) -> float:
    return len(NAMES) * 11 * seconds


def test_twenty_networks_take_three_minutes_at_most() -> None:
    machine = Machine({str(place): 0.005 * place for place in range(1, 21)})
    measure(machine.networks(), machine.now, nobody)
    assert machine.time < 180


# A step.


@pytest.fixture(scope="module")
def environment() -> Environment:
    return set_up("cpu", "auto", 1)


def job(environment: Environment, optimizer: Optimizer = "muon") -> Job:
    return Job(spec_of(RESIDUAL), 8, optimizer, environment)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "muon"])
def test_a_timed_step_is_a_training_step(environment: Environment, optimizer: Optimizer) -> None:
    timed, trained = (TimedStep(job(environment, optimizer), SHAPE, rate=0.01) for _ in range(2))
    other = make_optimizer(trained.network, job(environment, optimizer).recipe, environment)
    set_rate(other, 0.01)
    for step in range(3):
        torch.manual_seed(step)  # of dropout
        timed.step()
        torch.manual_seed(step)
        train_step(trained.network, other, trained.images, trained.labels, 0.0, environment)
    for (name, weight), expected in zip(
        timed.network.named_parameters(), trained.network.parameters(), strict=True
    ):
        assert torch.equal(weight, expected), name


def test_every_step_computes_the_same_and_leaves_the_weights_as_they_were(environment: Environment) -> None:
    timed = TimedStep(job(environment), SHAPE)
    before = [weight.detach().clone() for weight in timed.network.parameters()]
    for _ in range(3):
        timed.step()
    gradients = [weight.grad for weight in timed.network.parameters()]
    assert all(gradient is not None and bool(gradient.any()) for gradient in gradients)
    assert all(map(torch.equal, timed.network.parameters(), before))
    timed.rest()
    assert {weight.grad for weight in timed.network.parameters()} == {None}


def test_a_step_s_parts_are_timed_apart_and_the_processor_over_all(environment: Environment) -> None:
    wall, processor = iter([5.0, 7.0, 7.5, 12.5, 13.5]), iter([100.0, 111.0])
    timed = TimedStep(job(environment), SHAPE, StepClocks(lambda: next(wall), lambda: next(processor)))
    # The first look at the clock only waits for what the device still had to do.
    assert timed.step() == Step(forward=0.5, backward=5.0, optimizer=1.0, processor=11.0)


# What is kept, and what is measured.


def session(**known_by: str) -> Session:
    return Session(networks={name: measured_step([0.1, 0.2], mark) for name, mark in known_by.items()})


KNOWN = StepCosts(reference="a", sessions=(session(a="1", b="1", c="1"), session(a="1", d="1", e="1")))
WANTED = dict.fromkeys("abcde", "1")


@pytest.mark.parametrize(
    ("changed", "measured"),
    [
        ({}, ""),
        ({"b": "2"}, "ab"),
        ({"d": "2"}, "ad"),
        ({"f": "1"}, "af"),
        ({"b": "2", "f": "1"}, "abf"),
        ({"b": None, "d": None}, ""),
        ({"a": "2"}, "abcde"),  # to what would the others be compared
        ({"a": None}, "bcde"),
    ],
)
def test_only_what_is_new_is_measured_beside_the_reference(changed: dict[str, str | None], measured: str) -> None:
    wanted = {name: mark for name, mark in (WANTED | changed).items() if mark is not None}
    names = KNOWN.to_measure(wanted)
    assert names == list(measured)
    new = session(**{name: wanted[name] for name in names}) if names else None
    joined = KNOWN.joined(new, wanted)
    assert joined.to_measure(wanted) == []
    assert {name for one in joined.sessions for name in one.networks} == set(wanted)
    # Each but the reference in one session, with the measurement that is its own; the reference in all.
    others = [name for one in joined.sessions for name in one.networks if name != joined.reference]
    assert len(others) == len(set(others))
    assert all(joined.reference in one.networks for one in joined.sessions)
    assert all(one.known_by == wanted[name] for s in joined.sessions for name, one in s.networks.items())


def test_where_nothing_is_known_all_are_measured_and_the_first_is_the_reference() -> None:
    assert NOTHING.to_measure(WANTED) == list(WANTED)
    joined = NOTHING.joined(session(**WANTED), WANTED)
    assert (joined.reference, len(joined.sessions)) == ("a", 1)


def test_a_session_of_which_only_the_reference_is_left_is_dropped() -> None:
    wanted = dict.fromkeys("abc", "1")
    assert KNOWN.kept(wanted).sessions == KNOWN.sessions[:1]
    alone = KNOWN.kept({"a": "1", "d": "1"})
    assert [list(one.networks) for one in alone.sessions] == [["a"], ["a", "d"]]


# The stage.

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of two tiny networks, few of whose steps are measured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(blocks, "BLOCKS", 3)
    monkeypatch.setattr(blocks, "FEWEST_BLOCKS", 2)
    monkeypatch.setattr(blocks, "MOST_STEPS", 1)
    content = read_yaml(REPOSITORY / "params.yaml")
    content["architectures"] = {"small": SMALL, "other": RESIDUAL}
    content["training"]["recipe"].update(batch_size=8, threads=1, device="cpu")
    write_json(Path("params.yaml"), content)
    save_shape(cost.SHAPE, SHAPE)
    cost.main()
    return tmp_path


def changed(change: Change) -> StepCosts:
    """What the stage finds after a change of params.yaml."""
    content = read_yaml()
    change(content)
    write_json(Path("params.yaml"), content)
    cost.main()
    return StepCosts.read(cost.COSTS)


def test_the_stage_measures_all_networks_in_one_session(folder: Path) -> None:
    found = StepCosts.read(cost.COSTS)
    (one,) = found.sessions
    assert (found.reference, list(one.networks)) == ("small", ["small", "other"])
    for measured in one.networks.values():
        assert (measured.batch_size, measured.optimizer, measured.environment.threads) == (8, "muon", 1)
        for part in ("forward", "backward", "optimizer", "processor"):
            values = getattr(measured, f"{part}_seconds")
            assert 2 <= len(values) <= 3
            assert min(values) > 0


UNMEASURED: dict[str, Change] = {
    "budget": lambda content: content["training"].update(budgets=[3], seeds=[5]),
    "rate": lambda content: content["training"].update(learning_rate=0.5),
    "recipe": lambda content: content["training"]["recipe"].update(
        label_smoothing=0.3, momentum=0.5, weight_decay=0.5, initialization="pytorch", warmup=0.1
    ),
    "rate of a network": lambda content: content["architectures"]["other"].update(
        training={"learning_rate": 0.3, "recipe": {"label_smoothing": 0.0}}
    ),
    "as before, said again": lambda content: content["architectures"]["other"].update(
        training={"recipe": {"optimizer": "muon", "batch_size": 8}}
    ),
}


@pytest.mark.parametrize("change", UNMEASURED.values(), ids=UNMEASURED)
def test_what_a_step_does_not_depend_on_has_nothing_measured_again(folder: Path, change: Change) -> None:
    before = cost.COSTS.read_bytes()
    changed(change)
    assert cost.COSTS.read_bytes() == before


OF_ONE: dict[str, Change] = {
    "layers": lambda content: content["architectures"].update(other=SMALL | {"head": {"hidden": [4]}}),
    "optimizer": lambda content: content["architectures"]["other"].update(
        training={"recipe": {"optimizer": "adamw"}}
    ),
    "batch": lambda content: content["architectures"]["other"].update(training={"recipe": {"batch_size": 9}}),
}


@pytest.mark.parametrize("change", OF_ONE.values(), ids=OF_ONE)
def test_a_changed_network_is_measured_anew_in_turns_with_the_reference(folder: Path, change: Change) -> None:
    before = StepCosts.read(cost.COSTS)
    found = changed(change)
    assert [list(one.networks) for one in found.sessions] == [["small"], ["small", "other"]]
    assert found.sessions[0].networks["small"] == before.sessions[0].networks["small"]
    assert found.sessions[1].networks["small"] != before.sessions[0].networks["small"]


OF_ALL: dict[str, Change] = {
    "optimizer": lambda content: content["training"]["recipe"].update(optimizer="sgd"),
    "batch": lambda content: content["training"]["recipe"].update(batch_size=4),
    "threads": lambda content: content["training"]["recipe"].update(threads=2),
    "reference": lambda content: content["architectures"].update(small={**SMALL, "head": {"hidden": [4]}}),
}


@pytest.mark.parametrize("change", OF_ALL.values(), ids=OF_ALL)
def test_other_settings_and_another_reference_have_all_measured_anew(folder: Path, change: Change) -> None:
    before = StepCosts.read(cost.COSTS).sessions[0]
    (one,) = changed(change).sessions
    assert list(one.networks) == ["small", "other"]
    assert one.networks["other"] != before.networks["other"]


def test_another_shape_of_images_and_a_damaged_file_have_all_measured_anew(folder: Path) -> None:
    for spoil in (lambda: save_shape(cost.SHAPE, Shape(1, 32, 3)), lambda: cost.COSTS.write_text("{")):
        before = cost.COSTS.read_bytes()
        spoil()
        cost.main()
        assert len(StepCosts.read(cost.COSTS).sessions) == 1
        assert cost.COSTS.read_bytes() != before


def test_who_waits_is_told_for_how_long(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    changed(OF_ALL["batch"])
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].startswith("cost block 1/")
    assert all(line.startswith("cost ") and line.endswith(" s to go") for line in lines)


# What DVC runs.


def stale(project: Project, change: Callable[[Any], None]) -> set[str]:
    project.edit_params(change)
    return {stage.partition("@")[0] for stage in json.loads(project.run("dvc", "status", "--json"))}


def test_only_what_a_step_depends_on_makes_the_measurement_out_of_date(project: Project) -> None:
    def of_no_step(params: Any) -> None:
        params["training"].update(budgets=[3], seeds=[4], learning_rate=0.1)
        params["training"]["recipe"].update(label_smoothing=0.3, momentum=0.5, weight_decay=0.1, warmup=0.1)
        params["data"].update(split_seed=3)

    assert "cost" not in stale(project, of_no_step)
    for key, value in (("optimizer", "sgd"), ("batch_size", 16), ("precision", "fp32"), ("threads", 1)):
        before = (project.folder / "params.yaml").read_bytes()
        assert "cost" in stale(project, setting(key, value)), key
        (project.folder / "params.yaml").write_bytes(before)
    assert "cost" in stale(project, lambda params: params["architectures"]["small"]["layers"][0].update(kernel=5))


def setting(key: str, value: Any) -> Callable[[Any], None]:
    return lambda params: params["training"]["recipe"].update({key: value})
