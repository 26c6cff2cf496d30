"""Pictures for which a chart will not do. Each takes arrays and returns a figure; none computes or saves.

Networks are given under the names to show. Lengths are inches, places are counted from the top left corner.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from cnn_study.analysis.activations import Activations, Flags, Maps
from cnn_study.analysis.effective_field import Field, side
from cnn_study.analysis.influence import Floats

Pixels = npt.NDArray[np.uint8]

MOST_FILTERS = 64
TILE, GAP = 32, 2  # pixels of a mosaic: the size that smaller tiles are enlarged to, and between tiles
ACTIVATION = "magma"
INFLUENCE = LinearSegmentedColormap.from_list("influence", ["#ffffff", "#fdb863", "#d55e00"])
THEORETICAL, EFFECTIVE = "#000000", "#2a9df4"
SMALL, MEDIUM, LARGE = 6.5, 7.5, 10  # points
LINE = 0.12  # height of a line of small text
MARGIN = 0.1
CROSSED_OUT = "crossed out: dead, which is positive nowhere on any image tried"
NARROWEST = 6.5  # so that titles and legends have room


def first_layers(title: str, image: Pixels, networks: Mapping[str, Activations]) -> Figure:
    """A row for each network: the kernels of its first convolution, and its first layer's maps of ``image``.

    Kernels are coloured by their weights for red, green and blue, from minus to plus the largest. Channels
    that are dead are crossed out and counted. At most 64 channels are shown.
    """
    label, tile, columns, gap = 1.25, 0.42, 8, 0.2
    block = tile * columns
    counts = [min(len(network.filters), MOST_FILTERS) for network in networks.values()]
    talls = [tile * math.ceil(count / columns) for count in counts]
    heights = [max(tall, 6 * LINE) + gap for tall in talls]
    top = 1.5
    figure = _figure(title, label + 2 * block + gap + 0.6, top + sum(heights))
    filters_left, maps_left = label, label + block + gap

    _show_image(_axes(figure, label, 0.4, 0.8, 0.8), image)
    _show_weight_colours(_axes(figure, label + 1.45, 0.47, 1.4, 0.42))
    _text(figure, filters_left, top - 0.05, "filters", MEDIUM, weight="bold")
    _text(figure, maps_left, top - 0.05, "activations", MEDIUM, weight="bold")
    _text(figure, label + 1.45, 0.4, "colour of a weight for", SMALL)
    _text(figure, maps_left, 0.4, CROSSED_OUT, SMALL, va="top")
    for (name, network), count, tall, height in zip(networks.items(), counts, talls, heights, strict=True):
        layer, maps = next(iter(network.maps.items()))
        dead = network.dead[layer]
        most = max(float(np.abs(network.filters).max()), 1e-9)
        axis = _axes(figure, filters_left, top, block, tall)
        axis.set_axis_off()
        colours = (0.5 + network.filters[:count] / (2 * most)).transpose(0, 2, 3, 1)
        axis.imshow(_mosaic(colours, columns, fill=1.0))
        if layer.startswith("conv"):  # a block's channels are not those of its first convolution
            _cross_out(axis, dead[:count], columns, _tile_size(network.filters.shape[2]))
        axis = _axes(figure, maps_left, top, block, tall)
        shown = _show_maps(axis, maps[:count], dead[:count], columns)
        bar = figure.colorbar(shown, cax=_axes(figure, maps_left + block + 0.08, top, 0.1, tall))
        bar.ax.tick_params(labelsize=SMALL, length=2)
        channels = f"{count} channels" if count == len(maps) else f"{count} of {len(maps)} channels"
        _label(figure, top, name, [layer, channels, f"weights ±{most:.2g}", _dead(dead)])
        top += height
    return figure


def side_by_side(title: str, image: Pixels, networks: Mapping[str, Activations], channels: int) -> Figure:
    """A column for each network: ``image``, then at most ``channels`` maps of each layer, the last at the bottom.

    Each cell has its own scale, which its label tells with the layer's count of dead channels.
    """
    cell, gap, text, picture = 1.15, 0.1, 2.5 * LINE, 0.7
    columns = math.isqrt(channels - 1) + 1
    names = [textwrap.wrap(name, 18) for name in networks]
    top = 0.45 + max(len(lines) for lines in names) * LINE * 1.2
    rows = max(len(network.maps) for network in networks.values())
    height = top + picture + rows * (cell + text) + 0.5
    figure = _figure(title, 2 * MARGIN - gap + (cell + gap) * len(networks), height)
    for index, (lines, network) in enumerate(zip(names, networks.values(), strict=True)):
        left = MARGIN + index * (cell + gap)
        _text(figure, left, top - 0.05, "\n".join(lines), MEDIUM, weight="bold")
        _show_image(_axes(figure, left, top, picture, picture), image)
        for row, (layer, maps) in zip(_spread(len(network.maps), rows), network.maps.items(), strict=True):
            above = top + picture + row * (cell + text) + text
            shape = "×".join(str(side) for side in maps.shape)
            scale = f"0 to {maps[:channels].max():.2g}, {_dead(network.dead[layer])}"
            _text(figure, left, above - 0.03, f"{layer}  {shape}\n{scale}", SMALL)
            axis = _axes(figure, left, above, cell, cell)
            _show_maps(axis, maps[:channels], network.dead[layer][:channels], columns, rows=columns)
    bar = _axes(figure, MARGIN, height - 0.35, cell, 0.1)
    _show_scale(figure, bar, ScalarMappable(Normalize(0, 1), ACTIVATION), {0: "0", 1: "a cell's largest"})
    _text(figure, MARGIN + 2 * cell, height - 0.25, CROSSED_OUT, SMALL)
    return figure


def receptive_fields(title: str, image: Pixels, networks: Mapping[str, Sequence[Field]]) -> Figure:
    """What the central unit of each layer sees, in two rows for each network, before and after training.

    Influence colours the pixels of ``image``; squares show the theoretical and the effective field.
    """
    cell, gap, label, top = 0.82, 0.07, 1.15, 0.8
    untrained, trained = 3 * LINE, 4.5 * LINE + cell  # from the top of a network's rows
    height = trained + cell + 0.15
    columns = max(len(fields) for fields in networks.values())
    figure = _figure(title, label + columns * (cell + gap) + MARGIN, top + len(networks) * height)
    _show_field_legend(figure)
    for name, fields in networks.items():
        _label(figure, top, name)
        _text(figure, label - 0.07, top + untrained + cell / 2, "before", SMALL, ha="right", va="center")
        _text(figure, label - 0.07, top + trained + cell / 2, "after", SMALL, ha="right", va="center")
        for column, field in enumerate(fields):
            left = label + column * (cell + gap)
            theoretical = f"{field.layer}\n{field.theoretical} px, {_percent(field.theoretical_share)}\n"
            for offset, words, influence, effective in (
                (untrained, theoretical, field.untrained, field.effective_untrained),
                (trained, "", field.trained, field.effective_trained),
            ):
                words += "no network" if influence is None else f"effective {side(effective) or 'none'}"
                _text(figure, left, top + offset - 0.02, words, SMALL)
                _show_field(_axes(figure, left, top + offset, cell, cell), image, field, influence, effective)
        top += height
    return figure


def _figure(title: str, width: float, height: float) -> Figure:
    figure = Figure(figsize=(max(width, NARROWEST), height), facecolor="white")
    _text(figure, MARGIN, 0.27, title, LARGE)
    return figure


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    whole_width, whole_height = figure.get_size_inches()
    below = whole_height - top - height
    return figure.add_axes(
        (left / whole_width, below / whole_height, width / whole_width, height / whole_height), anchor="NW"
    )


def _text(figure: Figure, left: float, top: float, text: str, size: float, **style: Any) -> None:
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - top / height, text, fontsize=size, **({"va": "bottom"} | style))


def _label(figure: Figure, top: float, name: str, lines: Sequence[str] = ()) -> None:
    """At the left of a row: the network's name, and ``lines`` below it."""
    wrapped = textwrap.wrap(name, 15)
    _text(figure, MARGIN, top, "\n".join(wrapped), MEDIUM, va="top", weight="bold")
    _text(figure, MARGIN, top + len(wrapped) * LINE * 1.15, "\n".join(lines), SMALL, va="top", linespacing=1.3)


