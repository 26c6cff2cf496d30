"""Which pixels a unit sees, by the gradient: what the closed form is checked against."""

import torch
from torch import Tensor, nn

from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture, geometry, named_layers
from cnn_study.networks.network import features


def confirmed_by_gradient(architecture: Architecture, shape: Shape) -> dict[str, int]:
    """The side, in pixels, of what the central unit of each layer depends on.

    Measured on a twin of the network's own modules, with their windows, strides and paddings, in which nothing
    cancels, hides or overflows: every window takes means, and nothing else is left. Windows are square, so that
    one row of pixels, a little longer than the whole field, is image enough; and one gradient, that of the last
    layer's central unit, is enough for all layers. It shows how many neighbouring units of a layer the last one
    sees; their fields lie one jump apart and together make up the last one's.

    Raises RuntimeError if a window is not square.
    """
    row = _one_row(features(_one_channel(architecture), shape.channels))
    last = geometry(architecture, shape)[-1]
    pixels = last.jump * (last.receptive_field // last.jump + 4)
    blank = torch.zeros((), dtype=torch.float64)  # the gradient of means is the same everywhere
    layers: list[tuple[str, nn.Module, Tensor]] = []
    size = torch.Size((1, 1, 1, pixels))
    for name, module in row.named_children():
        layers.append((name, module, blank.expand(size)))
        size = module(layers[-1][2]).shape

    # Layer by layer, from the last: hundreds of megabytes of a deep network's activations are not kept.
    gradient = torch.zeros(size, dtype=torch.float64)
    gradient[0, 0, 0, size[3] // 2] = 1
    seen: dict[str, tuple[int, int]] = {}  # how many of a layer's units, and how far apart they are
    for name, module, inputs in reversed(layers):
        seen[name] = _span(gradient), pixels // gradient.shape[3]
        inputs.requires_grad_()
        (gradient,) = torch.autograd.grad(module(inputs), inputs, gradient)
    field = _span(gradient)
    return {name: field - (seen[name][0] - 1) * seen[name][1] for name, _ in named_layers(architecture)}


def _one_channel(architecture: Architecture) -> Architecture:
    return architecture.model_copy(
        update={"layers": tuple(layer.with_one_channel() for layer in architecture.layers)}
    )


def _one_row(network: nn.Sequential) -> nn.Sequential:
    """``network`` with means along one row, (1, 1, 1, W) to (1, 1, 1, W'), for its windows."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel, stride, padding = map(_side, (module.kernel_size, module.stride, module.padding))
            gaps = _side(getattr(module, "dilation", 1))
            network.set_submodule(name, _means(kernel, stride, padding, gaps))
        elif isinstance(module, nn.BatchNorm2d | nn.ReLU):  # they have no window
            network.set_submodule(name, nn.Identity())
    return network


def _means(kernel: int, stride: int, padding: int, dilation: int) -> nn.Module:
    if dilation == 1:
        return nn.AvgPool2d((1, kernel), (1, stride), (0, padding))  # a quarter of a convolution's time
    module = nn.Conv2d(1, 1, (1, kernel), (1, stride), (0, padding), (1, dilation), bias=False)
    nn.init.constant_(module.weight, 1 / kernel)
    return module.double().requires_grad_(requires_grad=False)


def _side(value: object) -> int:
    sides = set(value) if isinstance(value, tuple) else {value}
    if len(sides) > 1 or not isinstance(side := sides.pop(), int):
        raise RuntimeError(f"a window of {value} is not square")
    return side


def _span(influence: Tensor) -> int:
    """From the first to the last unit of a row that has influence: a stride can leave holes between."""
    units = influence.flatten().nonzero()
    return int(units.max() - units.min()) + 1
