"""The report's page holds all that it is given, in order, and needs nothing from elsewhere."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cnn_study.report.kit import rendering
from cnn_study.report.kit.page import Answer, Detail, Figure, Page, Section, Sentence, Table
from cnn_study.report.kit.rendering import render_html, render_markdown, static_svg
from tests.test_charts import CHARTS

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def chart(name: str) -> Figure:
    spec = CHARTS[name].spec
    return Figure(name, spec["title"], f"how to read {name}", f"analyze, {name}.csv", spec=spec)


TABLE = Table(
    "Accuracy and cost",
    ("network", "accuracy", "status"),
    (("3×3", "82.1 %", "trained"), ("5×5 | wide", "–", "diverged <again>")),
    "analyze, metrics/summary.json",
    "Means over two seeds.",
)
SECTION = Section(
    "width",
    "Width",
    "Does width pay?",
    (Sentence("It pays by 1.5 points.", "analyze, comparisons.csv"),),
    chart("validation_curves"),
    TABLE,
    (
        Detail(
            "More on width & what it sees",
            (Sentence("It sees all.", "analyze, fields.csv"),),
            (replace(TABLE, title="Fields", source="analyze, fields of layers"),),
            (
                Figure(
                    "field",
                    "What it sees",
                    "the field",
                    "analyze, plots/images",
                    image="images/field.png",
                    alt="A grey square in the middle.",
                ),
            ),
        ),
    ),
)
PAGE = Page(
    "A study",
    "of two networks",
    tuple(
        Answer(f"Question {number}", Sentence(f"Answer {number}: a_b *is* <b>less</b>.", f"source {number}"))
        for number in range(5)
    ),
    chart("difference_chart"),
    replace(TABLE, title="All comparisons", source="analyze, verdicts"),
    (SECTION,),
    (("Intervals", "Student's t."),),
)


@pytest.fixture
def plots(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/field.png").write_bytes(PIXEL)
    return tmp_path


class Words(HTMLParser):
    """What a reader sees, and every address that the page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.silent = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent = tag in ("script", "style", "title")
        self.addresses += [
            value or "" for key, value in attrs if key in ("src", "href", "srcset", "action", "data")
        ]
        self.ids += [value or "" for key, value in attrs if key == "id"]

    def handle_endtag(self, tag: str) -> None:
        self.silent = False

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.text += data


def in_order(text: str, *words: str) -> bool:
    places = [text.find(word) for word in words]
    return -1 not in places and places == sorted(places)


def test_the_page_begins_with_answers_and_each_section_goes_from_its_question_to_what_is_folded_in(
    plots: Path,
) -> None:
    text = Words(render_html(PAGE, plots)).text.replace("\N{NO-BREAK SPACE}", " ")
    order = ["A study", "Question 0", "Answer 0", "Question 4", "Answer 4"]
    order += ["differences in test accuracy", "All comparisons"]
    order += ["Does width pay?", "It pays by 1.5 points.", "validation accuracy by epoch", "Accuracy and cost"]
    order += ["It sees all.", "Fields", "What it sees", "Intervals", "Student's t."]
    assert in_order(text, *order)
    markdown = render_markdown(PAGE)
    assert in_order(markdown, *order)


def test_every_figure_table_and_sentence_says_where_it_comes_from(plots: Path) -> None:
    text, markdown = Words(render_html(PAGE, plots)).text, render_markdown(PAGE)
    sources = [f"source {number}" for number in range(5)]
    sources += ["analyze, comparisons.csv", "analyze, metrics/summary.json", "analyze, plots/images"]
    sources += ["analyze, verdicts", "analyze, fields.csv", "analyze, fields of layers"]
    sources += [f"analyze, {name}.csv" for name in ("difference_chart", "validation_curves")]
    for source in sources:
        assert source in text
        assert source in markdown


def test_the_contents_lead_to_every_section(plots: Path) -> None:
    page = Words(render_html(PAGE, plots))
    links = [address[1:] for address in page.addresses if address.startswith("#")]
    assert links == ["the-answers", "width", "methods", "unfold-all"]
    assert set(links) - {"unfold-all"} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    markdown = render_markdown(PAGE)
    assert "](#width)" in markdown
    assert "#networks" not in markdown
    drawn = replace(PAGE, sections=(replace(PAGE.sections[0], key="networks"),))
    assert "[What the networks are](#networks)" in render_markdown(drawn).partition("Answer 0")[0]
    assert '<a href="#networks">What the networks are</a>' in render_html(drawn, plots).partition("Answer 0")[0]
    assert '<a id="width"></a>' in markdown


