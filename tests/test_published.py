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
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text.replace("\\", ""))).split())


def test_dvc_shows_the_committed_tables(tmp_path: Path) -> None:
    for part in (".dvc/plots", "plots/data", "plots/timing", "plots/images"):
        shutil.copytree(REPOSITORY / part, tmp_path / part)
    for name in (".dvc/config", "dvc.yaml", "params.yaml"):
        shutil.copy2(REPOSITORY / name, tmp_path / name)
    project = Project(tmp_path)
    project.run("git", "init", "--quiet")
    assert "index.html" in project.run("dvc", "plots", "show")


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
        assert (REPOSITORY / told["data"]).is_file()


def test_every_picture_of_the_markdown_report_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", (PLOTS / "report.md").read_text())
    assert len(pictures) > 10
    assert [name for name in pictures if not (PLOTS / name).is_file()] == []


def test_the_results_are_those_of_params_yaml() -> None:
    params = validate(read_yaml(REPOSITORY / "params.yaml"))
    summary, timing = Summaries.read(METRICS / "summary.json"), Timings.read(METRICS / "timing.json")
    assert summary.dataset == params.data.dataset
    published = list(params.architectures)
    release_0_1_0 = None in {found.budget for found in summary.architectures.values()}
    if release_0_1_0:  # with fewer networks, and three seeds each
        published = published[: len(summary.architectures)]
    assert list(summary.architectures) == list(timing.architectures) == published
    for name, found in summary.architectures.items():
        assert release_0_1_0 or found.seeds == params.trainings[name].seeds
        assert found.budget in (max(params.trainings[name].budgets), None)
    headline = committed("headline.json")
    if "test_accuracy_percent" in headline:  # release 0.1.0 has all networks there, and their parameters
        headline = {name: headline["test_accuracy_percent"].get(name) for name in params.headlined}
        headline = {name: mean for name, mean in headline.items() if name in published}
    assert summary.headline(name for name in params.headlined if name in published) == headline
