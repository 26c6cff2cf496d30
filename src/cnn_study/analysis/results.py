"""What the stages have found about each architecture, joined."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnn_study.base.environment import Environment
from cnn_study.data.splits import Integers
from cnn_study.evaluation.effective_field import Spreads
from cnn_study.evaluation.predictions import Predictions
from cnn_study.evaluation.results import Evaluation
from cnn_study.profiling.records import Profile, Speed
from cnn_study.training.finished import FinishedRun, Trained
from cnn_study.training.records import Clocks, Status, Tuning


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

    def correct(self, labels: Integers, budget: int) -> list[npt.NDArray[np.bool_] | None]:
        """Which test images (N,) each run has right; None where it diverged. ``labels``: (N,)."""
        runs = self.runs_to(budget)
        predictions = [self.evaluation.runs[run.key].predictions for run in runs]
        return [None if one is None else one.predicted == labels for one in predictions]

    def test_accuracies(self, labels: Integers, budget: int) -> list[float | None]:
        """The fraction of test images that each run has right."""
        return [None if right is None else float(right.mean()) for right in self.correct(labels, budget)]

    def balanced_accuracies(self, labels: Integers, budget: int) -> list[float | None]:
        """The mean over classes of the fraction of a class's test images that each run has right."""
        of_class = np.bincount(labels)
        there = of_class > 0
        return [
            None if right is None else float((np.bincount(labels, right)[there] / of_class[there]).mean())
            for right in self.correct(labels, budget)
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
