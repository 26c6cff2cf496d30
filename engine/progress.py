"""A line for each running task."""

import sys
from typing import Any

from tqdm import tqdm


class ProgressLines:
    """On a terminal each task has a line that changes; elsewhere its lines are printed one after another."""

    def __init__(self) -> None:
        self._lines: dict[str, tqdm[Any]] = {}

    def show(self, task: str, text: str) -> None:
        """``text`` is how far ``task`` is."""
        if not sys.stderr.isatty():
            tqdm.write(text, file=sys.stderr)
        elif task in self._lines:
            self._lines[task].set_description_str(text)
        else:
            self._lines[task] = tqdm(desc=text, bar_format="{desc}", leave=False)

    def remove(self, task: str) -> None:
        """``task`` has ended."""
        if task in self._lines:
            self._lines.pop(task).close()

    def say(self, text: str) -> None:
        """A line that stays."""
        tqdm.write(text, file=sys.stderr)

    def __enter__(self) -> "ProgressLines":
        return self

    def __exit__(self, *_: object) -> None:
        for task in list(self._lines):
            self.remove(task)
