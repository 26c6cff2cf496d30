"""Runs to several budgets on one trunk: each has the bits of a run alone, also where it was cut and went on."""

import json
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from cnn_study.base.environment import set_up
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import spec_of
from cnn_study.networks.network import Network
from cnn_study.training import budgets as budgets_module
from cnn_study.training import loop
from cnn_study.training.batches import Batches, order_of
from cnn_study.training.budgets import Checkpoints, Reached, train_to
from cnn_study.training.checkpoint import Checkpoint, restore
from cnn_study.training.loop import Position, RunSpec, Trainer
from cnn_study.training.optimizers import make_optimizer, set_rate
from cnn_study.training.recipe import Recipe, longest_warmup
from cnn_study.training.records import Epoch, EpochClock, LayerNorms, Status, TrunkClock
from cnn_study.training.schedule import Schedule
from tests.test_training import RECIPE, SPECS, bits

pytestmark = pytest.mark.processor
STEPS = 6  # of an epoch
BUDGETS = [1, 2, 4]
OPTIMIZERS = ["sgd", "adam", "adamw", "muon"]
SCHEDULES: dict[str, dict[str, object]] = {
    "inside epochs": {"schedule": "cooldown", "cooldown": 0.3},  # branches begin after 4, 8 and 17 steps
    "at an epoch's end": {"schedule": "cooldown", "cooldown": 0.5},  # after 3, 6 and 12
    "snapshots": {"schedule": "constant", "cooldown": 0.3},  # after 6, 12 and 24, where they end
}
Leg = int | None  # a budget's branch, or the trunk


