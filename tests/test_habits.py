"""What DVC's users do, as README and docs write it, on the small study."""

import json
import re
import shlex
import shutil
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cnn_study.base.yaml import read_yaml
from cnn_study.networks.weights import read_about
from tests.conftest import REPOSITORY, Project, lines_until, rest_of

README, CONTRIBUTING, EXPERIMENTS, TROUBLESHOOTING = (
    (REPOSITORY / name).read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "docs/experiments.md", "docs/troubleshooting.md")
)


def experiments(project: Project) -> dict[str, Any]:
    """What ``dvc exp show`` knows of the experiments on main, by name."""
    rows = project.run("dvc", "exp", "show", "--json", "--force")
    (main,) = [row for row in json.loads(rows) if row["name"] == "main"]
    return {one["revs"][0]["name"]: one["revs"][0]["data"] for one in main["experiments"] or ()}


def test_an_experiment_retrains_one_network_and_leaves_the_branch(project: Project) -> None:
    head = project.run("git", "rev-parse", "HEAD")
    override = "+architectures.small.training.learning_rate=0.03"
    printed = project.run("dvc", "exp", "run", "--name", "slower", "-S", override)
    assert set(re.findall(r"Running stage '(\S+)'", printed)) == {
        "tune@small",
        "train@small",
        "evaluate@small",
        "cost",  # which measures nothing: see the file
        "analyze",
    }
    assert project.run("git", "status", "--porcelain", "results/timing/cost.json") == ""
    assert project.run("git", "rev-parse", "HEAD") == head
    summary = json.loads((project.folder / "metrics/summary.json").read_text())
    assert summary["architectures"]["small"]["learning_rate"] == 0.03
    tuned = json.loads((project.folder / "results/tune/small.json").read_text())
    assert (tuned["learning_rate"], tuned["runs"]) == (0.03, [])  # a fixed rate is not searched for
    assert list(experiments(project)) == ["slower"]


@pytest.mark.thorough
def test_the_way_back_from_an_added_study_and_network_leaves_nothing_of_them(project: Project) -> None:
    def add(params: Any) -> None:
        params["architectures"]["added"] = {"layers": [{"conv": 4, "kernel": 1}, {"pool": 8}], "head": {}}
        study = params["studies"]["kernel_size"]
        params["studies"]["second"] = study | {"title": "Second", "members": {"small": "3×3", "added": "1×1"}}
        params["studies"]["second"]["controls"] = []

    project.edit_params(add)
    project.run("dvc", "exp", "run")
    assert "?? plots/charts/" in project.run("git", "status", "--porcelain")
    (way_back,) = re.findall(r"^git checkout .*", TROUBLESHOOTING, re.MULTILINE)
    project.run("sh", "-c", way_back)
    assert project.run("git", "status", "--porcelain") == ""
    assert "up to date" in project.run("dvc", "status")


@pytest.mark.long
@pytest.mark.thorough
def test_queued_experiments_with_more_epochs_retrain_all_in_the_background_and_a_table_and_plots_show_them(
    project: Project,
) -> None:
    project.run("dvc", "exp", "run", "--queue", "-S", "training.budgets=[2],[3]")
    project.run("dvc", "queue", "start")
    try:
        while re.search("Running|Queued", project.run("dvc", "queue", "status")):
            time.sleep(5)  # each look takes time from the experiments
    finally:
        project.run("dvc", "queue", "stop", "--kill")
    assert project.run("dvc", "queue", "status").count("Success") == 2
    found = experiments(project)
    budgets = {name: row["params"]["params.yaml"]["data"]["training"]["budgets"] for name, row in found.items()}
    assert sorted(budgets.values()) == [[2], [3]]
    for name in budgets:  # nothing is prepared, nor searched for
        log = project.run("dvc", "queue", "logs", name)
        retrained = {f"{stage}@{name}" for stage in ("train", "evaluate") for name in ("small", "other")}
        assert set(re.findall(r"Running stage '(\S+)'", log)) == {*retrained, "analyze"}
    # The working tree was not touched.
    assert read_yaml(project.folder / "params.yaml")["training"]["budgets"] == [1]
    assert project.run("git", "status", "--porcelain") == ""

    (shown,) = re.findall(r"^(dvc exp show .*?) *#", EXPERIMENTS, re.MULTILINE)
    table = project.run(*shlex.split(shown), "--csv", "--force").splitlines()
    columns = table[0].split(",")
    assert {"small", "other", "training.budgets"} <= set(columns)
    assert len(columns) <= 12, columns

    # One of them beside main.
    one, (longer,) = budgets.popitem()
    project.run("git", "checkout", "--quiet", "-b", "longer")
    project.run("dvc", "exp", "apply", one)
    project.commit("longer")
    rows = pd.read_csv(project.folder / "plots/data/curves.csv")
    assert set(rows["epoch"]) == set(range(1, longer + 1))
    plots = json.loads(project.run("dvc", "plots", "diff", "main", "--json"))["data"]
    (plot,) = plots["validation_accuracy"]
    revisions = {point["rev"] for point in plot["content"]["data"]["values"]}
    assert revisions == {"main", "workspace"}


