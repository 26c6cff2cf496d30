"""What a run's bits depend on besides its inputs: device, precision, threads, versions, processor."""

import os
import platform
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from cnn_study.schema import StudyError


@dataclass(frozen=True)
class Environment:
    """Two runs whose environments are equal give the same bits."""

    device: str
    precision: str
    threads: int
    processor: str
    python: str
    torch: str

    @property
    def autocast(self) -> AbstractContextManager[object]:
        """The context in which forward passes compute."""
        return torch.amp.autocast_mode.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")

    def as_dict(self) -> dict[str, str | int]:
        """Its fields, for a JSON file."""
        return asdict(self)


def set_up(device: str = "auto", precision: str = "auto", threads: int | str = "auto") -> Environment:
    """Make torch deterministic on ``device`` ("auto", "cpu", "cuda") with so many threads.

    ``precision`` "auto" is "bf16" where the device has instructions for it and "fp32" elsewhere. Raises
    StudyError if CUDA is asked for and there is none.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise StudyError("params.yaml: training.device: found 'cuda', allowed here: cpu or auto (no GPU found)")
    # cuBLAS reads this when it starts; without it, it may choose another algorithm from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # What use_deterministic_algorithms(True) does, without its import of torch's compiler: 2 s a stage.
    torch.set_deterministic_debug_mode("error")
    # Filling new tensors guards against reading them unwritten, at a quarter of a small network's time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # fp32 is to mean fp32
    count = usable_cores() if threads == "auto" else int(threads)
    torch.set_num_threads(count)
    if precision == "auto":
        precision = "bf16" if computes_bf16(device) else "fp32"
    versions = platform.python_version(), str(torch.__version__)
    return Environment(device, precision, count, _processor(device), *versions)


def usable_cores() -> int:
    """The cores that this process may use, at least one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def computes_bf16(device: str) -> bool:
    """Whether the device has instructions for bf16, with which it is faster than fp32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & _cpu_flags())


def _cpu_flags() -> set[str]:
    for line in _cpuinfo():
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()


def _processor(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    for line in _cpuinfo():
        if line.startswith("model name"):
            # Virtual machines hide the model's name; what it can do is what its bits depend on.
            amx = " with AMX" if "amx_bf16" in _cpu_flags() else ""
            return f"{line.partition(':')[2].strip()}{amx}, {torch.backends.cpu.get_cpu_capability()}"
    return f"{platform.processor() or platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
