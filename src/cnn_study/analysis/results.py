"""What the stages have found about each architecture, joined, and what is made of it for metrics/."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cnn_study.analysis.statistics import Estimate
from cnn_study.base.environment import Environment
from cnn_study.base.records import Record
from cnn_study.data.splits import Integers
from cnn_study.evaluation.effective_field import side
from cnn_study.evaluation.results import Evaluation
from cnn_study.profiling.records import Profile, Speed
from cnn_study.training.records import Clocks, Replayed, Status, Trained, Tuning


@dataclass(frozen=True)
class Result:
    """What the stages have found about one architecture.

    ``history`` and ``gradients``: tables of train, by seed and epoch. ``train_clocks`` and ``tune_clocks``: of the
    runs of ``trained`` and of ``tuning``.
    """

    name: str
    tuning: Tuning
    trained: Trained
    history: pd.DataFrame
    gradients: pd.DataFrame
    profile: Profile
    evaluation: Evaluation
    train_clocks: Clocks
    tune_clocks: Clocks
    speed: Speed

    @property
    def seeds(self) -> list[int]:
        """Of its runs, in order; so are all lists here."""
        return [run.seed for run in self.trained.runs]

    @property
    def statuses(self) -> list[Status]:
        """Of its runs."""
        return [run.status for run in self.trained.runs]

    @property
    def status(self) -> Status:
        """The worst of its runs': one that failed is a finding about the architecture."""
        order: tuple[Status, ...] = ("diverged", "collapsed")
        return next((status for status in order if status in self.statuses), "trained")

    def correct(self, labels: Integers) -> list[npt.NDArray[np.bool_] | None]:
        """Which test images (N,) each run has right; None where it diverged. ``labels``: (N,)."""
        predictions = [self.evaluation.predictions[seed] for seed in self.seeds]
        return [None if run is None else run.predicted == labels for run in predictions]

    def test_accuracies(self, labels: Integers) -> list[float | None]:
        """The fraction of test images that each run has right."""
        return [None if right is None else float(right.mean()) for right in self.correct(labels)]

    @cached_property
    def train_seconds(self) -> list[float | None]:
        """Of each run; None where it diverged and broke off."""
        return self._of_clocks("train_seconds")

    @cached_property
    def evaluation_seconds(self) -> list[float | None]:
        """The same, of its passes through the validation images."""
        return self._of_clocks("evaluation_seconds")

    def _of_clocks(self, key: str) -> list[float | None]:
        return [
            None if status == "diverged" else getattr(clock, key)
            for status, clock in zip(self.statuses, self.train_clocks.runs, strict=True)
        ]

    @property
    def environments(self) -> dict[str, Environment]:
        """In which each stage ran."""
        return {
            "tune": self.tuning.environment,
            "train": self.trained.environment,
            "profile": self.speed.environment,
            "evaluate": self.evaluation.environment,
        }


class FieldSides(Record):
    """Sides in pixels of the last feature map's receptive field; ``effective``: None where nothing moves it."""

    theoretical: int
    effective: int | None


class Summary(Record):
    """An architecture's object in metrics/summary.json: accuracies 0 to 1, FLOPs and bytes of one image."""

    status: Status
    test_accuracy: Estimate
    validation_accuracy: Estimate
    learning_rate: float
    learning_rate_at_edge: bool
    parameters: int
    conv_parameters: int
    forward_flops: int
    activation_bytes: int
    receptive_field: FieldSides
    seeds: tuple[int, ...]
    statuses: tuple[Status, ...]

    @classmethod
    def of(cls, result: Result, labels: Integers) -> "Summary":
        """``labels``: (N,) of the test images."""
        profile = result.profile
        return cls(
            status=result.status,
            test_accuracy=Estimate.of(result.test_accuracies(labels)),
            validation_accuracy=Estimate.of([run.validation_accuracy for run in result.trained.runs]),
            learning_rate=result.trained.learning_rate,
            learning_rate_at_edge=result.tuning.at_edge,
            parameters=profile.parameters,
            conv_parameters=profile.conv_parameters,
            forward_flops=profile.forward_flops,
            activation_bytes=profile.activation_bytes,
            receptive_field=FieldSides(
                theoretical=profile.receptive_field,
                effective=side(result.evaluation.fields[-1].effective_trained),
            ),
            seeds=tuple(result.seeds),
            statuses=tuple(result.statuses),
        )


