"""The spec, its tuned rate, train and validation images -> runs/train/ARCHITECTURE/.

For each seed: seed-N.safetensors (the weights) and seed-N-validation-logits.npy. For all of them:
history.csv, gradients.csv and run.json. Times go to runs/timing/train/ARCHITECTURE.json. The test images
are not read here.

Checkpoints stay in .work/ until analyze has run, since DVC may be killed after this stage and before it
has noted that the stage is done.
"""

import sys
from pathlib import Path

import pandas as pd

from cnn_study.checkpoint import Checkpoint, fingerprint
from cnn_study.files import SCRATCH, read_json, save_array, whole_folder, write_json
from cnn_study.progress import Progress
from cnn_study.training import Batches, predict, train
from cnn_study.weights import save_network
from stages._inputs import read_inputs


def main(name: str) -> None:
    inputs = read_inputs(name)
    recipe, environment = inputs.recipe, inputs.environment
    rate = read_json(Path("runs/tune") / f"{name}.json")["learning_rate"]
    training = Batches.of(inputs.training, environment.device)
    validation = Batches.of(inputs.validation, environment.device)
    depends_on = inputs.bits_depend_on(recipe)

    history, gradients, clock, seeds = [], [], [], []
    with whole_folder(Path("runs/train") / name) as folder:
        for seed in recipe.seeds:
            checkpoint = Checkpoint(
                SCRATCH / "checkpoints" / "train" / name / f"seed-{seed}.safetensors",
                fingerprint(depends_on, rate, seed),
            )
            network, run = train(
                inputs.architecture, training, validation, recipe, rate, seed,
                environment, checkpoint, Progress(f"train {name} seed {seed}", recipe.epochs),
            )  # fmt: skip
            history += [{"architecture": name, "seed": seed} | row for row in run.epochs]
            gradients += [{"architecture": name, "seed": seed} | row for row in run.gradients]
            clock.append({"seed": seed, "epochs": run.clock})
            seeds.append(
                {
                    "seed": seed,
                    "status": run.status,
                    "epochs": len(run.epochs),
                    "validation_accuracy": run.epochs[-1]["validation_accuracy"],
                }
            )
            if run.status != "diverged":
                save_network(folder / f"seed-{seed}.safetensors", network)
                logits = predict(network, validation.images, environment)
                save_array(folder / f"seed-{seed}-validation-logits.npy", logits.cpu().numpy())
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
