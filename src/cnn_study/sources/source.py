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
class Part:
    """Images (N, C, S, S) uint8 and labels (N,); ``files``: the name of each, where images come from files."""

    images: Images
    labels: Labels
    files: tuple[str, ...] | None = None

    def name_of(self, index: int) -> str:
        """An image's file; its number where there is none."""
        return f"image {index}" if self.files is None else self.files[index]


@dataclass(frozen=True)
class Raw:
    """A data set as it came, with the names of its classes by label.

    ``test``, ``validation``: None where it has none of its own, so that they are taken out of ``train``.
    """

    train: Part
    test: Part | None
    classes: tuple[str, ...]
    validation: Part | None = None


@dataclass(frozen=True)
class Source:
    """A data set: what is known of it before there are images, and two functions that raise StudyError.

    ``train`` and ``test``: how many images it has of each part, None where that is known from the files alone.
    ``channels`` of an image: 1 or 3. ``size``: its side in pixels. ``classes``: their names, by label; None as
    above. ``fetch(FOLDER, SCRATCH)`` puts its files, each checked, into the one folder, and may leave anything in
    the other. ``read(FOLDER)`` reads them there, and checks them again.
    """

    train: int | None
    test: int | None
    channels: int
    size: int
    classes: tuple[str, ...] | None
    fetch: Callable[[Path, Path], None]
    read: Callable[[Path], Raw]

    def shape(self, classes: int) -> Shape:
        """What a network for these images takes, and gives for so many classes."""
        return Shape(self.channels, self.size, classes)
