"""What is committed under metrics/ and plots/ belongs together."""

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from cnn_study.analysis.summaries import Summaries, Timings
from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import validate
from tests.conftest import REPOSITORY, Project

PLOTS, METRICS = REPOSITORY / "plots", REPOSITORY / "metrics"


def committed(name: str) -> Any:
    return json.loads((METRICS / name).read_text())


def both(key: str) -> list[Any]:
    """The findings or claims that rest on no clock, and those that do."""
    return [*committed("conclusions.json")[key], *committed("timing_conclusions.json")[key]]


def words(text: str) -> str:
    """A page's text without its tags, and without what Markdown escapes."""
    return " ".join(html.unescape(re.sub(r"(?<!\\)<[^>]*>", " ", text).replace("\\", "")).split())


def test_dvc_shows_the_committed_tables(tmp_path: Path) -> None:
    for part in (".dvc/plots", "plots/data", "plots/timing", "plots/images"):
        shutil.copytree(REPOSITORY / part, tmp_path / part)
    for name in (".dvc/config", "dvc.yaml", "params.yaml"):
        shutil.copy2(REPOSITORY / name, tmp_path / name)
    project = Project(tmp_path)
    project.run("git", "init", "--quiet")
    assert "index.html" in project.run("dvc", "plots", "show")
    charts = json.loads(project.run("dvc", "plots", "show", "--json"))["data"]
    assert len(charts) >= len(read_yaml(REPOSITORY / "dvc.yaml")["plots"])
    assert [name for name, drawn in charts.items() if not drawn] == []


def test_the_page_opens_on_a_phone() -> None:
    assert (PLOTS / "report.html").stat().st_size < 4_000_000


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_the_report_tells_every_finding_and_every_claim(name: str) -> None:
    page = words((PLOTS / name).read_text())
    for finding in both("findings"):
        assert " ".join(finding["text"].split()) in page
    for claim in both("claims"):
        assert claim["claim"] in page
        assert claim["because"] in page


def test_every_sentence_has_numbers_and_a_file_that_shows_them() -> None:
    for told in (*both("findings"), *both("claims")):
        assert told["numbers"]
        assert all((REPOSITORY / path).is_file() for path in told["data"].split(", "))


def test_every_picture_of_the_markdown_report_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", (PLOTS / "report.md").read_text())
    assert len(pictures) > 10
    assert [name for name in pictures if not (PLOTS / name).is_file()] == []


def test_the_results_are_those_of_params_yaml() -> None:
    params = validate(read_yaml(REPOSITORY / "params.yaml"))
    summary, timing = Summaries.read(METRICS / "summary.json"), Timings.read(METRICS / "timing.json")
    assert summary.dataset == params.data.dataset
    assert list(summary.architectures) == list(timing.architectures) == list(params.architectures)
    for name, found in summary.architectures.items():
        assert found.seeds == params.trainings[name].seeds
        assert found.budget == max(params.trainings[name].budgets)
    assert summary.headline(params.headlined) == committed("headline.json")
