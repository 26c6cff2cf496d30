"""Whether the study finds on one kind of processor what it finds on another: processors.csv, and a table of it.

``python -m benchmarks.processors [CLONE ...]`` puts the test accuracies in these clones' results/ into the file,
each kind of processor anew, and prints by network and budget by how much each differs from the first in the file.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import stages  # noqa: F401  (puts src/ on the path)
from cnn_study.base.errors import StudyError
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
    """Means over the seeds that both have, in points more than on the first processor of the file.

    ``rate``: the learning rate over that of the first. A row for each other processor and network, a column for
    each budget. Raises StudyError where there are not two processors.
    """
    if lines.empty or lines["processor"].nunique() < 2:
        raise StudyError(f"{LINES}: found the runs of fewer than two processors; name clones with results")
    first = lines[lines["processor"] == lines["processor"].iloc[0]]
    pairs = lines.drop(first.index).merge(first, on=["network", "seed", "budget"], suffixes=("", " first"))
    pairs["more"] = 100 * (pairs["test_accuracy"] - pairs["test_accuracy first"])
    pairs["rate"] = pairs["learning_rate"] / pairs["learning_rate first"]
    table: pd.DataFrame = pairs.pivot_table("more", ["processor", "network"], "budget")
    table.insert(0, "rate", pairs.groupby(["processor", "network"])["rate"].first())
    return table


def main(clones: Sequence[str]) -> None:
    lines = pd.read_csv(LINES) if LINES.exists() else pd.DataFrame(columns=["processor"])
    if clones:
        found = pd.DataFrame([line for clone in clones for line in runs_of(Path(clone))])
        others = lines[~lines["processor"].isin(found["processor"])]
        lines = pd.concat([others, found], ignore_index=True)
        lines.to_csv(LINES, index=False)
    print(compared(lines).round(2).to_string())


if __name__ == "__main__":
    main(sys.argv[1:])
