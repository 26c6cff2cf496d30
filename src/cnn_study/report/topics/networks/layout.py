"""Where the blocks of drawings stand and what they look like, in pixels; places are counted from the top left."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from cnn_study.networks.layers import Window
from cnn_study.report.topics.networks.blocks import DENSE, POOLS, Block, Drawing

NORM = "batch normalisation"
WIDTH, COLUMNS = 1020, 12  # of the whole; a drawing takes some of the columns
IMAGE_SIDE = 56
ROOT = 2.0  # the width of a block is so many times the root of its channels
FLAT, STRIP = 8, 4  # the width of a pool or a dense layer, and of normalisation behind a block
NARROWEST, LOWEST = 3, 2
GAP, TIGHT = 9, 1.5  # between blocks with labels, and between blocks that are too many for any
LETTER, BOLD = 6.2, 8.6
HEAD, ARC, BELOW, BETWEEN = 44, 15, 50, 16  # above the blocks, below them, and to the next row
PITCH, WIDEST = 2.6, 22  # of a window: a unit of it, and all of it
MOST_POINTS = 11  # of a window in a row, that are seen one by one

Row = dict[str, Any]


@dataclass(frozen=True)
class Sheet:
    """The rows of a chart's parts, each with ``x`` and ``y``; ``path``: a shape around that point."""

    blocks: list[Row] = field(default_factory=list)
    windows: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)
    names: list[Row] = field(default_factory=list)
    labels: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Scale:
    """Pixels for a unit of a map's side; widths go by the root of channels, ``squeezed`` or not."""

    unit: float
    squeezed: float = 1.0

    def width(self, block: Block) -> float:
        """Of a block, without its normalisation."""
        flat = block.look == DENSE or block.look in POOLS.values()
        return self.squeezed * (FLAT if flat else max(NARROWEST, ROOT * math.sqrt(block.channels)))

    def strip(self, block: Block) -> float:
        """Of its normalisation, if it has one."""
        return self.squeezed * STRIP * block.norm

    def height(self, block: Block) -> float:
        """Of a block; of a dense layer by the root of its width, as others are wide."""
        return max(LOWEST, ROOT * math.sqrt(block.channels) if block.look == DENSE else self.unit * block.size)

    def labelled(self, block: Block) -> float:
        """The width that a block takes with its labels."""
        return max(self.width(block) + self.strip(block), LETTER * max(map(len, block.labels))) + GAP

    def bare(self, block: Block) -> float:
        """The width that a block takes without them."""
        return self.width(block) + self.strip(block) + self.squeezed * TIGHT


def lay_out(drawings: Sequence[Drawing], notes: Sequence[str]) -> tuple[Sheet, float]:
    """All drawings from left to right and from top to bottom, and the height of the whole.

    ``notes``: a line for each, between its first name and the others. A network too long for labels has none; one
    too long for the chart is squeezed, and its note says so.
    """
    sheet, unit = Sheet(), IMAGE_SIDE / max(drawing.blocks[0].size for drawing in drawings)
    left = top = height = 0.0
    for drawing, note in zip(drawings, notes, strict=True):
        scale = Scale(unit)
        slots = [scale.labelled(block) for block in drawing.blocks]
        labelled = sum(slots) <= WIDTH
        if not labelled:
            scale = Scale(unit, min(1.0, WIDTH / sum(scale.bare(block) for block in drawing.blocks)))
            slots = [scale.bare(block) for block in drawing.blocks]
            note += f", drawn at {scale.squeezed:.0%} of its width" if scale.squeezed < 1 else ""
        lines = [note, drawing.also]
        width = _in_columns(
            max(sum(slots) + BETWEEN, BOLD * len(drawing.label), *(LETTER * len(line) for line in lines))
        )
        if left > 0 and left + width > WIDTH + 1:
            left, top, height = 0.0, top + height, 0.0
        tall = max(scale.height(block) for block in drawing.blocks)
        sheet.names.append({"x": left, "y": top, "name": drawing.label, "note": lines})
        _place(sheet, drawing, scale, slots, labelled, (left, top + HEAD + ARC + tall / 2), tall)
        left, height = left + width, max(height, HEAD + ARC + tall + BELOW * labelled + BETWEEN)
    return sheet, top + height


def _place(
    sheet: Sheet,
    drawing: Drawing,
    scale: Scale,
    slots: Sequence[float],
    labelled: bool,
    place: tuple[float, float],
    tall: float,
) -> None:
    """One drawing, ``tall`` and around the height of ``place``, its left end."""
    left, middle = place
    edges = list(accumulate(slots, initial=left))
    places = [edge + slot / 2 for edge, slot in zip(edges, slots, strict=False)]
    below, above = middle + tall / 2, tall / 2 + ARC - 4
    sheet.lines.append(_line(places[0], middle, f"M0,0H{places[-1] - places[0]:.1f}"))
    for shortcut in drawing.shortcuts:
        start, end = edges[shortcut.first] + 1, edges[shortcut.last + 1] - 2
        run = f"M0,0V{-above:.1f}H{end - start:.1f}V0"
        sheet.lines.append(_line(start, middle, run, shortcut.projected))
    for x, block in zip(places, drawing.blocks, strict=True):
        sheet.blocks.extend(_shapes(x, middle, block, scale, drawing.name))
        if labelled and block.window:
            sheet.windows.append({"x": x, "y": below + 14, "path": window_path(block.window)})
        if labelled:
            for line, text in enumerate(block.labels):
                sheet.labels.append({"x": x, "y": below + 27 + 12 * line, "text": text})


def _shapes(x: float, y: float, block: Block, scale: Scale, name: str) -> Iterator[Row]:
    """The block, a trapezium where it pools, and its normalisation."""
    width, strip, after = scale.width(block), scale.strip(block), scale.height(block) / 2
    before = max(LOWEST, scale.unit * block.before) / 2 if block.look in POOLS.values() else after
    row = {"x": x, "y": y, "network": name, "layer": block.name, "what": block.in_words}
    left, right = -(width + strip) / 2, (width - strip) / 2
    path = f"M{left:.2f},{-before:.1f}L{right:.2f},{-after:.1f}V{after:.1f}L{left:.2f},{before:.1f}Z"
    yield row | {"look": block.look, "path": path}
    if block.norm:
        behind = f"M{right:.2f},{-after:.1f}h{strip:.2f}V{after:.1f}h{-strip:.2f}Z"
        yield row | {"look": NORM, "path": behind}


def window_path(window: Window) -> str:
    """The points at which a window looks, to one scale for all that are not too wide; one square of many."""
    pitch = min(PITCH, WIDEST / window.extent)
    if window.kernel > MOST_POINTS:
        half = pitch * window.extent / 2
        return f"M{-half:.1f},{-half:.1f}H{half:.1f}V{half:.1f}H{-half:.1f}Z"
    dot = max(pitch * 0.7, 0.9)
    places = [
        (step * window.dilation - (window.extent - 1) / 2) * pitch - dot / 2 for step in range(window.kernel)
    ]
    return "".join(f"M{x:.1f},{y:.1f}h{dot:.1f}v{dot:.1f}h{-dot:.1f}Z" for y in places for x in places)


def _line(x: float, y: float, path: str, dashed: bool = False) -> Row:
    return {"x": x, "y": y, "path": path, "dashed": dashed}


def _in_columns(width: float) -> float:
    column = WIDTH / COLUMNS
    return min(math.ceil(width / column), COLUMNS) * column
