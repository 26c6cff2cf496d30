"""The training loop: a network in training, step by step and epoch by epoch."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cnn_study.base.environment import Environment
from cnn_study.base.records import Record
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network, initialize, place
from cnn_study.training.augment import augmented
from cnn_study.training.batches import Batches, order_of, seed_step
from cnn_study.training.checkpoint import Tensors, restore, tensors_of
from cnn_study.training.evaluation import accuracy_of, predict
from cnn_study.training.gradients import GradientLog
from cnn_study.training.optimizers import make_optimizer, set_rate
from cnn_study.training.recipe import Recipe
from cnn_study.training.records import Epoch, EpochClock, Run, TrunkClock
from cnn_study.training.schedule import Schedule

GRADIENT_SAMPLES = 20  # about so many steps in an epoch at which gradients are measured
LOSS_CHECKS = 20  # times in an epoch that the loop waits for the loss, to see that it and all weights are finite


class Monitor(Protocol):
    """Looks on from outside while a network trains."""

    def steps(self, steps: Iterable[int], epoch: int) -> Iterable[int]:
        """Wraps steps of an epoch, which counts from 0."""

    def resumed(self, epochs: int) -> None:
        """Told that so many epochs are done already."""

    def epoch_ended(
        self, epoch: int, loss: float | None, train_accuracy: float | None, validation_accuracy: float | None
    ) -> None:
        """Told of each what ``Epoch`` holds."""


class Position(Record):
    """How far a run is: all that it goes on from, beside tensors.

    ``loss``, ``correct`` and ``seconds``: sums over the steps of an epoch that is not at its end; ``samples``: the
    norms of its gradients and weights so far.
    """

    step: int = 0
    run: Run = Run()
    loss: float = 0.0
    correct: int = 0
    seconds: float = 0.0
    samples: tuple[tuple[float, ...], ...] = ()

    def clock(self, seed: int) -> TrunkClock:
        """What it says of time."""
        return TrunkClock(seed=seed, epochs=self.run.clock, seconds=self.seconds)

    def timed(self, clock: TrunkClock | None) -> "Position":
        """With what ``clock`` says of time, and nothing for None."""
        epochs, seconds = (clock.epochs, clock.seconds) if clock else ((), 0.0)
        return self.model_copy(update={"run": self.run.model_copy(update={"clock": epochs}), "seconds": seconds})


@dataclass(frozen=True)
class RunSpec:
    """What a run's bits depend on, beside its budget, and in which environment it is computed."""

    architecture: Architecture
    training: Batches
    validation: Batches
    recipe: Recipe
    learning_rate: float
    seed: int
    environment: Environment

    @property
    def batch_size(self) -> int:
        """Images of a step."""
        return min(self.recipe.batch_size, len(self.training))

    @property
    def schedule(self) -> Schedule:
        """An epoch has whole batches only: the few images that are left over differ from epoch to epoch."""
        return Schedule.of(self.recipe, len(self.training) // self.batch_size)


class Trainer:
    """A network in training: it goes ahead, says where it is, and can be put back there."""

    def __init__(self, spec: RunSpec) -> None:
        self.spec, self.schedule = spec, spec.schedule
        torch.manual_seed(spec.seed)
        self.network = Network(spec.architecture, spec.training.shape)
        initialize(self.network, spec.recipe.initialization)
        set_normalization(self.network, *spec.training.channel_statistics)
        place(self.network, spec.environment)
        self._optimizer = make_optimizer(self.network, spec.recipe, spec.environment)
        self._gradients = GradientLog(self.network, self._optimizer)
        self._at = Position()

    @property
    def step(self) -> int:
        """How many steps are done."""
        return self._at.step

    @property
    def run(self) -> Run:
        """What has been found."""
        return self._at.run

    def state(self) -> tuple[Tensors, Position]:
        """Copies of all that it goes on from."""
        return tensors_of(self.network, self._optimizer), self._at

    def put_back(self, tensors: Tensors, position: Position) -> None:
        """Go on from a ``state``."""
        restore(tensors, self.network, self._optimizer)
        self._gradients.samples = [list(norms) for norms in position.samples]
        self._at = position

    def advance(self, end: int, budget: int | None, monitor: Monitor | None) -> None:
        """Train to step ``end``, at most to the end of the epoch, on the branch of ``budget`` or on the trunk.

        At the end of an epoch the network is evaluated. A loss or a weight that is not finite ends the run as
        ``diverged``.
        """
        spec, at, per_epoch = self.spec, self._at, self.schedule.steps
        epoch = at.step // per_epoch
        started = time.perf_counter()
        self.network.train()
        order = order_of(len(spec.training), spec.seed, epoch)
        loss = torch.tensor(at.loss, device=spec.environment.device)
        right = torch.tensor(at.correct, device=spec.environment.device)
        steps, broken = range(at.step - epoch * per_epoch, end - epoch * per_epoch), False
        for step in monitor.steps(steps, epoch) if monitor else steps:
            chosen = order[step * spec.batch_size : (step + 1) * spec.batch_size].to(spec.training.images.device)
            generator = seed_step(spec.seed, epoch, step)
            images = augmented(spec.training.images[chosen], spec.recipe.augmentation, generator)
            share = self.schedule.share(epoch * per_epoch + step, budget)
            set_rate(self._optimizer, spec.learning_rate * share)
            self._gradients.due = (step + 1) % max(1, per_epoch // GRADIENT_SAMPLES) == 0
            step_loss, step_correct = train_step(
                self.network, self._optimizer, images, spec.training.labels[chosen],
                spec.recipe.label_smoothing, spec.environment,
            )  # fmt: skip
            loss += step_loss
            right += step_correct
            checks = step % max(1, per_epoch // LOSS_CHECKS) == 0
            if checks and (broken := not (math.isfinite(loss) and is_finite(self.network))):
                break
        done, total, correct = step + 1, loss.item(), int(right.item())
        seconds = at.seconds + time.perf_counter() - started  # after .item(), which waits for the device
        if not broken and math.isfinite(total) and done < per_epoch:
            samples = tuple(map(tuple, self._gradients.samples))
            self._at = Position(
                step=epoch * per_epoch + done, run=at.run,
                loss=total, correct=correct, seconds=seconds, samples=samples,
            )  # fmt: skip
            return
        started = time.perf_counter()
        logits = predict(self.network, spec.validation.images, spec.environment)
        seen = done * spec.batch_size
        ended = Epoch(epoch=epoch + 1)
        # The last step may have broken the weights after its loss was computed: the logits show it.
        if math.isfinite(total) and bool(logits.isfinite().all()) and is_finite(self.network):
            ended = Epoch(
                epoch=epoch + 1,
                loss=total / done,
                train_accuracy=correct / seen,
                validation_loss=cross_entropy(logits, spec.validation.labels).item(),
                validation_accuracy=accuracy_of(logits, spec.validation.labels),
            )
        norms = self._gradients.end_epoch(epoch + 1)
        evaluation = time.perf_counter() - started
        clock = EpochClock(train_seconds=seconds, evaluation_seconds=evaluation, images=seen)
        run = at.run.after(ended, norms if ended.loss is not None else (), clock)
        self._at = Position(step=epoch * per_epoch + done, run=run)


def train_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    label_smoothing: float,
    environment: Environment,
) -> tuple[Tensor, Tensor]:
    """One step on images (N, C, S, S) uint8: the loss, and how many images the network had right."""
    with environment.autocast:
        logits = network(images)
        loss = cross_entropy(logits, labels, label_smoothing=label_smoothing)
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()
    return loss.detach(), (logits.detach().argmax(1) == labels).sum()


def is_finite(network: nn.Module) -> bool:
    """Whether all weights are numbers: a ReLU can hide from the loss that one is none."""
    return all(bool(parameter.isfinite().all()) for parameter in network.parameters())


def set_normalization(network: Network, mean: Tensor, deviation: Tensor) -> None:
    """Normalise images with the ``mean`` and ``deviation`` (C,) of each channel of the training images."""
    network.normalize.mean.copy_(mean)
    network.normalize.std.copy_(deviation.clamp(min=1.0))
