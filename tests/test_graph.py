"""The graph in dvc.yaml is what the code needs, no more and no less."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cnn_study import __version__
from cnn_study.base.yaml import read_yaml
from stages._inputs import SOURCES as INPUTS
from stages.cost import SOURCES as COST
from stages.evaluate import SOURCES as EVALUATION
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


@pytest.mark.parametrize(
    ("stage", "sources", "besides"),
    [
        ("train", INPUTS, {"stages/train.py", "stages/_runs.py"}),
        ("tune", INPUTS, {"stages/tune.py"}),
        ("replay", INPUTS, {"stages/replay.py"}),
        ("evaluate", EVALUATION, {"stages/__init__.py"}),
        ("cost", COST, set()),
    ],
)
def test_what_is_taken_over_is_known_by_the_sources_that_its_stage_depends_on(
    stage: str, sources: tuple[Path, ...], besides: set[str]
) -> None:
    of_code = {path for path in definition(stage)["deps"] if path.startswith(("src/", "stages/"))}
    assert {path.as_posix() for path in sources} | besides == of_code


def test_what_is_nobody_s_dependency_changes_no_result() -> None:
    _, version = ast.parse((REPOSITORY / "src/cnn_study/__init__.py").read_text()).body  # and a docstring
    assert ast.unparse(version) == f"__version__ = '{__version__}'"
    # What is imported from messages/ is said to people, or looks on while a network trains.
    users = subprocess.run(
        ["git", "grep", "-hE", "from cnn_study.messages.* import", "--", "src", "stages"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = {name.strip() for line in users.splitlines() for name in line.partition(" import ")[2].split(",")}
    assert names == {
        "READER_GONE", "Progress", "bar", "dotted", "drop_unwritable", "explained", "found", "nearest", "one_line",
        "replace_unprintable",
    }  # fmt: skip


# What anyone may edit without a network being trained anew, and what that does make out of date.
EDITS = {
    "src/cnn_study/sources/datasets.py": {"download", "prepare", "analyze"},  # a reader
    "src/cnn_study/params/study.py": {"analyze"},  # an option of a study
    "src/cnn_study/evaluation/settings.py": {"evaluate", "analyze"},
    "src/cnn_study/cost/blocks.py": {"cost", "analyze"},
    "src/cnn_study/analysis/calibration.py": {"analyze"},
    "src/cnn_study/report/kit/charts.py": {"analyze"},
    "src/cnn_study/messages/progress.py": set(),
    "src/cnn_study/messages/mistakes.py": set(),
    "src/cnn_study/profiling/complexity.py": {"profile", "analyze"},
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
    images = {"data/prepared/train", "data/prepared/validation"}
    assert read_by(stage) == images | ({"results/tune/${key}.json"} if stage == "train" else set())


def test_only_an_evaluation_reads_the_test_images_and_it_writes_nothing_that_training_writes() -> None:
    readers = [stage for stage in STAGES if "data/prepared/test" in definition(stage)["deps"]]
    assert readers == ["evaluate"]
    assert definition("evaluate")["outs"] == [{"results/evaluate/${key}": {"cache": False, "persist": True}}]


def test_the_analysis_reads_results_alone() -> None:
    assert read_by("analyze") == {"results"}


@pytest.mark.parametrize("stage", ["profile", "cost"])
def test_what_networks_are_and_cost_needs_no_image_but_the_shape_of_all(stage: str) -> None:
    assert read_by(stage) == {"results/data/shape.json"}


def test_results_are_in_git_and_weights_are_not() -> None:
    for stage in STAGES:
        for out in definition(stage)["outs"]:
            ((path, options),) = (out if isinstance(out, dict) else {out: {}}).items()
            in_git = path.startswith(("results/", "metrics/", "plots/"))
            assert (options.get("cache") is False) == in_git, path


def read_by(stage: str) -> set[str]:
    """What a stage depends on that is no code."""
    return {dep for dep in definition(stage)["deps"] if not dep.startswith(("src/", "stages/"))}


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_checks_all_parameters_first(stage: str) -> None:
    assert definition(stage)["cmd"].startswith(f"python -m stages.check && python -m stages.{stage}")


def test_a_search_does_not_depend_on_epochs_and_seeds_nor_a_replay_on_the_rate_that_figures_mark(
    project: Project,
) -> None:
    def change(params: Any) -> None:
        params["training"].update(budgets=[9], seeds=[8, 9])
        params["replay"].update(learning_rate=0.5)

    project.edit_params(change)
    status = json.loads(project.run("dvc", "status", "--json"))
    changed = {stage.partition("@")[0] for stage in status}
    assert changed == {"train", "analyze"}
    project.edit_params(lambda params: params["training"]["recipe"].update(label_smoothing=0.3))
    changed = {stage.partition("@")[0] for stage in json.loads(project.run("dvc", "status", "--json"))}
    assert changed == {"tune", "train", "evaluate", "analyze"}


def test_the_check_before_every_stage_takes_no_time_to_load_torch() -> None:
    listing = "import sys, stages.check; print({'torch', 'torchvision'} & set(sys.modules))"
    printed = subprocess.run(
        [sys.executable, "-c", listing], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    assert printed == "set()\n"


TRAINING = """
import runpy, sys
sys.argv = ["train", "small"]
runpy.run_module("stages.train", run_name="__main__")
print("torch._dynamo" in sys.modules)
"""


def test_a_training_with_muon_takes_no_time_to_load_torch_s_compiler(project: Project) -> None:
    project.edit_params(lambda params: params["training"].update(seeds=[7]))
    assert project.run(sys.executable, "-c", TRAINING).splitlines()[-1] == "False"
