"""What is made of the results for metrics/: a network's numbers, its times, and where all was computed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cnn_study.analysis.costs import NOT_MEASURED, Costs, StepTime
from cnn_study.analysis.results import Result, worst
from cnn_study.analysis.statistics import Estimate
from cnn_study.base.records import Record
from cnn_study.data.splits import Integers, is_balanced
from cnn_study.evaluation.influence import deviations, sides
from cnn_study.training.records import Replayed, Status


class FieldSides(Record):
    """The receptive field of the last feature map's central unit, in pixels.

    ``theoretical``: its side. ``effective``: that after training by Luo et al.'s measure, the mean over seeds,
    None where nothing moves the unit. ``deviation_untrained`` and ``deviation_trained``: the standard deviation of
    the influence.
    """

    theoretical: int
    effective: float | None
    deviation_untrained: Estimate
    deviation_trained: Estimate

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
    """Of an architecture's runs to one budget: accuracies 0 to 1, of ``statuses`` the worst as ``status``.

    ``balanced_accuracy``: the mean over classes; None where all have the same number of test images, give or take
    one, so that it says the same.
    """

    status: Status
    test_accuracy: Estimate
    validation_accuracy: Estimate
    statuses: tuple[Status, ...]
    balanced_accuracy: Estimate | None = None


class Summary(Record):
    """An architecture's object in metrics/summary.json: accuracies 0 to 1, FLOPs and bytes of one image.

    Accuracies, status and seeds are those of its largest ``budget``, in epochs; ``by_budget`` has those of all.
    ``training_flops``: of a training step, the optimizer's among them, over the images of its batch.
    ``learning_rate_at_edge``: whether the search was cut off where its best rate was at an end, or none trained.
    """

    status: Status
    test_accuracy: Estimate
    validation_accuracy: Estimate
    learning_rate: float
    learning_rate_at_edge: bool
    parameters: int
    conv_parameters: int
    forward_flops: int
    training_flops: int
    activation_bytes: int
    receptive_field: FieldSides
    budget: int
    seeds: tuple[int, ...]
    statuses: tuple[Status, ...]
    balanced_accuracy: Estimate | None = None
    by_budget: dict[str, BudgetSummary]

    @classmethod
    def of(cls, result: Result, labels: Integers, training_flops: int) -> "Summary":
        """``labels``: (N,) of the test images."""
        profile = result.profile
        balanced = is_balanced(np.unique(labels, return_counts=True)[1].tolist())
        by_budget = {
            str(budget): BudgetSummary(
                status=worst(run.status for run in result.runs_to(budget)),
                test_accuracy=Estimate.of(result.test_accuracies(labels, budget)),
                validation_accuracy=Estimate.of([run.validation_accuracy for run in result.runs_to(budget)]),
                statuses=tuple(run.status for run in result.runs_to(budget)),
                balanced_accuracy=None if balanced else Estimate.of(result.balanced_accuracies(labels, budget)),
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
            by_budget=by_budget,
        )


class Summaries(Record):
    """metrics/summary.json."""

    dataset: str
    test_images: int
    architectures: dict[str, Summary]

    def headline(self, names: Iterable[str]) -> dict[str, float | None]:
        """Test accuracies in percent, whose differences are points, of these.

        A network at chance has one as well; None of one whose runs have all diverged.
        """
        means = {name: self.architectures[name].test_accuracy.mean for name in names}
        return {name: None if mean is None else round(100 * mean, 2) for name, mean in means.items()}


class Timing(Record):
    """An architecture's object in metrics/timing.json: whatever a clock measured.

    ``step`` is what times are compared by. The others are of runs one after another, with whatever else the
    machine did meanwhile.
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
