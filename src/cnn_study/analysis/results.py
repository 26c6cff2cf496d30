"""What the stages have written about one architecture, read back and joined with its test accuracy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cnn_study.analysis.statistics import over_seeds
from cnn_study.training.loop import Status

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Result:
    """One architecture. Lists have an entry for each seed, in the order of ``seeds``.

    ``environments``: by stage. ``test_logits``: arrays (N, classes), None where the run diverged. ``clock``: each
    run's epochs with ``train_seconds``, ``evaluation_seconds`` and ``images``. ``inference_images_per_second``:
    None for a network too large to be timed beside others.
    """

    name: str
    seeds: list[int]
    statuses: list[Status]
    learning_rate: float
    environments: dict[str, dict[str, Any]]
    validation_accuracies: list[float | None]
    test_logits: list[Logits | None]
    history: pd.DataFrame
    gradients: pd.DataFrame
    rate_at_edge: bool
    profile: dict[str, Any]
    effective_field: int | None
    trials: list[dict[str, Any]]
    clock: list[list[dict[str, float]]]
    tune_seconds: float
    inference_images_per_second: float | None

    @property
    def status(self) -> Status:
        """The worst of its runs': one that failed is a finding about the architecture."""
        order: tuple[Status, ...] = ("diverged", "collapsed")
        return next((status for status in order if status in self.statuses), "trained")

    def test_accuracies(self, labels: npt.NDArray[np.int64]) -> list[float | None]:
        """The fraction of test images that each seed's network has right."""
        return [
            None if logits is None else float((logits.argmax(1) == labels).mean()) for logits in self.test_logits
        ]

    def seconds(self, key: str) -> list[float | None]:
        """Each run's ``train_seconds`` or ``evaluation_seconds``; None where it diverged and broke off."""
        return [
            None if status == "diverged" else sum(epoch[key] for epoch in run)
            for status, run in zip(self.statuses, self.clock, strict=True)
        ]


def summary(result: Result, labels: npt.NDArray[np.int64]) -> dict[str, Any]:
    """An architecture's object in metrics/summary.json: accuracies 0-1, fields in pixels."""
    return {
        "status": result.status,
        "test_accuracy": over_seeds(result.test_accuracies(labels)),
        "validation_accuracy": over_seeds(result.validation_accuracies),
        "learning_rate": result.learning_rate,
        "learning_rate_at_edge": result.rate_at_edge,
        "parameters": result.profile["parameters"],
        "conv_parameters": result.profile["conv_parameters"],
        "forward_flops": result.profile["forward_flops"],
        "activation_bytes": result.profile["activation_bytes"],
        "receptive_field": {
            "theoretical": result.profile["receptive_field"],
            "effective": result.effective_field,
        },
        "seeds": result.seeds,
        "statuses": result.statuses,
    }


def headline(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """metrics/headline.json: test accuracies in percent, whose differences are points, and parameters."""
    means = {name: found["test_accuracy"]["mean"] for name, found in summaries.items()}
    return {
        "test_accuracy_percent": {
            name: None if mean is None else round(100 * mean, 2) for name, mean in means.items()
        },
        "parameters": {name: found["parameters"] for name, found in summaries.items()},
    }


def timing(result: Result) -> dict[str, Any]:
    """An architecture's object in metrics/timing.json: whatever a clock measured."""
    speeds = [
        None if seconds is None else sum(epoch["images"] for epoch in run) / seconds
        for run, seconds in zip(result.clock, result.seconds("train_seconds"), strict=True)
    ]
    return {
        "train_seconds": over_seeds(result.seconds("train_seconds")),
        "images_per_second": over_seeds(speeds),
        "evaluation_seconds": over_seeds(result.seconds("evaluation_seconds")),
        "tune_seconds": result.tune_seconds,
        "inference_images_per_second": result.inference_images_per_second,
    }


def environments(
    results: list[Result], analysis: dict[str, Any], replays: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Which stages ran in which environment: more than one, and the numbers are not to be compared."""
    ran = [(f"{stage}@{r.name}", where) for r in results for stage, where in r.environments.items()]
    compared = [*ran, ("analyze", analysis)]
    groups: list[dict[str, Any]] = []
    for stage, environment in [*compared, *((f"replay@{name}", where) for name, where in replays.items())]:
        for group in groups:
            if {key: value for key, value in group.items() if key != "stages"} == environment:
                group["stages"].append(stage)
                break
        else:
            groups.append(environment | {"stages": [stage]})
    # Replays are compared with nothing but replays, and a fallback computes the same, rounded otherwise.
    apart = [where for _, where in compared if where | {"fallbacks": {}} != analysis | {"fallbacks": {}}]
    return {"comparable": not apart, "environments": groups}


def gradient_norms_by_seed(results: Mapping[str, Result]) -> pd.DataFrame:
    """``gradient_norm`` and ``weight_norm`` by ``architecture``, ``seed``, ``epoch``, ``layer``."""
    frames = [result.gradients for result in results.values()]
    # Without the empty ones, of networks that diverged at once, which would spoil the types of the columns.
    return pd.concat([frame for frame in frames if len(frame)] or frames)


def replay_table(replays: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """``status`` and ``validation_accuracy`` of one recipe by ``learning_rate`` and ``seed``.

    ``replays``: what the stage replay has written, by architecture.
    """
    columns = ["architecture", "learning_rate", "seed", "status", "validation_accuracy"]
    rows = [{"architecture": name} | dict(run) for name, replay in replays.items() for run in replay["runs"]]
    return pd.DataFrame(rows, columns=columns)
