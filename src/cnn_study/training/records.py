"""What training runs find, and what tune and replay keep of theirs in results/."""

from collections.abc import Sequence
from typing import Literal

from cnn_study.base.environment import Environment
from cnn_study.base.records import Record

Status = Literal["trained", "collapsed", "diverged"]


class Epoch(Record):
    """How an epoch, counted from 1, went. Accuracies are 0 to 1; all is None where it diverged.

    ``loss``, with the recipe's label smoothing, and ``train_accuracy``: means over its steps, of the network as it
    trains, with augmentation and dropout. ``validation_loss``, without smoothing, and ``validation_accuracy``: at
    its end.
    """

    epoch: int
    loss: float | None = None
    train_accuracy: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None


class LayerNorms(Record):
    """Euclidean norms of a layer's weights and of their gradient: means over an epoch's sampled steps."""

    epoch: int
    layer: str
    gradient_norm: float
    weight_norm: float


class EpochClock(Record):
    """What the clock said of an epoch, in which the network saw so many ``images``."""

    train_seconds: float
    evaluation_seconds: float
    images: int


class Run(Record):
    """What a run of training has found so far, and in the end.

    ``gradients``: for each epoch and layer. ``clock``: apart, since nothing else here differs from one run to the
    next.
    """

    status: Status = "trained"
    epochs: tuple[Epoch, ...] = ()
    gradients: tuple[LayerNorms, ...] = ()
    clock: tuple[EpochClock, ...] = ()

    @property
    def validation_accuracy(self) -> float | None:
        """After the last epoch, 0 to 1; None where it diverged."""
        return self.epochs[-1].validation_accuracy

    def after(self, epoch: Epoch, norms: Sequence[LayerNorms], clock: EpochClock) -> "Run":
        """The run with an epoch more, in which it has diverged if there is no loss."""
        return Run(
            status=self.status if epoch.loss is not None else "diverged",
            epochs=(*self.epochs, epoch),
            gradients=(*self.gradients, *norms),
            clock=(*self.clock, clock),
        )


class RunClock(Record):
    """What the clock said of a run to ``budget`` epochs, epoch by epoch."""

    learning_rate: float
    seed: int
    budget: int
    epochs: tuple[EpochClock, ...]

    @classmethod
    def of(cls, learning_rate: float, seed: int, budget: int, run: Run) -> "RunClock":
        """Of a run."""
        return cls(learning_rate=learning_rate, seed=seed, budget=budget, epochs=run.clock)

    @property
    def train_seconds(self) -> float:
        """Of all training steps."""
        return sum(epoch.train_seconds for epoch in self.epochs)

    @property
    def evaluation_seconds(self) -> float:
        """Of all passes through the validation images."""
        return sum(epoch.evaluation_seconds for epoch in self.epochs)

    @property
    def images(self) -> int:
        """How many the network was trained with, each counted again in each epoch."""
        return sum(epoch.images for epoch in self.epochs)


class TrunkClock(Record):
    """What the clock said of the trunk of a seed: of its whole epochs, and of the steps after the last."""

    seed: int
    epochs: tuple[EpochClock, ...]
    seconds: float


class Clocks(Record):
    """Of all runs of a stage, and of the trunks that are kept."""

    runs: tuple[RunClock, ...]
    trunks: tuple[TrunkClock, ...] = ()


class ShortRun(Record):
    """How a run of tune or replay ended."""

    learning_rate: float
    seed: int
    status: Status
    validation_accuracy: float | None

    @classmethod
    def of(cls, learning_rate: float, seed: int, run: Run) -> "ShortRun":
        """Of a run with this rate and seed."""
        return cls(
            learning_rate=learning_rate,
            seed=seed,
            status=run.status,
            validation_accuracy=run.validation_accuracy,
        )


class Tuning(Record):
    """The rate that an architecture trains with. ``runs``: those of the search, none where the rate was given.

    ``validation_images``: how many they were judged on. ``cut_off``: whether the search ended where a better rate
    may lie beyond those that were tried.
    """

    learning_rate: float
    cut_off: bool
    validation_images: int
    runs: tuple[ShortRun, ...]
    environment: Environment


class Replayed(Record):
    """Short runs of one recipe at several rates, each on so many ``images``."""

    images: int
    runs: tuple[ShortRun, ...]
    environment: Environment
