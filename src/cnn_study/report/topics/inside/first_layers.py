"""Filters and activations of the first layer, network below network."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from cnn_study.evaluation.results import Inside
from cnn_study.evaluation.settings import MOST_CHANNELS
from cnn_study.report.kit.pictures import (
    LINE,
    MEDIUM,
    SMALL,
    axes_at,
    new_picture,
    row_label,
    show_image,
    show_pixels,
    text_at,
)
from cnn_study.report.topics.inside.mosaic import (
    CROSSED_OUT,
    count_dead,
    cross_out,
    mosaic,
    show_maps,
    tile_size,
)

COLOURS = {1: ["grey"], 3: ["red", "green", "blue"]}  # by the number of channels


def draw_first_layers(title: str, index: int, networks: Mapping[str, Inside]) -> Picture:
    """A row for each network: the kernels of its first convolution, and its first layer's maps of image ``index``.

    Kernels are coloured by their weights for red, green and blue, or for grey, from minus to plus the largest.
    Channels that are dead are crossed out and counted. At most 64 channels are shown.
    """
    label, tile, columns, gap = 1.25, 0.42, 8, 0.2
    block = tile * columns
    counts = [min(len(network.filters), MOST_CHANNELS) for network in networks.values()]
    talls = [tile * math.ceil(count / columns) for count in counts]
    heights = [max(tall, 6 * LINE) + gap for tall in talls]
    top = 1.5
    picture = new_picture(title, label + 2 * block + gap + 0.6, top + sum(heights))
    filters_left, maps_left = label, label + block + gap

    image = next(iter(networks.values())).activations[index].image
    show_image(axes_at(picture, label, 0.4, 0.8, 0.8), image)
    _show_weight_colours(axes_at(picture, label + 1.45, 0.47, 1.4, 0.42), len(image))
    text_at(picture, filters_left, top - 0.05, "filters", MEDIUM, weight="bold")
    text_at(picture, maps_left, top - 0.05, "activations", MEDIUM, weight="bold")
    text_at(picture, label + 1.45, 0.4, "colour of a weight for", SMALL)
    if any(network.dead[next(iter(network.activations[index].maps))].any() for network in networks.values()):
        text_at(picture, maps_left, 0.4, CROSSED_OUT, SMALL, va="top")
    for (name, network), count, tall, height in zip(networks.items(), counts, talls, heights, strict=True):
        layer, maps = next(iter(network.activations[index].maps.items()))
        dead = network.dead[layer]
        most = max(float(np.abs(network.filters).max()), 1e-9)
        axis = axes_at(picture, filters_left, top, block, tall)
        axis.set_axis_off()
        colours = (0.5 + network.filters[:count] / (2 * most)).transpose(0, 2, 3, 1)
        show_pixels(axis, mosaic(colours, columns, fill=1.0), cmap="gray", vmin=0, vmax=1)
        if layer == network.filters_of:  # a block's channels are not those of its first convolution
            cross_out(axis, dead[:count], columns, tile_size(network.filters.shape[2]))
        axis = axes_at(picture, maps_left, top, block, tall)
        shown = show_maps(axis, maps[:count], dead[:count], columns)
        bar = picture.colorbar(shown, cax=axes_at(picture, maps_left + block + 0.08, top, 0.1, tall))
        bar.ax.tick_params(labelsize=SMALL, length=2)
        channels = f"{count} channels" if count == len(dead) else f"{count} of {len(dead)} channels"
        row_label(picture, top, name, [layer, channels, f"weights ±{most:.2g}", *count_dead(dead)])
        top += height
    return picture


def _show_weight_colours(axis: Axes, channels: int) -> None:
    """The legend of kernels: how a weight for one channel alone is coloured."""
    ramps = np.full((channels, 101, channels), 0.5)
    for channel in range(channels):
        ramps[channel, :, channel] = np.linspace(0, 1, 101)
    axis.imshow(ramps, aspect="auto", extent=(-1, 1, channels - 0.5, -0.5), cmap="gray", vmin=0, vmax=1)
    axis.set_yticks(range(channels), COLOURS[channels], fontsize=SMALL)
    axis.set_xticks([-1, 0, 1], ["−largest", "0", "+largest"], fontsize=SMALL)
    axis.tick_params(length=2)
