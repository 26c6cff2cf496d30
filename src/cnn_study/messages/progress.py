"""Progress for people: a bar on a terminal, and everywhere a line for each epoch."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


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
        tqdm.write(f"{self._title}: {epochs} of {self._epochs} epochs done already", file=sys.stderr)

    def epoch_ended(self, row: dict[str, Any]) -> None:
        """Print an epoch's row of the history."""
        line = f"{self._title} epoch {row['epoch']}/{self._epochs}: "
        if row["loss"] is None:
            line += "the loss is no longer finite"
        else:
            line += (
                f"loss {row['loss']:.3f}, train {row['train_accuracy']:.1%}, "
                f"validation {row['validation_accuracy']:.1%}"
            )
        tqdm.write(line, file=sys.stderr)
