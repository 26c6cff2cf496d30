"""Nothing is trained twice: the epochs that are trained are counted, by the lines that tell of them."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project, lines_until, surroundings
from tests.test_fresh_clone import clone_of, study
from tests.test_interruption import results

Change = Callable[[Any], None]


def training(**values: Any) -> Change:
    """A change of the section ``training``."""
    return lambda params: params["training"].update(**values)


def trained(printed: str) -> list[str]:
    """What was trained: the title of the run of each line about an epoch."""
    return re.findall(r"^((?:train|tune|replay) .*?) epoch \d+/", printed, re.MULTILINE)


def repro(project: Project, change: Change, *targets: str) -> list[str]:
    """Change params.yaml, run ``dvc repro``; what was trained."""
    project.edit_params(change)
    return trained(project.run("dvc", "repro", *targets))


STAGES = """
import importlib, sys
import stages
for line in sys.stdin:
    for stage in line.split():
        importlib.import_module(f"stages.{stage}").main("small")
    print("ended", flush=True)
"""
Stages = Callable[..., list[str]]


@contextmanager
def stages_of(project: Project) -> Iterator[Stages]:
    """Runs stages of the network ``small`` without DVC, in one process, which loads torch once."""
    with subprocess.Popen(
        (sys.executable, "-c", STAGES),
        cwd=project.folder,
        env=surroundings(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:

        def run(change: Change, *stages: str) -> list[str]:
            project.edit_params(change)
            print(*stages, file=process.stdin, flush=True)
            return trained("\n".join(lines_until(process, "ended")))

        yield run


def test_a_further_seed_trains_alone_and_a_removed_one_nothing(project: Project) -> None:
    before = results(project)
    with stages_of(project) as run:
        assert run(training(seeds=[0, 5]), "train") == ["train small seed 5"]
        after = results(project)
        assert after["small/seed-0.safetensors"] == before["small/seed-0.safetensors"]
        assert "small/seed-5.safetensors" in after
        shutil.rmtree(project.folder / ".dvc/cache/finished")
        assert run(training(seeds=[5]), "train") == []
        assert "small/seed-0.safetensors" not in results(project)
        # Its weights come from the store, into which they were put when they were removed from runs/.
        assert run(training(seeds=[0]), "train") == []
    assert results(project) == before


def test_a_larger_budget_goes_on_from_the_trunk_and_a_removed_one_trains_nothing(
    project: Project, tmp_path: Path
) -> None:
    anew = project.copy_to(tmp_path / "anew")
    one = results(project)
    with stages_of(project) as run:
        # The trunk of the first went to 0.7 of an epoch, that of the other goes to 2.1.
        assert run(training(budgets=[1, 3]), "train") == ["train small seed 0"] * 3
        grown = results(project)
        assert grown["small/seed-0-budget-1.safetensors"] == one["small/seed-0.safetensors"]
        assert run(training(budgets=[3]), "train") == []
        assert results(project)["small/seed-0.safetensors"] == grown["small/seed-0.safetensors"]
        assert run(training(budgets=[3, 1]), "train") == []
        assert results(project) == grown
    # The same bits as from nothing.
    for folder in (".dvc/cache/finished", "runs/train/small", "results/train/small"):
        shutil.rmtree(anew.folder / folder)
    with stages_of(anew) as run:
        assert run(training(budgets=[1, 3]), "train").count("train small seed 0 budget 3") == 1
    assert results(anew) == grown


@pytest.mark.long
@pytest.mark.thorough
def test_seeds_and_budgets_of_one_network_are_its_own(project: Project) -> None:
    def change(params: Any) -> None:
        params["architectures"]["small"]["training"] = {"seeds": [0, 1], "budgets": [1, 2]}

    before = results(project)
    legs = ("seed 0", "seed 1 trunk", "seed 1 budget 1", "seed 1 budget 2")
    assert set(repro(project, change)) == {f"train small {leg}" for leg in legs}
    summary = json.loads((project.folder / "metrics/summary.json").read_text())["architectures"]
    assert (summary["small"]["budget"], summary["small"]["seeds"]) == (2, [0, 1])
    assert list(summary["small"]["by_budget"]) == ["1", "2"]
    assert (summary["other"]["budget"], summary["other"]["seeds"]) == (1, [0])
    after = results(project)
    assert all(after[path] == content for path, content in before.items() if path.startswith("other/"))


@pytest.mark.long
def test_going_back_to_earlier_parameters_trains_nothing(project: Project) -> None:
    before = results(project)

    def smoothing(value: float) -> Change:
        return lambda params: params["training"]["recipe"].update(label_smoothing=value)

    with stages_of(project) as run:
        there = run(smoothing(0.2), "tune", "train", "replay")
        assert {"tune small rate 0.1", "train small seed 0"} <= set(there)
        assert results(project) != before
        assert run(smoothing(0.1), "tune", "train", "replay") == []
        assert results(project) == before
    # By DVC and git as well.
    assert repro(project, smoothing(0.2), "train@small", "replay@small") == []
    assert results(project) != before
    project.run("git", "checkout", ".")
    project.run("dvc", "checkout")
    assert trained(project.run("dvc", "repro")) == []
    assert results(project) == before


@pytest.mark.long
@pytest.mark.thorough
def test_a_second_experiment_with_the_same_values_trains_nothing(project: Project) -> None:
    for name in ("one", "two"):
        values = ("-S", "training.recipe.label_smoothing=0.2")
        project.run("dvc", "exp", "run", "--queue", "--name", name, *values, "train@small")
    project.run("dvc", "queue", "start")
    try:
        while re.search("Running|Queued", project.run("dvc", "queue", "status")):
            time.sleep(5)
    finally:
        project.run("dvc", "queue", "stop", "--kill")
    counts = [len(trained(project.run("dvc", "queue", "logs", name))) for name in ("one", "two")]
    assert sorted(counts)[0] == 0
    assert sorted(counts)[1] == 3  # two of the search, one of training


@pytest.mark.long
def test_after_a_pull_a_further_seed_trains_alone(project: Project, tmp_path: Path) -> None:
    project.run("dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    project.commit("a remote")
    project.run("dvc", "push")
    clone = clone_of(project, tmp_path / "clone")
    clone.run("dvc", "pull")
    stages = ("evaluate@small", "evaluate@other")
    assert repro(clone, training(seeds=[0, 5]), *stages) == ["train small seed 5", "train other seed 5"]


@pytest.mark.long
@pytest.mark.thorough
def test_with_results_alone_a_further_seed_trains_alone_and_the_others_are_not_evaluated_again(
    finished: Project, tmp_path: Path
) -> None:
    clone = clone_of(finished, tmp_path / "clone")
    before = json.loads((clone.folder / "metrics/summary.json").read_text())["architectures"]
    clone.edit_params(training(seeds=[0, 5]))
    printed = clone.run(sys.executable, "-m", "scripts.study")
    assert trained(printed) == ["train small seed 5", "train other seed 5"]
    after = json.loads((clone.folder / "metrics/summary.json").read_text())["architectures"]
    for name in ("small", "other"):
        assert after[name]["test_accuracy"]["per_seed"][0] == before[name]["test_accuracy"]["per_seed"][0]
        assert [path.name for path in (clone.folder / "runs/train" / name).glob("seed-?.safetensors")] == [
            "seed-5.safetensors"
        ]
    assert study(clone) == set()
    clone.commit("a further seed")
    again = clone_of(clone, tmp_path / "again")
    # One less, of which nothing is shown but its accuracy.
    again.edit_params(training(seeds=[0]))
    assert trained(again.run(sys.executable, "-m", "scripts.study")) == []
    # The other less, which is looked into: then the next one is, and that needs its weights. Those of "small" are
    # lost, those of "other" are in runs/.
    shutil.rmtree(clone.folder / "runs/train/small")
    shutil.rmtree(clone.folder / ".dvc/cache")
    clone.edit_params(training(seeds=[5]))
    assert trained(clone.run(sys.executable, "-m", "scripts.study")) == ["train small seed 5"]
    summary = json.loads((clone.folder / "metrics/summary.json").read_text())["architectures"]["small"]
    assert summary["test_accuracy"]["per_seed"] == after["small"]["test_accuracy"]["per_seed"][1:]


def test_weights_are_no_weights_of_a_result_from_another_environment(project: Project) -> None:
    before = results(project)
    shutil.rmtree(project.folder / ".dvc/cache/finished")
    path = project.folder / "results/train/small/runs.json"
    content = json.loads(path.read_text())
    content["runs"][0]["environment"]["processor"] = "another processor"
    path.write_text(json.dumps(content))
    printed = project.run(sys.executable, "-m", "stages.train", "small")
    assert trained(printed) == ["train small seed 0"]
    assert results(project) == before


def test_a_damaged_store_is_no_store(project: Project) -> None:
    store = project.folder / ".dvc/cache/finished"
    for path in store.iterdir():
        path.write_bytes(path.read_bytes()[:-5])
    shutil.rmtree(project.folder / "runs")
    shutil.rmtree(project.folder / "results/train")
    assert repro(project, training(seeds=[0]), "train@small") == ["train small seed 0"]
