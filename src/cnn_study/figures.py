"""Pictures for which a chart will not do. Each takes arrays and returns a figure; none computes or saves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
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
    figure = Figure(figsize=(1.1 * (columns + 1.6), 1.1 * rows + 0.6), layout="constrained")
    figure.suptitle(title, fontsize=10)
    left, right = figure.subfigures(1, 2, width_ratios=[1.6, columns])
    _show_image(left.subplots(), image)
    top = max(float(maps.max()), 1e-9)
    axes = right.subplots(rows, columns, squeeze=False)
    for index, axis in enumerate(axes.flat):
        axis.set_axis_off()
        if index < len(maps):
            shown = axis.imshow(maps[index], cmap="magma", vmin=0, vmax=top)
            _note_if_dead(axis, maps[index])
    right.colorbar(shown, ax=axes, shrink=0.8, label="activation")
    return figure


def feature_maps(title: str, image: Pixels, layers: Mapping[str, Maps], channels: int) -> Figure:
    """A row for each layer, with at most ``channels`` of its maps (C, H, W); each row has its own scale."""
    columns = min(channels, max(len(maps) for maps in layers.values()))
    height = 0.75 * (len(layers) + 1) + 0.5
    figure = Figure(figsize=(0.72 * columns + 2.2, height), layout="constrained")
    figure.suptitle(title, fontsize=10)
    axes = figure.subplots(len(layers) + 1, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    _show_image(axes[0, 0], image)
    for row, (name, maps) in zip(axes[1:], layers.items(), strict=True):
        top = max(float(maps.max()), 1e-9)
        size = "x".join(str(side) for side in maps.shape)
        row[0].text(
            -0.15, 0.5, f"{name}\n{size}\n0 to {top:.2g}",
            transform=row[0].transAxes, ha="right", va="center", fontsize=7,
        )  # fmt: skip
        for axis, channel in zip(row, maps, strict=False):
            axis.imshow(channel, cmap="magma", vmin=0, vmax=top)
            _note_if_dead(axis, channel)
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
        _square(axis, field.center, field.theoretical, "#ffffff", "-")
        if field.effective is not None:
            _square(axis, field.center, field.effective, "#00d0ff", "--")
        effective = "none" if field.effective is None else f"{field.effective} px"
        axis.set_title(f"{field.name}\n{field.theoretical} px, effective {effective}", fontsize=7)
        axis.set_xlim(-0.5, image.shape[2] - 0.5)
        axis.set_ylim(image.shape[1] - 0.5, -0.5)
    return figure


def _square(axis: Axes, center: float, side: int, colour: str, style: str) -> None:
    # Kept just inside the image, so that a field wider than the image still shows as a frame.
    low = max(center - side / 2, -0.4)
    high = min(center + side / 2, 31.4)
    axis.add_patch(Rectangle((low, low), high - low, high - low, fill=False, ec=colour, ls=style, lw=1.4))


def _show_image(axis: Axes, image: Pixels) -> None:
    axis.set_axis_off()
    axis.imshow(image.transpose(1, 2, 0))


def _note_if_dead(axis: Axes, channel: Maps) -> None:
    if channel.max() <= 0:
        axis.text(0.5, 0.5, "0", transform=axis.transAxes, ha="center", va="center", color="white", fontsize=8)
