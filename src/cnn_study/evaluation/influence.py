"""Which pixels a unit depends on in effect (Luo et al., 2016, arXiv 1701.04128)."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture, geometry
from cnn_study.networks.network import Network

Floats = npt.NDArray[np.float64]


def influence_of_pixels(network: Network, images: Tensor) -> Floats:
    """How much each pixel moves the central unit of the last feature map: (S, S), summing to 1.

    The mean of ``pixel_gradients`` over ``images`` (N, C, S, S) uint8. All zeros if no image moves it.
    """
    influence: Floats = pixel_gradients(network, images).double().numpy(force=True)
    return influence / influence.sum() if influence.sum() > 0 else influence


def pixel_gradients(network: Network, images: Tensor) -> Tensor:
    """The absolute gradient of the central unit of the last feature map for each pixel: (H, W).

    Summed over that unit's channels, the image's, and ``images`` (N, C, H, W) uint8.
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


def effective_rows(influence: Floats, center: float, share: float = 0.95) -> tuple[int, int] | None:
    """The first and last row of the smallest square around ``center`` with ``share`` of ``influence`` (S, S).

    Of what lies in the image: the square may reach beyond it. Its columns are the same. None if there is no
    influence at all.
    """
    if influence.sum() == 0:
        return None
    offsets = np.abs(np.arange(len(influence)) - center)
    reach = np.maximum(offsets[:, None], offsets[None, :])
    for distance in np.unique(reach):
        if influence[reach <= distance].sum() >= share * influence.sum() * (1 - 1e-12):
            rows = np.flatnonzero(offsets <= distance)
            return int(rows[0]), int(rows[-1])
    raise AssertionError("the whole image holds less than all of the influence")


def center_of_last(architecture: Architecture, shape: Shape) -> float:
    """Where, in pixels from the first, the central unit of the last feature map looks."""
    start, jump = 0.0, 1
    for layer in architecture.layers:
        for window in layer.windows:
            start += ((window.extent - 1) / 2 - window.padding) * jump
            jump *= window.stride
    return start + (geometry(architecture, shape)[-1].size // 2) * jump
