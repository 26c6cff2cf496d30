"""What the stages have found about each architecture, joined, and what is made of it for metrics/."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from cnn_study.analysis.costs import NOT_MEASURED, Costs, StepTime
from cnn_study.analysis.statistics import Estimate
from cnn_study.base.environment import Environment
from cnn_study.base.records import Record
from cnn_study.data.splits import Integers
from cnn_study.evaluation.effective_field import Spreads
from cnn_study.evaluation.influence import deviations, sides
from cnn_study.evaluation.results import Evaluation, Predictions
from cnn_study.profiling.records import Profile, Speed
from cnn_study.training.finished import FinishedRun, Trained
from cnn_study.training.records import Clocks, Epoch, LayerNorms, Replayed, Status, Tuning


@dataclass(frozen=True)
class Result:
    """What the stages have found about one architecture. ``tune_clocks``: of the runs of ``tuning``."""

    name: str
    tuning: Tuning
    trained: Trained
    profile: Profile
    evaluation: Evaluation
    tune_clocks: Clocks
    speed: Speed

    @property
    def budgets(self) -> list[int]:
        """To which it was trained, the smallest first."""
        return sorted({run.budget for run in self.trained.runs})

    @property
    def budget(self) -> int:
        """The largest: what is said of a network without a budget is said of this one."""
        return self.budgets[-1]

    def runs_to(self, budget: int) -> list[FinishedRun]:
        """Those to one budget, by seed."""
        return [run for run in self.trained.runs if run.budget == budget]

    @property
    def runs(self) -> list[FinishedRun]:
        """Those to the largest budget, by seed; so are all lists here."""
        return self.runs_to(self.budget)

    @property
    def seeds(self) -> list[int]:
        """Of its runs."""
        return [run.seed for run in self.runs]

    @property
    def statuses(self) -> list[Status]:
        """Of its runs."""
        return [run.status for run in self.runs]

    @property
    def status(self) -> Status:
        """The worst of its runs': one that failed is a finding about the architecture."""
        return worst(self.statuses)

    def correct(self, labels: Integers, budget: int | None = None) -> list[npt.NDArray[np.bool_] | None]:
        """Which test images (N,) each run has right; None where it diverged. ``labels``: (N,)."""
        runs = self.runs_to(budget or self.budget)
        predictions = [self.evaluation.runs[run.key].predictions for run in runs]
        return [None if one is None else one.predicted == labels for one in predictions]

    def test_accuracies(self, labels: Integers, budget: int | None = None) -> list[float | None]:
        """The fraction of test images that each run has right."""
        return [None if right is None else float(right.mean()) for right in self.correct(labels, budget)]

    def balanced_accuracies(self, labels: Integers) -> list[float | None]:
        """The mean over classes of the fraction of a class's test images that each run has right."""
        of_class = np.bincount(labels)
        there = of_class > 0
        return [
            None if right is None else float((np.bincount(labels, right)[there] / of_class[there]).mean())
            for right in self.correct(labels)
        ]

    @property
    def predictions(self) -> list[Predictions]:
        """Of the runs that have not diverged."""
        found = [self.evaluation.runs[run.key].predictions for run in self.runs]
        return [one for one in found if one is not None]

    @property
    def spreads(self) -> list[Spreads]:
        """How far the units of each run see."""
        return [self.evaluation.spreads[run.key] for run in self.runs]

    @property
    def train_seconds(self) -> list[float | None]:
        """Of each run; None where it diverged and broke off."""
        return [None if run.status == "diverged" else run.clock.train_seconds for run in self.runs]

    @property
    def images_seen(self) -> dict[int, int | None]:
        """By each run in training, again in each epoch, by budget; None where all diverged and broke off."""
        seen = {
            budget: [run.clock.images for run in self.runs_to(budget) if run.status != "diverged"]
            for budget in self.budgets
        }
        return {budget: max(images, default=None) for budget, images in seen.items()}

    @property
    def evaluation_seconds(self) -> list[float | None]:
        """The same, of its passes through the validation images."""
        return [None if run.status == "diverged" else run.clock.evaluation_seconds for run in self.runs]

    @property
    def environments(self) -> dict[str, Environment]:
        """In which each stage ran whose results are compared, and where runs of one ran in several, each run."""
        found = {f"tune@{self.name}": self.tuning.environment}
        for stage, ran in (
            ("train", {run.key: run.environment for run in self.trained.runs}),
            ("evaluate", {key: one.environment for key, one in self.evaluation.runs.items()}),
        ):
            for (seed, budget), environment in ran.items():
                alike = all(other == environment for other in ran.values())
                found[f"{stage}@{self.name}" + ("" if alike else f" seed {seed} budget {budget}")] = environment
        return found


