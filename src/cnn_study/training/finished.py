"""Runs that have come to their end, and are never done again.

A run of train is known by its fingerprint, that of all that its bits depend on but for the environment: it is
taken over on any machine. One of tune or replay is known by its environment as well, and has no weights. What is
taken over lies in what train has written before, in results/ and runs/, and in a store beside DVC's cache, which
experiments share with the working tree.
"""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from cnn_study.base.environment import Environment
from cnn_study.base.errors import StudyError
from cnn_study.base.files import write_whole
from cnn_study.base.records import Record
from cnn_study.training.checkpoint import Tensors, read_tensors
from cnn_study.training.records import Clocks, Epoch, LayerNorms, Run, RunClock, Status, TrunkClock

R = TypeVar("R", bound=Record)
Key = tuple[int, int]  # seed and budget
ABANDONED = 3600  # seconds after which a half-written file of the store is nobody's any more


class FinishedRun(Record):
    """How a run ended: from a seed, to a budget in epochs, with a peak learning rate.

    ``version``: of the project that trained it.
    """

    seed: int
    budget: int
    learning_rate: float
    fingerprint: str
    environment: Environment
    version: str
    run: Run

    @property
    def key(self) -> Key:
        """Which of its network's."""
        return self.seed, self.budget

    @property
    def status(self) -> Status:
        """What became of it."""
        return self.run.status

    @property
    def validation_accuracy(self) -> float | None:
        """After its last epoch, 0 to 1; None where it diverged."""
        return self.run.validation_accuracy

    @property
    def clock(self) -> RunClock:
        """What it took, its part of the trunk included: as if it had run alone."""
        return RunClock.of(self.learning_rate, self.seed, self.budget, self.run)


class _Summary(Record):
    """A run in runs.json: without its rows in the tables."""

    seed: int
    budget: int
    status: Status
    validation_accuracy: float | None
    learning_rate: float
    fingerprint: str
    environment: Environment
    version: str

    @classmethod
    def of(cls, one: FinishedRun) -> "_Summary":
        return cls(
            status=one.status, validation_accuracy=one.validation_accuracy, **one.model_dump(exclude={"run"})
        )


class _Summaries(Record):
    runs: tuple[_Summary, ...]


@dataclass(frozen=True)
class Trained:
    """The runs of an architecture, by seed and budget, in order.

    ``trunks``: what the clock said of the trunks that are kept with them.
    """

    runs: tuple[FinishedRun, ...]
    trunks: tuple[TrunkClock, ...] = ()

    def write(self, folder: Path, timing: Path) -> None:
        """Write runs.json, history.csv and gradients.csv into an existing ``folder``, the clocks to ``timing``."""
        _Summaries(runs=tuple(map(_Summary.of, self.runs))).write(folder / "runs.json")
        _write_table(folder / "history.csv", {one.key: one.run.epochs for one in self.runs}, Epoch)
        _write_table(folder / "gradients.csv", {one.key: one.run.gradients for one in self.runs}, LayerNorms)
        Clocks(runs=tuple(one.clock for one in self.runs), trunks=self.trunks).write(timing)

    @classmethod
    def read(cls, folder: Path, timing: Path | None) -> "Trained":
        """What ``write`` has written; for None without clocks. Raises StudyError if it is missing or damaged."""
        epochs = _read_table(folder / "history.csv", Epoch)
        norms = _read_table(folder / "gradients.csv", LayerNorms)
        told = Clocks.read(timing) if timing else Clocks(runs=())
        clocks = {(one.seed, one.budget): one.epochs for one in told.runs}
        runs = []
        for one in _Summaries.read(folder / "runs.json").runs:
            key = one.seed, one.budget
            run = Run(
                status=one.status,
                epochs=epochs.get(key, ()),
                gradients=norms.get(key, ()),
                clock=clocks.get(key, ()),
            )
            known = one.model_dump(exclude={"status", "validation_accuracy"})
            runs.append(FinishedRun(run=run, **known))
            if not run.epochs or run.validation_accuracy != one.validation_accuracy:
                raise _no_run_in(folder / "history.csv", key)
            if timing and len(run.clock) != len(run.epochs):
                raise _no_run_in(timing, key)
        return cls(tuple(runs), told.trunks)


def weights_name(seed: int, budget: int, largest: int) -> str:
    """The name of a file with weights: the largest budget's has the seed's alone, whatever that budget is."""
    return f"seed-{seed}.safetensors" if budget == largest else f"seed-{seed}-budget-{budget}.safetensors"


def _no_run_in(path: Path, key: Key) -> StudyError:
    seed, budget = key
    return StudyError(
        f"{path}: found no run of seed {seed} budget {budget} as runs.json has it; `dvc repro` makes it again"
    )


def _columns(kind: type[Record]) -> list[str]:
    return ["seed", "budget", *kind.model_fields]


def _write_table(path: Path, rows: Mapping[Key, Sequence[Record]], kind: type[Record]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_columns(kind))
    writer.writerows((*key, *dict(row).values()) for key, of_run in rows.items() for row in of_run)
    write_whole(path, text.getvalue().encode())


def _read_table(path: Path, kind: type[R]) -> dict[Key, tuple[R, ...]]:
    rows: dict[Key, list[R]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            if next(reader, None) != _columns(kind):
                raise ValueError("other columns")
            for seed, budget, *values in reader:
                row = {name: value or None for name, value in zip(kind.model_fields, values, strict=True)}
                rows.setdefault((int(seed), int(budget)), []).append(kind.model_validate(row))
    except FileNotFoundError:
        raise StudyError(f"{path}: not found; `dvc repro` makes it") from None
    except (ValueError, csv.Error) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(f"{path}: found no table of its kind ({reason}); `dvc repro` makes it again") from None
    return {key: tuple(of_run) for key, of_run in rows.items()}


@dataclass(frozen=True)
class Store:
    """Finished runs with their weights, by fingerprint, in the files of a folder."""

    folder: Path

    def path(self, fingerprint: str) -> Path:
        """Where a run is, if it is here."""
        return self.folder / f"{fingerprint}.safetensors"

    def put(self, finished: FinishedRun, weights: Tensors) -> None:
        """Keep a run; ``weights``: none of one that diverged, nor of one of tune or replay."""
        tensors = {name: tensor.contiguous() for name, tensor in weights.items()}
        metadata = {"finished": finished.model_dump_json()}
        self.keep(self.path(finished.fingerprint).name, save(tensors, metadata))

    def keep(self, name: str, content: bytes | memoryview) -> None:
        """Write a file, whole, though others may write it too; what the killed have left is removed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(".*.partial"):
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > ABANDONED:
                    left.unlink()
        own = self.folder / f".{name}.{uuid4().hex}.partial"
        write_whole(own, content)
        own.replace(self.folder / name)

    def find(self, fingerprint: str) -> FinishedRun | None:
        """A run; None if it is not here, or damaged."""
        try:
            with safe_open(self.path(fingerprint), framework="pt") as file:
                return FinishedRun.model_validate_json((file.metadata() or {})["finished"])
        except (FileNotFoundError, SafetensorError, KeyError, ValueError):
            return None

    def read(self, fingerprint: str) -> tuple[FinishedRun, Tensors]:
        """A run that is here, with its weights."""
        metadata, tensors = read_tensors(self.path(fingerprint))
        return FinishedRun.model_validate_json(metadata["finished"]), tensors
