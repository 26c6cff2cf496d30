"""The search for a network's learning rate: a short run with each rate, judged on the validation images.

Where the best rate is at an end, the search goes on beyond it. Then the best of the short runs is read off between
the rates: at the vertex of the parabola through the best and its two neighbours, over the logarithm of the rate,
so that networks with nearly equal accuracies get nearly equal rates, whichever the noise puts ahead. Longer
training wants a lower rate: the best one falls with a small power of its length (Bjorck et al., 2024, arXiv
2409.19913, for language models; for these networks see benchmarks/README.md).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cnn_study.training.recipe import Optimizer
from cnn_study.training.records import ShortRun
from cnn_study.training.search import Search, rounded


@dataclass(frozen=True)
class Searched:
    """What a search has found. ``cut_off``: whether it ended where a better rate may lie beyond those tried."""

    runs: tuple[ShortRun, ...]
    learning_rate: float
    cut_off: bool


def searched(search: Search, optimizer: Optimizer, run: Callable[[float], ShortRun]) -> Searched:
    """Try the rates of the range, and at most ``beyond`` others; find the rate for longer training."""
    rates = search.initial_rates(optimizer)
    runs = [run(rate) for rate in rates]
    most = len(rates) + search.beyond
    while (following := next_rate(runs, search.factor)) is not None and len(runs) < most:
        runs.append(run(following))
    return Searched(tuple(runs), rate_for(search, runs), cut_off=following is not None)


def rate_for(search: Search, runs: Sequence[ShortRun]) -> float:
    """The rate for training of ``for_epochs``, by runs of ``epochs``."""
    return rounded(peak(runs) / search.divisor)


def next_rate(runs: Sequence[ShortRun], factor: float) -> float | None:
    """The rate to try after ``runs``, or None where the best is not at an end.

    Where none has trained, a lower one if any run diverged, else lower and higher ones in turns.
    """
    rates = [run.learning_rate for run in runs]
    lower, higher = rounded(min(rates) / factor), rounded(max(rates) * factor)
    if not _has_trained(best(runs)):
        return lower if len(runs) % 2 or any(run.status == "diverged" for run in runs) else higher
    if best(runs).learning_rate == min(rates):
        return lower
    return higher if best(runs).learning_rate == max(rates) else None


def best(runs: Sequence[ShortRun]) -> ShortRun:
    """The run with the highest accuracy of those that trained, if any did; of equals, that of the lowest rate."""
    return max(runs, key=lambda run: (_has_trained(run), _accuracy(run), -run.learning_rate))


def peak(runs: Sequence[ShortRun]) -> float:
    """The rate at the vertex of the parabola through the best run and its neighbours, over the logarithm of rates.

    A neighbour that did not train counts with its accuracy, 0 where it diverged: the vertex lies away from it, by
    half of the way to the other neighbour at most. The best run's own rate where that is at an end; the lowest
    where none trained.
    """
    order = sorted(runs, key=lambda run: run.learning_rate)
    highest = best(runs)
    place = order.index(highest)
    if not _has_trained(highest):
        return order[0].learning_rate
    if place in (0, len(order) - 1):
        return highest.learning_rate
    (x, y), (x_best, y_best), (z, w) = (
        (math.log(run.learning_rate), _accuracy(run)) for run in order[place - 1 : place + 2]
    )
    # Newton's form: the first slope, and how it changes. A lower rate is never as good as the best: it bends down.
    slope = (y_best - y) / (x_best - x)
    bend = ((w - y_best) / (z - x_best) - slope) / (z - x)
    return math.exp((x + x_best) / 2 - slope / (2 * bend))


def _accuracy(run: ShortRun) -> float:
    return run.validation_accuracy or 0.0


def _has_trained(run: ShortRun) -> bool:
    return run.status == "trained"
