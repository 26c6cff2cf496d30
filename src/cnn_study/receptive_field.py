"""Which pixels a unit sees: in theory by gradient, and in effect (Luo et al., 2016, arXiv 1701.04128)."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cnn_study.networks import Network, features
from cnn_study.spec import Architecture, Conv, Geometry, Pool, Residual, geometry, named_layers

Floats = npt.NDArray[np.float64]


def confirmed_by_gradient(architecture: Architecture) -> dict[str, int]:
    """The side, in pixels, of what the central unit of each layer depends on.

    Measured on a twin of the network's own modules, with their windows, strides and paddings, in which nothing
    cancels, hides or overflows: every window takes means, and nothing else is left. Windows are square, so that
    one row of pixels, a little longer than the whole field, is image enough; and one gradient, that of the last
    layer's central unit, is enough for all layers. It shows how many neighbouring units of a layer the last one
    sees; their fields lie one jump apart and together make up the last one's.

    Raises RuntimeError if a window is not square.
    """
    row = _one_row(features(_one_channel(architecture)))
    last = geometry(architecture)[-1]
    pixels = last.jump * (last.receptive_field // last.jump + 4)
    blank = torch.zeros((), dtype=torch.float64)  # the gradient of means is the same everywhere
    layers: list[tuple[str, nn.Module, Tensor]] = []
    shape = torch.Size((1, 1, 1, pixels))
    for name, module in row.named_children():
        layers.append((name, module, blank.expand(shape)))
        shape = module(layers[-1][2]).shape

    # Layer by layer, from the last: hundreds of megabytes of a deep network's activations are not kept.
    gradient = torch.zeros(shape, dtype=torch.float64)
    gradient[0, 0, 0, shape[3] // 2] = 1
    seen: dict[str, tuple[int, int]] = {}  # how many of a layer's units, and how far apart they are
    for name, module, inputs in reversed(layers):
        seen[name] = _span(gradient), pixels // gradient.shape[3]
        inputs.requires_grad_()
        (gradient,) = torch.autograd.grad(module(inputs), inputs, gradient)
    field = _span(gradient)
    return {name: field - (seen[name][0] - 1) * seen[name][1] for name, _ in named_layers(architecture)}


def _one_channel(architecture: Architecture) -> Architecture:
    def narrow(layer: Conv | Pool | Residual) -> Conv | Pool | Residual:
        if isinstance(layer, Conv):
            return layer.model_copy(update={"conv": 1})
        if isinstance(layer, Residual):
            return layer.model_copy(update={"residual": 1})
        return layer

    return architecture.model_copy(update={"layers": tuple(narrow(layer) for layer in architecture.layers)})


def _one_row(network: nn.Sequential) -> nn.Sequential:
    """``network`` with means along one row, (1, 1, 1, W) to (1, 1, 1, W'), for its windows."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            window = tuple(_side(value) for value in (module.kernel_size, module.stride, module.padding))
            if _side(getattr(module, "dilation", 1)) != 1:
                raise RuntimeError(f"{name}: a window with gaps cannot be confirmed by its means")
            kernel, stride, padding = window
            network.set_submodule(name, nn.AvgPool2d((1, kernel), (1, stride), (0, padding)))
        elif isinstance(module, nn.BatchNorm2d | nn.ReLU):  # they have no window
            network.set_submodule(name, nn.Identity())
    return network


def _side(value: object) -> int:
    sides = set(value) if isinstance(value, tuple) else {value}
    if len(sides) > 1 or not isinstance(side := sides.pop(), int):
        raise RuntimeError(f"a window of {value} is not square")
    return side


def _span(influence: Tensor) -> int:
    """From the first to the last unit of a row that has influence: a stride can leave holes between."""
    units = influence.flatten().nonzero()
    return int(units.max() - units.min()) + 1


def influence_of_pixels(network: Network, images: Tensor) -> Floats:
    """How much each pixel moves the central unit of the last feature map: (32, 32), summing to 1.

    The mean of ``pixel_gradients`` over ``images`` (N, 3, 32, 32) uint8. All zeros if no image moves it.
    """
    influence: Floats = pixel_gradients(network, images).double().numpy(force=True)
    return influence / influence.sum() if influence.sum() > 0 else influence


def pixel_gradients(network: Network, images: Tensor) -> Tensor:
    """The absolute gradient of the central unit of the last feature map for each pixel: (H, W).

    Summed over that unit's channels, the image's, and ``images`` (N, 3, H, W) uint8.
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
    """The first and last row of the smallest square around ``center`` with ``share`` of ``influence`` (32, 32).

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


def center_of_last(architecture: Architecture) -> float:
    """Where, in pixels from the first, the central unit of the last feature map looks."""
    start, jump = 0.0, 1
    step: Geometry = geometry(architecture)[-1]
    for layer in architecture.layers:
        if isinstance(layer, Pool):
            start += (layer.pool - 1) / 2 * jump
            jump *= layer.pool
        else:
            jump *= layer.stride
    return start + (step.size // 2) * jump
