"""What pictures are made of, for which a chart will not do.

Lengths are inches, places are counted from the top left corner.
"""

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure as Picture
from matplotlib.image import AxesImage
from PIL import Image

from cnn_study.analysis.results import Result
from cnn_study.evaluation.results import Pixels

SMALL, MEDIUM, LARGE = 6.5, 7.5, 10  # points
LINE = 0.12  # height of a line of small text
MARGIN = 0.1
NARROWEST = 6.5  # so that titles and legends have room
DPI = 110
COLOURS = 256  # of a saved picture: a quarter of the bytes, and hardly a difference to the eye


def new_picture(title: str, width: float, height: float) -> Picture:
    """An empty picture of at least NARROWEST by ``height``, with its title."""
    picture = Picture(figsize=(max(width, NARROWEST), height), facecolor="white")
    text_at(picture, MARGIN, 0.27, title, LARGE)
    return picture


def png(picture: Picture) -> bytes:
    """As a PNG of at most ``COLOURS`` colours, without the date or version that would make each one differ."""
    drawn, reduced = io.BytesIO(), io.BytesIO()
    picture.savefig(drawn, format="png", dpi=DPI, metadata={"Software": None})
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(reduced, format="PNG", optimize=True)
    return reduced.getvalue()


def axes_at(picture: Picture, left: float, top: float, width: float, height: float) -> Axes:
    """Axes whose top left corner is at ``left`` and ``top``; what keeps its shape stays in that corner."""
    whole_width, whole_height = picture.get_size_inches()
    below = whole_height - top - height
    return picture.add_axes(
        (left / whole_width, below / whole_height, width / whole_width, height / whole_height), anchor="NW"
    )


def text_at(picture: Picture, left: float, top: float, text: str, size: float, **style: Any) -> None:
    """A text of ``size`` points, its lower left corner, unless ``style`` has another, at ``left`` and ``top``.

    It is shown as it is: a dollar in a name of params.yaml begins no formula.
    """
    width, height = picture.get_size_inches()
    place = (left / width, 1 - top / height)
    picture.text(*place, text, fontsize=size, parse_math=False, **({"va": "bottom"} | style))


def row_label(picture: Picture, top: float, name: str, lines: Sequence[str] = ()) -> None:
    """At the left of a row: the network's name, and ``lines`` below it."""
    wrapped = textwrap.wrap(name, 15)
    text_at(picture, MARGIN, top, "\n".join(wrapped), MEDIUM, va="top", weight="bold")
    text_at(picture, MARGIN, top + len(wrapped) * LINE * 1.15, "\n".join(lines), SMALL, va="top", linespacing=1.3)


def show_image(axis: Axes, image: Pixels) -> None:
    """An image (C, H, W) uint8, in grey if it has one channel, without the axes around it."""
    axis.set_axis_off()
    show_pixels(axis, image.transpose(1, 2, 0), cmap="gray", vmin=0, vmax=255)


def show_pixels(axis: Axes, pixels: npt.NDArray[Any], **style: Any) -> AxesImage:
    """An array (H, W) or (H, W, 3) with sharp pixels, which take less room in a file, unless they are too many."""
    picture = axis.get_figure(root=True)
    assert picture
    extent = axis.get_window_extent()
    sharp = min(extent.width, extent.height) / picture.dpi * DPI >= min(pixels.shape[:2])
    return axis.imshow(pixels, interpolation="nearest" if sharp else None, **style)


def show_scale(picture: Picture, axis: Axes, colours: ScalarMappable, ticks: Mapping[float, str]) -> None:
    """A horizontal bar of colours with its labels by value."""
    bar = picture.colorbar(colours, cax=axis, orientation="horizontal")
    bar.set_ticks(list(ticks), labels=list(ticks.values()))
    bar.ax.tick_params(labelsize=SMALL, length=2)


def labels_of(names: Mapping[str, str], results: Mapping[str, Result]) -> dict[str, str]:
    """By architecture, its name as these ``names`` have it, and what became of the network that is looked into."""
    remarks = {"trained": "", "collapsed": " (collapsed)", "diverged": " (diverged, first weights)"}
    return {
        name: f"{label}{remarks[results[name].evaluation.inside.looked_into.status]}"
        for name, label in names.items()
    }
