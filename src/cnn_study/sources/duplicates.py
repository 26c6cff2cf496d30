"""Images that are in two splits: equal in every pixel, whatever their names or classes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import PARAMS
from cnn_study.data.splits import Integers
from cnn_study.sources.division import Chosen, Division

KEY = f"{PARAMS}: data.folder"
MOST = 0.01  # of the test images may be in training too


@dataclass(frozen=True)
class Duplicates:
    """Places in the splits of a ``Division``, counted from 0.

    ``train`` and ``validation``: of images that equal a test image. ``between``: of training images that equal a
    validation image and no test image. ``tested``: of test images that equal any of them. ``pairs``: of each of
    these one that it equals, by name.
    """

    train: Integers
    validation: Integers
    between: Integers
    tested: Integers
    pairs: tuple[tuple[str, str], ...]


def duplicates(division: Division) -> Duplicates:
    """All that there are."""
    train, validation, test = (
        list(_digests(chosen)) for chosen in (division.train, division.validation, division.test)
    )
    of_test, of_validation = set(test), set(validation)
    learned = {
        digest: chosen.part.name_of(int(chosen.rows[place]))
        for chosen, digests in ((division.validation, validation), (division.train, train))
        for place, digest in enumerate(digests)
        if digest in of_test
    }
    tested = [place for place, digest in enumerate(test) if digest in learned]
    return Duplicates(
        train=_places(digest in of_test for digest in train),
        validation=_places(digest in of_test for digest in validation),
        between=_places(digest in of_validation and digest not in of_test for digest in train),
        tested=np.array(tested, np.int64),
        pairs=tuple(
            (learned[test[place]], division.test.part.name_of(int(division.test.rows[place]))) for place in tested
        ),
    )


def without_duplicates(division: Division, found: Duplicates, classes: Sequence[str]) -> Division:
    """Training without images of validation, and both without images of the test.

    Raises StudyError if there are so many that the test would be another without them, or none of a class is left.
    """
    count, of_test = len(found.tested), len(division.test)
    if count > MOST * of_test:
        named = "; ".join(f"{learned} and {tested}" for learned, tested in found.pairs[:2])
        raise StudyError(
            f"{KEY}: found {count:,} of {of_test:,} test images in training or validation as well "
            f"({named}), allowed: at most {100 * MOST:g} %"
        )
    left = Division(
        division.train.without(np.union1d(found.train, found.between)),
        division.validation.without(found.validation),
        division.test,
    )
    for name, before, after in (
        ("training", division.train, left.train),
        ("validation", division.validation, left.validation),
    ):
        for label in np.setdiff1d(before.labels, after.labels):
            raise StudyError(
                f"{KEY}: found no image of class {classes[label]!r} for {name} that is in no other split, "
                "allowed: at least one"
            )
    return left


def _digests(chosen: Chosen) -> Iterator[bytes]:
    for row in chosen.rows:
        yield blake2b(chosen.part.images[row].tobytes(), digest_size=16).digest()


def _places(flags: Iterator[bool]) -> Integers:
    return np.flatnonzero(np.fromiter(flags, bool))
