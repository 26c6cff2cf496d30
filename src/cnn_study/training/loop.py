"""The training loop: one network, one seed, one learning rate."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cnn_study.base.environment import Environment
from cnn_study.data.shape import Shape
from cnn_study.data.splits import Split
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network, initialize, place
from cnn_study.training.augment import augmented
from cnn_study.training.checkpoint import Checkpoint
from cnn_study.training.gradients import GradientLog
from cnn_study.training.muon import Muon
from cnn_study.training.recipe import Recipe
from cnn_study.training.records import Epoch, EpochClock, Run

EVALUATION_BATCH = 125  # so that a batch's activations stay in the cache: up to twice as fast as 1000
GRADIENT_SAMPLES = 20  # steps in an epoch at which gradients are measured
LOSS_CHECKS = 20  # times in an epoch that the loop waits for the loss, to see that it is finite


@dataclass(frozen=True)
class Batches:
    """A split on the device where it is used: images (N, C, S, S) uint8, labels (N,) int64."""

    images: Tensor
    labels: Tensor
    shape: Shape

    @classmethod
    def of(cls, split: Split, device: str) -> "Batches":
        """``split`` on ``device``; on the CPU the images stay memory-mapped."""
        images, labels = (torch.from_numpy(array).to(device) for array in (split.images, split.labels))
        return cls(images, labels, split.shape)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def channel_statistics(self) -> tuple[Tensor, Tensor]:
        """``channel_statistics`` of the images, counted once for all runs."""
        return channel_statistics(self.images)


def channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (C,) of each channel of ``images`` (N, C, H, W) uint8, float64 on the CPU.

    Counted, not averaged: the 256 values of a byte make them exact and the same on every device.
    """
    values = torch.arange(256, dtype=torch.float64)
    means, deviations = [], []
    for channel in images.unbind(1):
        counts = torch.bincount(channel.flatten().cpu(), minlength=256).double()
        means.append((counts @ values) / counts.sum())
        deviations.append(((counts @ (values - means[-1]) ** 2) / counts.sum()).sqrt())
    return torch.stack(means), torch.stack(deviations)


class Monitor(Protocol):
    """Looks on from outside while a network trains."""

    def steps(self, steps: Iterable[int], epoch: int) -> Iterable[int]:
        """Wraps the steps of an epoch, which counts from 0."""

    def resumed(self, epochs: int) -> None:
        """Told that so many epochs are done already."""

    def epoch_ended(
        self, epoch: int, loss: float | None, train_accuracy: float | None, validation_accuracy: float | None
    ) -> None:
        """Told what ``Epoch`` holds, of each."""