@pytest.fixture(autouse=True, scope="module")
def looked_at() -> Iterator[None]:
    """Have gradients sampled, and the loss looked at, in every second step: branches begin between them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "GRADIENT_SAMPLES", 3)
        patch.setattr(loop, "LOSS_CHECKS", 3)
        yield


def bright_or_dark(count: int) -> Batches:
    """Small images of ten classes that differ in brightness."""
    shape = Shape(3, 8, 10)
    labels = torch.arange(count) % shape.classes
    noise = torch.randint(0, 25, shape.images(count), generator=torch.Generator().manual_seed(0))
    return Batches((labels[:, None, None, None] * 25 + noise).to(torch.uint8), labels, shape)


TRAINING, VALIDATION = bright_or_dark(10 * STEPS + 3), bright_or_dark(50)


class Case(NamedTuple):
    """Runs with ten images in a step, the first two of which warm up."""

    network: str = "plain"
    optimizer: str = "sgd"
    schedule: str = "inside epochs"
    seed: int = 0
    rate: float = 0.01

    @property
    def recipe(self) -> Recipe:
        own = {"batch_size": 10, "warmup": 0.25, "optimizer": self.optimizer, **SCHEDULES[self.schedule]}
        return Recipe.model_validate(RECIPE.model_dump() | own)

    @property
    def spec(self) -> RunSpec:
        environment = set_up("cpu", threads=1)
        network = spec_of(SPECS[self.network])
        return RunSpec(network, TRAINING, VALIDATION, self.recipe, self.rate, self.seed, environment)


USUAL = Case()


class Ended(NamedTuple):
    """All of a run but its clock."""

    weights: dict[str, bytes]
    status: Status
    epochs: tuple[Epoch, ...]
    gradients: tuple[LayerNorms, ...]

    @classmethod
    def of(cls, reached: Reached) -> "Ended":
        return cls(bits(reached.network), reached.run.status, reached.run.epochs, reached.run.gradients)


class Place(NamedTuple):
    """Where a run is: before a step, or for None at the end of an epoch, which is not kept yet.

    ``first``: whether that step is the first since the epoch, or the leg, was begun or gone on with.
    """

    leg: Leg
    epoch: int
    step: int | None
    first: bool


class CutError(Exception):
    pass


class Cuts:
    """Cuts a run at every place of a kind, the first time that it comes there."""

    def __init__(self, here: Callable[[Place], bool]) -> None:
        self._here = here
        self._done: set[Place] = set()

    def __call__(self, place: Place) -> None:
        if self._here(place) and place not in self._done:
            self._done.add(place)
            raise CutError


@dataclass
class Watch:
    """Notes what is trained, and what its monitors are told; ``cuts`` may raise."""

    cuts: Cuts = field(default_factory=lambda: Cuts(lambda place: False))
    steps: list[tuple[Leg, int]] = field(default_factory=list)
    resumed: list[tuple[Leg, int]] = field(default_factory=list)
    ended: list[tuple[Leg, int]] = field(default_factory=list)

    def __call__(self, leg: Leg) -> "Monitor":
        return Monitor(self, leg)


@dataclass
class Monitor:
    watch: Watch
    leg: Leg

    def steps(self, steps: Iterable[int], epoch: int) -> Iterable[int]:
        for count, step in enumerate(steps):
            self.watch.cuts(Place(self.leg, epoch, step, first=count == 0))
            self.watch.steps.append((self.leg, epoch * STEPS + step))
            yield step

    def resumed(self, epochs: int) -> None:
        self.watch.resumed.append((self.leg, epochs))

    def epoch_ended(self, epoch: int, *_: object, **__: object) -> None:
        self.watch.cuts(Place(self.leg, epoch, step=None, first=False))
        self.watch.ended.append((self.leg, epoch))


def runs_to(
    budgets: Sequence[int], case: Case, checkpoints: Checkpoints | None = None, watch: Watch | None = None
) -> dict[int, Ended]:
    return {reached.budget: Ended.of(reached) for reached in train_to(case.spec, budgets, checkpoints, watch)}


@cache
def alone(budget: int, case: Case) -> Ended:
    """The run to one budget, of which nothing is kept."""
    return runs_to([budget], case)[budget]


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", "this run")


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", SPECS)
def test_the_run_to_each_budget_has_the_bits_of_one_to_it_alone_and_what_they_share_is_trained_once(
    network: str, optimizer: str, schedule: str
) -> None:
    case, watch = Case(network, optimizer, schedule), Watch()
    found = runs_to([4, 1, 2], case, watch=watch)
    assert list(found) == BUDGETS
    for budget, run in found.items():
        assert run == alone(budget, case)
        assert [epoch.epoch for epoch in run.epochs] == list(range(1, budget + 1))
        assert {row.epoch for row in run.gradients} == set(range(1, budget + 1))
    for one, other in pairwise(found.values()):
        assert one.weights != other.weights
    ends, branches = (
        [at(budget) for budget in BUDGETS] for at in (case.spec.schedule.end, case.spec.schedule.branch)
    )
    trained: list[tuple[Leg, int]] = [(None, step) for step in range(branches[-1])]
    for budget, branch, end in zip(BUDGETS, branches, ends, strict=True):
        trained += [(budget, step) for step in range(branch, end)]
    assert Counter(watch.steps) == Counter(trained)
    assert set(watch.ended) == {(leg, step // STEPS + 1) for leg, step in trained if step % STEPS == STEPS - 1}


def test_a_network_may_be_used_until_the_next_is_asked_for() -> None:
    reached = train_to(USUAL.spec, BUDGETS)
    for budget in BUDGETS:
        one = next(reached)
        assert Ended.of(one) == alone(budget, USUAL)
        one.network.eval()
        with torch.no_grad():
            one.network(VALIDATION.images)
            for parameter in one.network.parameters():
                parameter.zero_()


def gone_on_with(
    budgets: Sequence[int], case: Case, checkpoints: Checkpoints, cuts: Cuts
) -> tuple[dict[int, Ended], list[Watch]]:
    """Runs that go on from their checkpoints after every cut, to those budgets that were not reached before."""
    found: dict[int, Ended] = {}
    watches: list[Watch] = []
    while len(found) < len(budgets):
        torch.manual_seed(999)
        watches.append(Watch(cuts))
        left = [budget for budget in budgets if budget not in found]
        with suppress(CutError):
            for reached in train_to(case.spec, left, checkpoints, watches[-1]):
                found[reached.budget] = Ended.of(reached)
    return found, watches


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("network", SPECS)
def test_runs_that_are_cut_wherever_a_branch_or_an_epoch_begins_end_with_the_same_bits_and_train_nothing_twice(
    network: str, optimizer: str, checkpoints: Checkpoints
) -> None:
    case, whole = Case(network, optimizer), Watch()
    runs_to(BUDGETS, case, watch=whole)
    found, watches = gone_on_with(BUDGETS, case, checkpoints, Cuts(lambda place: place.first))
    assert len(watches) == 10
    assert found == {budget: alone(budget, case) for budget in BUDGETS}
    assert Counter(step for watch in watches for step in watch.steps) == Counter(whole.steps)


@pytest.mark.parametrize(
    ("here", "at_most"),
    [
        (lambda place: place.first, 1),
        (lambda place: place.step is None, 1),
        (lambda place: place.step is not None, STEPS),
    ],
    ids=["where each epoch begins", "at each epoch's end", "before each step"],
)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_cuts_at_any_place_cost_at_most_the_epoch_that_was_cut(
    schedule: str, here: Callable[[Place], bool], at_most: int, checkpoints: Checkpoints
) -> None:
    case = Case(schedule=schedule)
    found, watches = gone_on_with(BUDGETS, case, checkpoints, Cuts(here))
    assert found == {budget: alone(budget, case) for budget in BUDGETS}
    assert max(Counter(step for watch in watches for step in watch.steps).values()) == at_most


def cut(budgets: Sequence[int], case: Case, checkpoints: Checkpoints, leg: Leg, epoch: int) -> None:
    """Runs that are cut before the first step that this leg has in this epoch."""
    with pytest.raises(CutError):
        runs_to(budgets, case, checkpoints, Watch(Cuts(lambda place: place.first and place[:2] == (leg, epoch))))


@pytest.mark.parametrize(
    ("leg", "epoch", "resumed"),
    [(None, 0, []), (None, 2, [(None, 2)]), (4, 2, [(None, 2)]), (4, 3, [(None, 2), (4, 3)])],
)
def test_a_monitor_is_told_how_many_epochs_are_done(
    leg: Leg, epoch: int, resumed: list[tuple[Leg, int]], checkpoints: Checkpoints
) -> None:
    cut([4], USUAL, checkpoints, leg, epoch)
    watch = Watch()
    assert runs_to([4], USUAL, checkpoints, watch)[4] == alone(4, USUAL)
    assert watch.resumed == resumed


@pytest.mark.parametrize(("leg", "begins"), [(None, 12), (4, 17)])
def test_budgets_that_were_reached_before_a_cut_may_be_asked_for_again(
    leg: Leg, begins: int, checkpoints: Checkpoints
) -> None:
    cut(BUDGETS, USUAL, checkpoints, leg, 2)
    # The trunk that was kept is too long for the first two of them; it waits for the third, whatever is cut.
    cut(BUDGETS, USUAL, checkpoints, 2, 1)
    watch = Watch()
    assert runs_to(BUDGETS, USUAL, checkpoints, watch) == {budget: alone(budget, USUAL) for budget in BUDGETS}
    assert of_trunk(watch.steps) == [*range(4), *range(begins, 17)]


def test_checkpoints_of_another_run_are_not_taken_up(checkpoints: Checkpoints, tmp_path: Path) -> None:
    cut([2], Case(seed=1), checkpoints, 2, 1)
    watch = Watch()
    other = Checkpoints(checkpoints.folder, "another run")
    assert runs_to([2], USUAL, other, watch)[2] == alone(2, USUAL)
    assert (len(watch.steps), watch.resumed) == (12, [])


def test_a_checkpoint_of_one_branch_is_not_taken_up_on_another(checkpoints: Checkpoints) -> None:
    cut([4], USUAL, checkpoints, 4, 3)
    assert runs_to([5], USUAL, checkpoints)[5] == alone(5, USUAL)


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", bytes(1000), None])
def test_a_damaged_checkpoint_is_none(content: bytes | None, checkpoints: Checkpoints) -> None:
    cut([4], USUAL, checkpoints, 4, 3)
    paths = sorted(checkpoints.folder.iterdir())
    assert [path.stem for path in paths] == ["branch", "trunk"]
    for path in paths:
        path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    watch = Watch()
    assert runs_to([4], USUAL, checkpoints, watch)[4] == alone(4, USUAL)
    assert (len(watch.steps), watch.resumed) == (24, [])


# Budgets that are added later


def kept(budgets: Sequence[int], folder: Path, case: Case, fingerprint: str = "this run") -> tuple[Path, Position]:
    """The trunk of runs to ``budgets``, as the stage keeps it."""
    checkpoints = Checkpoints(folder / "before", fingerprint)
    runs_to(budgets, case, checkpoints)
    found = checkpoints.trunk.read()
    assert found is not None
    shutil.copyfile(checkpoints.trunk.path, folder / "trunk.safetensors")
    shutil.rmtree(checkpoints.folder)
    return folder / "trunk.safetensors", Position.model_validate(found[1])


def of_trunk(steps: Iterable[tuple[Leg, int]]) -> list[int]:
    return [step for leg, step in steps if leg is None]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(
    ("before", "later"), [([1, 2], [4]), ([2], [3, 4]), ([4], [1]), ([1, 4], [2, 3]), ([2], [1, 4])]
)
def test_a_budget_that_is_added_goes_on_from_the_trunk_that_is_there_and_else_costs_its_own_epochs(
    before: list[int], later: list[int], schedule: str, tmp_path: Path, checkpoints: Checkpoints
) -> None:
    case, watch = Case("residual", "muon", schedule), Watch()
    earlier = kept(before, tmp_path, case)
    found = runs_to(later, case, Checkpoints(checkpoints.folder, "this run", [earlier]), watch)
    assert found == {budget: alone(budget, case) for budget in later}
    branch = case.spec.schedule.branch
    there = branch(max(before))
    beyond = [budget for budget in later if budget > max(before)]
    below = [budget for budget in later if budget < max(before)]
    expected = list(range(branch(below[-1]))) if below else []
    expected += list(range(there, branch(beyond[-1]))) if beyond else []
    assert of_trunk(watch.steps) == expected
    for budget in later:
        own = [step for leg, step in watch.steps if leg == budget]
        assert own == list(range(branch(budget), case.spec.schedule.end(budget)))


def test_of_two_trunks_the_longer_one_that_is_not_too_long_is_gone_on_with(
    tmp_path: Path, checkpoints: Checkpoints
) -> None:
    earlier = kept([2], tmp_path, USUAL)
    both = Checkpoints(checkpoints.folder, "this run", [earlier])
    for own, begins in ((1, 8), (4, 17)):
        runs_to([own], USUAL, checkpoints)
        watch = Watch()
        assert runs_to([5], USUAL, both, watch)[5] == alone(5, USUAL)
        assert watch.steps[0] == (None, begins)
        shutil.rmtree(checkpoints.folder)
    runs_to([4], USUAL, checkpoints)
    watch = Watch()
    assert runs_to([3], USUAL, both, watch)[3] == alone(3, USUAL)
    assert watch.steps[0] == (None, 8)


def test_a_trunk_that_was_replaced_after_it_was_looked_at_is_none(
    tmp_path: Path, checkpoints: Checkpoints
) -> None:
    path, position = kept([2], tmp_path, USUAL)
    other, _ = kept([4], tmp_path / "other", USUAL)
    shutil.copyfile(other, path)
    stale, watch = Checkpoints(checkpoints.folder, "this run", [(path, position)]), Watch()
    assert runs_to([5], USUAL, stale, watch)[5] == alone(5, USUAL)
    assert watch.steps[0] == (None, 0)


def test_a_trunk_is_not_replaced_by_a_shorter_one(checkpoints: Checkpoints) -> None:
    runs_to([4], USUAL, checkpoints)
    cut([2], USUAL, checkpoints, 2, 1)
    watch = Watch()
    assert runs_to([2], USUAL, checkpoints, watch)[2] == alone(2, USUAL)
    assert of_trunk(watch.steps) == []
    watch = Watch()
    assert runs_to([5], USUAL, checkpoints, watch)[5] == alone(5, USUAL)
    assert watch.steps[0] == (None, 17)


def test_an_earlier_trunk_of_another_run_is_not_taken_up(tmp_path: Path, checkpoints: Checkpoints) -> None:
    earlier = kept([1], tmp_path, Case(seed=1), "another run")
    watch = Watch()
    found = runs_to([2], USUAL, Checkpoints(checkpoints.folder, "this run", [earlier]), watch)
    assert found[2] == alone(2, USUAL)
    assert (len(watch.steps), watch.resumed) == (12, [])


def test_what_the_clock_said_of_an_earlier_trunk_is_what_is_given_with_it(
    tmp_path: Path, checkpoints: Checkpoints
) -> None:
    path, position = kept([2], tmp_path, USUAL)
    told = EpochClock(train_seconds=1000.0, evaluation_seconds=2000.0, images=60)
    position = position.timed(TrunkClock(seed=0, epochs=(told,), seconds=3000.0))
    earlier = Checkpoints(checkpoints.folder, "this run", [(path, position)])
    (run,) = (reached.run for reached in train_to(USUAL.spec, [4], earlier))
    assert run.clock[0] == told
    assert [clock.train_seconds > 3000 for clock in run.clock] == [False, True, False, False]
    assert run.epochs == alone(4, USUAL).epochs


# Runs that fail


def plant(monkeypatch: pytest.MonkeyPatch, leg: Leg, at: int) -> None:
    """Have one step, of one leg, break the weights."""
    share = Schedule.share

    def planted(self: Schedule, step: int, budget: int | None = None) -> float:
        return 1e40 if (budget, step) == (leg, at) else share(self, step, budget)

    monkeypatch.setattr(Schedule, "share", planted)


@pytest.mark.parametrize("network", SPECS)
@pytest.mark.parametrize(
    ("at", "sound"), [(0, []), (3, []), (4, [1]), (5, [1]), (7, [1]), (8, [1, 2]), (11, [1, 2])]
)
def test_where_the_trunk_diverges_all_later_budgets_do_and_none_before(
    at: int, sound: list[int], network: str, monkeypatch: pytest.MonkeyPatch, checkpoints: Checkpoints
) -> None:
    case = Case(network)
    expected = {budget: alone(budget, case) for budget in BUDGETS}
    plant(monkeypatch, None, at)
    found = runs_to(BUDGETS, case, checkpoints)
    done = at // STEPS
    for budget in BUDGETS:
        if budget in sound:
            assert found[budget] == expected[budget]
            continue
        assert found[budget].status == "diverged"
        assert found[budget].epochs == (*expected[budget].epochs[:done], Epoch(epoch=done + 1))
        assert {row.epoch for row in found[budget].gradients} == set(range(1, done + 1))
        assert found[budget][1:] == runs_to([budget], case)[budget][1:]


@pytest.mark.parametrize("at", [8, 9, 11])
def test_where_a_branch_diverges_its_budget_alone_does(
    at: int, monkeypatch: pytest.MonkeyPatch, checkpoints: Checkpoints
) -> None:
    expected = {budget: alone(budget, USUAL) for budget in BUDGETS}
    plant(monkeypatch, 2, at)
    found = runs_to(BUDGETS, USUAL, checkpoints)
    assert (found[1], found[4]) == (expected[1], expected[4])
    assert found[2].status == "diverged"
    assert found[2].epochs == (*expected[2].epochs[:1], Epoch(epoch=2))


@pytest.mark.parametrize(("leg", "at", "epochs"), [(None, 5, 1), (None, 8, 2), (4, 17, 3)])
def test_a_run_that_has_diverged_is_not_trained_further_from_its_checkpoint_either(
    leg: Leg, at: int, epochs: int, monkeypatch: pytest.MonkeyPatch, checkpoints: Checkpoints
) -> None:
    plant(monkeypatch, leg, at)
    (first,) = (reached.run for reached in train_to(USUAL.spec, [4], checkpoints))
    assert (first.status, len(first.epochs)) == ("diverged", epochs)
    watch = Watch()
    (again,) = (reached.run for reached in train_to(USUAL.spec, [4], checkpoints, watch))
    assert again == first
    assert watch.steps == []


def test_a_run_that_chance_explains_is_collapsed_and_its_trunk_is_not(
    monkeypatch: pytest.MonkeyPatch, checkpoints: Checkpoints
) -> None:
    runs = [reached.run for reached in train_to(Case(rate=1e-9).spec, BUDGETS)]
    assert [(run.status, len(run.epochs)) for run in runs] == [("collapsed", budget) for budget in BUDGETS]
    asked: list[float] = []

    def explained(accuracy: float, count: int, share: float) -> bool:
        assert (count, share) == (50, 0.1)
        asked.append(accuracy)
        return len(asked) == 1

    monkeypatch.setattr(budgets_module, "explained_by_chance", explained)
    runs = [reached.run for reached in train_to(USUAL.spec, BUDGETS, checkpoints)]
    assert [run.status for run in runs] == ["collapsed", "trained", "trained"]
    assert asked == [run.validation_accuracy for run in runs]


# The parts of it


def test_each_step_has_its_share_of_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []

    def noting(optimizer: torch.optim.Optimizer, rate: float) -> None:
        set_rate(optimizer, rate)
        rates.append(rate)

    monkeypatch.setattr(loop, "set_rate", noting)
    runs_to([1, 2], Case(rate=0.02))
    shared = [0.25, 0.75, *[1.0] * 6]
    branch_of_1, branch_of_2 = [0.75, 0.25], [0.875, 0.625, 0.375, 0.125]
    expected = [*shared[:4], *branch_of_1, *shared[4:], *branch_of_2]
    assert rates == pytest.approx([0.02 * share for share in expected])


def test_the_rate_rises_in_a_straight_line_is_constant_and_falls_to_nothing() -> None:
    schedule = Schedule(steps=10, warmup=4, cooldown=0.25)
    rises = [0.125, 0.375, 0.625, 0.875]
    assert [schedule.share(step) for step in range(40)] == [*rises, *[1.0] * 36]
    assert (schedule.branch(2), schedule.end(2)) == (15, 20)
    falls = pytest.approx([0.9, 0.7, 0.5, 0.3, 0.1])
    assert [schedule.share(step, 2) for step in range(15)] == [schedule.share(step) for step in range(15)]
    assert [schedule.share(step, 2) for step in range(15, 20)] == falls
    assert Schedule(10, 0, 0.25).share(0) == 1


def test_a_recipe_s_warmup_is_in_epochs_and_a_constant_rate_does_not_fall() -> None:
    recipe = USUAL.recipe.model_copy(update={"warmup": 0.25, "cooldown": 0.3})
    assert Schedule.of(recipe, 8) == Schedule(steps=8, warmup=2, cooldown=0.3)
    constant = Schedule.of(recipe.model_copy(update={"schedule": "constant"}), 8)
    assert [constant.branch(budget) for budget in BUDGETS] == [8, 16, 32]
    assert [constant.share(step, 4) for step in range(32)] == [0.25, 0.75, *[1.0] * 30]


@pytest.mark.parametrize("cooldown", [0.01, 0.1, 0.25, 0.3, 0.5, 0.75, 0.9])
def test_branches_begin_at_whole_steps_after_the_warmup_and_those_of_larger_budgets_not_before(
    cooldown: float,
) -> None:
    for steps in (*range(1, 30), 351):
        recipe = USUAL.recipe.model_copy(
            update={"cooldown": cooldown, "warmup": longest_warmup("cooldown", cooldown)}
        )
        schedule = Schedule.of(recipe, steps)
        branches = [schedule.branch(budget) for budget in range(1, 12)]
        assert all(isinstance(branch, int) for branch in branches)
        assert sorted(branches) == branches
        assert schedule.warmup <= branches[0]
        for budget, branch in enumerate(branches, start=1):
            assert abs(schedule.end(budget) - branch - cooldown * schedule.end(budget)) <= 0.5


def test_a_position_within_an_epoch_comes_back_from_its_checkpoint_to_the_bit(tmp_path: Path) -> None:
    trainer = Trainer(Case("residual", "adam").spec)
    checkpoint = Checkpoint(tmp_path / "it.safetensors", "it")
    for end in (5, 6, 7, 9):
        trainer.advance(end, None, None)
        tensors, position = trainer.state()
        checkpoint.write(tensors, position.model_dump(mode="json"))
        read = checkpoint.read()
        assert read is not None
        assert Position.model_validate(read[1]) == position
        assert {name: tensor.numpy().tobytes() for name, tensor in read[0].items()} == {
            name: tensor.numpy().tobytes() for name, tensor in tensors.items()
        }
        within = end % STEPS
        assert (position.step, len(position.run.epochs)) == (end, end // STEPS)
        assert len(position.samples) == within // 2
        assert (position.loss > 0, position.seconds > 0) == (within > 0, within > 0)


def test_what_an_optimizer_goes_on_from_is_put_where_its_parameters_are(tmp_path: Path) -> None:
    """Files are read on the CPU. Torch's ``meta`` stands for a GPU here: a device that has no numbers."""
    trainer = Trainer(Case("residual", "muon").spec)
    trainer.advance(2, None, None)
    checkpoint = Checkpoint(tmp_path / "it.safetensors", "it")
    checkpoint.write(trainer.state()[0], {})
    read = checkpoint.read()
    assert read is not None
    case = Case("residual", "muon").spec
    network = Network(case.architecture, case.training.shape).to("meta")
    optimizer = make_optimizer(network, case.recipe, case.environment)
    with warnings.catch_warnings(action="ignore"):  # that weights which have no numbers stay so
        restore(read[0], network, optimizer)
    kept = [tensor for state in optimizer.state.values() for tensor in state.values()]
    assert len(kept) > len(optimizer.state)
    assert {tensor.device.type for tensor in kept} == {"meta"}


