"""The graph in dvc.yaml is what the code needs, no more and no less."""

import subprocess
import sys
from typing import Any

import pytest

from cnn_study.recipe import Training
from cnn_study.schema import read_yaml
from tests.conftest import REPOSITORY

STAGES = read_yaml(REPOSITORY / "dvc.yaml")["stages"]
LISTING = """
import importlib, pathlib, sys
importlib.import_module("stages.{stage}")
root = pathlib.Path.cwd()
for module in list(sys.modules.values()):
    file = getattr(module, "__file__", None)
    if file and pathlib.Path(file).is_relative_to(root) and ".venv" not in file:
        print(pathlib.Path(file).relative_to(root).as_posix())
"""


def definition(stage: str) -> Any:
    return STAGES[stage].get("do", STAGES[stage])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_modules_that_it_imports(stage: str) -> None:
    listing = LISTING.format(stage=stage)
    imported = subprocess.run(
        [sys.executable, "-c", listing], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    declared = {dep for dep in definition(stage)["deps"] if dep.startswith(("src/", "stages/"))}
    needed = set(imported.stdout.split())
    if "src/cnn_study/report.py" in needed:
        needed.add("src/cnn_study/templates")
    assert declared == needed


@pytest.mark.parametrize("stage", ["tune", "train", "replay"])
def test_training_and_selection_have_no_path_to_the_test_images(stage: str) -> None:
    reachable = {dep for dep in definition(stage)["deps"] if dep.startswith(("data/", "runs/"))}
    images = {"data/prepared/train", "data/prepared/validation"}
    assert reachable == images | ({"runs/tune/${key}.json"} if stage == "train" else set())


def test_only_the_analysis_reads_the_test_images() -> None:
    readers = [stage for stage in STAGES if "data/prepared/test" in definition(stage)["deps"]]
    assert readers == ["analyze"]


def test_a_search_depends_on_all_of_the_recipe_but_epochs_and_seeds() -> None:
    declared = {key for key in definition("tune")["params"] if key.startswith("training.")}
    assert declared == {f"training.{key}" for key in Training.model_fields} - {"training.epochs", "training.seeds"}


def test_a_replay_depends_on_all_of_its_recipe_but_the_rate_that_figures_mark() -> None:
    declared = {key for key in definition("replay")["params"] if key.startswith("replay.training.")}
    assert declared == {f"replay.training.{key}" for key in Training.model_fields} - {
        "replay.training.learning_rate"
    }


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_checks_all_parameters_first(stage: str) -> None:
    commands = definition(stage)["cmd"]
    assert commands[0] == "python -m stages.check"
    assert commands[1].startswith(f"python -m stages.{stage}")
