"""One recipe for all, run again in short at several learning rates: what its rate alone does to a ranking."""

from typing import Annotated

from pydantic import AfterValidator, Field

from cnn_study.base.schema import NAME, Model, each_once
from cnn_study.data.shape import CLASSES
from cnn_study.training.recipe import Rate, Training


class Recipe(Training):
    """A recipe with one rate for all networks, which figures mark; nothing is trained with it here."""

    learning_rate: Rate


class Replay(Model):
    """The section ``replay``."""

    architectures: Annotated[
        tuple[Annotated[str, Field(pattern=NAME)], ...],
        Field(strict=False, min_length=1),
        AfterValidator(each_once),
    ]
    learning_rates: Annotated[
        tuple[Rate, ...], Field(strict=False, min_length=1, max_length=100), AfterValidator(each_once)
    ]
    images: Annotated[int, Field(ge=CLASSES)]  # all, if there are fewer
    training: Recipe
