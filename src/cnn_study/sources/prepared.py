"""What is to be said of the prepared images without seeing them: results/data/images.json."""

from typing import Self

import numpy as np

from cnn_study.base.records import Record
from cnn_study.sources.division import Division
from cnn_study.sources.duplicates import Duplicates

SHOWN = 2  # duplicates


class EqualImages(Record):
    """Two equal images, by name: the one in training or validation, the other at this place of the test."""

    learned: str
    tested: str
    place: int


class Prepared(Record):
    """How many images of each class are in each split, by label; and images that were in two of them.

    ``of_test``: images of training and validation that equal a test image; ``tested``: test images that they
    equal. ``of_validation``: images of training that equal one of validation and none of the test. ``dropped``:
    whether all of these were left out of what is trained and chosen with. ``pairs``: the first with test images.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    of_test: int
    tested: int
    of_validation: int
    dropped: bool
    pairs: tuple[EqualImages, ...]

    @classmethod
    def of(cls, division: Division, found: Duplicates, classes: int, *, dropped: bool) -> Self:
        """``division``: without them where they were dropped."""
        counts = {
            name: tuple(np.bincount(chosen.labels, minlength=classes).tolist())
            for name, chosen in (
                ("train", division.train),
                ("validation", division.validation),
                ("test", division.test),
            )
        }
        return cls(
            **counts,
            of_test=len(found.train) + len(found.validation),
            tested=len(found.tested),
            of_validation=len(found.between),
            dropped=dropped,
            pairs=tuple(
                EqualImages(learned=learned, tested=tested, place=int(place))
                for (learned, tested), place in zip(found.pairs[:SHOWN], found.tested, strict=False)
            ),
        )

    @property
    def images(self) -> int:
        """In all splits together."""
        return sum(self.train) + sum(self.validation) + sum(self.test)

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.test)