def _dead(dead: Flags) -> str:
    return f"{dead.sum()} dead"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def _spread(count: int, rows: int) -> list[int]:
    """Rows for ``count`` layers: the first in the first, the last in the last, the others evenly between."""
    if count == 1:
        return [0]
    return [round(index * (rows - 1) / (count - 1)) for index in range(count)]


def _show_image(axis: Axes, image: Pixels) -> None:
    axis.set_axis_off()
    axis.imshow(image.transpose(1, 2, 0))


def _show_weight_colours(axis: Axes) -> None:
    """The legend of kernels: how a weight for red, green or blue alone is coloured."""
    ramps = np.full((3, 101, 3), 0.5)
    for channel in range(3):
        ramps[channel, :, channel] = np.linspace(0, 1, 101)
    axis.imshow(ramps, aspect="auto", extent=(-1, 1, 2.5, -0.5))
    axis.set_yticks(range(3), ["red", "green", "blue"], fontsize=SMALL)
    axis.set_xticks([-1, 0, 1], ["−largest", "0", "+largest"], fontsize=SMALL)
    axis.tick_params(length=2)


def _show_scale(figure: Figure, axis: Axes, colours: ScalarMappable, ticks: Mapping[float, str]) -> None:
    bar = figure.colorbar(colours, cax=axis, orientation="horizontal")
    bar.set_ticks(list(ticks), labels=list(ticks.values()))
    bar.ax.tick_params(labelsize=SMALL, length=2)


