"""A small real pipeline in a temporary git and DVC repository, and small networks to train."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import engine  # noqa: F401  (before Ray is imported: nodes of this machine listen on its loopback only)

# Tests run side by side: a thread that waits for others leaves its core meanwhile.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
REPOSITORY = Path(__file__).resolve().parent.parent
NO_NETWORK = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
# As a processor with AVX2 alone computes.
LOWERED = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
SMALL = {"layers": [{"conv": 4, "kernel": 3}, {"pool": 4}, {"conv": 6, "kernel": 3}, {"pool": 2}], "head": {}}
RESIDUAL = {"layers": [{"pool": 4}, {"residual": 4, "stride": 2}], "head": {"hidden": [8], "dropout": 0.1}}


@dataclass(frozen=True)
class Project:
    """A working copy of this repository, with a study that takes seconds."""

    folder: Path

    def run(self, *command: str, ok: bool = True, **environment: str) -> str:
        """What the command prints, both streams. With ``ok``, it has to succeed."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=os.environ | {"PATH": path, "GIT_CONFIG_GLOBAL": os.devnull} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == ok, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def repro(self, *arguments: str) -> set[str]:
        """Run ``dvc repro`` and give the stages that ran."""
        return set(re.findall(r"Running stage '(\S+)'", self.run("dvc", "repro", *arguments)))

    def edit_params(self, change: Callable[[Any], None]) -> None:
        """Change params.yaml, comments kept."""
        yaml = YAML()
        content = yaml.load(self.folder / "params.yaml")
        change(content)
        yaml.dump(content, self.folder / "params.yaml")

    def commit(self, message: str) -> None:
        """Commit everything that git does not ignore."""
        self.run("git", "add", "--all")
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        self.run("git", *identity, "commit", "--quiet", "--message", message)

    def copy_to(self, folder: Path) -> "Project":
        """An independent copy, cache and all."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)


def small_study(content: Any) -> None:
    """Shrink a params.yaml: two tiny architectures, a few hundred embedded images, one epoch."""
    content["data"].update(dataset="fashion_mnist", train_images=300, test_images=100)
    content["training"].update(epochs=1, seeds=[0], batch_size=32)
    content["tune"].update(lowest=0.1, highest=0.2, count=2, epochs=1, images=100)
    content["replay"].update(architectures=["small"], learning_rates=[0.01, 0.1], images=100)
    content["replay"]["training"].update(seeds=[0], batch_size=32)
    content["analysis"].update(images=10, channels=4)
    content["architectures"] = {"small": SMALL, "other": RESIDUAL}
    content["studies"] = {
        "kernel_size": {
            "title": "Kernel size",
            "question": "which",
            "baseline": "small",
            "members": {"small": "3×3", "other": "other"},
            "controls": [{"of": "other", "against": "small", "question": "anything"}],
        }
    }


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """This working tree as a new repository with a small study, nothing of which has run."""
    folder = tmp_path_factory.mktemp("untouched") / "project"
    files = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(files, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if name.startswith(("metrics/", "plots/", "dvc.lock")) or not (REPOSITORY / name).is_file():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, folder / name)
    project = Project(folder)
    project.edit_params(small_study)
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    project.commit("a small study")
    return project


@pytest.fixture(scope="session")
def finished(untouched: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small study after ``dvc repro``, committed. Tests read it; those that change it take a copy."""
    project = untouched.copy_to(tmp_path_factory.mktemp("finished") / "project")
    project.repro()
    project.commit("results")
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished study, to change."""
    return finished.copy_to(tmp_path / "project")


def longer(params: Any) -> None:
    """Long enough to be interrupted."""
    params["training"].update(epochs=30, seeds=[0, 1])


@dataclass(frozen=True)
class LongerRun:
    """The finished study with ``train@small`` made longer, and the ``seconds`` that this took."""

    project: Project
    seconds: float


@pytest.fixture(scope="session")
def longer_run(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> LongerRun:
    """``train@small`` for 30 epochs with two seeds, undisturbed. Tests read it."""
    project = finished.copy_to(tmp_path_factory.mktemp("longer") / "project")
    project.edit_params(longer)
    started = time.monotonic()
    assert project.repro("train@small") == {"train@small"}
    return LongerRun(project, time.monotonic() - started)