def test_the_page_refers_to_nothing_outside_itself(plots: Path) -> None:
    html = render_html(PAGE, plots)
    page = Words(html)
    assert [address for address in page.addresses if not address.startswith(("#", "data:"))] == []
    assert f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}" in page.addresses
    assert "default-src 'none'" in html
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_same_page_gives_the_same_bytes(plots: Path) -> None:
    assert render_html(PAGE, plots) == render_html(PAGE, plots)
    assert render_markdown(PAGE) == render_markdown(PAGE)


def test_text_is_text_whatever_is_in_it(plots: Path) -> None:
    nasty = "</script><script>alert(1)</script>"
    spec = CHARTS["difference_chart"].spec | {"data": {"values": [{"name": nasty}]}}
    page = replace(PAGE, title=nasty, figure=Figure("nasty", nasty, nasty, nasty, spec=spec))
    html = render_html(page, plots)
    assert "<script>alert" not in html
    assert html.count("<script") == render_html(replace(PAGE, figure=None), plots).count("<script") + 1
    assert "Answer 0: a_b *is* <b>less</b>." in Words(html).text


def test_no_script_inside_the_bundle_ends_the_element_that_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vl_convert.javascript_bundle", lambda *_: "const tag = '</script>';")
    assert rendering._bundle.__wrapped__() == "const tag = '<\\/script>';"


def test_what_is_folded_is_in_markdown_too_and_a_title_of_it_is_no_markup() -> None:
    markdown = render_markdown(PAGE)
    folded = markdown[markdown.index("<details>") : markdown.index("</details>")]
    assert "<summary>More on width &amp; what it sees</summary>\n\n" in folded
    assert "- It sees all." in folded
    assert "![A grey square in the middle.](images/field.png)" in folded
    assert "It pays" not in folded


def test_numbers_stand_to_the_right_and_words_to_the_left(plots: Path) -> None:
    assert TABLE.numeric == [False, True, False]
    html = render_html(PAGE, plots)
    assert '<td class="number">82.1\N{NO-BREAK SPACE}%</td>' in html
    assert '<td class="short">trained</td>' in html
    assert "| --- | ---: | --- |" in render_markdown(PAGE)


def test_markdown_keeps_its_tables_and_takes_no_text_for_markup() -> None:
    markdown = render_markdown(PAGE)
    assert r"Answer 0: a_b \*is\* \<b\>less\</b\>." in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert rows[2 + 1] == r"| 5×5 \| wide | – | diverged \<again\> |"
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}
    start = markdown.splitlines().index(rows[0])
    assert markdown.splitlines()[start : start + 4] == rows[:4]


def test_markdown_shows_charts_as_pictures_of_the_figures_names() -> None:
    markdown = render_markdown(PAGE)
    pictures = re.findall(r"\]\((charts/[^)]*)\)", markdown)
    assert pictures == [
        "charts/difference_chart.svg",
        "charts/validation_curves.svg",
    ]
    assert pictures == [figure.path for figure in PAGE.figures if figure.spec is not None]
    assert "](images/field.png)" in markdown
    assert "$schema" not in markdown


def test_a_figure_s_name_is_its_own_and_can_be_a_file_s() -> None:
    with pytest.raises(ValueError, match=r"found twice: \['difference_chart'\]"):
        replace(PAGE, sections=(replace(SECTION, figure=chart("difference_chart")),))
    for name in ("", "Depth", "a/b", "../a", "a-", "2 layers"):
        with pytest.raises(ValueError, match="allowed is a name"):
            Figure(name, "b", "c", "d", spec={})


def test_a_section_s_key_is_its_own() -> None:
    with pytest.raises(ValueError, match=r"found twice: \['width'\]"):
        replace(PAGE, sections=(SECTION, replace(SECTION, figure=None, details=())))


def test_what_cannot_be_shown_is_refused(plots: Path) -> None:
    with pytest.raises(ValueError, match="either a spec or an image"):
        Figure("a", "a", "b", "c")
    with pytest.raises(ValueError, match="either a spec or an image"):
        Figure("a", "a", "b", "c", spec={}, image="x.png")
    with pytest.raises(ValueError, match="rows of 2 cells"):
        Table("a", ("b", "c"), (("1",),), "d")
    with pytest.raises(FileNotFoundError, match=r"absent\.png"):
        render_html(replace(PAGE, figure=Figure("a", "a", "b", "c", image="images/absent.png")), plots)
    broken = {"data": {"values": [{"accuracy": float("nan")}]}}
    with pytest.raises(ValueError, match="JSON"):
        render_html(replace(PAGE, figure=Figure("a", "a", "b", "c", spec=broken)), plots)


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_as_a_picture_has_its_title_and_names(name: str) -> None:
    svg = static_svg(CHARTS[name].spec)
    assert svg.startswith("<svg")
    assert "Width: " in svg
    assert "currentColor" not in svg
    assert "NaN" not in svg
    assert "5×5" in svg