def worst(statuses: Iterable[Status]) -> Status:
    """Of several runs."""
    order: tuple[Status, ...] = ("diverged", "collapsed")
    found = set(statuses)
    return next((status for status in order if status in found), "trained")


def is_balanced(labels: Integers) -> bool:
    """Whether all classes that ``labels`` (N,) has are as large, but for one image."""
    counts = np.unique(labels, return_counts=True)[1]
    return bool(counts.max() - counts.min() <= 1)


class FieldSides(Record):
    """The receptive field of the last feature map's central unit, in pixels.

    ``theoretical``: its side. ``effective``: that after training by Luo et al.'s measure, the mean over seeds,
    None where nothing moves the unit; in the file of release 0.1.0 the side of the square that holds 95 % of the
    influence. ``deviation_untrained`` and ``deviation_trained``: the standard deviation of the influence, which
    that file does not have.
    """

    theoretical: int
    effective: float | None
    deviation_untrained: Estimate | None = None
    deviation_trained: Estimate | None = None

    @classmethod
    def of(cls, result: Result) -> "FieldSides":
        """Of an architecture's runs to its largest budget."""
        last = [spreads.layers[-1] for spreads in result.spreads]
        before, after = [layer.untrained for layer in last], [layer.trained for layer in last]
        return cls(
            theoretical=result.profile.receptive_field,
            effective=Estimate.of(sides(after)).mean,
            deviation_untrained=Estimate.of(deviations(before)),
            deviation_trained=Estimate.of(deviations(after)),
        )


class BudgetSummary(Record):
    """Of an architecture's runs to one budget: accuracies 0 to 1."""

    status: Status
    test_accuracy: Estimate
    validation_accuracy: Estimate