def train(
    architecture: Architecture,
    training: Batches,
    validation: Batches,
    recipe: Recipe,
    epochs: int,
    learning_rate: float,
    seed: int,
    environment: Environment,
    checkpoint: Checkpoint | None = None,
    monitor: Monitor | None = None,
) -> tuple[Network, Run]:
    """Train a new network for ``epochs``, or go on from ``checkpoint`` if that holds this very run.

    An epoch has whole batches only: the few images that are left over differ from epoch to epoch.
    A loss that is not finite ends the run as ``diverged``; an accuracy that chance explains ends it as
    ``collapsed``.
    """
    torch.manual_seed(seed)
    network = Network(architecture, training.shape)
    initialize(network, recipe.initialization)
    set_normalization(network, *training.channel_statistics)
    place(network, environment)
    optimizer = make_optimizer(network, recipe, environment)
    batch_size = min(recipe.batch_size, len(training))
    steps = len(training) // batch_size
    gradients = GradientLog(network, optimizer, every=max(1, steps // GRADIENT_SAMPLES))
    run = Run()
    if checkpoint and (state := checkpoint.read(network, optimizer)):
        run = Run.model_validate(state)
        if monitor:
            monitor.resumed(len(run.epochs))

    for epoch in range(len(run.epochs), epochs):
        if run.status == "diverged":
            break
        started = time.perf_counter()
        network.train()
        generator = seed_epoch(seed, epoch)
        order = torch.randperm(len(training), generator=generator)
        loss, correct = (torch.zeros((), device=environment.device) for _ in range(2))
        for step in monitor.steps(range(steps), epoch) if monitor else range(steps):
            chosen = order[step * batch_size : (step + 1) * batch_size].to(training.images.device)
            images = augmented(training.images[chosen], recipe.augmentation, generator)
            done = (epoch * steps + step + 0.5) / (epochs * steps)
            set_rate(optimizer, learning_rate * scheduled(recipe, done))
            step_loss, step_correct = train_step(
                network, optimizer, images, training.labels[chosen], recipe.label_smoothing, environment
            )
            loss += step_loss
            correct += step_correct
            if step % max(1, steps // LOSS_CHECKS) == 0 and not math.isfinite(loss):
                break
        seen = (step + 1) * batch_size
        mean_loss, train_accuracy = loss.item() / (step + 1), correct.item() / seen
        trained = time.perf_counter()  # after .item(), which waits for the device
        logits = predict(network, validation.images, environment)
        # The last step may have broken the weights after its loss was computed: the logits tell.
        if math.isfinite(mean_loss) and bool(logits.isfinite().all()):
            ended = Epoch(
                epoch=epoch + 1,
                loss=mean_loss,
                train_accuracy=train_accuracy,
                validation_accuracy=accuracy_of(logits, validation.labels),
            )
        else:
            ended = Epoch(epoch=epoch + 1)
        evaluated = time.perf_counter()
        run = run.after(
            ended,
            () if ended.loss is None else gradients.end_epoch(epoch + 1),
            EpochClock(train_seconds=trained - started, evaluation_seconds=evaluated - trained, images=seen),
        )
        if checkpoint:
            checkpoint.write(network, optimizer, run.model_dump(mode="json"))
        if monitor:
            monitor.epoch_ended(**ended.model_dump())
    accuracy = run.validation_accuracy
    if accuracy is not None and explained_by_chance(accuracy, len(validation), validation.shape.classes):
        run = run.model_copy(update={"status": "collapsed"})
    return network, run


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


def make_optimizer(network: nn.Module, recipe: Recipe, environment: Environment) -> torch.optim.Optimizer:
    """The recipe's optimizer; biases and normalisation are not decayed."""
    decayed = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    match recipe.optimizer:
        case "sgd":
            nesterov = recipe.momentum > 0
            return torch.optim.SGD(groups, lr=1.0, momentum=recipe.momentum, nesterov=nesterov, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr=1.0, betas=(recipe.momentum, 0.999), fused=True)
        case "adamw":
            return torch.optim.AdamW(groups, lr=1.0, betas=(recipe.momentum, 0.999), fused=True)
        case "muon":
            dtype = torch.bfloat16 if environment.precision == "bf16" else torch.float32
            return Muon(groups, lr=1.0, momentum=recipe.momentum, dtype=dtype)


def scheduled(recipe: Recipe, done: float) -> float:
    """The share of the peak learning rate to use when the fraction ``done`` of all steps is done.

    ``one_cycle``: up from 0 in a straight line during ``warmup``, then down to 0 (Smith and Topin, 2017,
    arXiv 1708.07120, without its last phase).
    """
    if recipe.schedule == "constant":
        return 1.0
    if done < recipe.warmup:
        return done / recipe.warmup
    return (1 - done) / (1 - recipe.warmup)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Use ``rate`` from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def set_normalization(network: Network, mean: Tensor, deviation: Tensor) -> None:
    """Normalise images with the ``mean`` and ``deviation`` (C,) of each channel of the training images."""
    network.normalize.mean.copy_(mean)
    network.normalize.std.copy_(deviation.clamp(min=1.0))


def seed_epoch(seed: int, epoch: int) -> torch.Generator:
    """Seed torch, for dropout, and give a generator for order and augmentation.

    A function of seed and epoch alone: a run that goes on from a checkpoint needs no saved state.
    """
    for_torch, for_batches = np.random.SeedSequence([seed, epoch]).generate_state(2)
    torch.manual_seed(int(for_torch))
    return torch.Generator().manual_seed(int(for_batches))


@torch.inference_mode()
def predict(network: nn.Module, images: Tensor, environment: Environment) -> Tensor:
    """Logits (N, classes) float32 for images (N, C, S, S) uint8, in evaluation mode."""
    network.eval()
    with environment.autocast:
        return torch.cat([network(batch).float() for batch in torch.split(images, EVALUATION_BATCH)])


def accuracy_of(logits: Tensor, labels: Tensor) -> float:
    """The fraction of rows of ``logits`` (N, classes) whose largest is at ``labels`` (N,)."""
    return (logits.argmax(1) == labels).double().mean().item()


def explained_by_chance(accuracy: float, count: int, classes: int) -> bool:
    """Whether guessing would reach ``accuracy`` on ``count`` images, by its 99.9 % binomial interval."""
    return bool(round(accuracy * count) <= binom.interval(0.999, count, 1 / classes)[1])
