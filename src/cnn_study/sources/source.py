"""What every data set is here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnn_study.data.shape import Shape

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Raw:
    """A data set as it came: images (N, C, S, S) uint8, labels (N,), names of the classes."""

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A data set: how many images it has of each part, their shape, and two functions that raise StudyError.

    ``channels`` of an image: 1 or 3. ``size``: its side in pixels. ``classes``: their names, by label.
    ``fetch(FOLDER, SCRATCH)`` puts its files, each checked, into the one folder, and may leave anything in the
    other. ``read(FOLDER)`` reads them there, and checks them again.
    """

    train: int
    test: int
    channels: int
    size: int
    classes: tuple[str, ...]
    fetch: Callable[[Path, Path], None]
    read: Callable[[Path], Raw]

    @property
    def shape(self) -> Shape:
        """What a network for these images takes and gives."""
        return Shape(self.channels, self.size, len(self.classes))
