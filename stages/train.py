"""The spec, its tuned rate, train and validation images -> results/train/ARCHITECTURE/, runs/train/ARCHITECTURE/.

For each seed runs/ gets the weights of its largest budget, seed-N.safetensors, those of the others,
seed-N-budget-B.safetensors, and the trunk that a larger budget goes on from, seed-N-trunk.safetensors. results/
gets runs.json, history.csv and gradients.csv, and by the clock results/timing/train/ARCHITECTURE.json. The test
images are not read here.

Nothing is done twice. A finished run is taken over, by its fingerprint, from what lies in results/ and runs/
and from the store beside DVC's cache. Where it was found in results/ alone, its weights are elsewhere, and only
made again where something needs them: see ``missing``.
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from cnn_study import __version__
from cnn_study.base.code import loaded_sources, refuse_edited_sources
from cnn_study.base.errors import StudyError
from cnn_study.base.files import whole_folder, write_whole
from cnn_study.data.splits import Split, load_split
from cnn_study.networks.network import Network
from cnn_study.networks.weights import About, load_network, save_network
from cnn_study.training.checkpoint import Checkpoint, metadata_of
from cnn_study.training.finished import FinishedRun, Trained
from cnn_study.training.loop import Position
from stages._inputs import PREPARED, Inputs, checkpoint_folder, store
from stages._runs import RESULTS, RUNS, TIMING, Known, Plan, known, missing, stored_trunk, trunks


def main(name: str) -> None:
    loaded_sources()  # now, before any of them can have been edited
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
            title, training, budgets, plan.rate, seed, known_by, earlier=trunks(plan, seed, found)
        ):
            refuse_edited_sources()
            finished = FinishedRun(
                seed=seed,
                budget=budget,
                learning_rate=plan.rate,
                fingerprint=plan.fingerprint((seed, budget)),
                environment=inputs.environment,
                version=__version__,
                run=run,
            )
            store().put(finished, {} if run.status == "diverged" else network.state_dict())


def write(plan: Plan) -> None:
    """Put the outputs of the stage where they belong, whole, from what is known of finished runs."""
    refuse_edited_sources()
    found, images = known(plan), load_split(PREPARED / "train")
    runs = [found.runs[plan.fingerprint(key)] for key in plan.keys]
    keep_others(plan, found)
    with whole_folder(RUNS / plan.name) as folder:
        for one in runs:
            path, name = found.weights.get(one.fingerprint), plan.weights(one.key).name
            if path is None or one.status == "diverged":
                continue
            if path.parent == RUNS / plan.name:
                shutil.copyfile(path, folder / name)
            else:
                stored, weights = store().read(one.fingerprint)
                if stored != one:
                    raise StudyError(f"{path}: replaced while it was read; `dvc repro` goes on")
                network = Network(plan.architecture, images.shape)
                network.load_state_dict(weights)
                save_network(folder / name, network, about(plan, one, images))
        furthest = {seed: of_seed[0] for seed in plan.seeds if (of_seed := trunks(plan, seed, found))}
        for seed, (path, position) in furthest.items():
            # Without what the clock said, by which this output would differ from one execution to the next.
            write_whole(folder / plan.trunk(seed).name, trunk_content(path, position.timed(None)))
            if path != plan.trunk(seed):
                store().keep(stored_trunk(plan, seed).name, trunk_content(path, position))
    with whole_folder(RESULTS / plan.name) as folder:
        clocks = tuple(position.clock(seed) for seed, (_, position) in furthest.items())
        Trained(tuple(runs), clocks).write(folder, TIMING / f"{plan.name}.json")
    shutil.rmtree(checkpoint_folder("train", plan.name), ignore_errors=True)


def keep_others(plan: Plan, found: Known) -> None:
    """Put the runs and trunks in runs/ that are asked for no more into the store: they may be again."""
    for fingerprint in set(found.weights) - {plan.fingerprint(key) for key in plan.keys}:
        if store().find(fingerprint) is None:
            network, _ = load_network(found.weights[fingerprint])
            store().put(found.runs[fingerprint], network.state_dict())
    for seed in set(found.clocks) - set(plan.seeds):
        if not (place := stored_trunk(plan, seed)).exists():
            for path, position in trunks(plan, seed, found)[:1]:
                store().keep(place.name, trunk_content(path, position))


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
        version=one.version,
    )


def trunk_content(path: Path, position: Position) -> bytes:
    """The content of the file ``path`` with a trunk, but for its ``position``."""
    metadata = metadata_of(path)
    read = None if metadata is None else Checkpoint(path, metadata[0]).read()
    if metadata is None or read is None or read[1]["step"] != position.step:
        raise StudyError(f"{path}: replaced while it was read; `dvc repro` goes on")
    return Checkpoint(path, metadata[0]).content(read[0], position.model_dump(mode="json"))


if __name__ == "__main__":
    main(sys.argv[1])
