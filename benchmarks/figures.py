"""What benchmarks measure, with its bounds, and which kind of processor it was measured on."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from cnn_study.base.environment import Environment


@dataclass(frozen=True)
class Goal:
    """What is asked of one architecture; None: nothing. ``batch_size``: the original report's."""

    batch_size: int
    times_plain: float | None  # at least: images/s over the plain loop's
    share_of_matmul: float | None  # at least: training FLOP/s over those of a product of matrices
    accuracy: float | None = None  # the original report's test accuracy, to be reached in a tenth of its 15 epochs
    epochs: int = 0  # of the run that goes for it, fixed beforehand


# By the kind of processor.
GOALS = {
    "avx2": {
        "kernel_3x3": Goal(64, 1.6, 0.5, 0.7347, 2),
        "kernel_5x5": Goal(64, 1.4, 0.75),
        "kernel_7x7": Goal(64, 1.2, 0.75),
        "kernel_5x5_matched": Goal(64, 1.6, 0.5),
        "kernel_7x7_matched": Goal(64, 1.6, 0.5),
        "depth_4": Goal(128, 1.4, 0.5, 0.7679, 2),
        "depth_6": Goal(128, 1.2, 0.75, 0.7840, 2),
        "residual": Goal(128, 1.2, 0.5, 0.8106, 2),
    },
    "bf16": {
        "kernel_3x3": Goal(64, 3.0, 0.35, 0.7347, 2),
        "kernel_5x5": Goal(64, 2.4, 0.35),
        "kernel_7x7": Goal(64, 2.25, 0.35),
        "kernel_5x5_matched": Goal(64, 2.0, 0.35),
        "kernel_7x7_matched": Goal(64, 2.0, 0.35),
        "depth_4": Goal(128, 2.0, 0.35, 0.7679, 2),
        "depth_6": Goal(128, 2.0, 0.35, 0.7840, 2),
        "residual": Goal(128, 2.4, 0.35, 0.8106, 2),
    },
}
OPTIMIZER_SHARE = 0.06  # of a step, at most


def kind_of(environment: Environment) -> str:
    """The key in ``GOALS`` of the processor, by how it computes."""
    return "bf16" if environment.precision == "bf16" else "avx2"


@dataclass(frozen=True)
class Figure:
    """A measured figure, its bound, the figures that it comes from, and what keeps it from being better.

    ``value``: None if it was not reached.
    """

    what: str
    value: float | None
    at_least: float | None
    at_most: float | None
    detail: str
    limit: str

    @property
    def met(self) -> bool:
        """Whether the figure is within its bounds."""
        value = math.nan if self.value is None else self.value
        return value >= (self.at_least or 0) and value <= (self.at_most or math.inf)

    def line(self) -> str:
        """For people."""
        value = "not reached" if self.value is None else f"{self.value:.2f}"
        bound = f"≥ {self.at_least:g}" if self.at_least else f"≤ {self.at_most:g}"
        met = "" if self.met else "NOT MET"
        return f"{self.what:58} {value:>11}  {bound:7} {met:8} {self.detail}\n{'':12}limit: {self.limit}"


def matmul_flops(precision: str) -> float:
    """Operations per second of a product of two 2048x2048 matrices in "bf16" or "fp32"."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.randn(2048, 2048).to(dtype) for _ in range(2))
    left @ right
    return 2 * 2048**3 * 10 / seconds_of(lambda: left @ right, 10)


def seconds_of(call: Callable[[], object], times: int = 1) -> float:
    """How long the call takes, that many times in a row."""
    started = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - started
