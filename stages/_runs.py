"""Which runs an architecture is to have, and which of them are finished already, here or elsewhere."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cnn_study.base.errors import StudyError
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.weights import read_about
from cnn_study.training.budgets import Checkpoints
from cnn_study.training.checkpoint import metadata_of
from cnn_study.training.entry import Entry
from cnn_study.training.finished import FinishedRun, Key, Trained, weights_name
from cnn_study.training.loop import Position
from cnn_study.training.recipe import Recipe, Training
from cnn_study.training.records import TrunkClock, Tuning
from stages._inputs import checkpoint_folder, run_fingerprint, store

RESULTS = Path("results/train")
TIMING = Path("results/timing/train")
RUNS = Path("runs/train")
# An environment variable that `make study` sets: fingerprints of runs whose weights an evaluation needs.
WANTED = "CNN_STUDY_WANTED_WEIGHTS"


@dataclass(frozen=True)
class Plan:
    """Which runs the architecture ``name`` is to have."""

    name: str
    architecture: Architecture
    recipe: Recipe
    rate: float
    seeds: tuple[int, ...]
    budgets: tuple[int, ...]

    @classmethod
    def read(cls, name: str) -> "Plan":
        """From params.yaml, and the rate that tune has found."""
        params = read_yaml()
        entry = parse(Entry, section(params, "architectures", name), "architectures", name)
        training = entry.trained_by(parse(Training, section(params, "training"), "training"))
        rate = Tuning.read(Path("results/tune") / f"{name}.json").learning_rate
        return cls(name, entry.network, training.recipe, rate, training.seeds, tuple(sorted(training.budgets)))

    @property
    def keys(self) -> list[Key]:
        """The seed and the budget of each run."""
        return [(seed, budget) for seed in self.seeds for budget in self.budgets]

    def trunk_fingerprint(self, seed: int) -> str:
        """Of what all budgets of a seed share."""
        return run_fingerprint("train", self.architecture, self.recipe, self.rate, seed)

    def fingerprint(self, key: Key) -> str:
        """Of a run."""
        seed, budget = key
        return f"{self.trunk_fingerprint(seed)}-{budget}"

    def weights(self, key: Key) -> Path:
        """Where a run's weights belong."""
        seed, budget = key
        return RUNS / self.name / weights_name(seed, budget, max(self.budgets))

    def trunk(self, seed: int) -> Path:
        """Where the end of a seed's trunk belongs."""
        return RUNS / self.name / f"seed-{seed}-trunk.safetensors"


@dataclass(frozen=True)
class Known:
    """Finished runs by their fingerprints, and files with the weights of those whose weights are here.

    ``clocks``: of the trunks in runs/, by seed, which the files there do not say.
    """

    runs: Mapping[str, FinishedRun]
    weights: Mapping[str, Path]
    clocks: Mapping[int, TrunkClock]


def known(plan: Plan) -> Known:
    """What an earlier call has left in results/ and runs/, and what lies in the store."""
    runs: dict[str, FinishedRun] = {}
    weights: dict[str, Path] = {}
    try:
        earlier = Trained.read(RESULTS / plan.name, TIMING / f"{plan.name}.json")
    except StudyError:  # there is none, or it is another version's
        earlier = Trained(())
    runs |= {one.fingerprint: one for one in earlier.runs}
    for path in (RUNS / plan.name).glob("seed-*[0-9].safetensors"):
        # By what it says itself: a stage that was killed may have left files of one call and results of another,
        # and results of the same run may have come from another machine, whose weights have other bits.
        with contextlib.suppress(StudyError):
            about = read_about(path)
            run = runs.get(about.fingerprint)
            if run is not None and run.environment == about.environment:
                weights[about.fingerprint] = path
    for key in plan.keys:
        fingerprint = plan.fingerprint(key)
        if fingerprint not in weights and (stored := store().find(fingerprint)):
            runs[fingerprint] = stored
            weights[fingerprint] = store().path(fingerprint)
    return Known(runs, weights, {clock.seed: clock for clock in earlier.trunks})


def missing(plan: Plan, found: Known) -> dict[int, list[int]]:
    """The budgets that are to be trained, by seed: what is not finished, and weights that are to be made again.

    Those are of the runs that ``WANTED`` names; where it is not set, all that are lost.
    """
    unfinished = [key for key in plan.keys if plan.fingerprint(key) not in found.runs]
    again, wanted = lost(plan, found), os.environ.get(WANTED)
    if wanted is not None:
        again = [key for key in again if plan.fingerprint(key) in wanted.split()]
    todo: dict[int, list[int]] = {}
    for seed, budget in (key for key in plan.keys if key in {*unfinished, *again}):
        todo.setdefault(seed, []).append(budget)
    return todo


def lost(plan: Plan, found: Known) -> list[Key]:
    """Finished runs whose weights are not here."""
    runs = [found.runs[plan.fingerprint(key)] for key in plan.keys if plan.fingerprint(key) in found.runs]
    return [one.key for one in runs if one.status != "diverged" and one.fingerprint not in found.weights]


def trunks(plan: Plan, seed: int, found: Known) -> list[tuple[Path, Position]]:
    """Files with this seed's trunk, and how far each is: the furthest first."""
    trunks = []
    unfinished = Checkpoints(checkpoint_folder("train", plan.name, f"seed {seed}"), "").trunk.path
    for path in (unfinished, stored_trunk(plan, seed), plan.trunk(seed)):
        metadata = metadata_of(path)
        if metadata is None or not metadata[0].startswith(plan.trunk_fingerprint(seed)):
            continue
        position = Position.model_validate(metadata[1])
        if path == plan.trunk(seed):
            clock = found.clocks.get(seed)
            if clock is None or len(clock.epochs) != len(position.run.epochs):
                continue
            position = position.timed(clock)
        trunks.append((path, position))
    return sorted(trunks, key=lambda trunk: -trunk[1].step)


def stored_trunk(plan: Plan, seed: int) -> Path:
    """Where the end of the trunk lies beside finished runs."""
    return store().path(f"{plan.trunk_fingerprint(seed)}-trunk")
