"""The spec, train and validation images -> runs/tune/ARCHITECTURE.json: the rate that it trains with.

Each rate gets a short run on a part of the training images; the validation images choose. A rate that
params.yaml fixes is taken as it is.
"""

import sys
from pathlib import Path

from cnn_study.checkpoint import Checkpoint, fingerprint
from cnn_study.files import SCRATCH, write_json
from cnn_study.progress import Progress
from cnn_study.recipe import Search
from cnn_study.schema import parse, section
from cnn_study.splits import Split, balanced_subset
from cnn_study.training import Batches, train
from stages._inputs import read_inputs


def main(name: str) -> None:
    inputs = read_inputs(name)
    search = parse(Search, section(inputs.params, "tune"), "tune")
    rate, trials, clock, at_edge = inputs.recipe.learning_rate, [], [], False
    if rate == "tuned":
        split, device = inputs.training, inputs.environment.device
        part = balanced_subset(split.labels, min(search.images, len(split)), search.seed)
        training = Batches.of(Split(split.images[part], split.labels[part], split.classes), device)
        validation = Batches.of(inputs.validation, device)
        recipe = inputs.recipe.model_copy(update={"epochs": search.epochs})
        depends_on = inputs.bits_depend_on(recipe)
        for trial in search.rates:
            checkpoint = Checkpoint(
                SCRATCH / "checkpoints" / "tune" / name / f"{trial}.safetensors",
                fingerprint(depends_on, search, trial),
            )
            _, run = train(
                inputs.architecture, training, validation, recipe, trial, search.seed,
                inputs.environment, checkpoint, Progress(f"tune {name} rate {trial}", search.epochs),
            )  # fmt: skip
            trials.append(
                {
                    "learning_rate": trial,
                    "status": run.status,
                    "validation_accuracy": run.epochs[-1]["validation_accuracy"],
                }
            )
            clock.append({"learning_rate": trial, "epochs": run.clock})
        rate = search.pick([trial["validation_accuracy"] for trial in trials])
        at_edge = rate in (search.rates[0], search.rates[-1])  # a better one may lie outside
    write_json(Path("runs/timing/tune") / f"{name}.json", clock)
    write_json(
        Path("runs/tune") / f"{name}.json",
        {
            "learning_rate": rate,
            "at_edge": at_edge,
            "trials": trials,
            "environment": inputs.environment.as_dict(),
        },
    )


if __name__ == "__main__":
    main(sys.argv[1])
