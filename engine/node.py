"""What runs on a worker of Ray: one task, in a scratch folder, and what it sends to the driver on its way.

Ray carries this module to the workers by value, so it imports nothing of the project: the project's sources
arrive with the task, as files.
"""

import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Files = dict[str, npt.NDArray[np.uint8]]  # contents by path; arrays of bytes, which Ray does not copy
# What tune and train compute and write with.
PACKAGES = ("numpy", "pandas", "pydantic", "ruamel.yaml", "safetensors", "scipy", "torch", "tqdm")
CHECKPOINTS = Path(".work/checkpoints")


@dataclass(frozen=True)
class Task:
    """``stage`` for ``architecture``, as ``python -m stages.STAGE ARCHITECTURE``, with the files that it alone reads."""

    stage: str
    architecture: str
    files: Files
    gpus: float


@dataclass(frozen=True)
class Line:
    """A line of progress."""

    text: str


@dataclass(frozen=True)
class Saved:
    """A checkpoint that the task has written."""

    path: str
    content: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Done:
    """The task's outputs: everything under runs/."""

    files: Files


@dataclass(frozen=True)
class Failed:
    """The task ended with an error; ``text`` is what it said."""

    text: str


def read(path: Path) -> npt.NDArray[np.uint8]:
    """The bytes of a file."""
    return np.fromfile(path, dtype=np.uint8)


def describe() -> dict[str, str]:
    """What a node's bits depend on: versions, without the part that says what torch was built for, and processor."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            found[package] = "missing"
    return found | {"processor": _processor()}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else [platform.processor()]
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "CPU part"))]
    flags = " ".join(line for line in lines if line.startswith(("flags", "Features")))
    known = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "bf16") if f" {flag}" in flags]
    return " ".join([platform.machine(), *sorted(set(names)), *known])


def run(shared: Files, task: Task) -> Iterator[Line | Saved | Done | Failed]:
    """Run ``task`` in a folder that holds its files and the ``shared`` ones; each checkpoint is sent when written."""
    with tempfile.TemporaryDirectory(prefix="cnn-study-", ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        for path, content in (shared | task.files).items():
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            content.tofile(scratch / path)
        sent = _stamps(scratch)
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "engine.child", f"stages.{task.stage}", task.architecture],
            cwd=scratch,
            env=_environment(task),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a Ctrl-C is the driver's business
        )
        said = []
        try:
            for line in process.stdout or ():
                # A checkpoint is written before its epoch's line is printed.
                for path, stamp in _stamps(scratch).items():
                    if sent.get(path) != stamp:
                        sent[path] = stamp
                        yield Saved(path, read(scratch / path))
                if line.startswith(f"{task.stage} {task.architecture} "):
                    said.clear()
                    yield Line(line.rstrip())
                else:
                    said.append(line.rstrip())
            code = process.wait()
        finally:
            process.kill()
            process.wait()
        if code == 0:
            runs = {path.relative_to(scratch).as_posix(): path for path in (scratch / "runs").glob("**/*")}
            yield Done({n: read(path) for n, path in runs.items() if path.is_file() and n not in task.files})
        else:
            yield Failed("\n".join(said) or _how_it_ended(code))


def _stamps(scratch: Path) -> dict[str, tuple[int, int]]:
    """The checkpoints in ``scratch``, with what changes when one is replaced."""
    found = {}
    for path in (scratch / CHECKPOINTS).glob("**/[!.]*.safetensors"):
        status = path.stat()
        found[path.relative_to(scratch).as_posix()] = (status.st_ino, status.st_mtime_ns)
    return found


def _environment(task: Task) -> dict[str, str]:
    # Ray sets the first for its own tasks; the stage decides about threads itself.
    leave_out = {"OMP_NUM_THREADS", "PYTHONSAFEPATH", "PYTHONPATH"}
    environment = {key: value for key, value in os.environ.items() if key not in leave_out}
    if task.gpus == 0:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    return environment


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"killed by signal {-code}; 9 mostly means that memory ran out: ask for more with MEMORY"
    return f"ended with {code}"
