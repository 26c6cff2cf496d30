"""Which rates the search's rule finds by the runs in recipes.csv, and what they cost after longer training.

``python -m benchmarks.compare_rates H100`` takes, by recipe and network, the runs on such processors with a seed
and at least three rates. ``tune`` in params.yaml gives the rule: runs of its ``epochs`` are the search, those of
its ``for_epochs`` are judged. Between two rates that were run, accuracy is taken as linear in the logarithm of the
rate, by which a rate near the best looks worse than it is.
"""

import argparse
import math
import sys

import numpy as np
import pandas as pd

import stages  # noqa: F401  (puts src/ on the path)
from benchmarks.compare_recipes import change, runs_on
from benchmarks.recipes import LINES
from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import validate
from cnn_study.training.records import ShortRun
from cnn_study.training.search import Search
from cnn_study.training.tuning import best, peak, rate_for


def compared(lines: pd.DataFrame, search: Search) -> pd.DataFrame:
    """A row for each recipe, network and seed, in points of validation accuracy.

    ``at an end``: whether the search's best rate is the lowest or the highest of those that were run, so that the
    search would have gone on. ``vertex``: that of the long runs over that of the short ones; not a number where
    either has its best rate at an end.
    """
    usual = str(lines["recipe"].value_counts().index[0])
    rows = []
    for (recipe, network, seed), found in lines.groupby(["recipe", "network", "seed"], sort=False):
        short, long = (_by_rate(found, length) for length in (search.epochs, search.for_epochs))
        if min(len(short), len(long)) < 3:
            continue
        tried, judged = _runs(short), _runs(long)
        at_end = _is_at_end(tried)
        vertex = math.nan if at_end or _is_at_end(judged) else peak(judged) / peak(tried)
        rate = rate_for(search, tried)
        at, at_first = _accuracy(long, rate), _accuracy(short, rate)
        rows.append(
            {
                "recipe": change(usual, str(recipe)),
                "network": network,
                "seed": seed,
                "best tried": best(tried).learning_rate,
                "at an end": at_end,
                "vertex": vertex,
                "trains with": rate,
                f"best at {search.for_epochs}": best(judged).learning_rate,
                "below it": max(long.values()) - at,
                f"half at {search.for_epochs}": _accuracy(long, rate / 2) - at,
                f"twice at {search.for_epochs}": _accuracy(long, rate * 2) - at,
                f"half at {search.epochs}": _accuracy(short, rate / 2) - at_first,
                f"twice at {search.epochs}": _accuracy(short, rate * 2) - at_first,
            }
        )
    return pd.DataFrame(rows)


def _runs(by_rate: dict[float, float]) -> list[ShortRun]:
    return [
        ShortRun(learning_rate=rate, seed=0, status="trained", validation_accuracy=points / 100)
        for rate, points in by_rate.items()
    ]


def _is_at_end(runs: list[ShortRun]) -> bool:
    rates = [run.learning_rate for run in runs]
    return best(runs).learning_rate in (min(rates), max(rates))


def _by_rate(lines: pd.DataFrame, epochs: int) -> dict[float, float]:
    there = lines[lines["epochs"] == epochs].sort_values("learning_rate")
    return dict(zip(there["learning_rate"], 100 * there["validation"], strict=True))


def _accuracy(by_rate: dict[float, float], rate: float) -> float:
    """Not a number where the rate is outside those that were run."""
    rates = [math.log(each) for each in by_rate]
    return float(np.interp(math.log(rate), rates, [*by_rate.values()], left=math.nan, right=math.nan))


def main(asked: argparse.Namespace) -> None:
    lines = runs_on(asked.processor)
    kept = lines.drop_duplicates(["recipe", "learning_rate", "network", "seed", "epochs"], keep="last")
    search = validate(read_yaml()).tune
    table = compared(kept, search)
    if table.empty:
        sys.exit(f"{LINES}: found no three rates of runs of {search.for_epochs} epochs on {asked.processor!r}")
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare_rates", allow_abbrev=False)
    parser.add_argument("processor", help="a part of its name in recipes.csv")
    main(parser.parse_args())
