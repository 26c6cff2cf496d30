"""What the central unit of every layer sees: in theory, and in effect before and after training.

The effective receptive field is that of Luo et al. (2016), arXiv 1701.04128.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from cnn_study.base.environment import Environment
from cnn_study.base.records import Record
from cnn_study.data.shape import Shape
from cnn_study.evaluation.influence import Floats, Spread, center_of_last, influence_of_pixels
from cnn_study.networks.architecture import Architecture, geometry
from cnn_study.networks.layers import Window
from cnn_study.networks.modules import Convolution
from cnn_study.networks.network import Network, features


@dataclass(frozen=True)
class Field:
    """What the central unit of one layer sees of an image of S×S pixels, with the layer's ReLU.

    ``size``: S. ``theoretical``: side in pixels, which may exceed the image's; ``center``: where its middle
    lies, in pixels from the first. ``visible``: the first and the last row, or column, of the image that it
    holds; ``by_all``: those that the units of the layer hold together. ``untrained`` and ``trained``: the
    influence of each pixel, (S, S) summing to 1, all zeros if there is none; None where there is no such network.
    """

    layer: str
    size: int
    theoretical: int
    center: float
    visible: tuple[int, int]
    by_all: tuple[int, int]
    untrained: Floats | None
    trained: Floats | None

    @property
    def theoretical_share(self) -> float:
        """The part of the image that lies in the theoretical field, 0 to 1."""
        return (side(self.visible) / self.size) ** 2


class LayerSpread(Record):
    """How far the influence on a layer's central unit reaches before training and after it.

    None where there is no network, or no pixel that moves it.
    """

    layer: str
    untrained: Spread | None
    trained: Spread | None

    @classmethod
    def of(cls, field: Field) -> "LayerSpread":
        """Of a field's influences."""
        return cls(layer=field.layer, untrained=Spread.of(field.untrained), trained=Spread.of(field.trained))


class Spreads(Record):
    """How far the units of a run to the largest budget see, by layer; ``environment``, of the CPU.

    ``known_by``: the fingerprint of all that they depend on but for that.
    """

    seed: int
    budget: int
    layers: tuple[LayerSpread, ...]
    environment: Environment
    known_by: str


def fields_of(
    architecture: Architecture,
    shape: Shape,
    images: Tensor,
    untrained: Network | None,
    trained: Network | None,
) -> tuple[Field, ...]:
    """The field of every layer, in order; influences are means over ``images`` (N, C, S, S) uint8 of ``shape``."""

    def influence(network: Network | None, shorter: Architecture) -> Floats | None:
        return None if network is None else influence_of_pixels(cut(network, shorter), images)

    return tuple(
        Field(
            step.name,
            shape.size,
            step.receptive_field,
            center_of_last(shorter, shape),
            visible_to_last(shorter, shape),
            visible_to_last(shorter, shape, of_all=True),
            influence(untrained, shorter),
            influence(trained, shorter),
        )
        for step, shorter in zip(geometry(architecture, shape), _prefixes(architecture), strict=True)
    )


def visible_to_last(architecture: Architecture, shape: Shape, of_all: bool = False) -> tuple[int, int]:
    """The first and the last row, or column, of the image that the central unit of the last layer sees.

    ``of_all``: that all its units see. Not only the image's border bounds them: a pool or a stride may drop the
    last rows of what comes before.
    """
    units = geometry(architecture, shape)[-1].size
    first, last = (0, units - 1) if of_all else (units // 2, units // 2)
    for window, size in reversed(_windows(architecture, shape.size)):
        first = max(first * window.stride - window.padding, 0)
        last = min(last * window.stride - window.padding + window.extent - 1, size - 1)
    return first, last


def _windows(architecture: Architecture, size: int) -> list[tuple[Window, int]]:
    """Every window through which the network looks, in order, and the size of the maps that it looks at."""
    windows = []
    for layer in architecture.layers:
        for window in layer.windows:
            windows.append((window, size))
            size = window.size_after(size)
    return windows


def side(rows: tuple[int, int]) -> int:
    """How many rows there are from the first to the last."""
    return rows[1] - rows[0] + 1


def _prefixes(architecture: Architecture) -> Iterator[Architecture]:
    for count in range(1, len(architecture.layers) + 1):
        yield architecture.model_copy(update={"layers": architecture.layers[:count]})


def cut(network: Network, shorter: Architecture) -> Network:
    """A copy of ``network`` whose features end with those of ``shorter``, the first layers of its own.

    Its ReLUs are those of ``shorter``: in the whole network the last one may come after the next pool.
    """
    part = copy.deepcopy(network)
    part.features = features(shorter, network.shape.channels)
    weights = network.features.state_dict()
    part.features.load_state_dict({name: weights[name] for name in part.features.state_dict()})
    for name, module in part.features.named_modules():
        if isinstance(module, Convolution):
            original = network.features.get_submodule(name)
            assert isinstance(original, Convolution)
            module.way = original.way
    return part
