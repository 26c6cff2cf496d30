"""Progress for people: a bar on a terminal, and everywhere a line for each epoch."""

import sys
from collections.abc import Collection, Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def bar(items: Collection[Item], title: str) -> Iterable[Item]:
    """The items, with a bar where there is a terminal."""
    return tqdm(items, desc=title, leave=False, disable=None)


class Progress:
    """Shows a training run as it goes; a ``training.Monitor``."""

    def __init__(self, title: str, epochs: int) -> None:
        self._title = title
        self._epochs = epochs

    def steps(self, steps: Iterable[int], epoch: int) -> Iterable[int]:
        """An epoch's steps, in a bar where there is a terminal."""
        label = f"{self._title} epoch {epoch + 1}/{self._epochs}"
        return tqdm(steps, desc=label, leave=False, disable=None, unit="step")

    def resumed(self, epochs: int) -> None:
        """Say that a run goes on."""
        all_epochs = f"{self._epochs} epoch{'s' if self._epochs != 1 else ''}"
        tqdm.write(f"{self._title}: {epochs} of {all_epochs} done already", file=sys.stderr)

    def epoch_ended(
        self, epoch: int, loss: float | None, train_accuracy: float | None, validation_accuracy: float | None
    ) -> None:
        """Print how an epoch, counted from 1, went: accuracies are 0 to 1, all is None where it diverged."""
        line = f"{self._title} epoch {epoch}/{self._epochs}: "
        if loss is None:
            line += "the loss is no longer finite"
        else:
            line += f"loss {loss:.3f}, train {train_accuracy:.1%}, validation {validation_accuracy:.1%}"
        tqdm.write(line, file=sys.stderr)
