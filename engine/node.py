"""What runs on a worker of Ray: one task, in a scratch folder, and what it sends to the driver on its way.

Ray carries this module to the workers by value, and it imports nothing of the project: the project's sources
arrive with the task, as files.
"""

import contextlib
import importlib.metadata
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Files = dict[str, npt.NDArray[np.uint8]]  # contents by path; arrays of bytes, which Ray hands over uncopied
# What the stages of networks compute and write with.
PACKAGES = ("numpy", "pandas", "pydantic", "ruamel.yaml", "safetensors", "scipy", "torch", "tqdm")
CHECKPOINTS = Path(".work/checkpoints")
FINISHED = Path(".work/finished")  # the store of runs that are at their end, in a task
SENT = (f"{CHECKPOINTS}/**/[!.]*.safetensors", f"{FINISHED}/[!.]*.safetensors")  # on the way
Stamps = dict[str, tuple[int, int]]
LAYERS = Path(".work/layers")  # what stages have found about the layers that a machine computes
GPUS = Path("/proc/driver/nvidia/gpus")
# Of the libraries, which compute with less than the processor has where these say so.
SETTINGS = (
    "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """``python -m stages.STAGE ARCHITECTURE``, with the files that no other task reads and so many CPUs and GPUs.

    ``returns``: patterns of the files that the driver needs of it.
    ``machine``: what ``describe`` has to say where it runs.
    """

    stage: str
    architecture: str
    files: Files
    returns: tuple[str, ...]
    machine: dict[str, str]
    cpus: int
    gpus: float


@dataclass(frozen=True)
class Begun:
    """The task runs on ``node``."""

    node: str


@dataclass(frozen=True)
class Line:
    """A line of progress."""

    text: str


@dataclass(frozen=True)
class Saved:
    """A checkpoint or a finished run that has been written, or written anew."""

    path: str
    content: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Done:
    """The outputs of the stage."""

    files: Files


@dataclass(frozen=True)
class Failed:
    """The stage ended with an error, and said ``text``."""

    text: str


@dataclass(frozen=True)
class Killed:
    """The stage was ended from outside by a signal, as ``text`` says: it may go on."""

    text: str


def read(path: Path) -> npt.NDArray[np.uint8]:
    """The bytes of a file."""
    return np.fromfile(path, dtype=np.uint8)


def describe(gpus: float) -> dict[str, str]:
    """What the bits depend on that a task with so many GPUs computes here: versions and hardware."""
    machine = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            machine[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            machine[package] = "none"
    machine["torch"], _, machine["torch for"] = machine["torch"].partition("+")
    return machine | {"processor": _processor(), "GPU": _gpu() if gpus else "none"}


def _gpu() -> str:
    """The kinds of those that NVIDIA's driver has here."""
    told = [line for path in GPUS.glob("*/information") for line in path.read_text().splitlines()]
    kinds = {line.partition(":")[2].strip() for line in told if line.startswith("Model:")}
    return ", ".join(sorted(kinds)) or "unknown"


def _processor() -> str:
    # More than a result says of its processor (cnn_study.base.environment), which people read.
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = {line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "CPU part"))}
    flags = {word for line in lines if line.startswith(("flags", "Features")) for word in line.split()}
    bits_differ_by = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "bf16", "sve")
    words = [platform.machine(), *sorted(model), *(flag for flag in bits_differ_by if flag in flags)]
    return " ".join([*words, *(f"{name}={os.environ[name]}" for name in SETTINGS if name in os.environ)])


