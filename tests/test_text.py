"""Text is text: what params.yaml calls its networks and studies is what people read, whatever is in it."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cnn_study.report.kit.charts import down, quantity, single, tip
from cnn_study.report.kit.page import Answer, Detail, Figure, Page, Section, Sentence, Table
from cnn_study.report.kit.rendering import markdown_text, render_html, render_markdown, static_svg
from stages.analyze import save_tables

ODD = (
    "+ norm", "- norm", "-", "+", "---", "=", "===", "# layers", "#", "1. more", "12) more", "3 . 4", "1.", "> 3",
    "* three", "*three*", "**three**", "_three_", "__three__", "a_b", "~~three~~", "~three~", "~~~", "```", "`x`",
    "$x$", "$$x$$", "$`x`$", "a & b", "&amp;", "&#36;", "&lt;b&gt;", "<b>x</b>", "<!-- x -->", "a < b", "a|b", "|",
    "\\", "\\|", "\\\\", "a\\", "![x](y)", "[x](y)", "[x]", "[ ] x", "!", "<https://a.b>", "https://a.b/c_d_e",
    "www.a.b", "@somebody", "a@b.cd", "\"x\" 'y'", "5×5, wide", "−0.3", "+0.3", "0.3.", "x  y", "{{ x }}", "{x}",
    "%s", "datum.name", "a.b[0]", "true", "NaN", "None", "1e3", "é漢🙂",
)  # fmt: skip


class Visible(HTMLParser):
    """The text of a page, its pictures by what stands for them, without what only machines read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.silent = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent = tag in ("script", "style")
        self.tags.append(tag)
        self.texts += [value or "" for key, value in attrs if key == "alt"]

    def handle_endtag(self, tag: str) -> None:
        self.silent = False

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.texts.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.texts).replace("\N{NO-BREAK SPACE}", " ").split())


def as_read(markdown: str) -> Visible:
    """As GitHub shows it, formulas aside."""
    return Visible(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))


def page_of(text: str) -> Page:
    """A page that has the text in each of its places."""
    sentence = Sentence(text, text)
    table = Table(text, (text, "b"), ((text, text), ("a", text)), text, text)
    figure = Figure("figure", text, text, text, spec=chart(text), alt=text)
    detail = Detail(text, (sentence, sentence), (table,))
    section = Section("key", text, text, (sentence,), figure, table, (detail,))
    return Page(text, text, (Answer(text, sentence),), None, table, (section,), ((text, text),))


def chart(name: str) -> dict[str, object]:
    rows = pd.DataFrame({"name": [name, "other"], "x": [1.0, -2.0]})
    encoding = {"x": quantity("x", "x"), "y": down("name", rows), "tooltip": [tip("name", "network")]}
    return single(name, rows, height=100, mark="bar", encoding=encoding)


PLAIN = "plainword"


@pytest.mark.parametrize("text", ODD)
def test_markdown_and_html_show_the_text_in_every_place_as_they_show_a_plain_word(
    text: str, tmp_path: Path
) -> None:
    given, plain = (as_read(render_markdown(page_of(one))) for one in (text, PLAIN))
    assert given.words == plain.words.replace(PLAIN, " ".join(text.split()))
    assert given.tags == plain.tags  # no list, heading, emphasis or picture of its own
    given, plain = (Visible(render_html(page_of(one), tmp_path)) for one in (text, PLAIN))
    assert given.words == plain.words.replace(PLAIN, " ".join(text.split()))
    assert given.tags == plain.tags


@given(st.text("+-#*_~`$&|<>[]()!\\:.;=1a é\n\t@'\"", min_size=1, max_size=12).filter(str.strip))
def test_any_text_is_itself_at_the_beginning_of_a_line_in_bold_and_in_a_table(text: str) -> None:
    one = markdown_text(text)
    shown = " ".join(text.split())
    read = as_read(f"{one}\n\n- {one}\n\n| {one} | b |\n| --- | --- |\n| {one} | {one} |\n\n![{one}](x.png)\n")
    plain = as_read("p\n\n- p\n\n| p | b |\n| --- | --- |\n| p | p |\n\n![p](x.png)\n")
    assert read.tags == plain.tags
    assert read.words == " ".join([shown, shown, shown, "b", shown, shown, shown])


@pytest.mark.parametrize("text", ["$x$", "a $5 b $6", "$$"])
def test_no_dollar_stands_in_markdown_that_github_would_take_for_a_formula(text: str) -> None:
    assert "$" not in render_markdown(page_of(text))


@pytest.mark.parametrize("text", ODD)
def test_a_chart_shows_the_text_as_its_title_and_beside_a_mark(text: str) -> None:
    svg = ET.fromstring(static_svg(chart(text)))
    shown = [" ".join("".join(one.itertext()).split()) for one in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert shown.count(" ".join(text.split())) == 2  # as the title, and beside its bar
    assert "−2.0" in shown  # and no hyphen for a minus


@pytest.mark.parametrize("text", ODD)
def test_a_table_that_is_saved_gives_the_text_back(text: str, tmp_path: Path) -> None:
    save_tables(tmp_path, {"texts": pd.DataFrame({"name": [text], "x": [1]})})
    saved = pd.read_csv(tmp_path / "texts.csv", keep_default_na=False, dtype=str)
    assert saved["name"].tolist() == [text]


def test_no_text_ends_a_script_of_the_page(tmp_path: Path) -> None:
    nasty = "</script><script>alert(1)</script><!--"
    html = render_html(page_of(nasty), tmp_path)
    assert html.count("<script") == render_html(page_of(PLAIN), tmp_path).count("<script")
    (spec,) = re.findall(r'class="spec">(.*?)</script>', html)
    assert json.loads(spec)["data"]["values"][0]["name"] == nasty
