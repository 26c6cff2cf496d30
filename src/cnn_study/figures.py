"""Pictures for which a chart will not do. Each takes arrays and returns a figure; none computes or saves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

Pixels = npt.NDArray[np.uint8]
Maps = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Field:
    """What to draw for one architecture: squares around ``center``, and the influence of each pixel.

    Sides and center in pixels of the image; ``influence`` (32, 32) sums to 1.
    """

    name: str
    theoretical: int
    effective: int | None
    center: float
    influence: npt.NDArray[np.float64]


def first_layer(title: str, image: Pixels, maps: Maps) -> Figure:
    """The image (3, H, W) and what each channel of the first layer (C, H, W) makes of it."""
    columns = min(len(maps), 8)
    rows = -(-len(maps) // columns)
    figure = Figure(figsize=(0.95 * columns + 3.2, max(0.95 * rows, 1.6) + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=10)
    left, right = figure.subplots(1, 2, width_ratios=[1.6, columns])
    left.set_axis_off()
    left.imshow(image.transpose(1, 2, 0))
    shown = _show_maps(right, maps, columns)
    figure.colorbar(shown, ax=right, shrink=0.8, label="activation")
    return figure


def feature_maps(title: str, image: Pixels, layers: Mapping[str, Maps], channels: int) -> Figure:
    """A row for each layer, with at most ``channels`` of its maps (C, H, W); each row has its own scale."""
    columns = min(channels, max(len(maps) for maps in layers.values()))
    size = 0.75
    figure = Figure(figsize=(size * columns + 1.6, size * (len(layers) + 1) + 0.4), layout="constrained")
    figure.suptitle(title, fontsize=10)
    axes = figure.subplots(len(layers) + 1, 1)
    axes[0].set_axis_off()
    axes[0].imshow(image.transpose(1, 2, 0))
    for axis, (name, maps) in zip(axes[1:], layers.items(), strict=True):
        shape = "×".join(str(side) for side in maps.shape)
        _show_maps(axis, maps[:channels], columns)
        axis.text(
            -0.01, 0.5, f"{name}\n{shape}\n0 to {maps[:channels].max():.2g}",
            transform=axis.transAxes, ha="right", va="center", fontsize=7,
        )  # fmt: skip
    return figure


def receptive_fields(image: Pixels, fields: Sequence[Field]) -> Figure:
    """For each architecture the image, its pixels as bright as the unit heeds them, and the two squares."""
    columns = min(len(fields), 4)
    rows = -(-len(fields) // columns)
    figure = Figure(figsize=(2.1 * columns, 2.45 * rows + 0.5), layout="constrained")
    figure.suptitle(
        "What the central unit of the last feature map sees: theoretical (solid) and effective (dashed)",
        fontsize=9,
    )
    grey = image.mean(0) / 255
    for index, axis in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axis.set_axis_off()
        if index >= len(fields):
            continue
        field = fields[index]
        axis.imshow(grey, cmap="gray", vmin=0, vmax=1)
        strength = np.sqrt(field.influence / max(field.influence.max(), 1e-12))
        axis.imshow(np.ones_like(grey), cmap="autumn", vmin=0, vmax=1.4, alpha=0.75 * strength)
        _square(axis, field.center, field.theoretical, image.shape[1], "#ffffff", "-")
        if field.effective is not None:
            _square(axis, field.center, field.effective, image.shape[1], "#00d0ff", "--")
        effective = "none" if field.effective is None else f"{field.effective} px"
        axis.set_title(f"{field.name}\n{field.theoretical} px, effective {effective}", fontsize=7)
        axis.set_xlim(-0.5, image.shape[2] - 0.5)
        axis.set_ylim(image.shape[1] - 0.5, -0.5)
    return figure


def _square(axis: Axes, center: float, side: int, size: int, colour: str, style: str) -> None:
    # Kept just inside the image, so that a field wider than the image still shows as a frame.
    low = max(center - side / 2, -0.4)
    high = min(center + side / 2, size - 0.6)
    axis.add_patch(Rectangle((low, low), high - low, high - low, fill=False, ec=colour, ls=style, lw=1.4))


def _show_maps(axis: Axes, maps: Maps, columns: int) -> AxesImage:
    """Maps (C, H, W) side by side in one picture, ``columns`` in a row; a dead channel shows a 0."""
    count, height, width = maps.shape
    rows = -(-count // columns)
    gap = max(1, width // 16)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    axis.set_axis_off()
    for index, channel in enumerate(maps):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = channel
        if channel.max() <= 0:
            middle = left + (width - 1) / 2, top + (height - 1) / 2
            axis.text(*middle, "0", ha="center", va="center", color="white", fontsize=7)
    return axis.imshow(sheet, cmap="magma", vmin=0, vmax=max(float(maps.max()), 1e-9))
