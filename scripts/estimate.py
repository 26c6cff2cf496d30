"""How long stages will take on this machine, before any of them has run: from a measurement of seconds.

It is what ``TimeLeft`` begins with, which corrects it by what stages then take. The factors below are rough.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache

from cnn_study.base.errors import StudyError
from cnn_study.cost.blocks import BLOCKS, MOST_STEPS, SECONDS
from cnn_study.params.study import Params
from cnn_study.sources.datasets import Sizes
from cnn_study.training.recipe import Training
from cnn_study.training.schedule import Schedule
from scripts.plan import sees_images
from stages._runs import Plan, known, missing
from stages.cost import read_known

FORWARD = 0.4  # of a training step: a forward pass
FURTHER_RATES = 1  # that a search tries beyond its range
PASSES = 2.0  # training steps that a layer's receptive field takes, for each image
# In times of starting a program with PyTorch:
STAGE = 2.0  # a stage that does nothing: Python for the check and for the stage, and DVC
PROFILE = 1.0  # what a profile takes beside that
ANALYSIS = 1.5  # what the analysis takes for each network


@dataclass(frozen=True)
class MachineSpeed:
    """Seconds: of starting a program with PyTorch, and of a training step for each image, by network."""

    start: float
    image: dict[str, float]

    @classmethod
    def measured(cls, stages: Collection[str]) -> "MachineSpeed":
        """Here and now, of the networks that these stages train or show images to.

        Raises StudyError where that does not work: a network that takes too much memory, say.
        """
        started = time.monotonic()
        names = dict.fromkeys(stage.partition("@")[2] for stage in stages if sees_images([stage]))
        command = [sys.executable, "-m", "scripts.step_times", *filter(None, names)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or [f"{command[2]} ended with {done.returncode}"]
            raise StudyError(last[0])
        found = json.loads(done.stdout)
        return cls(time.monotonic() - started - found["measuring"], found["image"])


def estimates(stages: Collection[str], params: Params, speed: MachineSpeed) -> dict[str, float]:
    """The seconds of each of the stages."""
    sizes = cache(lambda: params.data.sizes)  # which looks through a folder of pictures
    return {stage: STAGE * speed.start + _work(stage, stages, params, speed, sizes) for stage in stages}


def _work(
    stage: str, stages: Collection[str], params: Params, speed: MachineSpeed, sizes: Callable[[], Sizes]
) -> float:
    kind, _, name = stage.partition("@")
    if kind == "analyze":
        return ANALYSIS * speed.start * len(params.architectures)
    if kind == "profile":
        return PROFILE * speed.start
    if kind == "cost":
        return sum(_turns(name, params, speed) for name in _to_measure(params.architectures))
    if name not in speed.image:
        return 0.0
    training, image, images = params.trainings[name], speed.image[name], sizes()
    match kind:
        case "tune":
            if training.learning_rate != "tuned":
                return 0.0
            rates = len(params.tune.initial_rates(training.recipe.optimizer)) + FURTHER_RATES
            return rates * params.tune.epochs * image * _epoch(images, params.tune.images)
        case "replay":
            short = params.replay.runs
            runs = len(short.seeds) * len(short.learning_rates)
            return runs * short.epochs * image * _epoch(images, short.images)
        case "train":
            todo = _missing(name) if f"tune@{name}" not in stages else None
            if todo is None:
                todo = {seed: list(training.budgets) for seed in training.seeds}
            return sum(image * _of_a_seed(training, budgets, images) for budgets in todo.values())
        case "evaluate":
            runs = len(training.seeds) * len(training.budgets)
            layers = len(params.architectures[name].layers)
            return image * (runs * images.test * FORWARD + PASSES * layers * params.evaluate.images)
    return 0.0


def _to_measure(architectures: Collection[str]) -> Collection[str]:
    """The networks that the stage cost measures: those that its file lacks, with the reference, or else all."""
    costs = read_known()
    measured = {name for session in costs.sessions for name in session.networks}
    new = [name for name in architectures if name not in measured]
    return [costs.reference, *new] if new and costs.reference in architectures else architectures


def _turns(name: str, params: Params, speed: MachineSpeed) -> float:
    """Of a network whose steps are measured."""
    step = speed.image.get(name, 0.0) * params.trainings[name].recipe.batch_size
    return min(SECONDS, BLOCKS * (1 + MOST_STEPS) * step) if step else SECONDS


def _epoch(images: Sizes, most: int) -> float:
    """An epoch on at most so many, and the validation after it, in images of training."""
    return min(most, images.train) + FORWARD * images.validation


def _missing(name: str) -> dict[int, list[int]] | None:
    """The budgets that are to be trained, by seed; None where that is not known, without prepared images, say."""
    with contextlib.suppress(StudyError, OSError):
        plan = Plan.read(name)
        return missing(plan, known(plan))
    return None


def _of_a_seed(training: Training, budgets: Collection[int], images: Sizes) -> float:
    """Training to these budgets on one trunk, and the validation after each epoch, in images of training."""
    schedule = Schedule.of(training.recipe, images.train)  # a step an image, so that parts of an epoch count
    epochs = max(budgets) + len(budgets)
    return steps_of_a_seed(schedule, budgets) + FORWARD * images.validation * epochs


def steps_of_a_seed(schedule: Schedule, budgets: Collection[int]) -> int:
    """Of the trunk and of the branch of each budget."""
    branches = sum(schedule.end(budget) - schedule.branch(budget) for budget in budgets)
    return schedule.branch(max(budgets)) + branches
