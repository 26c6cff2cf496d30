"""Pages, looked at with a real browser that has no network: every chart is drawn, nothing is asked for."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import validate
from cnn_study.report.kit.page import Detail, Figure, Page, Section
from cnn_study.report.kit.palette import styles_of
from cnn_study.report.kit.rendering import render_html
from cnn_study.report.kit.wording import first_name
from cnn_study.report.topics.studies.curves import validation_curves
from tests.conftest import REPOSITORY, Project
from tests.test_charts import CHARTS, SHOWN, curves

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome here")

PARAMS = read_yaml(REPOSITORY / "params.yaml")
ARCHITECTURES = list(PARAMS["architectures"])
STUDIES = PARAMS["studies"]
BROWSER = [
    "--headless",
    "--no-sandbox",  # for root; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--proxy-server=http://127.0.0.1:9",  # where nobody answers
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--enable-logging=stderr",
    "--window-size=1200,2000",
    "--virtual-time-budget=60000",
    "--dump-dom",
]
EMPTY = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
MARK = re.compile(r"mark-(?!group)\w+ role-mark")


class Marks(HTMLParser):
    """Counts what is drawn in each chart of a page; axes, legends and titles do not count."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.counts: list[int] = []
        self.open: list[tuple[str, str]] = []  # tag and class
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        kind = given.get("class") or ""
        if "vega-embed" in kind.split():
            self.counts.append(0)
        shape = given.get("d", "shown") or ""
        if self.open and MARK.search(self.open[-1][1]) and shape and "NaN" not in str(given):
            self.counts[-1] += 1
        if tag not in EMPTY:
            self.open.append((tag, kind))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass


@dataclass(frozen=True)
class Seen:
    """A page after its scripts have run; ``asked``: every request that was for something outside it."""

    html: str
    errors: list[str]
    asked: list[str]

    @property
    def marks(self) -> list[int]:
        return Marks(self.html).counts


