"""Whether a network's gradient vanishes or explodes on its way to the first convolution."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any, Literal

import pandas as pd

from cnn_study.analysis.summaries import Summary
from cnn_study.report.topics.gradients.tables import first_over_last

# The first convolution's gradient norm over the last one's, if the gradient is to be called vanishing (or, turned
# over, exploding): less than a tenth, since layers of different sizes have norms that differ several-fold with
# nothing wrong; and less than half its variance for each layer that it passes, which is what stops plain networks
# of 30 layers from training (Xavier's initialisation with ReLUs: He et al., 2015, arXiv 1502.01852, section 2.2).
# Up to 7 convolutions the first bound is the lower one.
FACTOR = 10.0
VARIANCE_FACTOR = 2.0
# The norms come from a sample of an epoch's steps: a ratio that changes by less than this factor stays.
STEADY = 1.25

Kind = Literal["vanishes", "explodes", "neither"]
Change = Literal["rises", "falls", "stays"]


@dataclass(frozen=True)
class Flow:
    """The first convolution's gradient norm over the last one's, in the first and in the last epoch.

    ``ratios``: of means over ``seeds`` runs, in these ``epochs``, which are the same of a run of one epoch.
    """

    convolutions: int
    seeds: int
    epochs: tuple[int, int]
    ratios: tuple[float, float]

    @property
    def first(self) -> float | None:
        """The ratio in the first epoch; None where that is the last."""
        return self.ratios[0] if self.epochs[0] < self.epochs[1] else None

    @property
    def last(self) -> float:
        """The ratio in the last epoch, which decides."""
        return self.ratios[1]

    @property
    def bounds(self) -> tuple[float, float]:
        """The ratios below which it vanishes, and above which it explodes."""
        return bounds(self.convolutions)

    @property
    def kind(self) -> Kind:
        """What it does in the last epoch."""
        low, high = self.bounds
        return "vanishes" if self.last < low else "explodes" if self.last > high else "neither"

    @property
    def reach(self) -> float:
        """How far it is on its way from 1 to a bound, by logarithms; more than 1 beyond it."""
        return abs(log(self.last)) / log(self.bounds[1]) if self.last > 0 else float("inf")

    def record(self) -> dict[str, Any]:
        """As metrics/conclusions.json has it."""
        return {
            "convolutions": self.convolutions,
            "seeds": self.seeds,
            "epochs": list(self.epochs),
            "ratios": list(self.ratios),
            "bounds": list(self.bounds),
            "gradient": self.kind,
        }


def bounds(convolutions: int) -> tuple[float, float]:
    """The ratios below which a gradient through so many vanishes, and above which it explodes."""
    most = max(FACTOR, VARIANCE_FACTOR ** ((convolutions - 1) / 2))
    return 1 / most, most


def change(of: float, against: float) -> Change:
    """What a ratio does from ``against`` to ``of``."""
    return "stays" if against / STEADY < of < against * STEADY else "rises" if of > against else "falls"


def flows_of(gradients: pd.DataFrame, summary: Mapping[str, Summary]) -> dict[str, Flow]:
    """By architecture, of those with two convolutions of which no run diverged.

    Nor of those of whose last convolution the gradient is 0 in the last epoch: of that there is no ratio.
    ``gradients``: plots/data/gradient_norms.csv, means over seeds, as ``first_over_last`` takes it. Networks that
    collapsed are among them, since a gradient that vanishes may be why.
    """
    found = {}
    for architecture, rows in first_over_last(gradients).groupby("architecture", sort=False):
        entry, by_epoch = summary.get(str(architecture)), rows.sort_values("epoch")
        if entry is None or entry.status == "diverged" or by_epoch["ratio"].isna().iloc[-1]:
            continue
        ends = by_epoch.dropna(subset="ratio").iloc[[0, -1]]
        first_epoch, last_epoch = (int(epoch) for epoch in ends["epoch"])
        first, last = (float(ratio) for ratio in ends["ratio"])
        found[str(architecture)] = Flow(
            int(ends["convolutions"].iloc[-1]), len(entry.seeds), (first_epoch, last_epoch), (first, last)
        )
    return found
