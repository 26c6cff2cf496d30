"""The spec, train and validation images -> runs/tune/ARCHITECTURE.json: the rate that it trains with.

Each rate gets a short run on a part of the training images; the validation images choose. A rate that
params.yaml fixes is taken as it is.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from cnn_study.base.code import fingerprint, refuse_edited_sources
from cnn_study.base.environment import Environment
from cnn_study.base.files import SCRATCH, write_json
from cnn_study.base.schema import parse
from cnn_study.base.yaml import section
from cnn_study.data.splits import Split, balanced_subset
from cnn_study.messages.progress import Progress
from cnn_study.training.checkpoint import Checkpoint
from cnn_study.training.loop import Batches, Run, train
from cnn_study.training.recipe import Search
from stages._inputs import Inputs, read_inputs


def main(name: str) -> None:
    inputs = read_inputs(name)
    search = parse(Search, section(inputs.params, "tune"), "tune")
    rate = inputs.recipe.learning_rate
    if rate != "tuned":
        write(name, rate, (), (), inputs.environment)
        return
    training = Batches.of(subset(inputs.training, search), inputs.environment.device)
    validation = Batches.of(inputs.validation, inputs.environment.device)
    runs = [try_rate(name, inputs, training, validation, search, trial) for trial in search.rates]
    rate = search.pick([run.epochs[-1]["validation_accuracy"] for run in runs])
    write(name, rate, search.rates, runs, inputs.environment)


def subset(split: Split, search: Search) -> Split:
    """The training images that the search uses."""
    part = balanced_subset(split.labels, min(search.images, len(split)), search.seed)
    return Split(split.images[part], split.labels[part], split.classes)


def try_rate(
    name: str, inputs: Inputs, training: Batches, validation: Batches, search: Search, rate: float
) -> Run:
    """A short run with one rate, or the rest of it."""
    recipe = inputs.recipe.model_copy(update={"epochs": search.epochs})
    checkpoint = Checkpoint(
        SCRATCH / "checkpoints" / "tune" / name / f"{rate}.safetensors",
        fingerprint(inputs.bits_depend_on(recipe), search, rate),
    )
    _, run = train(
        inputs.architecture, training, validation, recipe, rate, search.seed,
        inputs.environment, checkpoint, Progress(f"tune {name} rate {rate}", search.epochs),
    )  # fmt: skip
    return run


def write(name: str, rate: float, rates: Sequence[float], runs: Sequence[Run], environment: Environment) -> None:
    """Put the outputs of the stage where they belong, whole. ``rates``: those tried, lowest first."""
    refuse_edited_sources()
    trials = [
        {
            "learning_rate": trial,
            "status": run.status,
            "validation_accuracy": run.epochs[-1]["validation_accuracy"],
        }
        for trial, run in zip(rates, runs, strict=True)
    ]
    clock = [{"learning_rate": trial, "epochs": run.clock} for trial, run in zip(rates, runs, strict=True)]
    at_edge = len(rates) > 0 and rate in (rates[0], rates[-1])  # a better one may lie outside
    write_json(Path("runs/timing/tune") / f"{name}.json", clock)
    write_json(
        Path("runs/tune") / f"{name}.json",
        {
            "learning_rate": rate,
            "at_edge": at_edge,
            "trials": trials,
            "environment": environment.as_dict(),
        },
    )


if __name__ == "__main__":
    main(sys.argv[1])
