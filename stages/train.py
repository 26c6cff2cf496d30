"""The spec, its tuned rate, train and validation images -> runs/train/ARCHITECTURE/.

For each seed: seed-N.safetensors (the weights) and seed-N-validation-logits.npy. For all of them:
history.csv, gradients.csv and run.json. Times go to runs/timing/train/ARCHITECTURE.json. The test images
are not read here.

Checkpoints stay in .work/ until analyze has run, since DVC may be killed after this stage and before it
has noted that the stage is done.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cnn_study.base.code import fingerprint, refuse_edited_sources
from cnn_study.base.environment import Environment
from cnn_study.base.files import SCRATCH, read_json, save_array, whole_folder, write_json
from cnn_study.messages.progress import Progress
from cnn_study.networks.network import Network
from cnn_study.networks.weights import save_network
from cnn_study.training.checkpoint import Checkpoint
from cnn_study.training.loop import Batches, Run, predict, train
from stages._inputs import Inputs, read_inputs


@dataclass(frozen=True)
class Finished:
    """What one seed has given. ``logits``: (N, classes) of the validation images, None where it diverged."""

    seed: int
    network: Network
    run: Run
    logits: npt.NDArray[np.float32] | None


def main(name: str) -> None:
    inputs = read_inputs(name)
    rate = read_json(Path("runs/tune") / f"{name}.json")["learning_rate"]
    training = Batches.of(inputs.training, inputs.environment.device)
    validation = Batches.of(inputs.validation, inputs.environment.device)
    finished = [train_seed(name, inputs, training, validation, rate, seed) for seed in inputs.recipe.seeds]
    write(name, rate, inputs.environment, finished)


def train_seed(
    name: str, inputs: Inputs, training: Batches, validation: Batches, rate: float, seed: int
) -> Finished:
    """Train with one seed, or go on from its checkpoint."""
    recipe, environment = inputs.recipe, inputs.environment
    checkpoint = Checkpoint(
        SCRATCH / "checkpoints" / "train" / name / f"seed-{seed}.safetensors",
        fingerprint(inputs.bits_depend_on(recipe), rate, seed),
    )
    network, run = train(
        inputs.architecture, training, validation, recipe, rate, seed,
        environment, checkpoint, Progress(f"train {name} seed {seed}", recipe.epochs),
    )  # fmt: skip
    logits = None
    if run.status != "diverged":
        logits = predict(network, validation.images, environment).cpu().numpy()
    return Finished(seed, network, run, logits)


def write(name: str, rate: float, environment: Environment, finished: Sequence[Finished]) -> None:
    """Put the outputs of the stage where they belong, whole."""
    refuse_edited_sources()
    history, gradients, clock, seeds = [], [], [], []
    with whole_folder(Path("runs/train") / name) as folder:
        for one in finished:
            key, run = {"architecture": name, "seed": one.seed}, one.run
            history += [key | row for row in run.epochs]
            gradients += [key | row for row in run.gradients]
            clock.append({"seed": one.seed, "epochs": run.clock})
            seeds.append(
                {
                    "seed": one.seed,
                    "status": run.status,
                    "epochs": len(run.epochs),
                    "validation_accuracy": run.epochs[-1]["validation_accuracy"],
                }
            )
            if one.logits is not None:
                save_network(folder / f"seed-{one.seed}.safetensors", one.network)
                save_array(folder / f"seed-{one.seed}-validation-logits.npy", one.logits)
        pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
        columns = ["architecture", "seed", "epoch", "layer", "gradient_norm", "weight_norm"]
        pd.DataFrame(gradients, columns=columns).to_csv(folder / "gradients.csv", index=False)
        write_json(
            folder / "run.json",
            {"learning_rate": rate, "seeds": seeds, "environment": environment.as_dict()},
        )
        write_json(Path("runs/timing/train") / f"{name}.json", clock)


if __name__ == "__main__":
    main(sys.argv[1])
