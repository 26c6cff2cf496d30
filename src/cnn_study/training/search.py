"""The search for a network's learning rate: a short run with each rate, judged on the validation images."""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from cnn_study.base.schema import Model, mistake
from cnn_study.messages.mistakes import found
from cnn_study.training.recipe import Epochs, ImageCount, Optimizer, Rate, Seed
from cnn_study.training.records import ShortRun


def _rises(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise mistake(f"{found(list(span))}, allowed: the lowest rate first")
    return span


Span = Annotated[tuple[Rate, Rate], Field(strict=False), AfterValidator(_rises)]


class Ranges(Model):
    """The lowest and the highest rate to try first, by optimizer: the rates of one are not those of another."""

    sgd: Span
    adam: Span
    adamw: Span
    muon: Span


class Search(Model):
    """Which rates are tried, and by what runs.

    Of rates that one standard error does not tell from the best the lowest is taken (Breiman et al., 1984,
    Classification and Regression Trees, section 3.4.3, do so with the size of a tree): long runs, for which short
    ones stand here, want rates that are rather lower. Beyond an end where the best or the chosen rate lies the
    search goes on.
    """

    range: Annotated[Ranges, Field(description="rates to try first, the lowest and the highest, by optimizer")]
    factor: Annotated[float, Field(gt=1, le=100, description="from one rate to the next")]
    beyond: Annotated[int, Field(ge=0, le=100, description="rates to try beyond the range, at most")]
    epochs: Epochs
    images: ImageCount
    seed: Annotated[Seed, Field(description="none of training.seeds")]

    def first(self, optimizer: Optimizer) -> tuple[float, ...]:
        """The rates of its range, lowest first, rounded to three digits."""
        return _spaced(getattr(self.range, optimizer), self.factor)

    def following(self, runs: Sequence[ShortRun], images: int) -> float | None:
        """The rate to try next, or None where neither the best nor the chosen one lies at an end.

        ``runs`` have tried the others, and were judged on so many ``images``. Where none has trained a lower
        rate is tried.
        """
        rates = [run.learning_rate for run in runs]
        if choice(runs, images) == min(rates):
            return _rounded(min(rates) / self.factor)
        if best(runs).learning_rate == max(rates):
            return _rounded(max(rates) * self.factor)
        return None


def best(runs: Sequence[ShortRun]) -> ShortRun:
    """The run with the highest accuracy of those that trained, if any did; of equals, that of the lowest rate."""
    return max(runs, key=lambda run: (run.status == "trained", run.validation_accuracy or 0.0, -run.learning_rate))


def choice(runs: Sequence[ShortRun], images: int) -> float:
    """The lowest rate whose accuracy is within one standard error, on so many ``images``, of the best.

    The lowest of all if none trained: training will then find, and report, that it does not train either.
    """
    highest = best(runs).validation_accuracy
    if best(runs).status != "trained" or highest is None:
        return min(run.learning_rate for run in runs)
    least = highest - standard_error(highest, images)
    return min(
        run.learning_rate
        for run in runs
        if run.status == "trained" and run.validation_accuracy is not None and run.validation_accuracy >= least
    )


def standard_error(accuracy: float, images: int) -> float:
    """Of an accuracy on so many independent ``images``, by the binomial distribution."""
    return math.sqrt(accuracy * (1 - accuracy) / images)


def _spaced(span: tuple[float, float], factor: float) -> tuple[float, ...]:
    lowest, highest = span
    # A little more, for what rounding takes: 0.1 to 0.3 by 3 are two rates.
    count = 1 + math.floor(math.log(highest / lowest, factor) + 1e-6)
    return tuple(_rounded(lowest * factor**i) for i in range(count))


def _rounded(rate: float) -> float:
    return float(f"{rate:.3g}")
