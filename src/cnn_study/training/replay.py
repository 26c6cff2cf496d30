"""One recipe for all, run again in short at several learning rates: what its rate alone does to a ranking."""

from typing import Annotated

from pydantic import Field

from cnn_study.base.schema import NAME, EachOnce, Model
from cnn_study.training.recipe import Epochs, ImageCount, Rate, Rates, Recipe, Seeds


class ShortRuns(Model):
    """A run for each learning rate and seed, on a part of the training images."""

    learning_rates: Rates
    images: ImageCount
    epochs: Epochs
    seeds: Seeds
    recipe: Recipe


class Replay(Model):
    """The recipe of the original report: short runs at several rates."""

    architectures: Annotated[
        tuple[Annotated[str, Field(pattern=NAME)], ...], Field(strict=False, min_length=1), EachOnce()
    ]
    learning_rate: Annotated[
        Rate, Field(description="the original report's, of all its networks: marked in the figure")
    ]
    runs: ShortRuns
