"""The data sets, by their names in params.yaml, and the section that chooses one."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from cnn_study.base.schema import Model, OneOf, mistake, or_word
from cnn_study.messages.mistakes import found
from cnn_study.sources import cifar10, fashion_mnist
from cnn_study.sources.source import Source

SOURCES: dict[str, Source] = {"cifar10": cifar10.SOURCE, "fashion_mnist": fashion_mnist.SOURCE}

Number = Annotated[int, Field(ge=1, le=1_000_000)]
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
            source = SOURCES[name]
            most = source.train if info.field_name == "train_images" else source.test
            fewest = len(source.classes)
            if count > most:
                raise mistake(f"{found(count)}, allowed: at most {most}, which {name} has")
            if count < fewest:
                raise mistake(f"{found(count)}, allowed: at least {fewest}, one of each class, or all")
        return count

    @field_validator("validation_fraction")
    @classmethod
    def _leaves_some_of_each_class(cls, fraction: float, info: ValidationInfo) -> float:
        if "dataset" in info.data and "train_images" in info.data:
            count, source = info.data["train_images"], SOURCES[info.data["dataset"]]
            if count == "all":
                count = source.train
            held_out, fewest = round(count * fraction), len(source.classes)
            if not fewest <= held_out <= count - fewest:
                raise mistake(
                    f"{found(fraction)}, which makes {held_out} validation images of {count}, "
                    f"allowed: at least {fewest} for validation and for training"
                )
        return fraction

    @property
    def source(self) -> Source:
        """The data set."""
        return SOURCES[self.dataset]
