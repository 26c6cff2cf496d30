"""The spec, its tuned rate, train and validation images -> results/train/ARCHITECTURE/, runs/train/ARCHITECTURE/.

For each seed runs/ gets the weights of its largest budget, seed-N.safetensors, those of the others,
seed-N-budget-B.safetensors, and the trunk that a larger budget goes on from, seed-N-trunk.safetensors. results/
gets runs.json, history.csv and gradients.csv, and by the clock results/timing/train/ARCHITECTURE.json. The test
images are not read here.

Nothing is done twice. A finished run is taken over, by its fingerprint, from what lies in results/ and runs/
and from the store beside DVC's cache. Where it was found in results/ alone, its weights are elsewhere, and only
made again where this stage has nothing else to do: then that is what it was called for.
"""

import contextlib
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from cnn_study.base.code import refuse_edited_sources
from cnn_study.base.environment import project_version
from cnn_study.base.errors import StudyError
from cnn_study.base.files import whole_folder
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.splits import Split, load_split
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network
from cnn_study.networks.weights import About, read_about, save_network
from cnn_study.training.budgets import Checkpoints
from cnn_study.training.checkpoint import Checkpoint, metadata_of
from cnn_study.training.entry import Entry
from cnn_study.training.finished import FinishedRun, Key, Trained, weights_name
from cnn_study.training.loop import Position
from cnn_study.training.recipe import Recipe, Training
from cnn_study.training.records import TrunkClock, Tuning
from stages._inputs import PREPARED, Inputs, checkpoint_folder, run_fingerprint, store

RESULTS = Path("results/train")
TIMING = Path("results/timing/train")
RUNS = Path("runs/train")


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
        # What it says itself, since a stage that was killed may have left files of one call and results of
        # another.
        with contextlib.suppress(StudyError):
            weights[read_about(path).fingerprint] = path
    for key in plan.keys:
        fingerprint = plan.fingerprint(key)
        if fingerprint not in weights and (found := store().find(fingerprint)):
            runs[fingerprint] = found
            weights[fingerprint] = store().path(fingerprint)
    return Known(runs, weights, {clock.seed: clock for clock in earlier.trunks})


def missing(plan: Plan, found: Known) -> dict[int, list[int]]:
    """The budgets that are to be trained, by seed: what is not finished; if all is, what has no weights here."""
    unfinished = [key for key in plan.keys if plan.fingerprint(key) not in found.runs]
    if not unfinished:
        runs = {key: found.runs[plan.fingerprint(key)] for key in plan.keys}
        unfinished = [
            key for key, one in runs.items() if one.status != "diverged" and one.fingerprint not in found.weights
        ]
    todo: dict[int, list[int]] = {}
    for seed, budget in unfinished:
        todo.setdefault(seed, []).append(budget)
    return todo


def main(name: str) -> None:
    plan = Plan.read(name)
    found = known(plan)
    if todo := missing(plan, found):
        train(plan, todo, found)
    write(plan)


def train(plan: Plan, todo: Mapping[int, list[int]], found: Known) -> None:
    """Train to these budgets, by seed, and put each run into the store."""
    inputs = Inputs.of("train", plan.name, plan.architecture, plan.recipe)
    training = inputs.training()
    for seed, budgets in todo.items():
        known_by, title = plan.trunk_fingerprint(seed), f"seed {seed}"
        for budget, network, run in inputs.runs(
            title, training, budgets, plan.rate, seed, known_by, earlier=latest_trunk(plan, seed, found)
        ):
            refuse_edited_sources()
            finished = FinishedRun(
                seed=seed,
                budget=budget,
                learning_rate=plan.rate,
                fingerprint=plan.fingerprint((seed, budget)),
                environment=inputs.environment,
                run=run,
            )
            store().put(finished, {} if run.status == "diverged" else network.state_dict())


def write(plan: Plan) -> None:
    """Put the outputs of the stage where they belong, whole, from what is known of finished runs."""
    refuse_edited_sources()
    found, images = known(plan), load_split(PREPARED / "train")
    runs = [found.runs[plan.fingerprint(key)] for key in plan.keys]
    with whole_folder(RUNS / plan.name) as folder:
        for one in runs:
            path, name = found.weights.get(one.fingerprint), plan.weights(one.key).name
            if path is None or one.status == "diverged":
                continue
            if path.parent == RUNS / plan.name:
                shutil.copyfile(path, folder / name)
            else:
                network = Network(plan.architecture, images.shape)
                network.load_state_dict(store().weights(one.fingerprint))
                save_network(folder / name, network, about(plan, one, images))
        trunks = {seed: trunk for seed in plan.seeds if (trunk := latest_trunk(plan, seed, found))}
        for seed, (path, position) in trunks.items():
            # Without what the clock said, by which this output would differ from one execution to the next.
            write_trunk(path, folder / plan.trunk(seed).name, position.timed(None))
            if path != plan.trunk(seed):
                write_trunk(path, stored_trunk(plan, seed), position)
    with whole_folder(RESULTS / plan.name) as folder:
        clocks = tuple(position.clock(seed) for seed, (_, position) in trunks.items())
        Trained(tuple(runs), clocks).write(folder, TIMING / f"{plan.name}.json")
    shutil.rmtree(checkpoint_folder("train", plan.name), ignore_errors=True)


def about(plan: Plan, one: FinishedRun, images: Split) -> About:
    """What the file with the weights of a run says."""
    return About(
        name=plan.name,
        architecture=plan.architecture,
        shape=images.shape,
        classes=images.names.classes,
        dataset=images.names.dataset,
        seed=one.seed,
        budget=one.budget,
        learning_rate=one.learning_rate,
        fingerprint=one.fingerprint,
        environment=one.environment,
        version=project_version(),
    )


def latest_trunk(plan: Plan, seed: int, found: Known) -> tuple[Path, Position] | None:
    """A file with the end of this seed's trunk, and how far it is: of those that there are the furthest."""
    trunks = []
    for path in (trunk_checkpoint(plan, seed), stored_trunk(plan, seed), plan.trunk(seed)):
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
    return max(trunks, key=lambda trunk: trunk[1].step, default=None)


def write_trunk(source: Path, path: Path, position: Position) -> None:
    """Write the trunk in ``source`` as it is, but for its ``position``."""
    metadata = metadata_of(source)
    if metadata is not None:
        Checkpoint(path, metadata[0]).write(load_file(source), position.model_dump(mode="json"))


def stored_trunk(plan: Plan, seed: int) -> Path:
    """Where the end of the trunk lies beside finished runs."""
    return store().path(f"{plan.trunk_fingerprint(seed)}-trunk")


def trunk_checkpoint(plan: Plan, seed: int) -> Path:
    """Where the trunk is kept while it goes on."""
    return Checkpoints(checkpoint_folder("train", plan.name, f"seed {seed}"), "").trunk.path


if __name__ == "__main__":
    main(sys.argv[1])
