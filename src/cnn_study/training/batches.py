"""The images that a network learns from, on the device where it does, and in which order."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from cnn_study.data.shape import Shape
from cnn_study.data.splits import Split


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

    @property
    def largest_share(self) -> float:
        """Of the images, those of the largest class, 0 to 1."""
        return torch.bincount(self.labels).max().item() / len(self)

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


def order_of(count: int, seed: int, epoch: int) -> Tensor:
    """The order (count,) in which an epoch, counted from 0, takes the images."""
    (state,) = np.random.SeedSequence([seed, epoch]).generate_state(1)
    return torch.randperm(count, generator=torch.Generator().manual_seed(int(state)))


def seed_step(seed: int, epoch: int, step: int) -> torch.Generator:
    """Seed torch, for dropout, and give a generator for augmentation, of one step of an epoch.

    A function of its arguments alone: a run that goes on from anywhere needs no saved state.
    """
    # From 1, since numpy takes a sequence that ends with 0 for the one without it.
    for_torch, for_images = np.random.SeedSequence([seed, epoch, step + 1]).generate_state(2)
    torch.manual_seed(int(for_torch))
    return torch.Generator().manual_seed(int(for_images))
