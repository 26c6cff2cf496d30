"""What a run's bits depend on besides its inputs: device, precision, threads, versions, processor."""

import ctypes
import os
import platform
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import torch

from cnn_study.base.errors import StudyError

# Of computing a convolution: see networks.modules.Convolution.
Way = Literal["channels_last", "contiguous", "unfolded"]
# What oneDNN can compute with, lowest first, each with what a processor needs for it beside that of those before
# (oneDNN's developer guide, "CPU Dispatcher Control"). Its own kernels are chosen by this, torch's by another.
INSTRUCTIONS: Mapping[str, tuple[str, ...]] = {
    "SSE41": ("sse4_1",),
    "AVX": ("avx",),
    "AVX2": ("avx2",),
    "AVX512_CORE": ("avx512_f", "avx512_bw", "avx512_vl", "avx512_dq"),
    "AVX512_CORE_VNNI": ("avx512_vnni",),
    "AVX512_CORE_BF16": ("avx512_bf16",),
    "AVX512_CORE_FP16": ("avx512_fp16",),
    "AVX512_CORE_AMX": ("amx_bf16",),
}
# Of glibc's mallopt: tensors of more bytes are still given back.
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, KEPT_BYTES = -3, -1, 2**30
# Settings of the libraries' own that change bits, recorded where somebody has set them.
SETTINGS = ("ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS")
CUDA_SETTINGS = ("NVIDIA_TF32_OVERRIDE",)
# Other words of oneDNN's for a limit, and what they leave of the above.
LIMITS = {"AVX2_VNNI": "AVX2", "AVX2_VNNI_2": "AVX2", "AVX10_1_512": "AVX512_CORE_FP16"}


@dataclass(frozen=True)
class Environment:
    """Two runs on the same inputs whose environments are equal give the same bits.

    ``fallbacks``: the layers that this machine computes wrongly in the usual way, each with the way that is used
    instead.
    """

    device: str
    precision: str
    threads: int
    processor: str
    python: str
    torch: str
    fallbacks: Mapping[str, Way] = field(default_factory=dict)

    @property
    def autocast(self) -> AbstractContextManager[object]:
        """The context in which forward passes compute."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.amp.autocast_mode.autocast(self.device, torch.bfloat16)

    def as_dict(self) -> dict[str, Any]:
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
        raise StudyError("params.yaml: device in a recipe: found 'cuda', allowed here: cpu or auto (no GPU found)")
    # cuBLAS reads this when it starts; without it, it may choose another algorithm from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # What use_deterministic_algorithms(True) does, without its import of torch's compiler: 2 s a stage.
    torch.set_deterministic_debug_mode("error")
    # Filling new tensors guards against reading them unwritten, at a quarter of a small network's time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # fp32 is to mean fp32
    _keep_freed_memory()
    count = usable_cores() if threads == "auto" else int(threads)
    torch.set_num_threads(count)
    if precision == "auto":
        precision = "bf16" if computes_bf16(device) else "fp32"
    versions = platform.python_version(), str(torch.__version__)
    return Environment(device, precision, count, _processor(device), *versions)


def _keep_freed_memory() -> None:
    """Have glibc keep freed memory for the next step, which needs as much.

    It would give it back to the system, which fills each page with zeros before it is used again. With another
    library nothing is changed.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for parameter in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            libc.mallopt(parameter, KEPT_BYTES)


def usable_cores() -> int:
    """The cores that this process may use, at least one; fewer where OMP_NUM_THREADS says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(limit)) if limit.isdecimal() and int(limit) > 0 else cores


def computes_bf16(device: str) -> bool:
    """Whether the device has instructions for bf16, with which it is faster than fp32, and may use them."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    if capabilities["architecture"] != "x86_64":
        return bool(capabilities.get("bf16"))
    order = list(INSTRUCTIONS)
    return order.index(onednn_instructions()) >= order.index("AVX512_CORE_BF16")


def onednn_instructions() -> str:
    """The set of ``INSTRUCTIONS`` that oneDNN computes with on this x86 processor.

    ONEDNN_MAX_CPU_ISA lowers it, in any process of which it was set at the start.
    """
    capabilities = torch.cpu.get_capabilities()
    limit = (os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "").upper()
    limit = LIMITS.get(limit, limit)
    highest = next(iter(INSTRUCTIONS))
    for name, needed in INSTRUCTIONS.items():
        if not all(capabilities.get(capability) for capability in needed):
            break
        highest = name
        if name == limit:
            break
    return highest


def _processor(device: str) -> str:
    if device == "cuda":
        words = [torch.cuda.get_device_name(), f"cuDNN {torch.backends.cudnn.version()}"]  # type: ignore[no-untyped-call]
        return ", ".join(words + _set_of(CUDA_SETTINGS))
    capabilities = torch.cpu.get_capabilities()
    # Virtual machines hide the model's name; what it can do is what its bits depend on.
    words = [capabilities.get("cpu_name") or platform.machine(), torch.backends.cpu.get_cpu_capability()]
    if capabilities["architecture"] == "x86_64":
        words.append(f"oneDNN {onednn_instructions()}")
    return ", ".join(words + _set_of(SETTINGS))


def _set_of(names: Iterable[str]) -> list[str]:
    """Those environment variables that are set, with their values."""
    return [f"{name}={os.environ[name]}" for name in names if name in os.environ]
