"""A training step of a network on random images, its parts timed."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from cnn_study.base.environment import Environment
from cnn_study.cost.blocks import Step
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network, place
from cnn_study.training.loop import set_normalization
from cnn_study.training.optimizers import make_optimizer, set_rate
from cnn_study.training.recipe import Augmentation, Optimizer, Recipe

UNIFORM = 127.5, 73.9  # mean and deviation of random bytes


@dataclass(frozen=True)
class Job:
    """All that the time of a step depends on, but for the code and the shape of the images."""

    architecture: Architecture
    batch_size: int
    optimizer: Optimizer
    environment: Environment

    @property
    def recipe(self) -> Recipe:
        """One with this batch size and optimizer.

        The rest of it changes little of what a step takes: label smoothing, and an SGD without momentum.
        """
        return Recipe(
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            momentum=0.9,
            adamw_rate=0.01,
            weight_decay=0.01,
            schedule="constant",
            cooldown=0.3,
            warmup=0.0,
            label_smoothing=0.0,
            augmentation=Augmentation(flip=False, shift=0),
            initialization="pytorch",
            precision="auto",
            device="auto",
            threads="auto",
        )


@dataclass(frozen=True)
class StepClocks:
    """The time that passes, and that which the processor spends on this process, in seconds."""

    wall: Callable[[], float] = time.perf_counter
    processor: Callable[[], float] = time.process_time


class TimedStep:
    """A network in training on one batch of random images, at a rate of 0: every step computes the same.

    A rate that changes weights would lead them, on labels that nothing predicts, to numbers that no training has.
    """

    def __init__(self, job: Job, shape: Shape, clocks: StepClocks | None = None, rate: float = 0.0) -> None:
        self._environment, self._clocks = job.environment, clocks or StepClocks()
        torch.manual_seed(0)
        network = Network(job.architecture, shape)
        set_normalization(network, *(torch.full((shape.channels,), value) for value in UNIFORM))
        self.network = place(network, job.environment).train()
        self._optimizer = make_optimizer(self.network, job.recipe, job.environment)
        set_rate(self._optimizer, rate)
        images = torch.randint(0, 256, shape.images(job.batch_size), dtype=torch.uint8)
        self.images = images.to(job.environment.device)
        self.labels = torch.randint(0, shape.classes, (job.batch_size,)).to(job.environment.device)

    def step(self) -> Step:
        """The forward pass, the backward pass and the optimizer of ``training.loop.train_step``.

        Without augmentation, and without counting what is right.
        """
        torch.set_num_threads(self._environment.threads)
        self._wait()
        processor, started = self._clocks.processor(), self._clocks.wall()
        with self._environment.autocast:
            loss = cross_entropy(self.network(self.images), self.labels)
        forward = self._wait()
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        backward = self._wait()
        self._optimizer.step()
        ended = self._wait()
        processor = self._clocks.processor() - processor
        return Step(forward - started, backward - forward, ended - backward, processor)

    def rest(self) -> None:
        """Give back the gradients."""
        self._optimizer.zero_grad()

    def _wait(self) -> float:
        """The time at which all is done that the device was given to do."""
        if self._environment.device == "cuda":
            torch.cuda.synchronize()
        return self._clocks.wall()
