"""What a page holds: sections with tables, figures and sentences, each of which says where it comes from.

How that becomes HTML and Markdown is in ``rendering``.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NUMBER = re.compile(r"[+−-]?[\d.,]+ ?(%|s|×|points|px)?( \[[^]]*\])?( points)?(, [a-z ]+)?")
NAME = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)*")


@dataclass(frozen=True)
class Figure:
    """An interactive chart (``spec``, Vega-Lite) or a picture (``image``, a path from plots/).

    ``name``: its own on the page, such as studies-depth-training_time; a chart's picture is charts/NAME.svg.
    ``source``: the stage and the data that made it; ``hint``: what one can do with a chart that is interactive.
    Raises ValueError unless there is exactly one of spec and image, and if the name could not be a file's.
    """

    name: str
    title: str
    caption: str
    source: str
    spec: Mapping[str, Any] | None = None
    image: str | None = None
    hint: str = ""

    def __post_init__(self) -> None:
        if (self.spec is None) == (self.image is None):
            raise ValueError(f"figure {self.name}: allowed is either a spec or an image")
        if not NAME.fullmatch(self.name):
            raise ValueError(f"figure {self.name!r}: allowed is a name of small letters, digits, _ and -")

    @property
    def path(self) -> str:
        """Where the picture is that shows it without a script, from plots/."""
        return self.image if self.image is not None else f"charts/{self.name}.svg"


@dataclass(frozen=True)
class Table:
    """Cells as they are to be read; ``source``: the stage and the data that made it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    source: str
    note: str = ""

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.title!r}: allowed are rows of {len(self.columns)} cells, one a column")

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers or nothing, to be set to the right; the first names its row."""
        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        return [place > 0 and _all_numbers(cells) for place, cells in enumerate(columns)]


@dataclass(frozen=True)
class Sentence:
    """What was found, and the stage and the data that say so."""

    text: str
    source: str


@dataclass(frozen=True)
class Section:
    """A question, and what answers it. ``key`` is its address on the page."""

    key: str
    title: str
    question: str
    sentences: tuple[Sentence, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Page:
    """The report: the answer first, then what it rests on; ``methods``: terms and their explanations."""

    title: str
    subtitle: str
    answer: tuple[Sentence, ...]
    answer_figures: tuple[Figure, ...]
    sections: tuple[Section, ...]
    methods: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        for what, names in (
            ("sections have keys", [section.key for section in self.sections]),
            ("figures have names", [figure.name for figure in self.figures]),
        ):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise ValueError(f"page {self.title!r}: {what} of their own, found twice: {twice}")

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All figures, in the order of the page."""
        return (*self.answer_figures, *(figure for section in self.sections for figure in section.figures))


def _all_numbers(cells: tuple[str, ...]) -> bool:
    filled = [cell for cell in cells if cell not in ("", "–", "—")]
    return bool(filled) and all(NUMBER.fullmatch(cell) for cell in filled)
