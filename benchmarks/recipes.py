"""What a recipe reaches: trains networks, and adds a line to recipes.csv for each run.

``python -m benchmarks.recipes kernel_3x3 residual --rate 0.1 --seeds 0 1 --recipe '{cooldown: 0.3}'`` needs
data/prepared. Accuracies are those on the validation images: a recipe is never chosen by the test images. All
budgets of a seed are on one trunk, and the seconds of each are those of the steps of a run to it alone.
``--triangle`` is the schedule before there were budgets, each run on its own: the rate rises over a fifth of all
steps, then falls to 0.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import stages  # noqa: F401  (puts src/ on the path)
from cnn_study.base.environment import set_up
from cnn_study.base.yaml import read_yaml
from cnn_study.data.splits import load_split
from cnn_study.params.study import validate
from cnn_study.training.batches import Batches
from cnn_study.training.budgets import Reached, train_to
from cnn_study.training.entry import Override
from cnn_study.training.loop import RunSpec
from cnn_study.training.recipe import Recipe

LINES = Path("benchmarks/recipes.csv")
TRIANGLE = 0.2  # the part of its steps in which the rate rises


def main(asked: argparse.Namespace) -> None:
    params = validate(read_yaml())
    splits = [load_split(Path("data/prepared") / name) for name in ("train", "validation")]
    changes = Override.model_validate({"recipe": YAML(typ="safe", pure=True).load(asked.recipe)})
    for seed in asked.seeds:
        for name in asked.networks:
            recipe = Recipe.model_validate(params.trainings[name].updated(changes).recipe.model_dump())
            environment = set_up(recipe.device, recipe.precision, recipe.threads)
            training, validation = (Batches.of(split, environment.device) for split in splits)
            architecture = params.architectures[name]
            spec = RunSpec(architecture, training, validation, recipe, asked.rate, seed, environment)
            for reached in triangles(spec, asked.budgets) if asked.triangle else train_to(spec, asked.budgets):
                told = recipe.model_dump(mode="json", exclude={"device", "precision", "threads"})
                add_line(
                    recipe=json.dumps(told | ({"schedule": "triangle"} if asked.triangle else {})),
                    learning_rate=asked.rate,
                    network=name,
                    seed=seed,
                    epochs=reached.budget,
                    seconds=round(sum(epoch.train_seconds for epoch in reached.run.clock), 1),
                    validation=reached.run.validation_accuracy,
                    loss=reached.run.epochs[-1].loss,
                    precision=environment.precision,
                    threads=environment.threads,
                    processor=environment.processor,
                )


def triangles(spec: RunSpec, budgets: list[int]) -> Iterator[Reached]:
    """Runs to each budget with the schedule that was there before."""
    for budget in budgets:
        # Not validated: such a warm-up is longer than what budgets can share.
        shape = {"schedule": "cooldown", "warmup": TRIANGLE * budget, "cooldown": 1 - TRIANGLE}
        recipe = spec.recipe.model_copy(update=shape)
        yield from train_to(replace(spec, recipe=recipe), [budget])


def add_line(**values: Any) -> None:
    """Add a run to the file, and show it."""
    new = not LINES.exists()
    with LINES.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(values))
        if new:
            writer.writeheader()
        writer.writerow(values)
    print(*values.values(), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes", allow_abbrev=False)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--rate", type=float, required=True, help="the peak learning rate")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--budgets", type=int, nargs="+", default=[1, 2, 4, 8], help="epochs")
    parser.add_argument("--recipe", default="{}", help="changed keys of training.recipe, a YAML mapping")
    parser.add_argument("--triangle", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main(arguments())
