"""The report can be read by everyone: its colours, headings, descriptions and keys, and on a phone."""

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from cnn_study.report.compose import chapters_of, page_of
from cnn_study.report.kit.rendering import render_html
from tests.test_compose import made_up_evidence
from tests.test_pages import CHROMIUM, look_at

AA = 4.5  # WCAG 2.2, success criterion 1.4.3
NATIVE = {"a", "summary", "button", "input", "select"}
# A picture of one grey pixel, in place of those that analyze draws.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63d8b0e1c17f0007740357"
    "7a4f02820000000049454e44ae426082"
)
# Once all charts stand; a page from a file may not look into another.
SAY_WIDTHS = """<script>setTimeout(() => {
  const {scrollWidth, clientWidth} = document.documentElement;
  parent.postMessage(`${scrollWidth} of ${clientWidth}`, "*");
}, 30000);</script>"""


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of headings."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {key: value or "" for key, value in attrs}))

    def of(self, *tags: str) -> Iterator[dict[str, str]]:
        return (attributes for tag, attributes in self.found if tag in tags)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of params.yaml's networks, of made-up results."""
    folder = tmp_path_factory.mktemp("report")
    evidence = made_up_evidence()
    page = page_of(evidence, chapters_of(evidence))
    for figure in page.figures:
        if figure.image is not None:
            (folder / figure.image).parent.mkdir(parents=True, exist_ok=True)
            (folder / figure.image).write_bytes(PIXEL)
    (folder / "report.html").write_text(render_html(page, folder))
    return folder


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report.html").read_text()


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@cache
def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_stands_out_from_what_is_behind_it_in_light_dark_and_print(html: str) -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    modes = [dict(re.findall(r"--(\w+): (#\w{6})", mode)) for mode in re.findall(r":root \{(.*?)\}", html)]
    assert len(modes) == 3
    for colours in modes:
        for text in ("ink", "soft", "link"):
            for behind in ("page", "tint"):
                assert contrast(colours[text], colours[behind]) >= AA, (text, behind, colours)


def test_headings_go_down_one_level_at_a_time_from_a_single_title(html: str) -> None:
    levels = [int(tag[1]) for tag, _ in Elements(html).found if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    steps = [after - before for before, after in pairwise(levels)]
    assert max(steps) == 1
    assert levels.count(2) > 5


def test_every_picture_and_chart_says_what_is_seen(html: str) -> None:
    elements = Elements(html)
    described = [one["alt"] for one in elements.of("img")]
    described += [one["aria-label"] for one in elements.of("div") if one.get("role") == "img"]
    assert len(described) > 12
    assert len(set(described)) == len(described)
    for text in described:
        assert len(text.split()) >= 6, text


def test_what_scrolls_or_folds_can_be_reached_by_keys_and_has_a_name(html: str) -> None:
    elements = Elements(html)
    scrolling = [one for one in elements.of("div") if one.get("class") == "scroll"]
    assert scrolling
    for one in scrolling:
        assert (one["tabindex"], one["role"]) == ("0", "region")
        assert one["aria-label"]
    assert [tag for tag, one in elements.found if "onclick" in one and tag not in NATIVE] == []
    assert len(list(elements.of("summary"))) == len(list(elements.of("details")))
    assert elements.found[[tag for tag, _ in elements.found].index("body") + 1][1].get("href") == "#the-answers"


def test_tables_name_their_rows_and_columns(html: str) -> None:
    scopes = [one["scope"] for one in Elements(html).of("th")]
    assert set(scopes) == {"row", "col"}


def test_nothing_on_the_page_moves(html: str) -> None:
    style = html[html.index("<style>") : html.index("</style>")]
    assert not re.search(r"transition|animation|scroll-behavior|@keyframes", style)
    assert "defaultStyle: false" in html  # vega-embed's own fades its menu in


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome here")
@pytest.mark.parametrize("width", [360, 1366])
def test_the_page_itself_never_scrolls_sideways(folder: Path, width: int, tmp_path: Path) -> None:
    # Headless Chromium's windows are 500 pixels wide at least: a frame is as narrow as it is told.
    (folder / "inside.html").write_text((folder / "report.html").read_text() + SAY_WIDTHS)
    (folder / "frame.html").write_text(
        f'<iframe src="inside.html#unfold-all" style="width: {width}px; height: 900px; border: 0"></iframe>'
        "<script>addEventListener('message', said => { document.title = said.data; });</script>"
    )
    seen = look_at(folder / "frame.html", tmp_path)
    said = re.search(r"<title>(\d+) of (\d+)</title>", seen.html)
    assert said, seen.html[:500]
    wide, there = map(int, said.groups())
    assert there > width - 30
    assert wide <= there
