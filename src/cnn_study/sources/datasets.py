"""The data sets, by their names in params.yaml, and the section that chooses one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from cnn_study.base.schema import Model, OneOf, mistake, or_word
from cnn_study.data.shape import Shape
from cnn_study.messages.mistakes import found
from cnn_study.sources import cifar10, cifar100, fashion_mnist
from cnn_study.sources.folder import look_into, source_of
from cnn_study.sources.source import Source

SOURCES: dict[str, Source] = {
    "cifar10": cifar10.SOURCE,
    "cifar100": cifar100.SOURCE,
    "fashion_mnist": fashion_mnist.SOURCE,
}
FOLDER = "folder"  # of pictures, whose classes and numbers are known where they lie
DATASETS = (*SOURCES, FOLDER)

Number = Annotated[int, Field(ge=1, le=1_000_000)]
Count = Annotated[Literal["all"] | Number, or_word("all")]
Fraction = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class Sizes:
    """How many images there are for training, for validation and for testing."""

    train: int
    validation: int
    test: int


class Data(Model):
    """Which images, and how they are split."""

    dataset: Annotated[str, OneOf(DATASETS)]
    folder: Annotated[
        str, Field(min_length=1, description="of pictures, where dataset is folder: train/ and test/, or classes")
    ]
    size: Annotated[
        int, Field(ge=8, le=128, description="side in pixels of the images that are made of a folder's pictures")
    ]
    split_seed: Annotated[
        int, Field(ge=0, lt=2**31, description="decides which training images become validation images")
    ]
    train_images: Annotated[
        Count, Field(description="the same share of each class, before validation images are taken out, or all")
    ]
    test_images: Annotated[Count, Field(description="the same share of each class, or all")]
    validation_fraction: Annotated[
        Fraction, Field(description="of the training images, the same share of each class")
    ]
    test_fraction: Annotated[
        Fraction, Field(description="the same, for testing, of a folder that is not divided into train/ and test/")
    ]

    @field_validator("size")
    @classmethod
    def _is_that_of_the_data_set(cls, size: int, info: ValidationInfo) -> int:
        source = SOURCES.get(info.data.get("dataset", FOLDER))
        if source is not None and size != source.size:
            raise mistake(f"{found(size)}, allowed: {source.size}, which {info.data['dataset']} has")
        return size

    @field_validator("train_images", "test_images")
    @classmethod
    def _are_there(cls, count: int | Literal["all"], info: ValidationInfo) -> int | Literal["all"]:
        source = SOURCES.get(info.data.get("dataset", FOLDER))
        if source is not None and source.classes is not None and count != "all":
            most = source.train if info.field_name == "train_images" else source.test
            fewest = len(source.classes)
            if most is not None and count > most:
                raise mistake(f"{found(count)}, allowed: at most {most}, which {info.data['dataset']} has")
            if count < fewest:
                raise mistake(f"{found(count)}, allowed: at least {fewest}, one of each class, or all")
        return count

    @field_validator("validation_fraction")
    @classmethod
    def _leaves_some_of_each_class(cls, fraction: float, info: ValidationInfo) -> float:
        source = SOURCES.get(info.data.get("dataset", FOLDER))
        if source is not None and source.classes is not None and "train_images" in info.data:
            count = info.data["train_images"]
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
        return SOURCES.get(self.dataset) or source_of(Path(self.folder), self.size)

    @property
    def shape(self) -> Shape:
        """What a network for these images takes and gives.

        The classes of a folder are counted where it lies: raises StudyError if something is wrong with it.
        """
        if self.source.classes is not None:
            return self.source.shape(len(self.source.classes))
        return self.source.shape(len(look_into(Path(self.folder), self.size).classes))

    @property
    def sizes(self) -> Sizes:
        """Of the splits, before images that are in two of them are left out.

        The pictures of a folder are counted where it lies: raises StudyError if something is wrong with it.
        """
        train, test, validation = self.source.train, self.source.test, None
        if train is None or test is None:
            count = {part: len(files) for part, files in look_into(Path(self.folder), self.size).files.items()}
            train, test, validation = count["train"], count.get("test"), count.get("validation")
            if test is None:
                test = round(train * self.test_fraction)
                train -= test
        train = train if self.train_images == "all" else self.train_images
        if validation is None:
            validation = round(train * self.validation_fraction)
            train -= validation
        return Sizes(train, validation, test if self.test_images == "all" else self.test_images)


def known_before_images(dataset: str, size: int) -> Source:
    """What params.yaml alone says of the images: of a folder their channels and size."""
    return SOURCES.get(dataset) or source_of(Path(), size)
