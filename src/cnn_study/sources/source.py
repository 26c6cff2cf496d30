"""What every data set is here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Raw:
    """A data set as it came: images (N, 3, 32, 32) uint8, labels (N,), names of the classes."""

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A data set: how many images it has of each part, its classes, and two functions that raise StudyError.

    ``fetch(FOLDER, SCRATCH)`` puts its files, each checked, into the one folder, and may leave anything in the
    other. ``read(FOLDER)`` reads them there, and checks them again.
    """

    train: int
    test: int
    classes: tuple[str, ...]
    fetch: Callable[[Path, Path], None]
    read: Callable[[Path], Raw]
