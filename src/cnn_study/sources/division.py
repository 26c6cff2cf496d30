"""Which images of a data set are for training, for validation and for testing."""

import math
from dataclasses import dataclass

import numpy as np

from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import PARAMS
from cnn_study.data.splits import Integers, balanced_subset
from cnn_study.sources.datasets import Data
from cnn_study.sources.source import Images, Part, Raw

NAMED = 10  # classes, before they are only counted
# Above the 99.9 % interval of guessing, within which a network is at chance (training.evaluation), lies this much.
GUESSED = 0.0005


@dataclass(frozen=True)
class Chosen:
    """The images ``rows`` (n,), ascending, of a part of a data set."""

    part: Part
    rows: Integers

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> Integers:
        """(n,)."""
        return self.part.labels[self.rows]

    def image(self, place: int) -> Images:
        """The one at this place, (C, S, S)."""
        image: Images = self.part.images[self.rows[place]]
        return image

    def without(self, left_out: Integers) -> "Chosen":
        """The same but for those at these places, counted from 0."""
        return Chosen(self.part, np.delete(self.rows, left_out))


@dataclass(frozen=True)
class Division:
    """Three sets of images, none of which is in two of them."""

    train: Chosen
    validation: Chosen
    test: Chosen


def divide(raw: Raw, data: Data) -> Division:
    """What section ``data`` makes of a data set.

    Validation images are taken out of those for training, and so are test images, before that, where the data set
    has none of its own. Raises StudyError with a line for each class that has too few images.
    """
    pool, labels = np.arange(len(raw.train.labels)), raw.train.labels
    if raw.test is None:
        count = round(len(pool) * data.test_fraction)
        test = Chosen(raw.train, _subset(labels, count, data, raw, "test_fraction", leaves_some=True))
        pool = np.setdiff1d(pool, test.rows)
    else:
        test = Chosen(raw.test, np.arange(len(raw.test.labels)))
    if data.train_images != "all":
        pool = pool[_subset(labels[pool], data.train_images, data, raw, "train_images")]
    if raw.validation is None:
        count = round(len(pool) * data.validation_fraction)
        held_out = pool[_subset(labels[pool], count, data, raw, "validation_fraction", leaves_some=True)]
        validation = Chosen(raw.train, held_out)
        pool = np.setdiff1d(pool, held_out)
    else:
        validation = Chosen(raw.validation, np.arange(len(raw.validation.labels)))
    if data.test_images != "all":
        test = Chosen(test.part, test.rows[_subset(test.labels, data.test_images, data, raw, "test_images")])
    return Division(Chosen(raw.train, pool), validation, test)


def refuse_guessable(validation: Chosen) -> None:
    """Raise StudyError if guessing may well have all of the validation images right.

    A network that has them right would then count as one that stayed at chance. ``validation``: of two classes or
    more.
    """
    count, largest = len(validation), int(np.bincount(validation.labels).max())
    share = largest / count
    if share**count > GUESSED:
        raise StudyError(
            f"{PARAMS}: data: found {count} validation images, {largest} of one class, all of which may be "
            f"guessed right, allowed: at least {math.ceil(math.log(GUESSED, share))} with that share of one class "
            "(a larger validation_fraction, or more pictures)"
        )


def _subset(
    labels: Integers, count: int, data: Data, raw: Raw, key: str, *, leaves_some: bool = False
) -> Integers:
    """``balanced_subset``, which has an image of each class, and leaves one of each where that is asked."""
    total, where = len(labels), f"{PARAMS}: data.{key}: found {getattr(data, key)}"
    most = total - 1 if leaves_some else total
    if not 1 <= count <= most:
        raise StudyError(
            f"{where}, which makes {count} images, allowed: 1 to {most} of the {total} that are there"
        )
    of_class = np.bincount(labels, minlength=len(raw.classes))
    try:
        chosen = balanced_subset(labels, count, data.split_seed)
    except StudyError:  # of some class it has none
        fewest = math.ceil(total / count)
    else:
        left = of_class - np.bincount(labels[chosen], minlength=len(raw.classes))
        if not leaves_some or left.all():
            return chosen
        fewest = math.ceil(total / (total - count))
    few = [
        f"{where}, allowed where each class has at least {fewest} images: {name!r} has {number}"
        for name, number in zip(raw.classes, of_class, strict=True)
        if number < fewest
    ]
    raise StudyError("\n".join(few[:NAMED] + [f"... and {len(few) - NAMED} more"] * (len(few) > NAMED)))
