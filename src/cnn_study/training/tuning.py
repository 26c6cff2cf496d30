"""The search for a network's learning rate: a short run with each rate, judged on the validation images.

Of all rates within a tolerance of the best accuracy the lowest is taken, and where the best or the chosen rate is
at an end, the search goes on beyond it. The tolerance is there because short runs favour higher rates than the
long ones that they are chosen for, and because a near-tie is then resolved alike for all networks, whatever noise
puts ahead. What it gives is in benchmarks/README.md.
"""

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
    """Try the rates of the range, and at most ``beyond`` others."""
    rates = search.initial_rates(optimizer)
    runs = [run(rate) for rate in rates]
    most = len(rates) + search.beyond
    while (following := next_rate(runs, search)) is not None and len(runs) < most:
        runs.append(run(following))
    return Searched(tuple(runs), choice(runs, search.tolerance), cut_off=following is not None)


def next_rate(runs: Sequence[ShortRun], search: Search) -> float | None:
    """The rate to try after ``runs``, or None where neither the best nor the chosen one is at an end.

    Where none has trained, a lower one if any run diverged, else lower and higher ones in turns.
    """
    rates = [run.learning_rate for run in runs]
    lower, higher = rounded(min(rates) / search.factor), rounded(max(rates) * search.factor)
    if not _has_trained(best(runs)):
        return lower if len(runs) % 2 or any(run.status == "diverged" for run in runs) else higher
    if choice(runs, search.tolerance) == min(rates):
        return lower
    return higher if best(runs).learning_rate == max(rates) else None


def best(runs: Sequence[ShortRun]) -> ShortRun:
    """The run with the highest accuracy of those that trained, if any did; of equals, that of the lowest rate."""
    return max(runs, key=lambda run: (_has_trained(run), run.validation_accuracy or 0.0, -run.learning_rate))


def choice(runs: Sequence[ShortRun], tolerance: float) -> float:
    """The lowest rate whose accuracy is within ``tolerance``, in percentage points, of the best.

    The lowest of all if none trained: training will then find, and report, that it does not train either.
    """
    highest = best(runs).validation_accuracy or 0.0
    threshold = highest - tolerance / 100
    good = [run for run in runs if _has_trained(run) and (run.validation_accuracy or 0.0) >= threshold]
    return min(run.learning_rate for run in good or runs)


def _has_trained(run: ShortRun) -> bool:
    return run.status == "trained"
