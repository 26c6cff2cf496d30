"""What the central unit of every layer sees: in theory, and in effect before and after training.

The effective receptive field is that of Luo et al. (2016), arXiv 1701.04128.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import pandas as pd
from torch import Tensor

from cnn_study.data.shape import Shape
from cnn_study.evaluation.influence import Floats, center_of_last, effective_rows, influence_of_pixels
from cnn_study.networks.architecture import Architecture, geometry
from cnn_study.networks.layers import Window
from cnn_study.networks.modules import Convolution
from cnn_study.networks.network import Network, features


@dataclass(frozen=True)
class Field:
    """What the central unit of one layer sees of an image of S×S pixels, with the layer's ReLU.

    ``size``: S. ``theoretical``: side in pixels, which may exceed the image's; ``center``: where its middle
    lies, in pixels from the first. ``visible``: the first and the last row, or column, of the image that it
    holds. ``untrained`` and ``trained``: the influence of each pixel, (S, S) summing to 1, all zeros if there
    is none; None where there is no such network.
    """

    layer: str
    size: int
    theoretical: int
    center: float
    visible: tuple[int, int]
    untrained: Floats | None
    trained: Floats | None

    @property
    def theoretical_share(self) -> float:
        """The part of the image that lies in the theoretical field, 0 to 1."""
        return (side(self.visible) / self.size) ** 2

    @property
    def effective_untrained(self) -> tuple[int, int] | None:
        """The smallest square around ``center`` with 95 % of the influence before training.

        The first and the last row, or column, of the image that it holds.
        """
        return None if self.untrained is None else effective_rows(self.untrained, self.center)

    @property
    def effective_trained(self) -> tuple[int, int] | None:
        """The same after training."""
        return None if self.trained is None else effective_rows(self.trained, self.center)


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
            influence(untrained, shorter),
            influence(trained, shorter),
        )
        for step, shorter in zip(geometry(architecture, shape), _prefixes(architecture), strict=True)
    )


def visible_to_last(architecture: Architecture, shape: Shape) -> tuple[int, int]:
    """The first and the last row, or column, of the image that the central unit of the last layer sees.

    Not only the image's border bounds them: a pool or a stride may drop the last rows of what comes before.
    """
    first = last = geometry(architecture, shape)[-1].size // 2
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


@overload
def side(rows: tuple[int, int]) -> int: ...


@overload
def side(rows: tuple[int, int] | None) -> int | None: ...


def side(rows: tuple[int, int] | None) -> int | None:
    """How many rows there are from the first to the last."""
    return None if rows is None else rows[1] - rows[0] + 1


def field_table(fields: Mapping[str, Sequence[Field]]) -> pd.DataFrame:
    """A row for each ``architecture`` and ``layer``; ``depth`` counts the layers from 1.

    ``theoretical``, ``visible``, ``effective_untrained`` and ``effective_trained`` are sides in pixels; all but
    the first are of what lies in the image, the last two empty where there is no network or no influence.
    ``theoretical_share``, of the image, is 0 to 1.
    """
    rows = [
        {
            "architecture": name,
            "layer": field.layer,
            "depth": depth,
            "theoretical": field.theoretical,
            "visible": side(field.visible),
            "theoretical_share": field.theoretical_share,
            "effective_untrained": side(field.effective_untrained),
            "effective_trained": side(field.effective_trained),
        }
        for name, layers in fields.items()
        for depth, field in enumerate(layers, start=1)
    ]
    # Whole numbers that may be missing: floats would be written as 7.0.
    return pd.DataFrame(rows).astype({"effective_untrained": "Int64", "effective_trained": "Int64"})


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
