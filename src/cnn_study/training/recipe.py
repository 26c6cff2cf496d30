"""How networks are trained: the recipe, and the search for a learning rate."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from cnn_study.base.schema import EachOnce, Model, mistake, or_word
from cnn_study.messages.mistakes import found

Rate = Annotated[float, Field(gt=0, le=100)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]
Threads = Annotated[int, Field(ge=1, le=1024)]
ImageCount = Annotated[  # at least one of each class, which is a rule of params/, since it needs the data set
    int, Field(ge=1, description="a class-balanced part of the training images; all, if fewer")
]


class Augmentation(Model):
    """What happens to a training image before each use of it."""

    flip: Annotated[bool, Field(description="mirror half of the images")]
    shift: Annotated[int, Field(ge=0, le=16, description="pixels at most, in each direction")]


Seeds = Annotated[
    tuple[Seed, ...],
    Field(
        strict=False, min_length=1, max_length=1000,
        description="one run each; they decide initial weights, order and augmentation",
    ),
    EachOnce(),
]  # fmt: skip
Budgets = Annotated[
    tuple[Epochs, ...],
    Field(
        strict=False, min_length=1, max_length=20,
        description="epochs; the largest is the one that headlines are about",
    ),
    EachOnce(),
]  # fmt: skip
Rates = Annotated[tuple[Rate, ...], Field(strict=False, min_length=1, max_length=100), EachOnce()]


class Recipe(Model):
    """How a network is trained, whatever its learning rate, for however many epochs and from whatever seed."""

    batch_size: Annotated[int, Field(ge=2, le=65_536)]
    optimizer: Annotated[Literal["sgd", "adam", "adamw", "muon"], Field(description="sgd: Nesterov's")]
    momentum: Annotated[Fraction, Field(description="for adam and adamw: beta1")]
    adamw_rate: Annotated[
        float,
        Field(
            gt=0, le=100,
            description="of muon, which is for filters: AdamW, for all else, has so many times the rate",
        ),
    ]  # fmt: skip
    weight_decay: Annotated[
        float,
        Field(
            ge=0, le=10,
            description="of weights alone; sgd and adam add it to the gradient, adamw and muon take it off",
        ),
    ]  # fmt: skip
    schedule: Annotated[
        Literal["cooldown", "constant"],
        Field(description="cooldown: the rate rises, is constant, falls to 0; constant: it does not fall"),
    ]
    cooldown: Annotated[
        float,
        Field(gt=0, le=0.9, description="of schedule cooldown: the last part of a run, in which the rate falls"),
    ]
    warmup: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="epochs in which the rate rises, at most half of the trunk of a run of one epoch",
        ),
    ]
    label_smoothing: Fraction
    augmentation: Augmentation
    initialization: Annotated[Literal["he", "pytorch"], Field(description="pytorch: its modules' defaults")]
    precision: Annotated[
        Literal["auto", "bf16", "fp32"], Field(description="auto: bf16 where the device computes it natively")
    ]
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="auto: cuda if there is one")]
    threads: Annotated[
        Literal["auto"] | Threads,
        or_word("auto"),
        Field(description="of the CPU; auto: as many as it has cores"),
    ]

    @field_validator("warmup")
    @classmethod
    def _is_at_most_half_of_a_trunk(cls, warmup: float, info: ValidationInfo) -> float:
        most = longest_warmup(info.data.get("schedule"), info.data.get("cooldown", 0.0))
        if warmup > most:
            raise mistake(f"{found(warmup)}, allowed: at most {most:.3g}, half of a trunk of one epoch")
        return warmup


def longest_warmup(schedule: str | None, cooldown: float) -> float:
    """In epochs: half of what a run of one epoch has for a trunk."""
    return round((1 - (cooldown if schedule == "cooldown" else 0.0)) / 2, 6)


class Training(Model):
    """The runs of a network: each seed to each budget."""

    budgets: Budgets
    seeds: Seeds
    learning_rate: Annotated[
        Literal["tuned"] | Rate, or_word("tuned"), Field(description="the peak rate: found by tune, or a number")
    ]
    recipe: Recipe


class Search(Model):
    """The search for a learning rate: rates evenly spaced on a log scale, a short run with each."""

    lowest: Rate
    highest: Rate
    count: Annotated[int, Field(ge=1, le=100)]
    epochs: Epochs
    images: ImageCount
    seed: Annotated[Seed, Field(description="none of training.seeds")]

    @field_validator("highest")
    @classmethod
    def _is_highest(cls, highest: float, info: ValidationInfo) -> float:
        lowest = info.data.get("lowest", highest)
        if lowest > highest:
            raise mistake(f"{found(highest)}, allowed: at least {lowest:g}, the lowest")
        return highest

    @field_validator("count")
    @classmethod
    def _gives_different_rates(cls, count: int, info: ValidationInfo) -> int:
        if "lowest" in info.data and "highest" in info.data:
            lowest, highest = info.data["lowest"], info.data["highest"]
            if len(set(_spaced(lowest, highest, count))) < count or (count == 1 and lowest != highest):
                raise mistake(
                    f"{found(count)} from {lowest:g} to {highest:g}, allowed: as many different rates as it says"
                )
        return count

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates to try, lowest first, rounded to three digits."""
        return _spaced(self.lowest, self.highest, self.count)

    def pick(self, accuracies: Sequence[float | None]) -> float:
        """The rate whose accuracy, None where it diverged, is highest; of equals, the lowest rate.

        If all diverged, the lowest: training will then find, and report, that it diverges as well.
        """
        scores = [-1.0 if accuracy is None else accuracy for accuracy in accuracies]
        return self.rates[scores.index(max(scores))]


def _spaced(lowest: float, highest: float, count: int) -> tuple[float, ...]:
    if count == 1:
        return (lowest,)
    step = (highest / lowest) ** (1 / (count - 1))
    return tuple(float(f"{lowest * step**i:.3g}") for i in range(count))
