"""Architectures as data: the layers of a network, their shapes and their receptive fields.

Nothing here needs torch, so that a spec is checked before any work starts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from cnn_study.base.schema import Model, mistake, parse
from cnn_study.data.shape import CHANNELS, IMAGE_SIZE

LARGEST_KERNEL = 31
LARGEST_WIDTH = 4096


def _odd(kernel: int) -> int:
    if kernel % 2 == 0:
        raise mistake(f"found {kernel}, allowed: an odd number, whose padding keeps the size")
    return kernel


Width = Annotated[int, Field(ge=1, le=LARGEST_WIDTH)]
Kernel = Annotated[int, Field(ge=1, le=LARGEST_KERNEL), AfterValidator(_odd)]
Stride = Annotated[int, Field(ge=1, le=IMAGE_SIZE)]


class Conv(Model):
    """``{conv: CHANNELS, kernel: K}``: a convolution, padded to keep the size, and a ReLU."""

    conv: Width
    kernel: Kernel
    stride: Stride = 1
    norm: bool = False
    bias: bool = True


class Pool(Model):
    """``{pool: P}``: P×P pooling with stride P."""

    pool: Annotated[int, Field(ge=2, le=IMAGE_SIZE)]
    kind: Literal["max", "average"] = "max"


class Residual(Model):
    """``{residual: CHANNELS}``: two 3×3 convolutions whose input is added to their output.

    A 1×1 convolution projects the input where the shape changes (He et al., 2016,
    arXiv 1512.03385, option B). With ``norm`` every convolution is followed by batch
    normalisation and has no bias; without it every convolution has one.
    """

    residual: Width
    stride: Stride = 1
    norm: bool = True
    shortcut: bool = True


class Head(Model):
    """The dense layers on the flattened features; dropout before the last of them."""

    hidden: Annotated[tuple[Width, ...], Field(strict=False, max_length=8)] = ()
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


_WORDS = {"conv": Conv, "pool": Pool, "residual": Residual}


def _word(layer: Conv | Pool | Residual) -> str:
    return next(word for word, kind in _WORDS.items() if isinstance(layer, kind))


def _tag(layer: Any) -> str | None:
    if isinstance(layer, Model):
        return next(f"tag:{word}" for word, kind in _WORDS.items() if isinstance(layer, kind))
    words = [word for word in _WORDS if isinstance(layer, dict) and word in layer]
    return f"tag:{words[0]}" if len(words) == 1 else None


Layer = Annotated[
    Annotated[Conv, Tag("tag:conv")] | Annotated[Pool, Tag("tag:pool")] | Annotated[Residual, Tag("tag:residual")],
    Discriminator(_tag, custom_error_type="layer", custom_error_message="not a layer"),
]


@dataclass(frozen=True)
class Geometry:
    """What one step of the network sees and gives.

    ``receptive_field`` and ``jump`` (the distance between neighbouring units) are in pixels of the image.
    """

    name: str
    channels: int
    size: int
    receptive_field: int
    jump: int


def _keep_a_size(layers: tuple[Conv | Pool | Residual, ...]) -> tuple[Conv | Pool | Residual, ...]:
    if all(isinstance(layer, Pool) for layer in layers):
        raise mistake("found no conv and no residual, allowed: at least one of them")
    size = IMAGE_SIZE
    for index, layer in enumerate(layers):
        window = layer.pool if isinstance(layer, Pool) else layer.stride
        if window > size:
            raise mistake(
                f"found that layers[{index}] takes {window}x{window} pixels at once of {size}x{size}, "
                f"which leaves nothing, allowed: at most {size}"
            )
        size = _size_after(layer, size)
    return layers


class Architecture(Model):
    """A network for 3×32×32 images and ten classes."""

    layers: Annotated[
        tuple[Layer, ...], Field(strict=False, min_length=1, max_length=200), AfterValidator(_keep_a_size)
    ]
    head: Head


def spec_of(entry: Any, *keys: str) -> Architecture:
    """The network of an entry of ``architectures``, which stands under ``keys``, without its recipe.

    Raises StudyError with one line for each mistake.
    """
    if isinstance(entry, Mapping):
        entry = {key: value for key, value in entry.items() if key != "training"}
    return parse(Architecture, entry, *keys)


def named_layers(architecture: Architecture) -> Iterator[tuple[str, Conv | Pool | Residual]]:
    """The layers with the names that the network and every table give them: conv1, pool1, conv2, ..."""
    counts: dict[str, int] = {}
    for layer in architecture.layers:
        word = _word(layer)
        counts[word] = counts.get(word, 0) + 1
        yield f"{word}{counts[word]}", layer


def geometry(architecture: Architecture) -> tuple[Geometry, ...]:
    """Shape and receptive field after every layer, by the recursion r += (k - 1) j, j *= s.

    Araujo, Norris and Sim (2019), *Computing Receptive Fields of Convolutional Neural Networks*.
    """
    channels, size, field, jump = CHANNELS, IMAGE_SIZE, 1, 1
    steps = []
    for name, layer in named_layers(architecture):
        for kernel, stride in _windows(layer):
            field += (kernel - 1) * jump
            jump *= stride
        size = _size_after(layer, size)
        if isinstance(layer, Conv):
            channels = layer.conv
        elif isinstance(layer, Residual):
            channels = layer.residual
        steps.append(Geometry(name, channels, size, field, jump))
    return tuple(steps)


def _windows(layer: Conv | Pool | Residual) -> tuple[tuple[int, int], ...]:
    if isinstance(layer, Conv):
        return ((layer.kernel, layer.stride),)
    if isinstance(layer, Pool):
        return ((layer.pool, layer.pool),)
    return ((3, layer.stride), (3, 1))


def _size_after(layer: Conv | Pool | Residual, size: int) -> int:
    if isinstance(layer, Pool):
        return size // layer.pool
    return (size - 1) // layer.stride + 1
