"""Tables of all runs, one row for each epoch, layer or short run."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from cnn_study.analysis.results import Result
from cnn_study.base.records import Record
from cnn_study.training.finished import FinishedRun
from cnn_study.training.records import Epoch, LayerNorms, Replayed


def history_table(results: Mapping[str, Result]) -> pd.DataFrame:
    """``loss`` and accuracies by ``architecture``, ``seed``, ``budget`` and ``epoch``, of the largest budgets."""
    rows = {name: [(run, run.run.epochs) for run in result.runs] for name, result in results.items()}
    return _table(rows, Epoch)


def gradient_norms_by_seed(results: Mapping[str, Result]) -> pd.DataFrame:
    """``gradient_norm`` and ``weight_norm`` by ``architecture``, ``seed``, ``budget``, ``epoch``, ``layer``."""
    rows = {name: [(run, run.run.gradients) for run in result.runs] for name, result in results.items()}
    return _table(rows, LayerNorms)


def _table(rows: Mapping[str, Iterable[tuple[FinishedRun, Sequence[Record]]]], kind: type[Record]) -> pd.DataFrame:
    table = [
        {"architecture": name, "seed": run.seed, "budget": run.budget} | row.model_dump()
        for name, of_runs in rows.items()
        for run, of_run in of_runs
        for row in of_run
    ]
    return pd.DataFrame(table, columns=["architecture", "seed", "budget", *kind.model_fields])


def replay_table(replays: Mapping[str, Replayed]) -> pd.DataFrame:
    """``status`` and ``validation_accuracy`` of one recipe, by architecture, rate and seed."""
    columns = ["architecture", "learning_rate", "seed", "status", "validation_accuracy"]
    rows = [{"architecture": name} | run.model_dump() for name, replay in replays.items() for run in replay.runs]
    return pd.DataFrame(rows, columns=columns)
