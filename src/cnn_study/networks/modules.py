"""What layers compute with, where torch has none of its own."""

from collections import OrderedDict
from typing import Any

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


class MaxPool(nn.MaxPool2d):
    """A maximum pool, and where it ``rectifies`` a ReLU.

    In bf16, on a CPU, with windows of 2×2, both are computed with integers, which a processor compares many
    at a time.
    """

    rectifies = False

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H', W'). Where it rectifies, ``inputs`` may be changed too."""
        if (
            self.rectifies
            and self.kernel_size == 2
            and inputs.dtype == torch.bfloat16
            and inputs.device.type == "cpu"
            and inputs.shape[2] % 2 == inputs.shape[3] % 2 == 0
            and inputs.is_contiguous(memory_format=torch.channels_last)
        ):
            return _RectifiedMaximum.apply(inputs)  # type: ignore[no-any-return]
        outputs: Tensor = super().forward(inputs)
        return outputs.relu_() if self.rectifies else outputs


class _RectifiedMaximum(torch.autograd.Function):
    """A ReLU, in place, and the maxima of 2×2 windows: of (N, C, H, W) bf16 in channels_last.

    The bits of floats that are not negative, read as integers, have the order of the floats; those of negative
    ones are negative. Of equal maxima the left one gets the gradient, of those the upper one.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        """The maxima (N, C, H / 2, W / 2)."""
        count, channels, height, width = inputs.shape
        rows = inputs.permute(0, 2, 3, 1).view(torch.int16).view(count, height // 2, 2, width * channels)
        rows.clamp_min_(0)
        columns = torch.maximum(rows[:, :, 0], rows[:, :, 1]).view(count, height // 2, width // 2, 2, channels)
        maxima = torch.maximum(columns[..., 0, :], columns[..., 1, :])
        ctx.save_for_backward(rows, columns, maxima)
        return maxima.view(torch.bfloat16).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """The gradient (N, C, H, W), each of ``gradients`` (N, C, H / 2, W / 2) where its maximum was."""
        rows, columns, maxima = ctx.saved_tensors
        gradient = gradients[0].permute(0, 2, 3, 1).contiguous().view(torch.int16)
        gradient = _sign(-maxima).bitwise_and_(gradient)  # none where the ReLU cuts off
        of_columns = torch.empty_like(columns)
        _split(gradient, columns[..., 0, :], maxima, of_columns[..., 0, :], of_columns[..., 1, :])
        of_rows = torch.empty_like(rows)
        flat = columns.flatten(2)
        _split(of_columns.flatten(2), rows[:, :, 0], flat, of_rows[:, :, 0], of_rows[:, :, 1])
        count, half, _, _, channels = columns.shape
        return of_rows.view(torch.bfloat16).view(count, 2 * half, -1, channels).permute(0, 3, 1, 2)


def _split(gradient: Tensor, first: Tensor, maxima: Tensor, of_first: Tensor, of_second: Tensor) -> None:
    """Write ``gradient`` into ``of_first`` where ``first`` has the maximum, else into ``of_second``."""
    torch.bitwise_and(gradient, _sign(first - maxima), out=of_second)
    torch.bitwise_xor(gradient, of_second, out=of_first)


def _sign(difference: Tensor) -> Tensor:
    """All bits where an int16 is negative, else none; overwrites it."""
    return difference.bitwise_right_shift_(15)


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