def _show_maps(axis: Axes, maps: Maps, dead: Flags, columns: int, rows: int = 0) -> AxesImage:
    axis.set_axis_off()
    most = max(float(maps.max()), 1e-9)
    shown = axis.imshow(_mosaic(maps, columns, rows), cmap=ACTIVATION, vmin=0, vmax=most)
    _cross_out(axis, dead, columns, _tile_size(maps.shape[1]))
    return shown


def _tile_size(side: int) -> int:
    """What a tile of ``side`` pixels is enlarged to, so that gaps look alike between large and small ones."""
    return side * max(1, TILE // side)


def _mosaic(tiles: npt.NDArray[Any], columns: int, rows: int = 0, fill: float = np.nan) -> npt.NDArray[Any]:
    """Square tiles (C, S, S, ...) in rows of ``columns``, as one array with ``fill`` between and after them."""
    size = _tile_size(tiles.shape[1])
    step = size + GAP
    sheet = np.full(
        ((rows or -(-len(tiles) // columns)) * step - GAP, columns * step - GAP, *tiles.shape[3:]), fill
    )
    for index, tile in enumerate(tiles):
        top, left = step * (index // columns), step * (index % columns)
        enlarged = tile.repeat(size // len(tile), axis=0).repeat(size // len(tile), axis=1)
        sheet[top : top + size, left : left + size] = enlarged
    return sheet


def _cross_out(axis: Axes, dead: Flags, columns: int, size: int) -> None:
    """Cross out the tiles of a mosaic that are flagged."""
    lines = []
    for index in np.flatnonzero(dead):
        top, left = (size + GAP) * (index // columns) - 0.5, (size + GAP) * (index % columns) - 0.5
        bottom, right = top + size, left + size
        lines += [[(left, top), (right, bottom)], [(left, bottom), (right, top)]]
    # White on a black stroke, to be seen on any colour.
    stroke = withStroke(linewidth=2.2, foreground="black")
    axis.add_collection(LineCollection(lines, colors="white", linewidths=1, path_effects=[stroke]))


def _show_field(
    axis: Axes, image: Pixels, field: Field, influence: Floats | None, effective: tuple[int, int] | None
) -> None:
    axis.set_axis_off()
    light = 0.6 + 0.4 * image.mean(0)[..., None] / 255
    strength = np.zeros(image.shape[1:]) if influence is None else influence / max(influence.max(), 1e-12)
    axis.imshow(light * INFLUENCE(np.sqrt(strength))[..., :3])
    if influence is not None:
        _square(axis, field.visible, image.shape[1], THEORETICAL, "-")
    if effective is not None:
        _square(axis, effective, image.shape[1], EFFECTIVE, "--")


def _square(axis: Axes, rows: tuple[int, int], size: int, colour: str, style: str) -> None:
    # Kept just inside the image, so that a field as wide as the image still shows as a frame.
    low = max(rows[0] - 0.5, -0.2)
    high = min(rows[1] + 0.5, size - 0.8)
    axis.add_patch(Rectangle((low, low), high - low, high - low, fill=False, ec=colour, ls=style, lw=1.3))


def _show_field_legend(figure: Figure) -> None:
    lines = {"theoretical": (THEORETICAL, "-"), "effective: 95 % of the influence": (EFFECTIVE, "--")}
    handles = [Line2D([], [], color=colour, ls=style, lw=1.2) for colour, style in lines.values()]
    axis = _axes(figure, MARGIN, 0.38, 3.4, 0.25)
    axis.set_axis_off()
    axis.legend(handles, lines, loc="center left", ncols=2, fontsize=SMALL, frameon=False, borderpad=0)
    colours = ScalarMappable(PowerNorm(0.5, 0, 1), INFLUENCE)
    ticks = {0: "0", 0.1: "0.1", 0.5: "0.5", 1: "1"}
    _show_scale(figure, _axes(figure, 4.9, 0.42, 1.3, 0.1), colours, ticks)
    _text(figure, 4.85, 0.53, "influence, largest = 1", SMALL, ha="right")
