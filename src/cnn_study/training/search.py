"""Which learning rates a search begins with, and how far it may go on; how it goes on is in ``tuning``."""

import math
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from cnn_study.base.schema import Model, mistake
from cnn_study.messages.mistakes import found
from cnn_study.training.recipe import Epochs, ImageCount, Optimizer, Rate, Seed

MOST = 100  # rates to begin with


def _is_ascending(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise mistake(f"{found(list(span))}, allowed: the lowest rate first")
    return span


Span = Annotated[tuple[Rate, Rate], Field(strict=False), AfterValidator(_is_ascending)]


class Ranges(Model):
    """The rates to begin with, from the lowest on at most to the highest: those of one optimizer suit no other."""

    sgd: Span
    adam: Span
    adamw: Span
    muon: Span


class Search(Model):
    """Which rates are tried, and by what runs."""

    range: Annotated[
        Ranges, Field(description="rates to begin with: from the lowest, by factors, at most to the highest")
    ]
    factor: Annotated[float, Field(ge=1.1, le=100, description="from one rate to the next")]
    beyond: Annotated[int, Field(ge=0, le=100, description="rates to try beyond the range, at most")]
    epochs: Epochs
    for_epochs: Annotated[Epochs, Field(description="the length of training that the rates found are for")]
    horizon: Annotated[
        float, Field(ge=0, le=1, description="the power of the length of training by which the best rate falls")
    ]
    images: ImageCount
    seed: Annotated[Seed, Field(description="none of training.seeds")]

    @field_validator("factor")
    @classmethod
    def _gives_not_too_many(cls, factor: float, info: ValidationInfo) -> float:
        for optimizer, span in info.data.get("range") or ():
            if (count := _count(span, factor)) > MOST:
                rates = f"of tune.range.{optimizer} {count} rates"
                raise mistake(f"{found(factor)}, which makes {rates}, allowed: at most {MOST}")
        return factor

    @property
    def divisor(self) -> float:
        """How many times as high the best rate is after ``epochs`` as after ``for_epochs``."""
        return float((self.for_epochs / self.epochs) ** self.horizon)

    def initial_rates(self, optimizer: Optimizer) -> tuple[float, ...]:
        """The rates of its range, lowest first, rounded to three digits."""
        span = getattr(self.range, optimizer)
        return tuple(rounded(span[0] * self.factor**i) for i in range(_count(span, self.factor)))


def _count(span: tuple[float, float], factor: float) -> int:
    # A little more, for the error of the logarithm: 0.1 to 0.3 by 3 are two rates.
    return 1 + math.floor(math.log(span[1] / span[0]) / math.log(factor) + 1e-6)


def rounded(rate: float) -> float:
    """To three digits."""
    return float(f"{rate:.3g}")
