"""The data sets, by their names in params.yaml, and the section that chooses one."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from cnn_study.base.schema import Model, OneOf, mistake, or_word
from cnn_study.data.shape import CLASSES
from cnn_study.messages.mistakes import found
from cnn_study.sources import cifar10, fashion_mnist
from cnn_study.sources.source import Source

SOURCES: dict[str, Source] = {"cifar10": cifar10.SOURCE, "fashion_mnist": fashion_mnist.SOURCE}

Number = Annotated[int, Field(ge=CLASSES, le=1_000_000)]
Count = Annotated[Literal["all"] | Number, or_word("all")]


class Data(Model):
    """Which images, and how they are split."""

    dataset: Annotated[str, OneOf(tuple(SOURCES))]
    split_seed: Annotated[
        int, Field(ge=0, lt=2**31, description="decides which training images become validation images")
    ]
    train_images: Annotated[
        Count, Field(description="a class-balanced part, before validation images are taken out, or all")
    ]
    test_images: Annotated[Count, Field(description="a class-balanced part, or all")]
    validation_fraction: Annotated[
        float, Field(gt=0, lt=1, description="of the training images, the same share of each class")
    ]

    @field_validator("train_images", "test_images")
    @classmethod
    def _are_there(cls, count: int | Literal["all"], info: ValidationInfo) -> int | Literal["all"]:
        if "dataset" in info.data and count != "all":
            name = info.data["dataset"]
            most = SOURCES[name].train if info.field_name == "train_images" else SOURCES[name].test
            if count > most:
                raise mistake(f"{found(count)}, allowed: at most {most}, which {name} has")
        return count

    @field_validator("validation_fraction")
    @classmethod
    def _leaves_some_of_each_class(cls, fraction: float, info: ValidationInfo) -> float:
        if "dataset" in info.data and "train_images" in info.data:
            count = info.data["train_images"]
            if count == "all":
                count = SOURCES[info.data["dataset"]].train
            held_out = round(count * fraction)
            if not CLASSES <= held_out <= count - CLASSES:
                raise mistake(
                    f"{found(fraction)}, which makes {held_out} validation images of {count}, "
                    f"allowed: at least {CLASSES} for validation and for training"
                )
        return fraction

    @property
    def source(self) -> Source:
        """The data set."""
        return SOURCES[self.dataset]
