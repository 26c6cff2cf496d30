"""What tune and train both begin with."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cnn_study.base.code import folder_digest, loaded_sources
from cnn_study.base.environment import Environment, set_up
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.splits import Split, load_split
from cnn_study.networks.architecture import Architecture
from cnn_study.training.entry import Entry
from cnn_study.training.layer_check import checked
from cnn_study.training.recipe import Training

PREPARED = Path("data/prepared")


@dataclass(frozen=True)
class Inputs:
    """An architecture, its recipe and the images that it may learn and choose from: none of the test's."""

    params: dict[str, Any]
    architecture: Architecture
    recipe: Training
    environment: Environment
    training: Split
    validation: Split

    def bits_depend_on(self, recipe: Training) -> tuple[object, ...]:
        """For a checkpoint's fingerprint, with the ``recipe`` that is used. Each seed has its own."""
        recipe_without_seeds = recipe.model_dump(exclude={"seeds"})
        return self.architecture, recipe_without_seeds, self.environment, self._digests

    @cached_property
    def _digests(self) -> list[str]:
        return [folder_digest(PREPARED / split) for split in ("train", "validation")]


def read_inputs(name: str) -> Inputs:
    """Everything for the entry ``name`` of ``architectures``; sets torch up for it."""
    loaded_sources()  # now, before any of them can have been edited
    params = read_yaml()
    entry = parse(Entry, section(params, "architectures", name), "architectures", name)
    architecture = entry.network
    recipe = entry.recipe(parse(Training, section(params, "training"), "training"))
    training, validation = (load_split(PREPARED / split) for split in ("train", "validation"))
    environment = set_up(recipe.device, recipe.precision, recipe.threads)
    environment = checked(environment, architecture, training.shape, name)
    return Inputs(params, architecture, recipe, environment, training, validation)