def look_at(page: Path, folder: Path) -> Seen:
    """Open a page in a browser without a network, everything unfolded, and let its scripts run."""
    log = folder / "network.json"
    here = [f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", f"{page.as_uri()}#unfold-all"]
    done = subprocess.run([str(CHROMIUM), *BROWSER, *here], capture_output=True, text=True, check=True)
    lines = re.findall(r"CONSOLE:\d+\] (.*)", done.stderr)
    errors = [line for line in lines if re.search(r"Error|Uncaught|Refused|Failed|violates|ERR_", line)]
    return Seen(done.stdout, errors, requests(json.loads(log.read_text())["events"]))


def requests(events: list[dict[str, Any]]) -> list[str]:
    """The addresses on the network that a page asked for; not what the browser asks for by itself."""
    found = [event.get("params", {}) for event in events]
    asked = [params for params in found if params.get("initiator", "not an origin") != "not an origin"]
    return [params["url"] for params in asked if not params["url"].startswith(("file:", "data:", "blob:"))]


def folding(figures: tuple[Figure, ...]) -> Page:
    """A page that has these figures folded in, but for the first."""
    first, *others = figures
    section = Section("s", "s", "s?", (), None, None, (Detail("more", figures=tuple(others)),))
    return Page("t", "s", (), first, None, (section,), ())


def test_the_look_itself_sees_requests_errors_and_empty_charts(tmp_path: Path) -> None:
    empty = validation_curves(curves().head(0), SHOWN)
    figures = (
        Figure("full", "full", "", "", spec=CHARTS["difference_chart"].spec),
        Figure("empty", "empty", "", "", spec=empty),
    )
    html = render_html(folding(figures), tmp_path)
    html = re.sub("<meta http-equiv=.*?>", "", html)
    spoilt = '<img src="http://example.org/picture.png"><script>undefined.broken</script>'
    (tmp_path / "page.html").write_text(html + spoilt)
    seen = look_at(tmp_path / "page.html", tmp_path)
    assert seen.marks == [CHARTS["difference_chart"].marks, 0]
    assert any("TypeError" in error for error in seen.errors)
    assert "http://example.org/picture.png" in seen.asked


# A click on the first entry of the first chart's legend, once all charts stand.
CLICK = """<script>
  setTimeout(() => {
    const entry = document.querySelector(".role-legend-symbol path");
    entry.dispatchEvent(new MouseEvent("click", {bubbles: true}));
  }, 20000);
</script>"""


def test_the_report_draws_every_chart_without_network_or_errors(tmp_path: Path) -> None:
    figures = tuple(Figure(name, name, "", "", spec=chart.spec) for name, chart in CHARTS.items())
    html = render_html(folding(figures), tmp_path)
    (tmp_path / "report.html").write_text(html)
    seen = look_at(tmp_path / "report.html", tmp_path)
    assert (seen.errors, seen.asked) == ([], [])
    assert dict(zip(CHARTS, seen.marks, strict=True)) == {name: chart.marks for name, chart in CHARTS.items()}


def test_the_committed_report_draws_every_chart_without_network_or_errors(tmp_path: Path) -> None:
    page = REPOSITORY / "plots/report.html"
    seen = look_at(page, tmp_path)
    assert (seen.errors, seen.asked) == ([], [])
    assert len(seen.marks) == page.read_text().count('class="chart"')
    assert min(seen.marks) > 0


def test_a_click_on_the_legend_leaves_one_line(tmp_path: Path) -> None:
    figures = (Figure("curves", "curves", "", "", spec=CHARTS["validation_curves"].spec),)
    html = render_html(folding(figures), tmp_path)
    (tmp_path / "report.html").write_text(html + CLICK)
    seen = look_at(tmp_path / "report.html", tmp_path)
    lines = re.findall(r'<path[^>]*aria-roledescription="line mark"[^>]*>', seen.html)
    opacities = [opacity for line in lines for opacity in re.findall(r' opacity="([^"]*)"', line)]
    assert sorted(opacities) == ["0.08", "0.08", "1"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The committed tables and the project's templates in a repository of two revisions."""
    folder = tmp_path_factory.mktemp("plots")
    for part in (".dvc/plots", "plots/data", "plots/timing"):
        shutil.copytree(REPOSITORY / part, folder / part)
    shutil.copy2(REPOSITORY / ".dvc/config", folder / ".dvc/config")
    plots = [plot for plot in read_yaml(REPOSITORY / "dvc.yaml")["plots"] if isinstance(plot, dict)]
    YAML().dump({"plots": plots}, folder / "dvc.yaml")
    path = folder / "plots/timing/frontier.csv"
    project = Project(folder)
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    (folder / ".gitignore").write_text("/.dvc/tmp\n/.dvc/config.local\n/dvc_plots\n/diff\n/old\n")
    project.commit("results")
    frontier = pd.read_csv(path)
    frontier.assign(accuracy=frontier["accuracy"] - 0.01).to_csv(path, index=False)
    project.run(sys.executable, "-m", "scripts.make_plots_page", PYTHONPATH=str(REPOSITORY))
    return project


# What a mark of each chart says, by which it is found, and how the lines of the two revisions differ.
DVC_CHARTS = {
    "accuracy_against_cost": "seconds of training: [^>]*; budget: ",
    "validation_accuracy": r"epoch: \d+; validation accuracy: ",
    "gradient_norm_by_layer": "layer, [^>]*; gradient norm: ",
    "gradient_norm_by_epoch": r"epoch: \d+; gradient norm: ",
    "learning_rates": "learning rate: ",
}


@pytest.mark.parametrize(("command", "folder"), [("show", "dvc_plots"), ("diff main", "diff")])
def test_dvc_s_page_draws_every_chart_with_the_networks_names_and_colours_and_shows_revisions_differently(
    repository: Project, command: str, folder: str, tmp_path: Path
) -> None:
    repository.run(sys.executable, "-m", "dvc", "plots", *command.split(), "--out", folder)
    seen = look_at(repository.folder / folder / "index.html", tmp_path)
    assert (seen.errors, seen.asked) == ([], [])
    assert len(seen.marks) == len(read_yaml(repository.folder / "dvc.yaml")["plots"])
    # Fewer would be an empty or a broken chart: each shows a dozen networks, some of them twice.
    assert min(seen.marks) >= 12
    colours = {name: style.colour for name, style in styles_of(ARCHITECTURES).items()}
    studies = validate(PARAMS).studies
    of_all = {first_name(name, studies): name for name in ARCHITECTURES}
    of_studies = {name: key for study in STUDIES.values() for key, name in study["members"].items()}
    described = re.findall(r'"([^"]*network: ([^;"]*)[^"]*)"[^>]* (?:fill|stroke)="([^"]*)"', seen.html)
    # The colours of these are layers', epochs' and shares'.
    drawn = {(name, colour) for text, name, colour in described if not re.search("gradient norm|actual", text)}
    names = of_all | of_studies
    assert drawn == {(name, colours[key]) for name, key in names.items()}
    words = set(re.findall("<text[^>]*>([^<]*)</text>", seen.html))
    assert {study["title"] for study in STUDIES.values()} | set(of_all) <= words
    assert words.isdisjoint({*STUDIES, *ARCHITECTURES} - set(names))
    revisions = [{"workspace", "main"}, {"workspace"}][command == "show"]
    for name, chart in DVC_CHARTS.items():
        found = f'{chart}[^>]*rev(?:ision)?: (\\w+)[;"][^>]*"line mark"[^>]*stroke-dasharray="(.*?)"'
        marks = re.findall(found, seen.html)
        assert {revision for revision, _ in marks} == revisions, name
        assert len(set(marks)) == len({look for _, look in marks}) == len(revisions), name


def test_dvc_s_page_leads_with_accuracy_against_cost_all_networks_through_their_budgets(
    repository: Project, tmp_path: Path
) -> None:
    assert list(read_yaml(repository.folder / "dvc.yaml")["plots"][0]) == ["accuracy_against_cost"]
    repository.run(sys.executable, "-m", "dvc", "plots", "diff", "main", "--out", "old")
    seen = look_at(repository.folder / "old/index.html", tmp_path)
    points = re.findall(r'network: ([^;"]*); epochs: (\d+); [^"]*; rev: (\w+)"[^>]*"point"', seen.html)
    runs = sum(len(training.budgets) for training in validate(PARAMS).trainings.values())
    assert len(points) == len(set(points)) == runs * 2