def shared_by(
    told: Sequence[tuple[str, Mapping[str, str]]], here: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """What all nodes have to say, and a line for each thing in which one differs.

    ``told``: the name of each, and what it says. In versions they have to be as ``here``, the driver's machine; in
    hardware as the first of them, since the tasks of the driver train nothing, and its machine may be another.
    """
    hardware = ("processor", "GPU", "torch for")
    _, first = told[0]
    expected = {what: first[what] if what in hardware else value for what, value in here.items()}
    mistakes = []
    for name, machine in told:
        mistakes += [f"node {name}: {difference}" for difference in differences(expected, machine)]
        if ", " in machine["GPU"]:
            mistakes.append(f"node {name}: found GPU {machine['GPU']}, allowed: one kind")
    return expected, mistakes


def differences(expected: Mapping[str, str], machine: Mapping[str, str]) -> list[str]:
    """A line for each thing in which ``machine`` is not as ``expected``."""
    return [
        f"found {what} {machine[what]}, allowed: {value}"
        for what, value in expected.items()
        if machine[what] != value
    ]


def run(sources: Files, images: Files, task: Task) -> Iterator[Begun | Line | Saved | Done | Failed | Killed]:
    """Run ``task`` in a folder with its files, the ``sources`` and the ``images``, sending each new checkpoint."""
    here = platform.node()
    # A node can have joined since the driver looked.
    if mistakes := differences(task.machine, describe(task.gpus)):
        yield Failed("\n".join(f"node {here}: {mistake}" for mistake in mistakes))
        return
    yield Begun(here)
    try:
        yield from _run(sources | images, task)
    except OSError as error:  # its disk is full, say
        yield Failed(f"node {here}: {error}")


def _run(shared: Files, task: Task) -> Iterator[Line | Saved | Done | Failed | Killed]:
    with tempfile.TemporaryDirectory(prefix="cnn-study-", ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        for path, content in (shared | task.files).items():
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            content.tofile(scratch / path)
        given = _changed(scratch, ["**/*"], {})
        sent = given.copy()
        said: list[str] = []
        with subprocess.Popen(
            [sys.executable, "-u", "-m", "engine.child", name, f"stages.{task.stage}", task.architecture],
            cwd=scratch,
            env=_environment(task),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # an interrupt is the driver's business
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            try:
                for line in child.stdout:
                    # A checkpoint is written before the line about its epoch.
                    for path, stamp in _changed(scratch, SENT, sent).items():
                        sent[path] = stamp
                        with contextlib.suppress(FileNotFoundError):  # removed since
                            yield Saved(path, read(scratch / path))
                    progress = line.startswith(f"{task.stage} {task.architecture} ")
                    if progress or line.startswith(f"{task.architecture}: "):
                        yield Line(line.rstrip())
                    if not progress:
                        said.append(line.rstrip())
                yield _end_of(child.wait(), said, scratch, task, sent)
            finally:
                child.stdin.close()  # it ends, and the folder is removed, also if Ray kills this worker now


def _end_of(code: int, said: list[str], scratch: Path, task: Task, sent: Stamps) -> Done | Failed | Killed:
    """What a stage that ended with ``code`` has come to."""
    if code in (-signal.SIGKILL, -signal.SIGTERM):
        return Killed(f"its process was killed by signal {-code}; is its memory enough? (MEMORY=...)")
    if code != 0:
        how = f"ended with {code}" if code > 0 else f"ended by signal {-code}"
        return Failed("\n".join(said if said and code > 0 else [*said, how]))
    return Done({path: read(scratch / path) for path in _changed(scratch, task.returns, sent)})


def _changed(scratch: Path, patterns: Iterable[str], known: Stamps) -> Stamps:
    """The files in ``scratch`` that are not as ``known``, each with what changes when it is replaced."""
    stamps = {}
    for path in (path for pattern in patterns for path in scratch.glob(pattern)):
        with contextlib.suppress(FileNotFoundError):  # a stage removes its checkpoints
            status = path.stat()
            name, stamp = path.relative_to(scratch).as_posix(), (status.st_ino, status.st_mtime_ns)
            if path.is_file() and known.get(name) != stamp:
                stamps[name] = stamp
    return stamps


def _environment(task: Task) -> dict[str, str]:
    """The worker's, with as many threads as the task has CPUs."""
    environment = os.environ | {"OMP_NUM_THREADS": str(task.cpus)}
    if task.gpus == 0:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    return environment
