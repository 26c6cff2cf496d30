"""Which pixels a unit depends on in effect (Luo et al., 2016, arXiv 1701.04128)."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnn_study.base.records import Record
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture, geometry
from cnn_study.networks.network import Network

Floats = npt.NDArray[np.float64]
WITHIN_TWO_DEVIATIONS = 0.9545  # of a normal distribution


def influence_of_pixels(network: Network, images: Tensor) -> Floats:
    """How much each pixel moves the central unit of the last feature map: (S, S), summing to 1.

    The mean of ``pixel_gradients`` over ``images`` (N, C, S, S) uint8. All zeros if no image moves it.
    """
    influence: Floats = pixel_gradients(network, images).double().numpy(force=True)
    return influence / influence.sum() if influence.sum() > 0 else influence


def pixel_gradients(network: Network, images: Tensor) -> Tensor:
    """How much each pixel moves the central unit of the last feature map: (H, W).

    The gradient of the sum of that unit's channels, in absolute value, summed over the image's channels and over
    ``images`` (N, C, H, W) uint8.
    """
    network.eval()
    total = torch.zeros(images.shape[2:], device=images.device)
    for batch in torch.split(images, 100):
        inputs = network.normalize(batch).requires_grad_()
        outputs = network.features(inputs)
        center = outputs[:, :, outputs.shape[2] // 2, outputs.shape[3] // 2]
        (gradient,) = torch.autograd.grad(center.sum(), inputs)
        total += gradient.abs().sum((0, 1))
    return total


class Spread(Record):
    """How far influence reaches, in pixels.

    ``deviation``: its standard deviation, the root of the mean of the variances across and along the rows.
    ``side``: Luo et al.'s measure, the square root of the number of pixels with more than 1 - 95.45 % of the
    largest influence. (They divide by the central pixel's; but a unit that sees an even number of pixels has its
    centre between two.)
    """

    deviation: float
    side: float

    @classmethod
    def of(cls, influence: Floats | None) -> "Spread | None":
        """Of ``influence`` (S, S); None where there is none, since no pixel moves the unit."""
        if influence is None or influence.sum() == 0:
            return None
        row, column = centroid(influence)
        rows, columns = np.indices(influence.shape)
        squares = ((rows - row) ** 2 + (columns - column) ** 2) / 2
        variance = (influence * squares).sum() / influence.sum()
        return cls(
            deviation=float(np.sqrt(variance)),
            side=float(np.sqrt(np.count_nonzero(influence > (1 - WITHIN_TWO_DEVIATIONS) * influence.max()))),
        )


def deviations(spreads: Iterable[Spread | None]) -> list[float | None]:
    """The ``deviation`` of each; None where there is none."""
    return [None if spread is None else spread.deviation for spread in spreads]


def sides(spreads: Iterable[Spread | None]) -> list[float | None]:
    """The ``side`` of each; None where there is none."""
    return [None if spread is None else spread.side for spread in spreads]


def centroid(influence: Floats) -> tuple[float, float]:
    """The mean row and the mean column of ``influence`` (S, S), which is not zero everywhere."""
    rows, columns = (influence.sum(axis) / influence.sum() for axis in (1, 0))
    return float(rows @ np.arange(len(rows))), float(columns @ np.arange(len(columns)))


def even_deviation(side: int) -> float:
    """The ``deviation`` of an influence that is the same everywhere in a square of ``side`` pixels."""
    return float(np.sqrt((side**2 - 1) / 12))


def center_of_last(architecture: Architecture, shape: Shape) -> float:
    """Where, in pixels from the first, the central unit of the last feature map looks."""
    start, jump = 0.0, 1
    for layer in architecture.layers:
        for window in layer.windows:
            start += ((window.extent - 1) / 2 - window.padding) * jump
            jump *= window.stride
    return start + (geometry(architecture, shape)[-1].size // 2) * jump
