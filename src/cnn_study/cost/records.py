"""What the stage cost finds, and how measurements of several days are kept together."""

from collections.abc import Mapping

from cnn_study.base.environment import Environment
from cnn_study.base.records import Record
from cnn_study.training.recipe import Optimizer


class Measured(Record):
    """What a training step of one network took, in seconds: for each block of its session the mean of its steps.

    ``known_by``: a fingerprint of all that it depends on. The loss counts as forward; ``processor_seconds`` are
    those of all threads, over the whole step.
    """

    known_by: str
    environment: Environment
    batch_size: int
    optimizer: Optimizer
    steps: int
    forward_seconds: tuple[float, ...]
    backward_seconds: tuple[float, ...]
    optimizer_seconds: tuple[float, ...]
    processor_seconds: tuple[float, ...]

    @property
    def seconds(self) -> tuple[float, ...]:
        """Of the whole step, by block."""
        parts = zip(self.forward_seconds, self.backward_seconds, self.optimizer_seconds, strict=True)
        return tuple(map(sum, parts))


class Session(Record):
    """Networks that were measured in turns, in one process: block by block, all of them in each."""

    networks: dict[str, Measured]


class StepCosts(Record):
    """results/timing/cost.json.

    The first session has the ``reference``, and so has every other, in which it was measured beside networks that
    were new: their times follow from their ratio to it. Without sessions, nothing has been measured.
    """

    reference: str
    sessions: tuple[Session, ...]

    def kept(self, wanted: Mapping[str, str]) -> "StepCosts":
        """What is still true where the networks ``wanted`` have these fingerprints, by name.

        Nothing where the reference has another one: a ratio to it would say nothing of the others.
        """
        sessions = [
            Session(
                networks={
                    name: measured
                    for name, measured in session.networks.items()
                    if measured.known_by == wanted.get(name)
                }
            )
            for session in self.sessions
        ]
        if not sessions or self.reference not in sessions[0].networks:
            return NOTHING
        others = [session for session in sessions[1:] if session.networks.keys() - {self.reference}]
        return StepCosts(reference=self.reference, sessions=(sessions[0], *others))

    def to_measure(self, wanted: Mapping[str, str]) -> list[str]:
        """Those of ``wanted`` that have to be measured: the new ones and the reference, or all where it is new."""
        kept = self.kept(wanted)
        known = {name for session in kept.sessions for name in session.networks}
        new = [name for name in wanted if name not in known]
        return [kept.reference, *new] if new and known else new

    def joined(self, session: Session | None, wanted: Mapping[str, str]) -> "StepCosts":
        """With what a new session has found, if there was one, of those that are wanted."""
        kept = self.kept(wanted)
        if session is None:
            return kept
        reference = kept.reference or next(iter(wanted))
        return StepCosts(reference=reference, sessions=(*kept.sessions, session))


NOTHING = StepCosts(reference="", sessions=())