class Summary(Record):
    """An architecture's object in metrics/summary.json: accuracies 0 to 1, FLOPs and bytes of one image.

    Accuracies, status and seeds are those of its largest ``budget``, in epochs; ``by_budget`` has those of all.
    ``training_flops``: of a training step, the optimizer's among them, over the images of its batch.
    ``balanced_accuracy``: the mean over classes, None where all have as many test images, but for one, so that it
    says the same. The file of release 0.1.0 has none of these. ``learning_rate_at_edge``: whether the search was
    cut off where its best or its chosen rate was at an end, or none had trained.
    """

    status: Status
    test_accuracy: Estimate
    validation_accuracy: Estimate
    learning_rate: float
    learning_rate_at_edge: bool
    parameters: int
    conv_parameters: int
    forward_flops: int
    training_flops: int | None = None
    activation_bytes: int
    receptive_field: FieldSides
    budget: int | None = None
    seeds: tuple[int, ...]
    statuses: tuple[Status, ...]
    balanced_accuracy: Estimate | None = None
    by_budget: dict[str, BudgetSummary] = Field(default_factory=dict)

    @classmethod
    def of(cls, result: Result, labels: Integers, training_flops: int | None = None) -> "Summary":
        """``labels``: (N,) of the test images."""
        profile = result.profile
        by_budget = {
            str(budget): BudgetSummary(
                status=worst(run.status for run in result.runs_to(budget)),
                test_accuracy=Estimate.of(result.test_accuracies(labels, budget)),
                validation_accuracy=Estimate.of([run.validation_accuracy for run in result.runs_to(budget)]),
            )
            for budget in result.budgets
        }
        return cls(
            **dict(by_budget[str(result.budget)]),
            learning_rate=result.tuning.learning_rate,
            learning_rate_at_edge=result.tuning.cut_off,
            parameters=profile.parameters,
            conv_parameters=profile.conv_parameters,
            forward_flops=profile.forward_flops,
            training_flops=training_flops,
            activation_bytes=profile.activation_bytes,
            receptive_field=FieldSides.of(result),
            budget=result.budget,
            seeds=tuple(result.seeds),
            statuses=tuple(result.statuses),
            balanced_accuracy=None if is_balanced(labels) else Estimate.of(result.balanced_accuracies(labels)),
            by_budget=by_budget,
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
    """An architecture's object in metrics/timing.json: whatever a clock measured.

    ``step`` is what times are compared by; the file of release 0.1.0 has none. The others are of runs one after
    another, with whatever else the machine did meanwhile.
    """

    train_seconds: Estimate
    images_per_second: Estimate
    evaluation_seconds: Estimate
    tune_seconds: float
    inference_images_per_second: float | None
    step: StepTime | None = None

    @classmethod
    def of(cls, result: Result, costs: Costs = NOT_MEASURED) -> "Timing":
        """From the clocks of its stages, and what its steps cost."""
        speeds = [
            None if seconds is None else run.clock.images / seconds
            for run, seconds in zip(result.runs, result.train_seconds, strict=True)
        ]
        return cls(
            train_seconds=Estimate.of(result.train_seconds),
            images_per_second=Estimate.of(speeds),
            evaluation_seconds=Estimate.of(result.evaluation_seconds),
            tune_seconds=sum(run.train_seconds + run.evaluation_seconds for run in result.tune_clocks.runs),
            inference_images_per_second=result.speed.inference_images_per_second,
            step=costs.step(result.name, result.images_seen),
        )


class Timings(Record):
    """metrics/timing.json."""

    architectures: dict[str, Timing]


def environments(
    results: Mapping[str, Result], replays: Mapping[str, Replayed], costs: Costs = NOT_MEASURED
) -> dict[str, Any]:
    """metrics/environment.json: which stages ran in which environment.

    Where there is more than one, numbers are not to be compared: they are not ``comparable``.
    """
    compared = {stage: where for result in results.values() for stage, where in result.environments.items()}
    profiled = {f"profile@{name}": result.speed.environment for name, result in results.items()}
    apart = (
        {f"evaluate@{name}, pictures": result.evaluation.inside.environment for name, result in results.items()}
        | {
            f"evaluate@{name}, fields seed {spreads.seed}": spreads.environment
            for name, result in results.items()
            for spreads in result.spreads
            if spreads.environment != result.evaluation.inside.environment
        }
        | {f"replay@{name}": replay.environment for name, replay in replays.items()}
        | {f"cost, {name}": environment for name, environment in costs.environments.items()}
    )
    groups: dict[str, dict[str, Any]] = {}
    for stage, environment in (compared | profiled | apart).items():
        group = groups.setdefault(repr(environment), environment.as_dict() | {"stages": []})
        group["stages"].append(stage)
    comparable = all(
        # A fallback computes the same, rounded otherwise.
        len({repr(replace(environment, fallbacks={})) for environment in alike.values()}) <= 1
        # Profiles are compared with each other alone: they have a precision and threads of their own. Pictures and
        # replays are compared with nothing of another network's; what a step costs, with its recipe's threads.
        for alike in (compared, profiled)
    )
    return {"comparable": comparable, "environments": list(groups.values())}


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
