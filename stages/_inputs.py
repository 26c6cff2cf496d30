"""What tune, train and replay begin with: an architecture, its recipe, the images that it may learn from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cnn_study import __version__
from cnn_study.base.code import fingerprint, folder_digest, loaded_sources, refuse_edited_sources, sources_digest
from cnn_study.base.environment import Environment, set_up
from cnn_study.base.errors import StudyError
from cnn_study.base.files import SCRATCH
from cnn_study.data.splits import Split, balanced_subset, load_split
from cnn_study.messages.progress import Progress
from cnn_study.networks.architecture import Architecture
from cnn_study.training.batches import Batches
from cnn_study.training.budgets import Checkpoints, Reached, train_to
from cnn_study.training.finished import FinishedRun, Store
from cnn_study.training.layer_check import checked
from cnn_study.training.loop import Position, RunSpec
from cnn_study.training.recipe import Recipe
from cnn_study.training.records import Run

PREPARED = Path("data/prepared")
# What the bits of a run depend on besides the script of its stage.
SOURCES = (
    Path("src/cnn_study/base"),
    Path("src/cnn_study/data"),
    Path("src/cnn_study/networks"),
    Path("src/cnn_study/training"),
    Path("stages/__init__.py"),
    Path("stages/_inputs.py"),
)


@cache
def images_digest() -> str:
    """Of the images that networks learn and are chosen from."""
    return fingerprint(*(folder_digest(PREPARED / split) for split in ("train", "validation")))


def run_fingerprint(stage: str, *parts: object) -> str:
    """Of all that the bits of a run depend on but for its environment: sources, images, and ``parts``."""
    sources = sources_digest(*SOURCES, Path("stages") / f"{stage}.py")
    return fingerprint(sources, images_digest(), *parts)


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
            try:
                part = balanced_subset(images.labels, min(most, len(images)), seed)
            except StudyError as error:
                raise StudyError(f"params.yaml: images of {self.stage}: {error}") from None
            images = Split(images.images[part], images.labels[part], images.names)
        return Batches.of(images, self.environment.device)

    def runs(
        self,
        title: str,
        training: Batches,
        budgets: Sequence[int],
        rate: float,
        seed: int,
        known_by: str,
        earlier: Sequence[tuple[Path, Position]] = (),
    ) -> Iterator[Reached]:
        """Train to each of ``budgets``, or go on from checkpoints.

        ``title`` distinguishes these runs from the stage's others. ``known_by``: their fingerprint. ``earlier``:
        as in ``Checkpoints``.
        """
        spec = RunSpec(self.architecture, training, self.validation, self.recipe, rate, seed, self.environment)
        # Who goes on from a checkpoint needs the same environment.
        mark = f"{known_by} {fingerprint(self.environment)}"
        checkpoints = Checkpoints(checkpoint_folder(self.stage, self.name, title), mark, earlier)

        def watch(budget: int | None) -> Progress:
            leg = "" if len(budgets) == 1 else " trunk" if budget is None else f" budget {budget}"
            return Progress(f"{self.stage} {self.name} {title}{leg}", budget or max(budgets))

        return train_to(spec, budgets, checkpoints, watch)

    def run(self, title: str, training: Batches, epochs: int, rate: float, seed: int) -> Run:
        """The same to one budget, if it has not been done in this environment; without its weights."""
        parts = (self.architecture, self.recipe, len(training), rate, seed, epochs, self.environment)
        known_by = run_fingerprint(self.stage, *parts)
        if found := store().find(known_by):
            return found.run
        (reached,) = self.runs(title, training, [epochs], rate, seed, known_by)
        refuse_edited_sources()
        store().put(
            FinishedRun(
                seed=seed,
                budget=epochs,
                learning_rate=rate,
                fingerprint=known_by,
                environment=self.environment,
                version=__version__,
                run=reached.run,
            ),
            weights={},
        )
        return reached.run


@cache
def store() -> Store:
    """Of runs that are at their end: beside DVC's cache, where experiments find it; in a task, in its folder."""
    folder = Path(".dvc")
    if not folder.is_dir():
        return Store(SCRATCH / "finished")
    from dvc.config import Config  # here, since a task of the engine's does without

    cache = Config(str(folder.resolve())).get("cache", {}).get("dir")
    return Store(Path(cache or folder / "cache") / "finished")


def checkpoint_folder(stage: str, name: str, title: str = "") -> Path:
    """Where the runs of a stage, or those of a ``title``, are kept while they go on."""
    return SCRATCH / "checkpoints" / stage / name / title.replace(" ", "-")
