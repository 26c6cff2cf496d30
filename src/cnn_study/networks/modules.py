"""What layers compute with, where torch has none of its own."""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, unfold

from cnn_study.base.environment import Way
from cnn_study.networks.layers import Window


class Normalize(nn.Module):
    """Bytes as numbers of mean 0 and deviation 1 per channel: (N, C, H, W) uint8 to float32.

    Mean and deviation (C,), in units of bytes, are saved with the weights, so that a network is whole.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) uint8 to float32, in channels_last."""
        floats = torch.empty_like(images, dtype=torch.float32, memory_format=torch.channels_last)
        floats.copy_(images)
        return floats.sub_(self.mean[:, None, None]).div_(self.std[:, None, None])


class Convolution(nn.Conv2d):
    """A convolution that can be computed in several ways, which differ in nothing but their rounding.

    ``channels_last`` and ``contiguous`` are memory formats, for which the library has code of its own each.
    ``unfolded`` is one product of matrices, at the price of memory for every window of the input.
    """

    way: Way = "channels_last"

    @classmethod
    def of(cls, channels_in: int, channels_out: int, window: Window, bias: bool, groups: int = 1) -> "Convolution":
        """One that looks through ``window``."""
        return cls(channels_in, channels_out, *window, groups=groups, bias=bias)

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
        if self.groups == 1:
            outputs = linear(windows, self.weight.flatten(1), self.bias)
        else:
            grouped = windows.reshape(*windows.shape[:2], self.groups, -1)
            weights = self.weight.reshape(self.groups, self.out_channels // self.groups, -1)
            outputs = torch.einsum("nlgk,gok->nlgo", grouped, weights).flatten(2)
            outputs = outputs if self.bias is None else outputs + self.bias
        size = (inputs.shape[2] - 1) // stride[0] + 1  # images are square, and padding keeps the size
        return outputs.transpose(1, 2).reshape(len(inputs), self.out_channels, size, -1)


class Projection(Convolution):
    """The 1×1 convolution of a shortcut: beside the main path, on which the other convolutions are."""


class ResidualBlock(nn.Module):
    """Two convolutions; the input, projected where the shape changes, is added to their output.

    With ``norm`` each convolution is followed by batch normalisation and has no bias.
    """

    def __init__(
        self, width_in: int, width: int, first: Window, second: Window, norm: bool, shortcut: bool
    ) -> None:
        super().__init__()

        def normalization() -> nn.Module:
            return nn.BatchNorm2d(width) if norm else nn.Identity()

        self.conv1 = Convolution.of(width_in, width, first, bias=not norm)
        self.norm1 = normalization()
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = Convolution.of(width, width, second, bias=not norm)
        self.norm2 = normalization()
        self.relu2 = nn.ReLU(inplace=True)
        self.shortcut: nn.Module | None = None
        if shortcut and (first.stride != 1 or width_in != width):
            projection = Projection.of(width_in, width, Window(1, first.stride, 0), bias=not norm)
            self.shortcut = nn.Sequential(OrderedDict(projection=projection, norm=normalization()))
        elif shortcut:
            self.shortcut = nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        outputs: Tensor = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(inputs)))))
        if self.shortcut is not None:
            outputs += self.shortcut(inputs)  # in place: nothing needs the sum's terms any more
        return self.relu2(outputs)  # type: ignore[no-any-return]
