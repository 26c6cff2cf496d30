"""Networks from specs. Padding, bias and initialisation are decided here and nowhere else."""

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, unfold

from cnn_study.base.environment import Environment, Way
from cnn_study.data.shape import CHANNELS, CLASSES
from cnn_study.networks.architecture import Architecture, Conv, Pool, Residual, geometry, named_layers


class Normalize(nn.Module):
    """Bytes as numbers of mean 0 and deviation 1 per channel: (N, 3, H, W) uint8 to float32.

    Mean and deviation (3,), in units of bytes, are saved with the weights, so that a network is whole.
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(CHANNELS))
        self.register_buffer("std", torch.ones(CHANNELS))

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        floats = torch.empty_like(images, dtype=torch.float32, memory_format=torch.channels_last)
        floats.copy_(images)
        return floats.sub_(self.mean[:, None, None]).div_(self.std[:, None, None])


class Convolution(nn.Conv2d):
    """A convolution that can be computed in several ways, which differ in nothing but their rounding.

    ``channels_last`` and ``contiguous`` are memory formats, for which the library has code of its own each.
    ``unfolded`` is one product of matrices, at the price of memory for every window of the input.
    """

    way: Way = "channels_last"

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        stride = self.stride
        if self.kernel_size == (1, 1) and stride != (1, 1):
            # The same mathematics. With AVX2, in fp32, and 3 or 4 input channels oneDNN 3.12 computes the weight
            # gradient of a strided one wrongly, by 10 to 120 % and differently in each call.
            inputs, stride = inputs[:, :, :: stride[0], :: stride[1]], (1, 1)
        if self.way == "unfolded":
            return self._unfolded(inputs, stride)
        memory_format = torch.channels_last if self.way == "channels_last" else torch.contiguous_format
        weight = self.weight.contiguous(memory_format=memory_format)
        inputs = inputs.contiguous(memory_format=memory_format)
        return conv2d(inputs, weight, self.bias, stride, self.padding, self.dilation, self.groups)

    def _unfolded(self, inputs: Tensor, stride: tuple[int, ...]) -> Tensor:
        assert not isinstance(self.padding, str)
        windows = unfold(inputs, self.kernel_size, self.dilation, self.padding, stride).transpose(1, 2)
        outputs = linear(windows, self.weight.flatten(1), self.bias)
        size = (inputs.shape[2] - 1) // stride[0] + 1  # images are square, and padding keeps the size
        return outputs.transpose(1, 2).reshape(len(inputs), self.out_channels, size, -1)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions, with the input, projected where the shape changes, added to their output."""

    def __init__(self, width_in: int, layer: Residual) -> None:
        super().__init__()
        width, stride, bias = layer.residual, layer.stride, not layer.norm
        self.conv1 = convolution(width_in, width, 3, stride, bias)
        self.norm1 = nn.BatchNorm2d(width) if layer.norm else nn.Identity()
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = convolution(width, width, 3, 1, bias)
        self.norm2 = nn.BatchNorm2d(width) if layer.norm else nn.Identity()
        self.relu2 = nn.ReLU(inplace=True)
        self.shortcut: nn.Module | None = None
        if layer.shortcut and (stride != 1 or width_in != width):
            self.shortcut = nn.Sequential(
                OrderedDict(
                    projection=convolution(width_in, width, 1, stride, bias),
                    norm=nn.BatchNorm2d(width) if layer.norm else nn.Identity(),
                )
            )
        elif layer.shortcut:
            self.shortcut = nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        outputs: Tensor = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(inputs)))))
        if self.shortcut is not None:
            outputs += self.shortcut(inputs)  # in place: nothing needs the sum's terms any more
        return self.relu2(outputs)  # type: ignore[no-any-return]


class Network(nn.Module):
    """Bytes (N, 3, 32, 32) to logits (N, 10): ``normalize``, ``features``, ``head``.

    In ``features`` each layer has the name that ``named_layers`` gives it.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.features = features(architecture)
        last = geometry(architecture)[-1]
        self.head = head(last.channels * last.size**2, architecture.head.hidden, architecture.head.dropout)

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(self.features(self.normalize(images)).flatten(1))
        return logits


def convolution(width_in: int, width_out: int, kernel: int, stride: int = 1, bias: bool = True) -> Convolution:
    """A convolution padded so that, with stride 1, it keeps the size."""
    return Convolution(width_in, width_out, kernel, stride, padding=kernel // 2, bias=bias)


def features(architecture: Architecture) -> nn.Sequential:
    """The convolutional part: (N, 3, H, W) to (N, C, H', W')."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    width = CHANNELS
    layers = list(named_layers(architecture))
    delayed = ""  # the convolution whose ReLU comes after the next pool
    for index, (name, layer) in enumerate(layers):
        match layer:
            case Conv():
                number = name.removeprefix("conv")
                modules[name] = convolution(width, layer.conv, layer.kernel, layer.stride, layer.bias)
                width = layer.conv
                if layer.norm:
                    modules[f"norm{number}"] = nn.BatchNorm2d(width)
                following = layers[index + 1][1] if index + 1 < len(layers) else None
                if isinstance(following, Pool) and following.kind == "max":
                    # ReLU and maximum commute, and after the pool there are fewer numbers to compare.
                    delayed = f"relu{number}"
                else:
                    modules[f"relu{number}"] = nn.ReLU(inplace=True)
            case Pool():
                modules[name] = (nn.MaxPool2d if layer.kind == "max" else nn.AvgPool2d)(layer.pool)
                if delayed:
                    modules[delayed] = nn.ReLU(inplace=True)
                    delayed = ""
            case Residual():
                modules[name] = ResidualBlock(width, layer)
                width = layer.residual
    return nn.Sequential(modules)


def head(width: int, hidden: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Dense layers with ReLUs: (N, width) to (N, 10)."""
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for number, width_out in enumerate(hidden, start=1):
        modules[f"hidden{number}"] = nn.Linear(width, width_out)
        modules[f"relu{number}"] = nn.ReLU(inplace=True)
        width = width_out
    if dropout:
        modules["dropout"] = nn.Dropout(dropout)
    modules["output"] = nn.Linear(width, CLASSES)
    return nn.Sequential(modules)


def initialize(network: nn.Module, scheme: Literal["he", "pytorch"]) -> None:
    """Draw the weights anew from torch's global generator.

    ``he``: normal, variance 2 / fan-in, zero biases (He et al., 2015, arXiv 1502.01852).
    ``pytorch``: what each module does by default.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if scheme == "he":
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
