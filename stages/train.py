"""The spec, its tuned rate, train and validation images -> runs/train/ARCHITECTURE/, results/train/ARCHITECTURE/.

For each seed runs/ gets seed-N.safetensors (the weights) and seed-N-validation-logits.npy. results/ gets, for all
of them, run.json, history.csv and gradients.csv. Times go to results/timing/train/ARCHITECTURE.json. The test
images are not read here.

Checkpoints stay in .work/ until analyze has run, since DVC may be killed after this stage and before it
has noted that the stage is done.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnn_study.base.code import refuse_edited_sources
from cnn_study.base.environment import Environment, project_version
from cnn_study.base.files import save_array, whole_folder
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.networks.network import Network
from cnn_study.networks.weights import About, save_network
from cnn_study.training.entry import Entry
from cnn_study.training.loop import predict
from cnn_study.training.recipe import Training
from cnn_study.training.records import (
    Clocks,
    Run,
    RunClock,
    Trained,
    TrainedRun,
    Tuning,
    write_gradients,
    write_history,
)
from stages._inputs import Inputs

RUNS = Path("runs/train")
RESULTS = Path("results/train")


@dataclass(frozen=True)
class Finished:
    """What one seed has given.

    ``logits``: (N, classes) of the validation images. They and ``about`` are None where it diverged.
    """

    seed: int
    network: Network
    run: Run
    logits: npt.NDArray[np.float32] | None
    about: About | None


def main(name: str) -> None:
    params = read_yaml()
    entry = parse(Entry, section(params, "architectures", name), "architectures", name)
    plan = entry.trained_by(parse(Training, section(params, "training"), "training"))
    rate = Tuning.read(Path("results/tune") / f"{name}.json").learning_rate
    inputs = Inputs.of("train", name, entry.network, plan.recipe)
    training = inputs.training()
    finished = []
    names = inputs.images.names
    for seed in plan.seeds:
        about = About(
            name=name, architecture=entry.network, shape=inputs.images.shape, classes=names.classes,
            dataset=names.dataset, seed=seed, budget=plan.epochs, learning_rate=rate,
            environment=inputs.environment, version=project_version(),
        )  # fmt: skip
        network, run = inputs.run(f"seed {seed}", training, plan.epochs, rate, seed)
        if run.status == "diverged":
            finished.append(Finished(seed, network, run, None, None))
        else:
            logits = predict(network, inputs.validation.images, inputs.environment).cpu().numpy()
            finished.append(Finished(seed, network, run, logits, about))
    write(name, rate, inputs.environment, finished)


def write(name: str, rate: float, environment: Environment, finished: Sequence[Finished]) -> None:
    """Put the outputs of the stage where they belong, whole."""
    refuse_edited_sources()
    with whole_folder(RUNS / name) as folder:
        for one in finished:
            if one.logits is not None and one.about is not None:
                save_network(folder / f"seed-{one.seed}.safetensors", one.network, one.about)
                save_array(folder / f"seed-{one.seed}-validation-logits.npy", one.logits)
    with whole_folder(RESULTS / name) as folder:
        runs = {one.seed: one.run for one in finished}
        Trained(
            learning_rate=rate,
            runs=tuple(TrainedRun.of(seed, run) for seed, run in runs.items()),
            environment=environment,
        ).write(folder / "run.json")
        write_history(folder / "history.csv", name, {seed: run.epochs for seed, run in runs.items()})
        write_gradients(folder / "gradients.csv", name, {seed: run.gradients for seed, run in runs.items()})
    Clocks(runs=tuple(RunClock.of(rate, one.seed, one.run) for one in finished)).write(
        Path("results/timing/train") / f"{name}.json"
    )


if __name__ == "__main__":
    main(sys.argv[1])
