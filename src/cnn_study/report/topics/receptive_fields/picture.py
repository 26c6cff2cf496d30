"""What the central units see, as a picture: the influence of pixels, and how far it reaches."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure as Picture
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle

from cnn_study.evaluation.effective_field import Field
from cnn_study.evaluation.influence import Floats, Spread, centroid
from cnn_study.evaluation.results import Pixels
from cnn_study.report.kit.pictures import (
    LINE,
    MARGIN,
    SMALL,
    axes_at,
    new_picture,
    row_label,
    show_pixels,
    show_scale,
    text_at,
)
from cnn_study.report.kit.wording import pixels

INFLUENCE = LinearSegmentedColormap.from_list("influence", ["#ffffff", "#fdb863", "#d55e00"])
THEORETICAL, EFFECTIVE = "#000000", "#2a9df4"


def draw_fields(title: str, image: Pixels, networks: Mapping[str, Sequence[Field]]) -> Picture:
    """What the central unit of each layer sees, in two rows for each network, before and after training.

    ``networks``: fields by layer, by the name to show.

    Influence colours the pixels of ``image``; a square shows the theoretical field, a circle two standard
    deviations of the influence around its centre.
    """
    cell, gap, label, top = 0.82, 0.07, 1.15, 0.8
    untrained, trained = 3 * LINE, 4.5 * LINE + cell  # from the top of a network's rows
    height = trained + cell + 0.15
    columns = max(len(fields) for fields in networks.values())
    margins = _margins([field for fields in networks.values() for field in fields])
    picture = new_picture(title, label + columns * (cell + gap) + MARGIN, top + len(networks) * height)
    _show_field_legend(picture)
    for name, fields in networks.items():
        row_label(picture, top, name)
        text_at(picture, label - 0.07, top + untrained + cell / 2, "before", SMALL, ha="right", va="center")
        text_at(picture, label - 0.07, top + trained + cell / 2, "after", SMALL, ha="right", va="center")
        for column, field in enumerate(fields):
            left = label + column * (cell + gap)
            theoretical = f"{field.layer}\n{field.theoretical} px, {_percent(field.theoretical_share)}\n"
            for offset, words, influence in (
                (untrained, theoretical, field.untrained),
                (trained, "", field.trained),
            ):
                text_at(picture, left, top + offset - 0.02, words + _spread(influence), SMALL)
                _show_field(axes_at(picture, left, top + offset, cell, cell), image, field, influence, margins)
        top += height
    return picture


def draw_last_fields(title: str, image: Pixels, networks: Sequence[tuple[str, str, Field]]) -> Picture:
    """What the central unit of the last layer sees after training, in a cell for each network.

    ``networks``: the name, what to write below it, and the field.
    """
    cell, gap, columns, top = 1.4, 0.12, 6, 0.8
    names = ["\n".join(textwrap.wrap(name, 23)) for name, _, _ in networks]
    head = (max(name.count("\n") for name in names) + 2) * LINE + 0.12
    height = head + cell + gap
    width = min(columns, len(names)) * (cell + gap) + 2 * MARGIN
    picture = new_picture(title, width, top + -(-len(names) // columns) * height)
    _show_field_legend(picture)
    margins = _margins([field for *_, field in networks])
    for place, (name, (_, words, field)) in enumerate(zip(names, networks, strict=True)):
        left = MARGIN + place % columns * (cell + gap)
        below = top + place // columns * height + head
        text_at(picture, left, below - 0.03, words, SMALL)
        text_at(picture, left, below - 0.03 - LINE, name, SMALL, weight="bold")
        _show_field(axes_at(picture, left, below, cell, cell), image, field, field.trained, margins)
    return picture


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def _spread(influence: Floats | None) -> str:
    if influence is None:
        return "no network"
    spread = Spread.of(influence)
    return "no influence" if spread is None else f"SD {pixels(spread.deviation)}"


def _show_field(
    axis: Axes, image: Pixels, field: Field, influence: Floats | None, margins: tuple[float, float]
) -> None:
    """``margins``: for how many pixels before and behind the image there is room for the square."""
    axis.set_axis_off()
    light = 0.6 + 0.4 * image.mean(0)[..., None] / 255
    strength = np.zeros(image.shape[1:]) if influence is None else influence / max(influence.max(), 1e-12)
    show_pixels(axis, light * INFLUENCE(np.sqrt(strength))[..., :3])
    first, last = -0.5 - margins[0], field.size - 0.5 + margins[1]
    axis.set(xlim=(first, last), ylim=(last, first))
    if influence is None:
        return
    # Of its true size: where it is larger than the image, its sides lie outside or are not seen.
    low, side = field.center - field.theoretical / 2, field.theoretical
    axis.add_patch(Rectangle((low, low), side, side, fill=False, ec=THEORETICAL, lw=1.3))
    if spread := Spread.of(influence):
        row, column = centroid(influence)
        axis.add_patch(Circle((column, row), 2 * spread.deviation, fill=False, ec=EFFECTIVE, ls="--", lw=1.3))


def _margins(fields: Sequence[Field]) -> tuple[float, float]:
    """How far fields reach beyond the first pixel and the last, at most half the image, and one for the line."""
    size = fields[0].size
    before = max(field.theoretical / 2 - field.center for field in fields)
    behind = max(field.theoretical / 2 + field.center - size for field in fields)
    return 1 + min(max(before, 0), size / 2), 1 + min(max(behind, 0), size / 2)


def _show_field_legend(picture: Picture) -> None:
    lines = {"theoretical": (THEORETICAL, "-"), "two standard deviations": (EFFECTIVE, "--")}
    handles = [Line2D([], [], color=colour, ls=style, lw=1.2) for colour, style in lines.values()]
    axis = axes_at(picture, MARGIN, 0.38, 3.4, 0.25)
    axis.set_axis_off()
    axis.legend(handles, lines, loc="center left", ncols=2, fontsize=SMALL, frameon=False, borderpad=0)
    colours = ScalarMappable(PowerNorm(0.5, 0, 1), INFLUENCE)
    ticks = {0: "0", 0.1: "0.1", 0.5: "0.5", 1: "1"}
    show_scale(picture, axes_at(picture, 4.9, 0.42, 1.3, 0.1), colours, ticks)
    text_at(picture, 4.85, 0.53, "influence, largest = 1", SMALL, ha="right")
