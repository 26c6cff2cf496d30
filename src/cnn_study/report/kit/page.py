"""The report as a page: what it holds, and how that becomes HTML and Markdown.

The sentences, tables and charts are made elsewhere; here they are only laid out. The same page gives the same
bytes.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined

from cnn_study.report.charts import VEGA_LITE

TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
NUMBER = re.compile(r"[+−-]?[\d.,]+ ?(%|s|×|points|px)?( \[[^]]*\])?( points)?(, [a-z ]+)?")
UNIT = re.compile(r"(?<=\d) (?=(%|s|px|points?)(?!\w))")  # the space between a number and its unit
# What Markdown takes for its own; a _ inside a word is none.
MARKED = re.compile(r"[\\`*<>\[\]|]|(?<!\w)_|_(?!\w)")


@dataclass(frozen=True)
class Figure:
    """An interactive chart (``spec``, Vega-Lite) or a picture (``image``, a path from plots/).

    ``source``: the stage and the data that made it; ``hint``: what one can do with a chart that is interactive.
    Raises ValueError unless there is exactly one of both.
    """

    title: str
    caption: str
    source: str
    spec: Mapping[str, Any] | None = None
    image: str | None = None
    hint: str = ""

    def __post_init__(self) -> None:
        if (self.spec is None) == (self.image is None):
            raise ValueError(f"figure {self.title!r}: allowed is either a spec or an image")


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


def render_html(page: Page, plots: Path) -> str:
    """One page with all that it needs inside: it loads nothing, and its Content-Security-Policy forbids it.

    ``plots``: the folder that the figures' images are relative to. Raises FileNotFoundError if one is missing.
    """
    environment = _environment(autoescape=True)
    environment.filters["picture"] = lambda image: _data_uri(plots / image)
    environment.filters["bound"] = lambda text: UNIT.sub("\N{NO-BREAK SPACE}", text)
    environment.filters["untitled"] = _untitled
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "allow_nan": False}
    return environment.get_template("report.html.j2").render(page=page, bundle=_bundle())


def render_markdown(page: Page, charts: Mapping[str, str]) -> str:
    """The same for code hosts, which run no script: charts are pictures.

    ``charts``: by the title of its figure, the path of each chart's picture from the Markdown file. Raises
    ValueError if one is missing.
    """

    def picture(figure: Figure) -> str:
        if figure.image is not None:
            return figure.image
        if figure.title not in charts:
            raise ValueError(f"figure {figure.title!r}: it has no picture")
        return charts[figure.title]

    environment = _environment(autoescape=False)
    environment.filters["picture"] = picture
    environment.filters["text"] = lambda text: MARKED.sub(r"\\\g<0>", " ".join(text.split()))
    return environment.get_template("report.md.j2").render(page=page)


def static_svg(spec: Mapping[str, Any]) -> str:
    """The chart as a picture that needs no script, on white."""
    # A font of which the place taken by each word is known here, and its likes elsewhere.
    config = {**spec.get("config", {}), "font": "Liberation Sans, Arial, Helvetica, sans-serif"}
    drawn = {**spec, "background": "white", "padding": 12, "config": config}
    if drawn.get("width") == "container":
        drawn["width"] = 760
    svg: str = vl_convert.vegalite_to_svg(drawn, VEGA_LITE)
    return svg.replace("currentColor", "#222222")


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and vega-embed as a script: 0.9 MB, a second's work."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)
    return bundle.replace("</script", "<\\/script")  # which would end the element that holds it


def _environment(autoescape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("cnn_study.report.kit"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _untitled(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The chart without its title, which the page sets above it."""
    return {key: value for key, value in spec.items() if key != "title"}


def _data_uri(path: Path) -> str:
    return f"data:{TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _all_numbers(cells: tuple[str, ...]) -> bool:
    told = [cell for cell in cells if cell not in ("", "–", "—")]
    return bool(told) and all(NUMBER.fullmatch(cell) for cell in told)
