"""The section ``evaluate`` of params.yaml."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from cnn_study.base.schema import EachOnce, Mistake, Model
from cnn_study.messages.mistakes import found

MOST_CHANNELS = 64


class Evaluate(Model):
    """Which test images are looked at again, for receptive fields and pictures, and what pictures show."""

    images: Annotated[
        int, Field(ge=1, le=10_000, description="test images, for effective receptive fields and dead channels")
    ]
    shown_images: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...],
        Field(
            strict=False, min_length=1, max_length=8,
            description="of the test images, in pictures of feature maps; the first in the others",
        ),
        EachOnce(),
    ]  # fmt: skip
    channels: Annotated[
        int, Field(ge=1, le=MOST_CHANNELS, description="at most so many channels of a layer in a picture")
    ]


def too_many(images: int, shown_images: Sequence[int], count: int) -> Iterator[Mistake]:
    """What the keys of this section ask for and ``count`` test images do not have."""
    asked: list[tuple[tuple[str | int, ...], int, int]] = [
        (("evaluate", "shown_images", place), index, count - 1) for place, index in enumerate(shown_images)
    ]
    asked.append((("evaluate", "images"), images, count))
    for keys, value, most in asked:
        if value > most:
            yield Mistake(keys, f"{found(value)}, allowed: at most {most}, since there are {count} test images")
