"""Train, validation and test images: how they are divided, and how they lie on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnn_study.base.errors import StudyError
from cnn_study.base.files import save_array
from cnn_study.base.records import Record
from cnn_study.data.shape import Shape

Integers = npt.NDArray[np.int64]
BLOCK = 1024  # images that are written at a time


class Names(Record):
    """That of a data set, as params.yaml has it, and those of its classes, by label."""

    dataset: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """Images (N, C, S, S) uint8, labels (N,) int64 and what they are of."""

    images: npt.NDArray[np.uint8]
    labels: Integers
    names: Names

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> Shape:
        """What a network for these images takes and gives."""
        _, channels, size, _ = self.images.shape
        return Shape(channels, size, len(self.names.classes))


def is_balanced(counts: Sequence[int]) -> bool:
    """Whether all classes have as many images, but for one; ``counts``: by class, of those that have any."""
    return max(counts) - min(counts) <= 1


def balanced_subset(labels: Integers, count: int, seed: int) -> Integers:
    """Indices, ascending, of ``count`` images in which each class has its share of ``labels``.

    Where classes are equally large, a class's share differs from exact proportion by less than one image, and
    else by a few. The same seed gives the same images. Raises StudyError if there are fewer images than ``count``
    or some class would get none.
    """
    if count > len(labels):
        raise StudyError(f"found {len(labels)} images, allowed: at least the {count} asked for")
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    # Spread every class evenly over (0, 1): any prefix then holds all of them in proportion.
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        position[members] = (np.arange(len(members)) + 0.5) / len(members)
    chosen = np.argsort(position, kind="stable")[:count]
    if len(np.unique(labels[chosen])) < len(np.unique(labels)):
        raise StudyError(f"found {count}, allowed: enough images for one of each class")
    return np.sort(chosen)


def save_split(folder: Path, split: Split, rows: Integers | None = None) -> None:
    """Write a split, or its images ``rows``, as ``images.npy``, ``labels.npy`` and ``names.json``.

    Into an existing folder, and some images at a time: there may be more of them than memory has room for.
    """
    rows = np.arange(len(split)) if rows is None else rows
    shape = (len(rows), *split.images.shape[1:])
    with (folder / "images.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for first in range(0, len(rows), BLOCK):
            file.write(split.images[rows[first : first + BLOCK]].tobytes())
    save_labels(folder, split.labels[rows], split.names)


def save_labels(folder: Path, labels: Integers, names: Names) -> None:
    """Write the labels of a split without its images, as ``labels.npy`` and ``names.json``."""
    save_array(folder / "labels.npy", labels)
    names.write(folder / "names.json")


def load_labels(folder: Path) -> tuple[Integers, Names]:
    """The labels (N,) of a split, and what they are of. Raises StudyError if they are not there."""
    try:
        labels: Integers = np.load(folder / "labels.npy", allow_pickle=False)
    except FileNotFoundError:
        raise StudyError(f"{folder}: not found; `dvc repro prepare` makes it") from None
    except (OSError, ValueError, EOFError) as error:
        raise StudyError(f"{folder}: found no labels ({error})") from None
    return labels, Names.read(folder / "names.json")


def load_split(folder: Path) -> Split:
    """A split from disk, its images memory-mapped. Raises StudyError if it is missing or damaged."""
    try:
        images = np.load(folder / "images.npy", mmap_mode="c", allow_pickle=False)
    except FileNotFoundError:
        raise StudyError(f"{folder}: not found; `dvc repro prepare` makes it") from None
    except (OSError, ValueError, EOFError) as error:
        raise StudyError(f"{folder}: found no images ({error})") from None
    labels, names = load_labels(folder)
    square = images.ndim == 4 and images.shape[2] == images.shape[3]
    if images.dtype != np.uint8 or not square or len(images) != len(labels):
        raise StudyError(f"{folder}: found arrays {images.shape} and {labels.shape} that are no split")
    return Split(images, labels, names)
