"""Runs to several budgets on one trunk, or to one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cnn_study.networks.network import Network
from cnn_study.training.checkpoint import Checkpoint, Tensors, metadata_of
from cnn_study.training.evaluation import explained_by_chance
from cnn_study.training.loop import Monitor, Position, RunSpec, Trainer
from cnn_study.training.records import Run


class Reached(NamedTuple):
    """A network at the end of a run to ``budget``."""

    budget: int
    network: Network
    run: Run


@dataclass(frozen=True)
class Checkpoints:
    """Where a run is kept while it goes on: the end of its trunk so far, and of the branch that it is on.

    ``earlier``: files with trunks of earlier runs, and how far each is.
    """

    folder: Path
    fingerprint: str
    earlier: Sequence[tuple[Path, Position]] = ()

    @property
    def trunk(self) -> Checkpoint:
        """That of the trunk."""
        return Checkpoint(self.folder / "trunk.safetensors", self.fingerprint)

    def trunk_to(self, end: int) -> Checkpoint:
        """That of a trunk to step ``end``: a longer one, of a larger budget, is not replaced by it."""
        found = metadata_of(self.trunk.path)
        longer = found is not None and found[0] == self.fingerprint and found[1]["step"] > end
        return self._shorter if longer else self.trunk

    @property
    def _shorter(self) -> Checkpoint:
        return Checkpoint(self.folder / "shorter-trunk.safetensors", self.fingerprint)

    def branch(self, budget: int) -> Checkpoint:
        """That of a branch."""
        return Checkpoint(self.folder / "branch.safetensors", f"{self.fingerprint} {budget}")

    def trunks(self) -> Iterator[tuple[Tensors, Position]]:
        """What there is to go on from."""
        for place in (self.trunk, self._shorter):
            if (found := place.read()) is not None:
                yield found[0], Position.model_validate(found[1])
        for path, position in self.earlier:
            found = Checkpoint(path, self.fingerprint).read()
            # One of another step has been replaced since: by a run elsewhere, to other budgets.
            if found is not None and found[1]["step"] == position.step:
                yield found[0], position


def train_to(
    spec: RunSpec,
    budgets: Sequence[int],
    checkpoints: Checkpoints | None = None,
    watch: Callable[[int | None], Monitor] | None = None,
) -> Iterator[Reached]:
    """Train to each of ``budgets``, the smallest first, on one trunk, or go on from ``checkpoints``.

    Each run has the bits of one to its budget alone. Its network is the trainer's, which goes on with it to the
    next budget: to be used before that is asked for. An accuracy that chance explains makes a run ``collapsed``.
    ``watch`` gives a monitor of the trunk, for None, and of each budget's branch.
    """
    trainer = Trainer(spec)
    # All at once: their files are replaced while these runs go on.
    trunks = list(checkpoints.trunks()) if checkpoints else []
    trunk_monitor = watch(None) if watch else None
    for budget in sorted(budgets):
        branch = trainer.schedule.branch(budget)
        ahead = [found for found in trunks if trainer.step < found[1].step <= branch]
        if ahead:
            trainer.put_back(*max(ahead, key=lambda found: found[1].step))
            if trunk_monitor:
                trunk_monitor.resumed(len(trainer.run.epochs))
        _advance(trainer, branch, None, checkpoints.trunk_to(branch) if checkpoints else None, trunk_monitor)
        left = trainer.state()
        monitor = watch(budget) if watch else None
        place = checkpoints.branch(budget) if checkpoints else None
        if place and (found := place.read()):
            trainer.put_back(found[0], Position.model_validate(found[1]))
            if monitor:
                monitor.resumed(len(trainer.run.epochs))
        _advance(trainer, trainer.schedule.end(budget), budget, place, monitor)
        yield Reached(budget, trainer.network, _judged(trainer.run, spec))
        if budget != max(budgets):  # the last network stays as it is, whoever asks for one more
            trainer.put_back(*left)


def _advance(
    trainer: Trainer, end: int, budget: int | None, checkpoint: Checkpoint | None, monitor: Monitor | None
) -> None:
    """Train to step ``end``, and keep the state at the end of each epoch and there."""
    per_epoch = trainer.schedule.steps
    while trainer.step < end and trainer.run.status != "diverged":
        before = trainer.run
        trainer.advance(min(end, (trainer.step // per_epoch + 1) * per_epoch), budget, monitor)
        if checkpoint:
            tensors, position = trainer.state()
            checkpoint.write(tensors, position.model_dump(mode="json"))
        # Not before it is kept: an epoch that was reported is not done again.
        if monitor and trainer.run != before:
            ended = trainer.run.epochs[-1]
            monitor.epoch_ended(ended.epoch, ended.loss, ended.train_accuracy, ended.validation_accuracy)


def _judged(run: Run, spec: RunSpec) -> Run:
    """``collapsed`` where chance explains the last accuracy."""
    accuracy, validation = run.validation_accuracy, spec.validation
    if accuracy is None or not explained_by_chance(accuracy, len(validation), validation.largest_share):
        return run
    return run.model_copy(update={"status": "collapsed"})
