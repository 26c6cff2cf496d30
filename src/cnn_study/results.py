"""What the stages have written about one architecture, read back and joined with its test accuracy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cnn_study.statistics import over_seeds
from cnn_study.training import Status

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Result:
    """One architecture. Lists have an entry for each seed, in the order of ``seeds``.

    ``test_logits``: arrays (N, 10), None where the run diverged. ``clock``: each run's epochs with
    ``train_seconds``, ``evaluation_seconds`` and ``images``.
    """

    name: str
    seeds: list[int]
    statuses: list[Status]
    learning_rate: float
    environment: dict[str, Any]
    validation_accuracies: list[float | None]
    test_logits: list[Logits | None]
    history: pd.DataFrame
    gradients: pd.DataFrame
    profile: dict[str, Any]
    effective_field: int | None
    trials: list[dict[str, Any]]
    clock: list[list[dict[str, float]]]
    tune_seconds: float
    inference_images_per_second: float

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

    def train_seconds(self) -> list[float]:
        """Each run's time in training steps, evaluation left out."""
        return [sum(epoch["train_seconds"] for epoch in run) for run in self.clock]


def summary(result: Result, labels: npt.NDArray[np.int64]) -> dict[str, Any]:
    """An architecture's object in metrics/summary.json: accuracies 0-1, fields in pixels."""
    return {
        "status": result.status,
        "test_accuracy": over_seeds(result.test_accuracies(labels)),
        "validation_accuracy": over_seeds(result.validation_accuracies),
        "learning_rate": result.learning_rate,
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


def timing(result: Result) -> dict[str, Any]:
    """An architecture's object in metrics/timing.json: whatever a clock measured."""
    speeds = [
        sum(epoch["images"] for epoch in run) / seconds
        for run, seconds in zip(result.clock, result.train_seconds(), strict=True)
    ]
    return {
        "train_seconds": over_seeds(result.train_seconds()),
        "images_per_second": over_seeds(speeds),
        "evaluation_seconds": over_seeds([sum(e["evaluation_seconds"] for e in run) for run in result.clock]),
        "tune_seconds": result.tune_seconds,
        "inference_images_per_second": result.inference_images_per_second,
    }


def environments(results: list[Result]) -> dict[str, Any]:
    """Which architectures ran in which environment: more than one, and they are not to be compared."""
    groups: list[dict[str, Any]] = []
    for result in results:
        for group in groups:
            if {key: value for key, value in group.items() if key != "architectures"} == result.environment:
                group["architectures"].append(result.name)
                break
        else:
            groups.append(result.environment | {"architectures": [result.name]})
    return {"comparable": len(groups) == 1, "environments": groups}
