"""The section ``evaluate`` of params.yaml."""

from typing import Annotated

from pydantic import Field

from cnn_study.base.schema import EachOnce, Model

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
