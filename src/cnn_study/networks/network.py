"""Networks from specs. Padding, bias and initialisation are decided here and nowhere else."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from cnn_study.base.environment import Environment
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture, Head, geometry, named_layers
from cnn_study.networks.modules import Convolution, MaxPool, Normalize

OUTPUT = "head.output"  # a network's last layer


class Network(nn.Module):
    """Bytes (N, C, S, S) to logits (N, classes): ``normalize``, ``features``, ``head``.

    ``shape``: of what it takes and gives. ``layer_of``: the layer, by the name that ``named_layers`` gives it, of
    each module of ``features``.
    """

    def __init__(self, architecture: Architecture, shape: Shape) -> None:
        super().__init__()
        last = geometry(architecture, shape)[-1]
        self.shape = shape
        self.normalize = Normalize(shape.channels)
        modules = list(_modules(architecture, shape.channels))
        self.features = _in_order(modules)
        self.layer_of = {name: layer for layer, name, _ in modules}
        self.head = head(last.channels * last.size**2, architecture.head, shape.classes)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, S, S) uint8 to logits (N, classes)."""
        logits: Tensor = self.head(self.features(self.normalize(images)).flatten(1))
        return logits


def features(architecture: Architecture, channels: int) -> nn.Sequential:
    """The convolutional part, for images of so many ``channels``: (N, channels, H, W) to (N, C, H', W')."""
    return _in_order(_modules(architecture, channels))


def _in_order(modules: Iterable[tuple[str, str, nn.Module]]) -> nn.Sequential:
    return nn.Sequential(OrderedDict((name, module) for _, name, module in modules))


def _modules(architecture: Architecture, channels: int) -> Iterator[tuple[str, str, nn.Module]]:
    """The modules of the convolutional part, in order: of which layer, under which name."""
    following = [*architecture.layers[1:], None]
    relu_to_come = False
    for (layer_name, layer), after in zip(named_layers(architecture), following, strict=True):
        number = layer_name.removeprefix(layer.word)
        parts = layer.modules(channels)
        for part, module in parts.items():
            if isinstance(module, MaxPool):
                module.rectifies = relu_to_come
            # After a pool there are fewer numbers to compare.
            relu_to_come = part == "relu" and after is not None and after.commutes_with_relu
            if not relu_to_come:
                yield layer_name, f"{part}{number}", module
        channels = layer.channels_after(channels)


def head(width: int, spec: Head, classes: int) -> nn.Sequential:
    """Dense layers with ReLUs: (N, width) to (N, classes)."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for number, width_out in enumerate(spec.hidden, start=1):
        modules[f"hidden{number}"] = nn.Linear(width, width_out)
        modules[f"relu{number}"] = nn.ReLU(inplace=True)
        width = width_out
    if spec.dropout:
        modules["dropout"] = nn.Dropout(spec.dropout)
    modules["output"] = nn.Linear(width, classes)
    return nn.Sequential(modules)


def initialize(network: nn.Module, scheme: Literal["he", "pytorch"]) -> None:
    """Set the weights anew, drawn from torch's global generator.

    ``he``: normal, variance 2 / fan-in, zero biases (He et al., 2015, arXiv 1502.01852); the output layer all
    zeros, as in Fixup (Zhang et al., 2019, arXiv 1901.09321), so that no class is preferred at first.
    ``pytorch``: what each module does by default.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if scheme == "he":
                if name == OUTPUT:
                    nn.init.zeros_(module.weight)
                else:
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            else:
                module.reset_parameters()


def place(network: Network, environment: Environment) -> Network:
    """Move the network to where it is computed, each convolution with its way and the memory format of that."""
    for name, layer in weighted_layers(network).items():
        if isinstance(layer, Convolution):
            layer.way = environment.fallbacks.get(name, Convolution.way)
    network.to(memory_format=torch.channels_last)
    return network.to(environment.device)


def weighted_layers(network: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """The convolutions and dense layers by short name, in the order in which an image meets them.

    ``conv1``, ``residual1.conv1``, ``residual2.projection``, ``hidden1``, ``output``, ...
    """
    layers = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            short = name.removeprefix("features.").removeprefix("head.").replace("shortcut.", "")
            layers[short] = module
    return layers
