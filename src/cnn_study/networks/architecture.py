"""Architectures as data: the layers of a network, their shapes and their receptive fields.

Nothing here needs torch, so that a spec is checked before any work starts.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from cnn_study.base.errors import StudyError
from cnn_study.base.schema import Model, mistake, parse
from cnn_study.data.shape import Shape
from cnn_study.networks.layers import KINDS, BaseLayer, Layer, Width


class Head(Model):
    """The dense layers on the flattened features; dropout before the last of them."""

    hidden: Annotated[tuple[Width, ...], Field(strict=False, max_length=8)] = ()
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


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


def _have_weights(layers: tuple[BaseLayer, ...]) -> tuple[BaseLayer, ...]:
    if all(layer.pools for layer in layers):
        words = " and no ".join(kind.word for kind in KINDS if not kind.pools)
        raise mistake(f"found no {words}, allowed: at least one of them")
    return layers


class Architecture(Model):
    """A network for images of any shape that its layers fit, which ``misfit`` says, and any number of classes."""

    layers: Annotated[
        tuple[Layer, ...], Field(strict=False, min_length=1, max_length=200), AfterValidator(_have_weights)
    ]
    head: Head


def spec_of(entry: Any, *keys: str) -> Architecture:
    """The network of an entry of ``architectures``, which stands under ``keys``, without its recipe.

    Raises StudyError with one line for each mistake.
    """
    if isinstance(entry, Mapping):
        entry = {key: value for key, value in entry.items() if key != "training"}
    return parse(Architecture, entry, *keys)


def named_layers(architecture: Architecture) -> Iterator[tuple[str, BaseLayer]]:
    """The layers with the names that the network and every table give them: conv1, pool1, conv2, ..."""
    counts: Counter[str] = Counter()
    for layer in architecture.layers:
        counts[layer.word] += 1
        yield f"{layer.word}{counts[layer.word]}", layer


def misfit(layers: Sequence[BaseLayer], shape: Shape) -> str:
    """Why ``layers`` cannot look at images of ``shape``: what was found and what is allowed; empty if they can."""
    channels, size = shape.channels, shape.size
    for index, layer in enumerate(layers):
        if refusal := layer.refusal(channels):
            return f"found that layers[{index}] {refusal}"
        channels = layer.channels_after(channels)
        step = max((window.stride for window in layer.windows), default=1)
        if step > size:
            return (
                f"found that layers[{index}] takes {step}x{step} pixels at once of {size}x{size}, "
                f"which leaves nothing, allowed: at most {size}"
            )
        size = layer.size_after(size)
    return ""


def geometry(architecture: Architecture, shape: Shape) -> tuple[Geometry, ...]:
    """Shape and receptive field after every layer, by the recursion r += (k - 1) j, j *= s.

    Araujo, Norris and Sim (2019), *Computing Receptive Fields of Convolutional Neural Networks*. Raises StudyError
    if the layers do not fit images of ``shape``: a rule of params.yaml, which not every caller has had checked.
    """
    if problem := misfit(architecture.layers, shape):
        raise StudyError(f"an architecture for images of {shape}: {problem}")
    channels, size, field, jump = shape.channels, shape.size, 1, 1
    steps = []
    for name, layer in named_layers(architecture):
        for window in layer.windows:
            field += (window.extent - 1) * jump
            jump *= window.stride
        channels, size = layer.channels_after(channels), layer.size_after(size)
        steps.append(Geometry(name, channels, size, field, jump))
    return tuple(steps)
