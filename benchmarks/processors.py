"""Whether the study finds on one kind of processor what it finds on another: processors.csv, and a table of it.

``python -m benchmarks.processors [CLONE ...]`` puts the test accuracies in these clones' results/ into the file,
each kind of processor anew, and prints by network and budget what each but the first of the file has more than it.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import stages  # noqa: F401  (puts src/ on the path)
from cnn_study.evaluation.results import Evaluation
from cnn_study.training.finished import Trained

LINES = Path("benchmarks/processors.csv")


def runs_of(clone: Path) -> Iterator[dict[str, Any]]:
    """A line for each run that a clone has evaluated. Raises StudyError where one is damaged."""
    results = clone / "results"
    labels = np.load(results / "data/labels.npy")
    for folder in sorted((results / "evaluate").iterdir()):
        evaluated = Evaluation.read(folder).runs
        for run in Trained.read(results / "train" / folder.name, timing=None).runs:
            predictions = evaluated[run.seed, run.budget].predictions
            if predictions is not None:
                yield {
                    "processor": run.environment.processor,
                    "precision": run.environment.precision,
                    "network": folder.name,
                    "learning_rate": run.learning_rate,
                    "seed": run.seed,
                    "budget": run.budget,
                    "test_accuracy": float((predictions.predicted == labels).mean()),
                }


def compared(lines: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds, in points more than on the first processor, of the networks that were trained on both.

    ``rate``: the learning rate over that of the first. A row for each other processor and network, a column for
    each budget.
    """
    first, *others = lines["processor"].unique()
    means = 100 * lines.pivot_table("test_accuracy", ["processor", "network"], "budget")
    rates = lines.groupby(["processor", "network"])["learning_rate"].first()
    parts = {}
    for other in others:
        both = means.loc[first].index.intersection(means.loc[other].index)
        more = means.loc[other].loc[both] - means.loc[first].loc[both]
        more.insert(0, "rate", rates[other][both] / rates[first][both])
        parts[other] = more
    table: pd.DataFrame = pd.concat(parts, names=["processor"])
    return table


def main(clones: Sequence[str]) -> None:
    lines = pd.read_csv(LINES) if LINES.exists() else pd.DataFrame()
    for clone in clones:
        found = pd.DataFrame(runs_of(Path(clone)))
        if len(lines):
            lines = lines[~lines["processor"].isin(found["processor"])]
        lines = pd.concat([lines, found], ignore_index=True)
    if clones:
        lines.to_csv(LINES, index=False)
    print(compared(lines).round(2).to_string())


if __name__ == "__main__":
    main(sys.argv[1:])