def test_a_sum_of_losses_in_float32_is_the_same_after_json() -> None:
    losses = torch.cat([torch.rand(500), torch.rand(500) * 1e30, torch.tensor([0.1, 2**-149, 3.4028235e38])])
    for loss in losses:
        position = Position(loss=loss.item())
        again = Position.model_validate(json.loads(json.dumps(position.model_dump(mode="json"))))
        assert torch.equal(torch.tensor(again.loss), loss)


def test_after_a_branch_point_an_epoch_goes_on_with_the_rest_of_its_order_and_its_augmentation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[bytes, int]] = []

    def noting(images: Tensor, augmentation: object, generator: torch.Generator) -> Tensor:
        seen.append((images.numpy().tobytes(), generator.initial_seed()))
        return images

    monkeypatch.setattr(loop, "augmented", noting)
    straight, branching = Trainer(USUAL.spec), Trainer(USUAL.spec)
    for end in (STEPS, 2 * STEPS):
        straight.advance(end, None, None)
    whole, seen = seen, []
    branching.advance(4, None, None)
    left = branching.state()
    branching.advance(STEPS, 1, None)
    of_branch = seen[4:]
    branching.put_back(*left)
    branching.advance(STEPS, None, None)
    assert of_branch == seen[6:]
    branching.advance(8, None, None)
    other = Trainer(USUAL.spec)
    other.put_back(*branching.state())
    other.advance(2 * STEPS, 2, None)
    assert seen[:4] + seen[6:] == whole
    for epoch in (0, 1):
        order = order_of(len(TRAINING), 0, epoch)[: 10 * STEPS]
        images = b"".join(batch for batch, _ in whole[epoch * STEPS : (epoch + 1) * STEPS])
        assert images == TRAINING.images[order].numpy().tobytes()


def test_an_epoch_has_the_seconds_of_its_parts_also_where_it_was_cut(
    monkeypatch: pytest.MonkeyPatch, checkpoints: Checkpoints
) -> None:
    ticks = iter(range(10**6))
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    cuts = Cuts(lambda place: place.first)
    clocks: dict[int, tuple[EpochClock, ...]] = {}
    while len(clocks) < len(BUDGETS):
        left = [budget for budget in BUDGETS if budget not in clocks]
        with suppress(CutError):
            for reached in train_to(USUAL.spec, left, checkpoints, Watch(cuts)):
                clocks[reached.budget] = reached.run.clock
    # A part takes a second, and so does an evaluation. Where a branch begins, the epoch has two parts.
    for budget, parts in ((1, [2]), (2, [2, 2]), (4, [2, 2, 2, 1])):
        assert [clock.train_seconds for clock in clocks[budget]] == parts
        assert [clock.evaluation_seconds for clock in clocks[budget]] == [1] * budget
        assert [clock.images for clock in clocks[budget]] == [10 * STEPS] * budget
