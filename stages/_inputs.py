"""What tune, train and replay begin with: an architecture, its recipe, the images that it may learn from."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cnn_study.base.code import fingerprint, folder_digest, loaded_sources
from cnn_study.base.environment import Environment, set_up
from cnn_study.base.files import SCRATCH
from cnn_study.data.splits import Split, balanced_subset, load_split
from cnn_study.messages.progress import Progress
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network
from cnn_study.training.checkpoint import Checkpoint
from cnn_study.training.layer_check import checked
from cnn_study.training.loop import Batches, train
from cnn_study.training.recipe import Recipe
from cnn_study.training.records import Run

PREPARED = Path("data/prepared")


@dataclass(frozen=True)
class Inputs:
    """An architecture, its recipe and the images that it may learn and choose from: none of the test's."""

    stage: str
    name: str
    architecture: Architecture
    recipe: Recipe
    environment: Environment
    images: Split
    validation: Batches

    @classmethod
    def of(cls, stage: str, name: str, architecture: Architecture, recipe: Recipe) -> "Inputs":
        """For a ``stage`` of the architecture ``name``; sets torch up for it."""
        loaded_sources()  # now, before any of them can have been edited
        images, validation = (load_split(PREPARED / split) for split in ("train", "validation"))
        environment = set_up(recipe.device, recipe.precision, recipe.threads)
        environment = checked(environment, architecture, images.shape, name)
        held_out = Batches.of(validation, environment.device)
        return cls(stage, name, architecture, recipe, environment, images, held_out)

    def training(self, most: int | None = None, seed: int = 0) -> Batches:
        """The training images, or ``most`` of them, drawn with ``seed``, with the same share of each class."""
        images = self.images
        if most is not None:
            part = balanced_subset(images.labels, min(most, len(images)), seed)
            images = Split(images.images[part], images.labels[part], images.names)
        return Batches.of(images, self.environment.device)

    def run(self, title: str, training: Batches, epochs: int, rate: float, seed: int) -> tuple[Network, Run]:
        """Train a network, or go on from its checkpoint. ``title`` tells the run from the stage's others."""
        bits_depend_on = (
            self.architecture, self.recipe, self.environment, self._digests, len(training), epochs, rate, seed,
        )  # fmt: skip
        checkpoint = Checkpoint(
            SCRATCH / "checkpoints" / self.stage / self.name / f"{title.replace(' ', '-')}.safetensors",
            fingerprint(*bits_depend_on),
        )
        return train(
            self.architecture, training, self.validation, self.recipe, epochs, rate, seed,
            self.environment, checkpoint, Progress(f"{self.stage} {self.name} {title}", epochs),
        )  # fmt: skip

    @cached_property
    def _digests(self) -> list[str]:
        return [folder_digest(PREPARED / split) for split in ("train", "validation")]
