"""What each change of a recipe gave: a table from recipes.csv, in points of validation accuracy.

``python -m benchmarks.compare_recipes H100 --rate 0.1 --epochs 8`` compares runs on such processors at this rate
and length with those of the recipe that has most of them: by network, the mean over the seeds that both have.
"""

import argparse
import json
import sys
from typing import Any

import pandas as pd

from benchmarks.recipes import LINES


def compared(lines: pd.DataFrame) -> pd.DataFrame:
    """By change and network, points more than with the commonest recipe; column ``mean`` over networks."""
    lines = lines.drop_duplicates(["recipe", "network", "seed"], keep="last")
    usual = lines["recipe"].value_counts().index[0]
    wide = lines.pivot_table(index=["network", "seed"], columns="recipe", values="validation")
    points = 100 * wide.sub(wide[usual], axis=0).drop(columns=usual)
    table: pd.DataFrame = points.groupby(level="network").mean().T
    table.index = pd.Index([change(usual, recipe) for recipe in table.index])
    table["mean"] = table.mean(axis=1)
    return table.sort_values("mean", ascending=False).round(1) + 0.0  # which makes -0.0 positive


def change(usual: str, recipe: str) -> str:
    """The keys of ``recipe`` that are not those of ``usual``, with their values."""
    usual_keys, keys = _flat(json.loads(usual)), _flat(json.loads(recipe))
    told = [f"{key} {value}" for key, value in keys.items() if value != usual_keys.get(key)]
    return ", ".join(told + [f"no {key}" for key in usual_keys if key not in keys])


def _flat(recipe: dict[str, Any]) -> dict[str, Any]:
    augmentation: dict[str, Any] = recipe["augmentation"]
    return {key: value for key, value in recipe.items() if key != "augmentation"} | augmentation


def runs_on(processor: str) -> pd.DataFrame:
    """The lines of runs on the processor whose name has this part. Ends if several have, or precisions differ."""
    lines = pd.read_csv(LINES)
    found = lines[lines["processor"].str.contains(processor, regex=False)]
    kinds = found[["processor", "precision"]].drop_duplicates().agg(" in ".join, axis=1)
    if len(kinds) > 1:
        sys.exit(f"{LINES}: found {' and '.join(kinds)} for {processor!r}, allowed: one of them")
    return found


def main(asked: argparse.Namespace) -> None:
    lines = runs_on(asked.processor)
    chosen = lines[(lines["learning_rate"] == asked.rate) & (lines["epochs"] == asked.epochs)]
    if chosen.empty:
        sys.exit(f"{LINES}: found no run of {asked.epochs} epochs at rate {asked.rate:g} on {asked.processor!r}")
    print(compared(chosen).to_string(na_rep=""))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare_recipes", allow_abbrev=False)
    parser.add_argument("processor", help="a part of its name in recipes.csv")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    main(parser.parse_args())
