"""The search for a network's learning rate: a short run with each rate, judged on the validation images."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from cnn_study.base.schema import Model, mistake
from cnn_study.messages.mistakes import found
from cnn_study.training.recipe import Epochs, ImageCount, Optimizer, Rate, Seed
from cnn_study.training.records import ShortRun

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


@dataclass(frozen=True)
class Searched:
    """What a search has found. ``cut_off``: whether it ended where a better rate may lie beyond those tried."""

    runs: tuple[ShortRun, ...]
    learning_rate: float
    cut_off: bool


class Search(Model):
    """Which rates are tried, and by what runs.

    Of all rates within one standard error of the best accuracy the lowest is taken, and where the best or the
    chosen rate is at an end, the search goes on beyond it. The rule of one standard error is that of Breiman et
    al. (1984, Classification and Regression Trees) for the size of a tree. It is a tolerance here and no test:
    runs differ by more than the choice of images. What it gives is in benchmarks/README.md.
    """

    range: Annotated[
        Ranges, Field(description="rates to begin with: from the lowest, by factors, at most to the highest")
    ]
    factor: Annotated[float, Field(ge=1.1, le=100, description="from one rate to the next")]
    beyond: Annotated[int, Field(ge=0, le=100, description="rates to try beyond the range, at most")]
    epochs: Epochs
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

    def initial_rates(self, optimizer: Optimizer) -> tuple[float, ...]:
        """The rates of its range, lowest first, rounded to three digits."""
        span = getattr(self.range, optimizer)
        return tuple(_rounded(span[0] * self.factor**i) for i in range(_count(span, self.factor)))

    def search(self, optimizer: Optimizer, images: int, run: Callable[[float], ShortRun]) -> Searched:
        """Try the rates of the range, and at most ``beyond`` others; ``images``: that runs are judged on."""
        rates = self.initial_rates(optimizer)
        runs = [run(rate) for rate in rates]
        while (following := self.next_rate(runs, images)) is not None and len(runs) < len(rates) + self.beyond:
            runs.append(run(following))
        return Searched(tuple(runs), choice(runs, images), cut_off=following is not None)

    def next_rate(self, runs: Sequence[ShortRun], images: int) -> float | None:
        """The rate to try after ``runs``, or None where neither the best nor the chosen one is at an end.

        Where none has trained, a lower one if any run diverged, else lower and higher ones in turns.
        """
        rates = [run.learning_rate for run in runs]
        lower, higher = _rounded(min(rates) / self.factor), _rounded(max(rates) * self.factor)
        if not _has_trained(best(runs)):
            return lower if len(runs) % 2 or any(run.status == "diverged" for run in runs) else higher
        if choice(runs, images) == min(rates):
            return lower
        return higher if best(runs).learning_rate == max(rates) else None


def best(runs: Sequence[ShortRun]) -> ShortRun:
    """The run with the highest accuracy of those that trained, if any did; of equals, that of the lowest rate."""
    return max(runs, key=lambda run: (_has_trained(run), run.validation_accuracy or 0.0, -run.learning_rate))


def choice(runs: Sequence[ShortRun], images: int) -> float:
    """The lowest rate whose accuracy, on so many ``images``, is within one standard error of the best.

    The lowest of all if none trained: training will then find, and report, that it does not train either.
    """
    highest = best(runs).validation_accuracy or 0.0
    threshold = highest - standard_error(highest, images)
    good = [run for run in runs if _has_trained(run) and (run.validation_accuracy or 0.0) >= threshold]
    return min(run.learning_rate for run in good or runs)


def standard_error(accuracy: float, images: int) -> float:
    """Of an accuracy on so many independent ``images``, by the binomial distribution."""
    return math.sqrt(accuracy * (1 - accuracy) / images)


def _has_trained(run: ShortRun) -> bool:
    return run.status == "trained"


def _count(span: tuple[float, float], factor: float) -> int:
    # A little more, for the error of the logarithm: 0.1 to 0.3 by 3 are two rates.
    return 1 + math.floor(math.log(span[1] / span[0]) / math.log(factor) + 1e-6)


def _rounded(rate: float) -> float:
    return float(f"{rate:.3g}")
