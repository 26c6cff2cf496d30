"""How an architecture looks in every chart: its colour, its shape, its dash."""

from collections.abc import Sequence
from dataclasses import dataclass

# Okabe and Ito's colours (2008) but for black and yellow, which a dark or a white page would swallow; then
# six found by a search for those that stay farthest apart, to normal vision and to colour-blind readers.
COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00",
    "#BB2222", "#55CC88", "#556655", "#9977FF", "#BB3388", "#0055FF",
)  # fmt: skip
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")
DASHES: tuple[tuple[int, ...], ...] = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3))


@dataclass(frozen=True)
class Style:
    """A colour as #RRGGBB, a symbol of Vega, and a dash as lengths on and off in pixels."""

    colour: str
    shape: str
    dash: tuple[int, ...]


def styles_of(names: Sequence[str]) -> dict[str, Style]:
    """The style of each architecture, by its place among ``names``: all of params.yaml, in its order.

    No two of the first 48 look alike: after every 12 the colours come again with another shape and another dash.
    """
    return {
        name: Style(
            colour=COLOURS[place % len(COLOURS)],
            shape=SHAPES[(place + place // len(COLOURS)) % len(SHAPES)],
            dash=DASHES[place // len(COLOURS) % len(DASHES)],
        )
        for place, name in enumerate(names)
    }
