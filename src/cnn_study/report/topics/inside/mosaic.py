"""Channels as a mosaic of tiles, dead ones crossed out."""

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke

from cnn_study.evaluation.activations import Flags, Maps
from cnn_study.report.kit.pictures import show_pixels

TILE, GAP = 32, 2  # pixels of a mosaic: the size that smaller tiles are enlarged to, and between tiles
ACTIVATION = "magma"
CROSSED_OUT = "crossed out: dead, which is positive nowhere on any image tried"


def show_maps(axis: Axes, maps: Maps, dead: Flags, columns: int, rows: int = 0) -> AxesImage:
    """Maps (C, H, W) in rows of ``columns``, bright where they are large; ``dead`` (C,) are crossed out."""
    axis.set_axis_off()
    most = max(float(maps.max()), 1e-9)
    shown = show_pixels(axis, mosaic(maps, columns, rows), cmap=ACTIVATION, vmin=0, vmax=most)
    cross_out(axis, dead, columns, tile_size(maps.shape[1]))
    return shown


def tile_size(side: int) -> int:
    """What a tile of ``side`` pixels is enlarged to, so that gaps look alike between large and small ones."""
    return side * max(1, TILE // side)


def mosaic(tiles: npt.NDArray[Any], columns: int, rows: int = 0, fill: float = np.nan) -> npt.NDArray[Any]:
    """Square tiles (C, S, S, ...) in rows of ``columns``, as one array with ``fill`` between and after them."""
    size = tile_size(tiles.shape[1])
    step = size + GAP
    sheet = np.full(
        ((rows or -(-len(tiles) // columns)) * step - GAP, columns * step - GAP, *tiles.shape[3:]), fill
    )
    for index, tile in enumerate(tiles):
        top, left = step * (index // columns), step * (index % columns)
        enlarged = tile.repeat(size // len(tile), axis=0).repeat(size // len(tile), axis=1)
        sheet[top : top + size, left : left + size] = enlarged
    return sheet


def cross_out(axis: Axes, dead: Flags, columns: int, size: int) -> None:
    """Cross out the tiles of a mosaic that are flagged."""
    lines = []
    for index in np.flatnonzero(dead):
        top, left = (size + GAP) * (index // columns) - 0.5, (size + GAP) * (index % columns) - 0.5
        bottom, right = top + size, left + size
        lines += [[(left, top), (right, bottom)], [(left, bottom), (right, top)]]
    # White on a black stroke, to be seen on any colour.
    stroke = withStroke(linewidth=2.2, foreground="black")
    axis.add_collection(LineCollection(lines, colors="white", linewidths=1, path_effects=[stroke]))


def count_dead(dead: Flags) -> list[str]:
    """As labels have it: 3 dead; nothing of none."""
    return [f"{dead.sum()} dead"] if dead.any() else []
