"""The long tables behind the plots: one row for each point."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cnn_study.analysis.calibration import expected_calibration_error, reliability
from cnn_study.analysis.comparisons import StudyComparison
from cnn_study.analysis.results import Logits, Result
from cnn_study.data.shape import CLASSES
from cnn_study.params.study import Study

Results = Mapping[str, Result]
Studies = Mapping[str, Study]


def members(results: Results, studies: Studies) -> pd.DataFrame:
    """``study`` (its title), ``architecture``, ``name`` (as shown): a row for each member of each study.

    ``number``: its place in params.yaml, from 1, which gives it its colour. Architectures that no study names
    come last, under their own names.
    """
    rows = [
        {"study": study.title, "architecture": architecture, "name": name}
        for study in studies.values()
        for architecture, name in study.members.items()
    ]
    named = {row["architecture"] for row in rows}
    rows += [{"study": "In no study", "architecture": name, "name": name} for name in results if name not in named]
    table = pd.DataFrame(rows)
    table.insert(2, "number", numbers(table["architecture"], results))
    return table


def numbers(architectures: Iterable[str], results: Results) -> list[int]:
    """The place of each among ``results``, which are in the order of params.yaml."""
    places = {name: place for place, name in enumerate(results, start=1)}
    return [places[name] for name in architectures]


def curves(results: Results, studies: Studies) -> pd.DataFrame:
    """Loss and accuracies by epoch and seed, in every study that an architecture belongs to."""
    history = pd.concat([result.history for result in results.values()])
    return members(results, studies).merge(history, on="architecture")


def receptive_fields(results: Results, studies: Studies) -> pd.DataFrame:
    """``pixels`` by ``kind`` (theoretical, effective) of the last feature map."""
    rows = [
        {"architecture": name, "kind": kind, "pixels": pixels}
        for name, result in results.items()
        for kind, pixels in (
            ("theoretical", result.profile["receptive_field"]),
            ("effective", result.effective_field),
        )
    ]
    return members(results, studies).merge(pd.DataFrame(rows), on="architecture")


def cost(results: Results, studies: Studies, labels: npt.NDArray[np.int64]) -> pd.DataFrame:
    """``status``, ``train_seconds`` and ``test_accuracy`` by seed, the last two empty where it diverged."""
    rows = [
        {"architecture": name, "seed": seed, "status": status, "train_seconds": seconds, "test_accuracy": accuracy}
        for name, result in results.items()
        for seed, status, seconds, accuracy in zip(
            result.seeds,
            result.statuses,
            result.seconds("train_seconds"),
            result.test_accuracies(labels),
            strict=True,
        )
    ]
    return members(results, studies).merge(pd.DataFrame(rows), on="architecture")


def gradient_norms_by_seed(results: Results) -> pd.DataFrame:
    """``gradient_norm`` and ``weight_norm`` by ``architecture``, ``seed``, ``epoch``, ``layer``."""
    frames = [result.gradients for result in results.values()]
    # Without the empty ones, of networks that diverged at once, which would spoil the types of the columns.
    return pd.concat([frame for frame in frames if len(frame)] or frames)


def gradient_norms(results: Results) -> pd.DataFrame:
    """Mean over seeds of ``gradient_norm`` and ``weight_norm`` by ``architecture``, ``epoch``, ``layer``.

    ``depth`` counts the layers from 1; ``ratio`` is gradient norm over weight norm.
    """
    keys = ["architecture", "epoch", "layer"]
    norms = (
        gradient_norms_by_seed(results)
        .groupby(keys, sort=False)[["gradient_norm", "weight_norm"]]
        .mean()
        .reset_index()
    )
    norms["depth"] = norms.groupby(["architecture", "epoch"]).cumcount() + 1
    norms["ratio"] = norms["gradient_norm"] / norms["weight_norm"]
    return norms


def first_middle_last(norms: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``gradient_norms`` for the first, the middle and the last epoch of each architecture."""
    parts = []
    for _, rows in norms.groupby("architecture", sort=False):
        last = int(rows["epoch"].max())
        for epoch in sorted({1, (last + 1) // 2, last}):
            parts.append(rows[rows["epoch"] == epoch])
    return pd.concat(parts) if parts else norms


def first_over_last(gradients: pd.DataFrame) -> pd.DataFrame:
    """``ratio`` of the first convolution's gradient norm to the last one's by ``architecture`` and ``epoch``.

    ``gradients``: ``architecture``, ``epoch``, ``layer``, ``depth``, ``gradient_norm``. Projections are beside
    the way from last to first and do not count. Architectures with one convolution are left out; the ratio is
    missing where the last norm is 0.
    """
    keys = ["architecture", "epoch"]
    convolutions = gradients[gradients["layer"].str.contains("conv")].sort_values("depth", kind="stable")
    first = convolutions.drop_duplicates(keys, keep="first").set_index(keys)
    last = convolutions.drop_duplicates(keys, keep="last").set_index(keys).loc[first.index]
    ratio = first["gradient_norm"] / last["gradient_norm"].where(last["gradient_norm"] > 0)
    return ratio[first["depth"] < last["depth"]].rename("ratio").reset_index()


def learning_rates(results: Results) -> pd.DataFrame:
    """What tune found: ``validation_accuracy`` by ``learning_rate``, and whether that one was ``chosen``."""
    rows = [
        {"architecture": name} | trial | {"chosen": trial["learning_rate"] == result.learning_rate}
        for name, result in results.items()
        for trial in result.trials
    ]
    columns = ["architecture", "learning_rate", "status", "validation_accuracy", "chosen"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(1, "number", numbers(table["architecture"], results))
    return table


def replay(runs: Mapping[str, Iterable[Mapping[str, Any]]]) -> pd.DataFrame:
    """``status`` and ``validation_accuracy`` of one recipe by ``learning_rate`` and ``seed``."""
    columns = ["architecture", "learning_rate", "seed", "status", "validation_accuracy"]
    return pd.DataFrame(
        [{"architecture": name} | dict(run) for name in runs for run in runs[name]], columns=columns
    )


def differences(compared: Mapping[str, StudyComparison], studies: Studies) -> pd.DataFrame:
    """Each ``kind`` (baseline, control) of comparison: ``points`` in percent, its interval ``low`` to ``high``.

    Only what has been compared, in the order of each study.
    """
    rows = [
        {
            "study": studies[key].title,
            "kind": kind,
            "of": one.of,
            "against": one.against,
            "points": one.points,
            "low": None if one.interval is None else one.interval[0],
            "high": None if one.interval is None else one.interval[1],
            "told_apart": one.told_apart,
        }
        for key, study in compared.items()
        for kind, group in (("baseline", study.against_baseline), ("control", study.controls))
        for one in group
        if one.points is not None
    ]
    columns = ["study", "kind", "of", "against", "points", "low", "high", "told_apart"]
    return pd.DataFrame(rows, columns=columns)


def class_changes(compared: Mapping[str, StudyComparison], studies: Studies) -> pd.DataFrame:
    """Each member's difference to the baseline in ``points`` by ``class``, means over seeds."""
    rows = [
        {"study": studies[key].title, "architecture": one.of, "class": label, "points": points}
        for key, study in compared.items()
        for one in study.against_baseline
        for label, points in one.classes.items()
    ]
    return pd.DataFrame(rows, columns=["study", "architecture", "class", "points"])


def calibration(results: Results, labels: npt.NDArray[np.int64]) -> pd.DataFrame:
    """``reliability`` of every architecture, its seeds pooled; intervals without predictions are left out."""
    parts = [reliability(logits, labels).assign(architecture=name) for name, logits in logits_of(results).items()]
    whole = pd.concat(parts) if parts else pd.DataFrame(columns=["architecture", "center", "count"])
    columns = ["architecture", *(column for column in whole if column != "architecture")]
    return whole.loc[whole["count"] > 0, columns]


def calibration_errors(results: Results, labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """The expected calibration error of every architecture, its seeds pooled, 0-1."""
    return {name: expected_calibration_error(logits, labels) for name, logits in logits_of(results).items()}


def logits_of(results: Results) -> dict[str, list[Logits]]:
    """Those of the runs of each architecture that trained."""
    return {
        name: [logits for logits in result.test_logits if logits is not None]
        for name, result in results.items()
        if result.status == "trained"
    }


def confusion(results: Results, labels: npt.NDArray[np.int64], classes: Iterable[str]) -> pd.DataFrame:
    """``count`` of test images by ``actual`` and ``predicted`` class, all seeds of an architecture together."""
    names = list(classes)
    rows: list[dict[str, Any]] = []
    for name, result in results.items():
        counts = np.zeros((CLASSES, CLASSES), dtype=int)
        for logits in result.test_logits:
            if logits is not None:
                np.add.at(counts, (labels, logits.argmax(1)), 1)
        rows += [
            {"architecture": name, "actual": names[i], "predicted": names[j], "count": int(counts[i, j])}
            for i in range(CLASSES)
            for j in range(CLASSES)
        ]
    return pd.DataFrame(rows)
