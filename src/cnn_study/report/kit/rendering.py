"""A page as HTML, as Markdown and its charts as pictures. The same page gives the same bytes."""

import base64
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined

from cnn_study.report.kit.charts import PAGE, VEGA_LITE
from cnn_study.report.kit.page import Page

TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
DOLLAR = "&#36;"  # at GitHub, formulas stand between two that are written as such
UNIT = re.compile(r"(?<=\d) (?=(%|s|px|points?)(?!\w))")  # the space between a number and its unit
# What Markdown takes for its own: a _ inside a word is nothing, an & begins an entity, :// and www. an address.
MARKED = re.compile(r"[\\`*<>\[\]|~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|:(?=//)|(?<=www)\.", re.IGNORECASE)
# At the beginning of a line: a list, a rule, a heading or the line below one.
BEGINNING = re.compile(r"^(\d*)([-+.)](?=[-\s]|$)|[#=])")


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


def render_markdown(page: Page) -> str:
    """The same for code hosts, which run no script: charts are the pictures that ``static_svg`` gives.

    They are expected at each figure's ``path`` from the Markdown file.
    """
    environment = _environment(autoescape=False)
    environment.filters["text"] = markdown_text
    environment.filters["html"] = lambda text: escape(one_line(text)).replace("$", DOLLAR)
    return environment.get_template("report.md.j2").render(page=page)


def markdown_text(text: str) -> str:
    """``text``, whatever it holds, as Markdown that shows it: in a line, at its beginning or in a table's cell."""
    marked = MARKED.sub(r"\\\g<0>", one_line(text))
    return BEGINNING.sub(r"\g<1>\\\g<2>", marked).replace("$", DOLLAR)


def one_line(text: str) -> str:
    """``text`` without line breaks, which would end a line of Markdown."""
    return " ".join(text.split())


def static_svg(spec: Mapping[str, Any]) -> str:
    """The chart as a picture that needs no script, on white."""
    # A font of which the place taken by each word is known here, and its likes elsewhere.
    config = {**spec.get("config", {}), "font": "Liberation Sans, Arial, Helvetica, sans-serif"}
    drawn = {**spec, "background": "white", "padding": 12, "config": config}
    if drawn.get("width") == "container":
        drawn["width"] = PAGE
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