class Summaries(Record):
    """metrics/summary.json."""

    dataset: str
    test_images: int
    architectures: dict[str, Summary]

    @property
    def headline(self) -> dict[str, dict[str, float | None]]:
        """metrics/headline.json: test accuracies in percent, whose differences are points, and parameters."""
        means = {name: summary.test_accuracy.mean for name, summary in self.architectures.items()}
        return {
            "test_accuracy_percent": {
                name: None if mean is None else round(100 * mean, 2) for name, mean in means.items()
            },
            "parameters": {name: summary.parameters for name, summary in self.architectures.items()},
        }


class Timing(Record):
    """An architecture's object in metrics/timing.json: whatever a clock measured."""

    train_seconds: Estimate
    images_per_second: Estimate
    evaluation_seconds: Estimate
    tune_seconds: float
    inference_images_per_second: float | None

    @classmethod
    def of(cls, result: Result) -> "Timing":
        """From the clocks of its stages."""
        speeds = [
            None if seconds is None else clock.images / seconds
            for clock, seconds in zip(result.train_clocks.runs, result.train_seconds, strict=True)
        ]
        return cls(
            train_seconds=Estimate.of(result.train_seconds),
            images_per_second=Estimate.of(speeds),
            evaluation_seconds=Estimate.of(result.evaluation_seconds),
            tune_seconds=sum(run.train_seconds + run.evaluation_seconds for run in result.tune_clocks.runs),
            inference_images_per_second=result.speed.inference_images_per_second,
        )


class Timings(Record):
    """metrics/timing.json."""

    architectures: dict[str, Timing]


def environments(results: Mapping[str, Result], replays: Mapping[str, Replayed]) -> dict[str, Any]:
    """metrics/environment.json: which stages ran in which environment.

    Where there is more than one, numbers are not to be compared: they are not ``comparable``.
    """
    compared = {
        f"{stage}@{name}": environment
        for name, result in results.items()
        for stage, environment in result.environments.items()
    }
    groups: dict[str, dict[str, Any]] = {}
    for stage, environment in [
        *compared.items(),
        *((f"replay@{name}", r.environment) for name, r in replays.items()),
    ]:
        group = groups.setdefault(repr(environment), environment.as_dict() | {"stages": []})
        group["stages"].append(stage)
    # Replays are compared with nothing but replays, and a fallback computes the same, rounded otherwise.
    apart = {repr(replace(environment, fallbacks={})) for environment in compared.values()}
    return {"comparable": len(apart) <= 1, "environments": list(groups.values())}


def gradient_norms_by_seed(results: Mapping[str, Result]) -> pd.DataFrame:
    """``gradient_norm`` and ``weight_norm`` by ``architecture``, ``seed``, ``epoch``, ``layer``."""
    frames = [result.gradients for result in results.values()]
    # Without the empty ones, of networks that diverged at once, which would spoil the types of the columns.
    return pd.concat([frame for frame in frames if len(frame)] or frames)


def replay_table(replays: Mapping[str, Replayed]) -> pd.DataFrame:
    """``status`` and ``validation_accuracy`` of one recipe, by architecture, rate and seed."""
    columns = ["architecture", "learning_rate", "seed", "status", "validation_accuracy"]
    rows = [{"architecture": name} | run.model_dump() for name, replay in replays.items() for run in replay.runs]
    return pd.DataFrame(rows, columns=columns)
