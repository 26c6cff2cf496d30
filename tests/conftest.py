"""A small real pipeline in a temporary git and DVC repository, and small networks to train."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from ruamel.yaml import YAML

# The cluster that these variables speak of, the user's own, is no matter of the tests.
for name in [name for name in os.environ if name.startswith("RAY_")]:
    del os.environ[name]
import engine  # noqa: E402, F401  (before Ray is imported: nodes of this machine listen on its loopback only)
from cnn_study.data.shape import Shape  # noqa: E402

# Tests run side by side: a thread that waits for others leaves its core meanwhile.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# An example that takes long on a busy machine is no failure.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
REPOSITORY = Path(__file__).resolve().parent.parent
NO_NETWORK = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
# As a processor with AVX2 alone computes.
LOWERED = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
MEANWHILE = 500  # tests, which take about as long as the small study takes to be made
SHAPE = Shape(3, 32, 10)  # of CIFAR-10, and of the embedded images
SMALL = {"layers": [{"conv": 4, "kernel": 3}, {"pool": 4}, {"conv": 6, "kernel": 3}, {"pool": 2}], "head": {}}
RESIDUAL = {"layers": [{"pool": 4}, {"residual": 4, "stride": 2}], "head": {"hidden": [8], "dropout": 0.1}}


HOLD = """
import pathlib, time
def _held(self, epoch, *values, _epoch_ended=Progress.epoch_ended, **named):
    _epoch_ended(self, epoch, *values, **named)
    while epoch == {epoch} and not pathlib.Path({go_on!r}).exists():
        time.sleep(0.05)
Progress.epoch_ended = _held
"""


def other_results_here() -> bool:
    """Whether the study has been run here with other results than the committed ones, which README is about."""

    def edited(name: str) -> bool:
        command = ["git", "diff", "--quiet", "HEAD", "--", name]
        return subprocess.run(command, cwd=REPOSITORY, check=False).returncode != 0

    return edited("metrics") and not edited("README.md")


of_the_committed = pytest.mark.skipif(
    other_results_here(), reason="metrics/ holds other results than the committed ones, which README.md is about"
)


def surroundings() -> dict[str, str]:
    """The environment of commands: with this Python's folder first, and without the user's settings of git."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "GIT_CONFIG_GLOBAL": os.devnull}


def kill(process: "subprocess.Popen[str]") -> bool:
    """Kill what was started, with all that it has started; whether it was alive."""
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    return alive


def lines_until(process: "subprocess.Popen[str]", *texts: str) -> list[str]:
    """What the process prints until each of the texts has stood in a line."""
    missing, printed = set(texts), list[str]()
    for line in process.stdout or ():
        printed.append(line.rstrip())
        missing -= {text for text in missing if text in line}
        if not missing:
            return printed
    raise AssertionError(f"{missing} not found in:\n" + "\n".join(printed))


def rest_of(process: "subprocess.Popen[str]") -> list[str]:
    """What the process still prints before it ends."""
    printed, _ = process.communicate()
    return list(printed.splitlines())


@dataclass(frozen=True)
class Project:
    """A working copy of this repository, with a study that takes seconds."""

    folder: Path

    def run(self, *command: str, ok: bool = True, **environment: str) -> str:
        """What the command prints, both streams. With ``ok``, it has to succeed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=surroundings() | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == ok, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    @contextmanager
    def started(self, *command: str, output: Any = subprocess.PIPE) -> Iterator["subprocess.Popen[str]"]:
        """The command in a process group of its own. At the end it is killed if it still runs."""
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=surroundings(),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A shell has what it starts in the background ignore interrupts, these tests as well.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            try:
                yield process
            finally:
                kill(process)

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

    def hold(self, go_on: Path, epoch: int) -> None:
        """Have all trainings wait at the end of this epoch until the file ``go_on`` is there."""
        with (self.folder / "src/cnn_study/messages/progress.py").open("a") as file:
            file.write(HOLD.format(go_on=str(go_on), epoch=epoch))

    def copy_to(self, folder: Path) -> "Project":
        """An independent copy, cache and all."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)


