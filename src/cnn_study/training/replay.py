"""One recipe for all, run again in short at several learning rates: what its rate alone does to a ranking."""

from typing import Annotated

from pydantic import Field

from cnn_study.base.schema import NAME, EachOnce, Model
from cnn_study.training.recipe import ImageCount, Rate, Training


class Recipe(Training):
    """A recipe with one rate for all networks, which figures mark; nothing is trained with it here."""

    learning_rate: Annotated[Rate, Field(description="of all networks, marked in the figure")]


class Replay(Model):
    """The recipe of the report that this study redoes: short runs at several rates."""

    architectures: Annotated[
        tuple[Annotated[str, Field(pattern=NAME)], ...], Field(strict=False, min_length=1), EachOnce()
    ]
    learning_rates: Annotated[tuple[Rate, ...], Field(strict=False, min_length=1, max_length=100), EachOnce()]
    images: ImageCount
    training: Recipe
