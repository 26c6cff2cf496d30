"""How networks are trained: from which seeds, to which budgets, by which recipe."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from cnn_study.base.schema import EachOnce, Model, mistake, or_word
from cnn_study.messages.mistakes import found

Rate = Annotated[float, Field(gt=0, le=100)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Optimizer = Literal["sgd", "adam", "adamw", "muon"]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]
Threads = Annotated[int, Field(ge=1, le=1024)]
ImageCount = Annotated[  # at least one of each class, which is a rule of params/, since it needs the data set
    int, Field(ge=1, description="of the training images, the same share of each class; all, if fewer")
]


class Augmentation(Model):
    """What happens to a training image before each use of it."""

    flip: Annotated[bool, Field(description="mirror each image with probability 1/2")]
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
    optimizer: Annotated[Optimizer, Field(description="sgd: Nesterov's")]
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
    initialization: Annotated[
        Literal["he", "pytorch"],
        Field(description="he: with an output layer of zeros; pytorch: its modules' defaults"),
    ]
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
