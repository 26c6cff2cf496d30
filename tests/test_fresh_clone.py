"""What ``make study`` runs in a clone that has what git has: results, and neither data nor weights."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cnn_study.sources import cifar10
from scripts.plan import lost_weights, sees_images, to_run
from scripts.study import why_no_cifar10
from stages.download import RAW
from tests.conftest import NO_NETWORK, REPOSITORY, Project

STUDY = (sys.executable, "-m", "scripts.study")
DATA = {"download", "prepare"}
# What is written after a network's evaluation.
LATER = (
    "metrics",
    "plots",
    *(f"results/{part}{stage}" for part in ("", "timing/") for stage in ("replay", "profile")),
)


@pytest.fixture
def clone(finished: Project, tmp_path: Path) -> Project:
    """A clone of the finished study, with a cache of its own in which there is nothing."""
    return clone_of(finished, tmp_path / "clone")


def clone_of(project: Project, folder: Path) -> Project:
    project.run("git", "clone", "--quiet", str(project.folder), str(folder))
    assert not (folder / "runs").exists()
    assert not (folder / "data/prepared").exists()
    return Project(folder)


def study(project: Project) -> set[str]:
    """The stages that ``make study`` runs."""
    return set(re.findall(r"Running stage '(\S+)'", project.run(*STUDY)))


def changed(project: Project) -> list[str]:
    """The files of results that git sees a change in."""
    return project.run("git", "status", "--porcelain", "results").splitlines()


def test_a_data_set_in_dvc_s_cache_is_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    project.run("dvc", "init", "--quiet", "--no-scm")
    RAW.mkdir(parents=True)
    for name in cifar10.FILES:
        (RAW / name).write_text(name)
    project.run("dvc", "add", "--quiet", str(RAW))
    monkeypatch.setattr(cifar10, "local_copies", list)
    monkeypatch.setattr(cifar10, "unreachable", lambda: "no network")
    shutil.rmtree(RAW)
    assert why_no_cifar10() == ""
    shutil.rmtree(RAW)
    shutil.rmtree(tmp_path / ".dvc/cache")
    assert why_no_cifar10() == "no network"


def test_nothing_runs_where_nothing_has_changed(clone: Project) -> None:
    assert study(clone) == set()
    assert clone.run("git", "status", "--porcelain") == ""


def test_a_data_set_that_cannot_be_had_is_not_missed_where_nothing_needs_it(clone: Project) -> None:
    for name in ("params.yaml", "dvc.lock"):  # as if the results were of CIFAR-10
        path = clone.folder / name
        path.write_text(path.read_text().replace("dataset: fashion_mnist", "dataset: cifar10"))
    with (clone.folder / "src/cnn_study/report/kit/charts.py").open("a") as file:
        file.write("\n# edited\n")
    before = (clone.folder / "params.yaml").read_text()
    printed = clone.run(*STUDY, ok=True, CIFAR10_ARCHIVE="", **NO_NETWORK)
    assert re.findall(r"Running stage '(\S+)'", printed) == ["analyze"]
    assert "CIFAR-10" not in printed
    assert (clone.folder / "params.yaml").read_text() == before


@pytest.mark.thorough
def test_a_changed_chart_is_drawn_from_what_is_there(clone: Project) -> None:
    with (clone.folder / "src/cnn_study/report/kit/charts.py").open("a") as file:
        file.write("\n# edited\n")
    assert study(clone) == {"analyze"}
    assert changed(clone) == []
    assert not (clone.folder / "data/raw").exists()


@pytest.mark.long
@pytest.mark.thorough
def test_an_added_network_is_trained_alone(clone: Project) -> None:
    def add(params: Any) -> None:
        params["architectures"]["added"] = {"layers": [{"conv": 4, "kernel": 1}, {"pool": 8}], "head": {}}
        params["studies"]["kernel_size"]["members"]["added"] = "1×1"

    clone.edit_params(add)
    stages = {f"{stage}@added" for stage in ("tune", "train", "evaluate", "profile")}
    assert study(clone) == {*DATA, *stages, "cost", "analyze"}
    measured, *added = sorted(changed(clone))
    assert measured == " M results/timing/cost.json"
    assert all(line.startswith("?? ") and "added" in line for line in added)
    summary = json.loads((clone.folder / "metrics/summary.json").read_text())
    assert list(summary["architectures"]) == ["small", "other", "added"]
    assert study(clone) == set()


@pytest.mark.long
@pytest.mark.thorough
def test_a_run_that_was_cut_goes_on_from_what_was_committed(finished: Project, tmp_path: Path) -> None:
    cut = finished.copy_to(tmp_path / "cut")
    ended = ("download", "prepare", "tune@small", "train@small", "evaluate@small")
    yaml = YAML()
    lock = yaml.load(cut.folder / "dvc.lock")
    lock["stages"] = {stage: lock["stages"][stage] for stage in ended}
    yaml.dump(lock, cut.folder / "dvc.lock")
    of_others = list(cut.folder.glob("results/**/other*"))
    for path in [*of_others, *(cut.folder / path for path in LATER)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    cut.commit("one network")
    clone = clone_of(cut, tmp_path / "elsewhere")
    rest = {"tune@other", "train@other", "evaluate@other", "replay@small", "profile@small", "profile@other"}
    assert study(clone) == {*DATA, *rest, "cost", "analyze"}
    assert not (clone.folder / "runs/train/small").exists()


@pytest.mark.long
@pytest.mark.thorough
def test_weights_that_are_elsewhere_are_made_again_for_other_test_images(clone: Project) -> None:
    clone.edit_params(lambda params: params["data"].update(test_images=90))
    weights = {f"{stage}@{name}" for stage in ("train", "evaluate") for name in ("small", "other")}
    assert study(clone) == {*DATA, *weights, "analyze"}
    # The same bits: what training has found is what it had found.
    assert not [line for line in changed(clone) if "results/train" in line]


@pytest.mark.long
@pytest.mark.thorough
def test_results_that_are_gone_are_made_again(clone: Project) -> None:
    for path in ("results/tune/small.json", "results/profile/other.json", "plots/report.html"):
        (clone.folder / path).unlink()
    assert study(clone) == {*DATA, "tune@small", "profile@other", "analyze"}
    assert clone.run("git", "status", "--porcelain", "results/profile", "results/tune") == ""
    (clone.folder / "results/timing/cost.json").unlink()
    assert study(clone) == {"cost", "analyze"}
    (clone.folder / "metrics/summary.json").unlink()
    assert study(clone) == {"analyze"}


@pytest.mark.parametrize(
    ("changes", "running"),
    [
        ({}, set()),
        ({"prepare": [{"changed outs": {"data/prepared/train": "deleted"}}]}, set()),
        ({"train@one": [{"changed outs": {"runs/train/one": "not in cache"}}]}, set()),
        ({"train@one": [{"changed outs": {"results/train/one": "deleted"}}]}, {"train@one", "evaluate@one"}),
        ({"evaluate@one": [{"changed deps": {"results/train/one": "deleted"}}]}, set()),
        ({"train@one": ["changed command"]}, {"train@one", "evaluate@one"}),
        (
            {"train@one": [{"changed deps": {"data/prepared/train": "deleted", "src": "modified"}}]},
            {"train@one", "evaluate@one"},
        ),
        ({"tune@two": [{"changed deps": {"src": "modified"}}]}, {"tune@two", "train@two", "evaluate@two"}),
        ({"evaluate@one": [{"changed deps": {"src": "modified"}}]}, {"evaluate@one"}),
    ],
)
def test_only_what_is_more_than_missing_is_a_reason_to_run(changes: dict[str, Any], running: set[str]) -> None:
    assert to_run(changes, ["one", "two"]) == running


def test_images_are_prepared_for_the_stages_that_see_some() -> None:
    assert not sees_images([])
    assert not sees_images(["analyze", "profile@one", "cost", "download"])
    for stage in ("prepare", "tune@one", "train@one", "evaluate@one", "replay@one"):
        assert sees_images(["analyze", stage])


def test_a_damaged_search_which_runs_again_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy2(REPOSITORY / "params.yaml", tmp_path)
    (tmp_path / "results/tune").mkdir(parents=True)
    (tmp_path / "results/tune/kernel_3x3.json").write_text("<<<<<<< ours")
    monkeypatch.chdir(tmp_path)
    assert lost_weights(["tune@kernel_3x3", "evaluate@kernel_3x3"], ["kernel_3x3"]) == {}
