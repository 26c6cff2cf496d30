"""What training costs: ratios of the time of a step with their uncertainty, and the cost of a run made of steps.

Times are compared as ratios, by their logarithms: a machine that is busy makes all that it computes slower by a
factor. Two networks of one session are compared within its blocks, which are the replicates; two of different
sessions by their ratios to the reference, which both sessions have. The seconds of a step are the geometric mean
over blocks, so that the ratio of two networks' seconds is their ratio.

Where batches differ, times of an image are compared.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from cnn_study.analysis.statistics import LEVEL, side_of
from cnn_study.base.environment import Environment
from cnn_study.base.records import Record
from cnn_study.cost.records import NOTHING, Measured, Session, StepCosts

Logs = npt.NDArray[np.float64]


class Ratio(Record):
    """How many times as long one network takes as another, with its 95 % interval."""

    ratio: float
    ci95: tuple[float, float]

    @property
    def sign(self) -> int:
        """1 where it takes longer, -1 where it is faster, 0 where neither is significant."""
        return side_of(self.ci95, 1)

    def times(self, factor: float) -> "Ratio":
        """Of runs, say, of which one has so many times the images."""
        return Ratio(ratio=self.ratio * factor, ci95=(self.ci95[0] * factor, self.ci95[1] * factor))


class RunCost(Record):
    """What the steps of a run take together; ``images``: that it sees, again in each epoch."""

    images: int
    seconds: float


class StepTime(Record):
    """The time of a training step in metrics/timing.json, in seconds; ``processor_seconds``: of all threads.

    The three parts are what a step consists of, in the proportions of their means. ``runs``: by budget.
    """

    batch_size: int
    optimizer: str
    seconds: float
    forward_seconds: float
    backward_seconds: float
    optimizer_seconds: float
    processor_seconds: float
    runs: dict[str, RunCost]


@dataclass(frozen=True)
class _Difference:
    """A mean difference of logarithms, its variance, and the degrees of freedom of that."""

    mean: float
    variance: float
    freedom: float

    @classmethod
    def of(cls, of: Measured, against: Measured) -> "_Difference":
        """Of two networks of one session, block by block."""
        differences = _logs(of) - _logs(against)
        count = len(differences)
        return cls(float(differences.mean()), float(differences.var(ddof=1)) / count, count - 1)

    def minus(self, other: "_Difference") -> "_Difference":
        """Of independent ones, with the degrees of freedom of Welch (1947)."""
        variance = self.variance + other.variance
        parts = self.variance**2 / self.freedom + other.variance**2 / other.freedom
        freedom = variance**2 / parts if parts > 0 else self.freedom + other.freedom
        return _Difference(self.mean - other.mean, variance, freedom)

    @property
    def ratio(self) -> Ratio:
        half = float(stats.t.ppf(1 - LEVEL / 2, self.freedom)) * sqrt(self.variance)
        return Ratio(ratio=exp(self.mean), ci95=(exp(self.mean - half), exp(self.mean + half)))


@dataclass(frozen=True)
class Costs:
    """What the stage cost has found, to be asked about networks by name."""

    found: StepCosts

    def ratio(self, of: str, against: str) -> Ratio | None:
        """The time of an image in training, ``of`` over ``against``; None where one has not been measured."""
        one, other = self._session(of), self._session(against)
        if one is None or other is None or of == against:
            return None
        for session in (one, other):  # the reference is in every session
            if of in session.networks and against in session.networks:
                return _Difference.of(session.networks[of], session.networks[against]).ratio
        return self._against_reference(one, of).minus(self._against_reference(other, against)).ratio

    def step(self, name: str, images: dict[int, int | None]) -> StepTime | None:
        """``images``: that a run sees, by budget, None where none came to its end."""
        session = self._session(name)
        if session is None:
            return None
        measured = session.networks[name]
        # As it would have been beside the reference's first measurement.
        first = self.found.sessions[0].networks[self.found.reference]
        drift = exp(float(np.log(first.seconds).mean() - np.log(self._reference(session).seconds).mean()))
        seconds = drift * exp(float(np.log(measured.seconds).mean()))
        scale = seconds / float(np.mean(measured.seconds))
        return StepTime(
            batch_size=measured.batch_size,
            optimizer=measured.optimizer,
            seconds=seconds,
            forward_seconds=_mean(measured.forward_seconds, scale),
            backward_seconds=_mean(measured.backward_seconds, scale),
            optimizer_seconds=_mean(measured.optimizer_seconds, scale),
            processor_seconds=_mean(measured.processor_seconds, scale),
            runs={
                str(budget): RunCost(images=count, seconds=seconds * count / measured.batch_size)
                for budget, count in images.items()
                if count is not None
            },
        )

    @property
    def environments(self) -> dict[str, Environment]:
        """In which each network was measured."""
        return {
            name: measured.environment
            for session in self.found.sessions
            for name, measured in session.networks.items()
        }

    def machine(self, *names: str) -> str:
        """Where these networks were measured, in words; each once, with the settings that differ."""
        where = self.environments
        return "; ".join(dict.fromkeys(_in_words(where[name]) for name in names if name in where))

    def unit(self, *names: str) -> str:
        """Of what the times of these networks are compared: a training step, or an image where batches differ."""
        sessions = {name: session for name in names if (session := self._session(name)) is not None}
        batches = {session.networks[name].batch_size for name, session in sessions.items()}
        return "training step" if len(batches) < 2 else "training image"

    def added(self, *names: str) -> list[str]:
        """Those of these networks that were measured in a later session than the first, with the reference."""
        return [name for name in names if self._session(name) not in (None, *self.found.sessions[:1])]

    def ratios(self, pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any]]:
        """As metrics/timing_conclusions.json has them, by "OF over AGAINST": of those that have been measured."""
        found = {f"{of} over {against}": self.ratio(of, against) for of, against in pairs}
        return {pair: ratio.model_dump() for pair, ratio in found.items() if ratio is not None}

    def _session(self, name: str) -> Session | None:
        """The first that has it: for the reference the one in which all were measured."""
        return next((session for session in self.found.sessions if name in session.networks), None)

    def _reference(self, session: Session) -> Measured:
        return session.networks[self.found.reference]

    def _against_reference(self, session: Session, name: str) -> _Difference:
        return _Difference.of(session.networks[name], self._reference(session))


NOT_MEASURED = Costs(NOTHING)


def _in_words(environment: Environment) -> str:
    threads = "1 thread" if environment.threads == 1 else f"{environment.threads} threads"
    # Its name; the instruction sets behind it are in metrics/environment.json.
    processor = environment.processor.split(", ")[0]
    where = environment.processor if environment.device == "cuda" else f"{processor}, {threads}"
    return f"{where}, {environment.precision}"


def _logs(measured: Measured) -> Logs:
    """Logarithms of the time of an image, by block."""
    return np.log(np.array(measured.seconds) / measured.batch_size)


def _mean(values: Sequence[float], scale: float) -> float:
    return scale * float(np.mean(values))
