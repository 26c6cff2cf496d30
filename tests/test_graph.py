"""The graph in dvc.yaml is what the code needs, no more and no less."""

import json
import subprocess
import sys
from typing import Any

import pytest

from cnn_study.base.yaml import read_yaml
from cnn_study.training.recipe import Training
from tests.conftest import REPOSITORY, Project

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
def test_a_stage_depends_on_exactly_the_packages_that_it_imports(stage: str) -> None:
    listing = LISTING.format(stage=stage)
    imported = subprocess.run(
        [sys.executable, "-c", listing], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    declared = {dep for dep in definition(stage)["deps"] if dep.startswith(("src/", "stages/"))}
    # A package of src/cnn_study/ as a whole, with what it holds; of stages/, the file.
    needed = {"/".join(file.split("/")[: 3 if file.startswith("src/") else 2]) for file in imported.stdout.split()}
    assert declared == needed - {"src/cnn_study/__init__.py", "src/cnn_study/messages"}


def test_what_is_nobody_s_dependency_changes_no_result() -> None:
    assert len((REPOSITORY / "src/cnn_study/__init__.py").read_text().splitlines()) == 1
    # What is imported from messages/ is said to people, or looks on while a network trains.
    users = subprocess.run(
        ["git", "grep", "-hE", "from cnn_study.messages.* import", "--", "src", "stages"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = {name.strip() for line in users.splitlines() for name in line.partition(" import ")[2].split(",")}
    assert names == {"Progress", "dotted", "explained", "found", "nearest"}


# What anyone may edit without a network being trained anew, and what that does make out of date.
EDITS = {
    "src/cnn_study/sources/datasets.py": {"download", "prepare", "analyze"},  # a reader
    "src/cnn_study/params/study.py": {"analyze"},  # an option of a study, or of the analysis
    "src/cnn_study/report/kit/charts.py": {"analyze"},
    "src/cnn_study/messages/progress.py": set(),
    "src/cnn_study/messages/mistakes.py": set(),
    "src/cnn_study/profiling/complexity.py": {"profile"},
    "src/cnn_study/training/__pycache__/loop.cpython-311.pyc": set(),
    "src/cnn_study/training/loop.py~": set(),
    "src/cnn_study/training/.ipynb_checkpoints/loop-checkpoint.py": set(),
}


def test_what_changes_no_training_makes_none_out_of_date(project: Project) -> None:
    for edited, expected in EDITS.items():
        path = project.folder / edited
        before = path.read_bytes() if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write("\n# edited\n")
        status = json.loads(project.run("dvc", "status", "--json"))
        by_code = {
            stage.partition("@")[0]
            for stage, changes in status.items()
            if any(name.startswith("src/") for change in changes for name in change.get("changed deps", {}))
        }
        assert by_code == expected, edited
        path.unlink() if before is None else path.write_bytes(before)


@pytest.mark.parametrize("stage", ["tune", "train", "replay"])
def test_training_and_selection_have_no_path_to_the_test_images(stage: str) -> None:
    reachable = {dep for dep in definition(stage)["deps"] if dep.startswith(("data/", "runs/"))}
    images = {"data/prepared/train", "data/prepared/validation"}
    assert reachable == images | ({"runs/tune/${key}.json"} if stage == "train" else set())


def test_only_the_analysis_reads_the_test_images() -> None:
    readers = [stage for stage in STAGES if "data/prepared/test" in definition(stage)["deps"]]
    assert readers == ["analyze"]


def test_a_profile_sees_no_image_but_the_shape_of_all() -> None:
    reachable = {dep for dep in definition("profile")["deps"] if not dep.startswith(("src/", "stages/"))}
    assert reachable == {"results/data/shape.json"}
    (shape,) = (out for out in definition("prepare")["outs"] if isinstance(out, dict))
    assert shape == {"results/data/shape.json": {"cache": False}}


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


def test_the_check_before_every_stage_takes_no_time_to_load_torch() -> None:
    listing = "import sys, stages.check; print({'torch', 'torchvision'} & set(sys.modules))"
    printed = subprocess.run(
        [sys.executable, "-c", listing], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    assert printed == "set()\n"
