"""What becomes of one image from layer to layer, network beside network."""

import math
import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Picture

from cnn_study.evaluation.results import Inside
from cnn_study.report.kit.pictures import (
    LINE,
    MARGIN,
    MEDIUM,
    SMALL,
    axes_at,
    new_picture,
    show_image,
    show_scale,
    text_at,
)
from cnn_study.report.topics.inside.mosaic import ACTIVATION, CROSSED_OUT, count_dead, show_maps


def draw_feature_maps(title: str, index: int, networks: Mapping[str, Inside], channels: int) -> Picture:
    """A column for each network: image ``index``, then at most ``channels`` maps of each layer, the last below.

    Each cell has its own scale, which its label tells with the layer's count of dead channels, if any.
    """
    cell, gap, text, thumbnail = 1.22, 0.1, 2.5 * LINE, 0.7
    columns = math.isqrt(channels - 1) + 1
    names = [textwrap.wrap(name, 18) for name in networks]
    top = 0.45 + max(len(lines) for lines in names) * LINE * 1.2
    rows = max(len(network.activations[index].maps) for network in networks.values())
    height = top + thumbnail + rows * (cell + text) + 0.5
    picture = new_picture(title, 2 * MARGIN - gap + (cell + gap) * len(networks), height)
    for place, (lines, network) in enumerate(zip(names, networks.values(), strict=True)):
        shown = network.activations[index]
        left = MARGIN + place * (cell + gap)
        text_at(picture, left, top - 0.05, "\n".join(lines), MEDIUM, weight="bold")
        show_image(axes_at(picture, left, top, thumbnail, thumbnail), shown.image)
        for row, (layer, maps) in zip(_spread(len(shown.maps), rows), shown.maps.items(), strict=True):
            above = top + thumbnail + row * (cell + text) + text
            shape = "×".join(str(side) for side in (len(network.dead[layer]), *maps.shape[1:]))
            scale = ", ".join([f"0 to {maps[:channels].max():.2g}", *count_dead(network.dead[layer])])
            text_at(picture, left, above - 0.03, f"{layer}  {shape}\n{scale}", SMALL)
            axis = axes_at(picture, left, above, cell, cell)
            show_maps(axis, maps[:channels], network.dead[layer][:channels], columns, rows=columns)
    bar = axes_at(picture, MARGIN, height - 0.35, cell, 0.1)
    show_scale(picture, bar, ScalarMappable(Normalize(0, 1), ACTIVATION), {0: "0", 1: "a cell's largest"})
    if any(flags.any() for network in networks.values() for flags in network.dead.values()):
        text_at(picture, MARGIN + 2 * cell, height - 0.25, CROSSED_OUT, SMALL)
    return picture


def _spread(count: int, rows: int) -> list[int]:
    """Rows for ``count`` layers: the first in the first, the last in the last, the others evenly between."""
    return [int(row) for row in np.linspace(0, rows - 1, count).round()]