def small_study(content: Any) -> None:
    """Shrink a params.yaml: two tiny architectures, a few hundred embedded images, one epoch."""
    content["data"].update(dataset="fashion_mnist", train_images=300, test_images=100)
    content["training"].update(budgets=[1], seeds=[0])
    content["training"]["recipe"].update(batch_size=32)
    content["tune"].update(factor=2, beyond=0, epochs=1, for_epochs=1, horizon=0.167, images=100)
    content["tune"]["range"]["muon"] = [0.1, 0.2]
    content["replay"].update(architectures=["small"])
    content["replay"]["runs"].update(learning_rates=[0.01, 0.1], images=100, seeds=[0])
    content["replay"]["runs"]["recipe"].update(batch_size=32)
    content["evaluate"].update(images=10, channels=4)
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first, so that in the end no core is idle; then those with the small study, beside all others."""

    def needs_the_study(item: pytest.Item) -> bool:
        return "untouched" in getattr(item, "fixturenames", ())

    items.sort(key=lambda item: (item.get_closest_marker("long") is None, not needs_the_study(item)))
    # Each of pytest's processes begins with a stretch of its own, and takes from others when it is done.
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    first, *others = (items[place::processes] for place in range(processes))
    items[:] = first
    for stretch in others:  # meanwhile the first process makes the study
        apart = [item for item in stretch if not needs_the_study(item)][:MEANWHILE]
        items += apart + [item for item in stretch if item not in apart]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what all tests read, and is made once: pytest's processes, side by side, have it in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """``folder``, made by the first process that asks for it, while others wait."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)  # of one who failed
            make(partial)
            partial.rename(folder)
    return folder


@pytest.fixture(scope="session")
def untouched(shared: Path) -> Project:
    """This working tree as a new repository with a small study, nothing of which has run."""
    return Project(made_once(shared / "untouched", make_untouched))


def make_untouched(folder: Path) -> None:
    files = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(files, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if name.startswith(("metrics/", "plots/", "results/", "dvc.lock")) or not (REPOSITORY / name).is_file():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, folder / name)
    project = Project(folder)
    project.edit_params(small_study)
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    project.commit("a small study")


@pytest.fixture(scope="session")
def finished(untouched: Project, shared: Path) -> Project:
    """The small study after ``dvc repro``, committed. Tests read its files; those that do more take a copy."""

    def make(folder: Path) -> None:
        project = untouched.copy_to(folder)
        project.repro()
        project.commit("results")

    return Project(made_once(shared / "finished", make))


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished study, to change."""
    return finished.copy_to(tmp_path / "project")


def longer(params: Any) -> None:
    """Long enough to be interrupted."""
    params["training"].update(budgets=[30], seeds=[0, 1])


@dataclass(frozen=True)
class LongerRun:
    """The finished study with ``train@small`` made longer.

    The seconds that this took: before the first epoch had ended, for the other epochs, and after the last one.
    """

    project: Project
    starting: float
    training: float
    ending: float


@pytest.fixture(scope="session")
def longer_run(finished: Project, shared: Path) -> LongerRun:
    """``train@small`` for 30 epochs with two seeds, undisturbed. Tests read its files."""

    def make(folder: Path) -> None:
        project = finished.copy_to(folder)
        project.edit_params(longer)
        times = [time.monotonic()]
        with project.started("dvc", "repro", "train@small") as process:
            for line in ("seed 0 epoch 1/30", "seed 1 epoch 30/30"):
                lines_until(process, line)
                times.append(time.monotonic())
            printed = rest_of(process)
            times.append(time.monotonic())
        assert process.returncode == 0, printed
        (folder / "seconds.json").write_text(json.dumps([b - a for a, b in pairwise(times)]))

    folder = made_once(shared / "longer", make)
    return LongerRun(Project(folder), *json.loads((folder / "seconds.json").read_text()))
