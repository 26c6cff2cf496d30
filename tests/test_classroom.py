"""Branches that each added a network are merged with git and one command, and nothing is trained again."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from cnn_study.base.yaml import read_yaml
from scripts.settle import join
from stages.check import refuse_what_dvc_refuses
from tests.conftest import Project
from tests.test_fresh_clone import STUDY, changed, clone_of, study

GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.com")
SETTLE = (sys.executable, "-m", "scripts.settle")


def student(teacher: Project, folder: Path, name: str, channels: int) -> Project:
    """A fresh clone in which a student has added a network, trained that alone, and committed it."""
    clone = clone_of(teacher, folder)

    def add(params: Any) -> None:
        layers = [{"conv": channels, "kernel": 1}, {"pool": 8}]
        params["architectures"][name] = {"layers": layers, "head": {}}
        params["studies"]["kernel_size"]["members"][name] = f"1×1, {channels}"

    clone.edit_params(add)
    printed = clone.run(*STUDY, "--net", name)
    assert "Running stage 'train@small'" not in printed
    assert "Running stage 'analyze'" not in printed
    assert f"\n{name} against small: " in printed
    assert all(line.startswith("?? ") and name in line for line in changed(clone))
    clone.commit(f"{name}, by a student")
    return clone


@pytest.mark.long
@pytest.mark.thorough
def test_two_students_networks_are_merged_and_nothing_is_trained(project: Project, tmp_path: Path) -> None:
    first = student(project, tmp_path / "first", "first", 4)
    second = student(project, tmp_path / "second", "second", 5)
    pull = (*GIT, "pull", "--quiet", "--no-rebase", "--no-edit")
    project.run(*pull, str(first.folder), "main")
    project.run(*pull, str(second.folder), "main", ok=False)
    assert "settled: dvc.lock, params.yaml" in project.run(*SETTLE)
    project.commit("both")
    # Nothing is trained: the steps of the new networks are measured, beside the first one's.
    assert study(project) == {"analyze", "cost"}
    summary = json.loads((project.folder / "metrics/summary.json").read_text())
    assert list(summary["architectures"]) == ["small", "other", "first", "second"]
    members = read_yaml(project.folder / "params.yaml")["studies"]["kernel_size"]["members"]
    assert list(members) == ["small", "other", "first", "second"]
    assert study(project) == set()


def conflict(folder: Path, base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]) -> Project:
    """A repository in which a merge of ``theirs`` into ``ours`` has stopped: contents by path."""
    project = Project(folder)

    def write(contents: dict[str, str]) -> None:
        for path, content in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        project.commit("x")

    folder.mkdir()
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    write(base)
    project.run("git", "checkout", "--quiet", "-b", "theirs")
    write(theirs)
    project.run("git", "checkout", "--quiet", "main")
    write(ours)
    project.run(*GIT, "merge", "theirs", ok=False)
    return project


def settled(project: Project, ok: bool = True) -> str:
    """What the command says."""
    here = Path(__file__).resolve().parent.parent
    return project.run(*SETTLE, ok=ok, PYTHONPATH=str(here) + os.pathsep + os.environ.get("PYTHONPATH", ""))


def test_entries_of_both_branches_are_kept_with_their_comments(tmp_path: Path) -> None:
    params = "# knobs\ntraining:\n  seeds: [0, 1]    # initial weights\narchitectures:\n  a: {layers: [1]}\n"
    lock = "schema: '2.0'\nstages:\n  train@a:\n    cmd: {}\n  tune@a:\n    cmd: {}\n"
    report = "plots/report.md"
    project = conflict(
        tmp_path / "project",
        {"params.yaml": params, "dvc.lock": lock.format("old", "old"), report: "a"},
        {
            "params.yaml": params + "  b: {layers: [2]}  # ours\n",
            "dvc.lock": lock.format("ours", "old") + "  train@b:\n    cmd: b\n",
            report: "b",
        },
        {
            "params.yaml": params.replace("[0, 1]", "[0, 1, 2]") + "  c: {layers: [3]}  # theirs\n",
            "dvc.lock": lock.format("theirs", "theirs") + "  train@c:\n    cmd: c\n",
            report: "c",
        },
    )
    printed = settled(project)
    assert "settled: dvc.lock, params.yaml, plots/report.md" in printed
    assert (project.folder / "params.yaml").read_text() == (
        params.replace("[0, 1]", "[0, 1, 2]") + "  b: {layers: [2]}  # ours\n  c: {layers: [3]}  # theirs\n"
    )
    # A stage that only they have run is as they recorded it; one that both have run, as we did.
    assert (project.folder / "dvc.lock").read_text() == (
        lock.format("ours", "theirs") + "  train@b:\n    cmd: b\n  train@c:\n    cmd: c\n"
    )
    assert (project.folder / report).read_text() == "b"
    assert "U" not in project.run("git", "status", "--porcelain").replace("UU", "U")
    assert "nothing to settle" in settled(project)


@pytest.mark.parametrize("value", ["[1]", "0.1", "word"])
def test_an_alias_of_the_other_branch_is_one_here_and_an_anchor_stands_once(value: str, tmp_path: Path) -> None:
    base = f"architectures:\n  a: {{layers: &layers {value}}}\n"
    other = "  c: {layers: *layers}\n  d: {layers: *layers}\n"
    project = conflict(
        tmp_path / "project",
        {"params.yaml": base},
        {"params.yaml": base + "  b: {layers: [2]}\n"},
        {"params.yaml": base + other},
    )
    settled(project)
    assert (project.folder / "params.yaml").read_text() == base + "  b: {layers: [2]}\n" + other


def test_an_anchor_of_another_meaning_becomes_what_it_stands_for(tmp_path: Path) -> None:
    base = "architectures:\n  a: {}\n"
    project = conflict(
        tmp_path / "project",
        {"params.yaml": base},
        {"params.yaml": base + "  b: {layers: &layers [2]}\n  e: {layers: *layers}\n"},
        {"params.yaml": base + "  c: {layers: &layers [3]}\n"},
    )
    settled(project)
    refuse_what_dvc_refuses(project.folder / "params.yaml")
    architectures = read_yaml(project.folder / "params.yaml")["architectures"]
    assert {name: entry.get("layers") for name, entry in architectures.items()} == {
        "a": None, "b": [2], "c": [3], "e": [2],
    }  # fmt: skip
    assert (project.folder / "params.yaml").read_text().count("&layers") == 1


def test_what_both_branches_have_added_needs_no_earlier_version(tmp_path: Path) -> None:
    project = conflict(
        tmp_path / "project",
        {"a": ""},
        {"dvc.lock": "stages:\n  train@a: {cmd: a}\n"},
        {"dvc.lock": "stages:\n  train@b: {cmd: b}\n"},
    )
    settled(project)
    assert set(read_yaml(project.folder / "dvc.lock")["stages"]) == {"train@a", "train@b"}


def test_costs_of_steps_stay_as_this_branch_has_them(tmp_path: Path) -> None:
    cost = "results/timing/cost.json"
    project = conflict(tmp_path / "project", {cost: "1", "a": ""}, {cost: "2"}, {cost: "3"})
    assert f"settled: {cost}" in settled(project)
    assert (project.folder / cost).read_text() == "2"


def test_what_both_branches_changed_is_left_to_people(tmp_path: Path) -> None:
    project = conflict(
        tmp_path / "project",
        {"params.yaml": "tune:\n  seed: 1\n", "results/tune/a.json": "1"},
        {"params.yaml": "tune:\n  seed: 2\n", "results/tune/a.json": "2"},
        {"params.yaml": "tune:\n  seed: 3\n", "results/tune/a.json": "3"},
    )
    assert settled(project, ok=False).splitlines() == [
        "params.yaml: tune.seed: found 2 on this branch, found 3 on the other: settle it by hand",
        "results/tune/a.json: changed on both branches; settle it by hand, then `git add results/tune/a.json`",
    ]
    assert "<<<<<<<" in (project.folder / "params.yaml").read_text()


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "joined"),
    [
        ({"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": 2}, {"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": 1}, {}, {}),
        ({"a": 1}, {}, {"a": 1}, {}),
        ({}, {"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2, 3]}, {"a": [1, 2, 3]}),
    ],
)
def test_what_one_branch_changed_is_taken(base: Any, ours: Any, theirs: Any, joined: Any) -> None:
    assert list(join(base, ours, theirs)) == []
    assert ours == joined


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "line"),
    [
        ({"a": 1}, {"a": 2}, {}, "a: found 2 on this branch, taken out on the other: settle it by hand"),
        ({"a": [1]}, {"a": [2]}, {"a": [1, 3]}, "a: found [2] on this branch, found [1, 3] on the other"),
        ({}, {"a": {"b": 1}}, {"a": {"b": 2}}, "a.b: found 1 on this branch, found 2 on the other"),
    ],
)
def test_what_both_changed_in_different_ways_is_a_line(base: Any, ours: Any, theirs: Any, line: str) -> None:
    (found,) = join(base, ours, theirs)
    assert found.startswith(line)