def test_metrics_are_test_accuracies_of_the_first_two_studies_and_fit_a_screen(project: Project) -> None:
    ((path, content),) = json.loads(project.run("dvc", "metrics", "show", "--json"))[""]["data"].items()
    assert path == "metrics/headline.json"
    assert set(content["data"]) == {"small", "other"}
    summary = json.loads((project.folder / "metrics/summary.json").read_text())["architectures"]
    for name, percent in content["data"].items():
        assert percent == pytest.approx(100 * summary[name]["test_accuracy"]["mean"])


def test_what_was_pushed_is_pulled_by_a_fresh_clone_which_then_runs_nothing(
    project: Project, tmp_path: Path
) -> None:
    project.run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    project.commit("a remote")
    project.run("dvc", "push")
    project.run("git", "clone", "--quiet", str(project.folder), str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    assert not (clone.folder / "runs").exists()
    clone.run("dvc", "pull")
    assert (clone.folder / "runs/train/small/seed-0.safetensors").is_file()
    assert clone.repro() == set()
    assert "up to date" in clone.run("dvc", "status")
    # One more, without pulling: a network by its name.
    entry = "  small:\n    path: runs/train/small/seed-0.safetensors\n    type: model\n"
    graph = (clone.folder / "dvc.yaml").read_text()
    (clone.folder / "dvc.yaml").write_text(graph.replace("artifacts:\n", f"artifacts:\n{entry}", 1))
    clone.commit("an artifact")
    clone.run("git", "config", "user.name", "test")
    clone.run("git", "config", "user.email", "test@example.com")
    (register,) = re.findall(r"`gto register kernel_3x3 ([^`]+)`", CONTRIBUTING)
    clone.run("gto", "register", "small", *register.split())
    shutil.rmtree(clone.folder / "runs")
    shutil.rmtree(clone.folder / ".dvc/cache")
    clone.run("dvc", "artifacts", "get", ".", "small")
    about = read_about(clone.folder / "seed-0.safetensors")
    assert (about.name, about.dataset, about.seed, about.budget) == ("small", "fashion_mnist", 0, 1)


def test_an_artifact_is_the_model_of_an_architecture_s_first_seed() -> None:
    graph, params = read_yaml(REPOSITORY / "dvc.yaml"), read_yaml(REPOSITORY / "params.yaml")
    assert set(graph["artifacts"]) <= set(params["architectures"])
    assert len(graph["artifacts"]) > 10
    for name, artifact in graph["artifacts"].items():
        assert artifact["path"] == f"runs/train/{name}/seed-{params['training']['seeds'][0]}.safetensors"
        assert artifact["desc"]
        assert artifact["labels"]


def test_the_graph_in_the_readme_is_that_of_dvc(project: Project) -> None:
    drawn = project.run("dvc", "dag", "--md")
    names = {node: name.partition("@")[0] for node, name in re.findall(r'(node\d+)\["([^"]+)"\]', drawn)}
    edges = {(names[a], names[b]) for a, b in re.findall(r"(node\d+)-->(node\d+)", drawn)}
    (mermaid,) = re.findall(r"```mermaid\n(.*?)```", README, re.DOTALL)
    told = set()
    for line in mermaid.splitlines()[1:]:
        chain = re.split(r" *--(?: [^>]+ --)?> *", re.sub(r"\[[^\]]*\]", "", line.strip()))
        told |= set(pairwise(chain))
    assert told == edges


def test_repro_of_one_network_runs_what_it_needs_while_a_second_repro_is_told_to_wait(
    project: Project, tmp_path: Path
) -> None:
    def change(params: Any) -> None:
        params["training"]["budgets"] = [2]
        params["training"]["recipe"]["label_smoothing"] = 0.2

    project.edit_params(change)
    project.hold(tmp_path / "go on", 2)
    with project.started("dvc", "repro", "train@small") as first:
        begun = lines_until(first, "epoch 2/2")
        printed = project.run("dvc", "repro", ok=False)
        assert "is busy, it is being blocked by" in printed
        assert "is busy, it is being blocked by" in TROUBLESHOOTING
        assert "Traceback" not in printed
        (tmp_path / "go on").touch()
        rest = rest_of(first)
    assert first.returncode == 0, rest
    assert set(re.findall(r"Running stage '(\S+)'", "\n".join(begun + rest))) == {"tune@small", "train@small"}
    assert "up to date" in project.run("dvc", "status", "train@small")
