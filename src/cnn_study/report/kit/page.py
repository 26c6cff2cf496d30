"""What a page holds: answers first, then sections, each with one figure and one table, the rest folded in.

Tables, figures and sentences say where they come from. How that becomes HTML and Markdown is in ``rendering``.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

NUMBER = re.compile(r"[+−-]?[\d.,]+ ?(%|s|×|points|px)?( \[[^]]*\])?( points)?(, [a-z ]+)?")
NAME = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)*")


@dataclass(frozen=True)
class Figure:
    """An interactive chart (``spec``, Vega-Lite) or a picture (``image``, a path from plots/).

    ``name``: its own on the page, such as studies-depth-training_time; a chart's picture is charts/NAME.svg.
    ``title``: what is found, where one thing is. ``alt``: what is seen, for readers who do not see it; without it
    the title and the caption. ``source``: the stage and the data that made it; ``hint``: what one can do with a
    chart that is interactive. Raises ValueError unless there is exactly one of spec and image, and if the name
    could not be a file's.
    """

    name: str
    title: str
    caption: str
    source: str
    spec: Mapping[str, Any] | None = None
    image: str | None = None
    hint: str = ""
    alt: str = ""

    def __post_init__(self) -> None:
        if (self.spec is None) == (self.image is None):
            raise ValueError(f"figure {self.name}: allowed is either a spec or an image")
        if not NAME.fullmatch(self.name):
            raise ValueError(f"figure {self.name!r}: allowed is a name of small letters, digits, _ and -")

    @property
    def path(self) -> str:
        """Where the picture is that shows it without a script, from plots/."""
        return self.image if self.image is not None else f"charts/{self.name}.svg"

    @property
    def description(self) -> str:
        """What is seen, in words."""
        return self.alt or f"{self.title}. {self.caption}"


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
class Answer:
    """A question of the first screen in a word or two, and what answers it."""

    question: str
    sentence: Sentence


@dataclass(frozen=True)
class Detail:
    """What is folded in below a section, under a title of its own."""

    title: str
    sentences: tuple[Sentence, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()

    @property
    def sources(self) -> list[str]:
        """Of its sentences, each once."""
        return sources(self.sentences)

    def __bool__(self) -> bool:
        return bool(self.sentences or self.tables or self.figures)


@dataclass(frozen=True)
class Section:
    """A question, its answer in a sentence or two, a figure and a table; ``details`` are folded in.

    ``key`` is its address on the page.
    """

    key: str
    title: str
    question: str
    answer: tuple[Sentence, ...]
    figure: Figure | None = None
    table: Table | None = None
    details: tuple[Detail, ...] = ()

    @property
    def sources(self) -> list[str]:
        """Of the answer, each once, but for those that its figure or table names in the same words."""
        beside = {shown.source for shown in (self.figure, self.table) if shown is not None}
        return [source for source in sources(self.answer) if source not in beside]

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """All of them, folded or not."""
        return (*self.answer, *(sentence for detail in self.details for sentence in detail.sentences))

    @property
    def tables(self) -> tuple[Table, ...]:
        """All of them, folded or not."""
        shown = () if self.table is None else (self.table,)
        return (*shown, *(table for detail in self.details for table in detail.tables))

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All of them, folded or not."""
        shown = () if self.figure is None else (self.figure,)
        return (*shown, *(figure for detail in self.details for figure in detail.figures))


@dataclass(frozen=True)
class Page:
    """The report: answers, one figure and one table, then what they rest on.

    ``methods``: terms and their explanations, folded in.
    """

    title: str
    subtitle: str
    answers: tuple[Answer, ...]
    figure: Figure | None
    table: Table | None
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
        """All figures, in the order of the page, folded or not."""
        shown = () if self.figure is None else (self.figure,)
        return (*shown, *(figure for section in self.sections for figure in section.figures))

    @property
    def sources(self) -> list[str]:
        """Of the answers, each once."""
        return sources(answer.sentence for answer in self.answers)


def sources(given: Iterable[Sentence]) -> list[str]:
    """Where sentences come from, each place once, in order."""
    return list(dict.fromkeys(sentence.source for sentence in given))


def _all_numbers(cells: tuple[str, ...]) -> bool:
    filled = [cell for cell in cells if cell not in ("", "–", "—")]
    return bool(filled) and all(NUMBER.fullmatch(cell) for cell in filled)
