"""How networks are trained: the shared recipe, what one architecture overrides, the rate search."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from cnn_study.base.errors import StudyError
from cnn_study.base.schema import Model, check_part, each_once, mistake, or_word, parse
from cnn_study.base.yaml import PARAMS
from cnn_study.data.shape import CLASSES
from cnn_study.messages.mistakes import dotted, found

Rate = Annotated[float, Field(gt=0, le=100)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Augmentation(Model):
    """What happens to a training image before each use of it."""

    flip: bool
    shift: Annotated[int, Field(ge=0, le=16)]  # pixels, in both directions


class Training(Model):
    """A training recipe, whole: the shared one with what an architecture overrides."""

    epochs: Annotated[int, Field(ge=1, le=10_000)]
    seeds: Annotated[
        tuple[Seed, ...], Field(strict=False, min_length=1, max_length=1000), AfterValidator(each_once)
    ]
    batch_size: Annotated[int, Field(ge=2, le=65_536)]
    optimizer: Literal["sgd", "adam", "adamw", "muon"]
    learning_rate: Annotated[Literal["tuned"] | float, or_word("tuned", Rate)]
    momentum: Fraction
    weight_decay: Annotated[float, Field(ge=0, le=10)]
    schedule: Literal["one_cycle", "constant"]
    warmup: Fraction
    label_smoothing: Fraction
    augmentation: Augmentation
    initialization: Literal["he", "pytorch"]
    precision: Literal["auto", "bf16", "fp32"]
    device: Literal["auto", "cpu", "cuda"]
    threads: Annotated[Literal["auto"] | int, or_word("auto", Annotated[int, Field(ge=1, le=1024)])]


class Search(Model):
    """The search for a learning rate: rates evenly spaced on a log scale, a short run with each."""

    lowest: Rate
    highest: Rate
    count: Annotated[int, Field(ge=1, le=100)]
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    images: Annotated[int, Field(ge=CLASSES)]  # all, if there are fewer
    seed: Seed

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


def recipe_of(shared: Any, entry: Any, name: str) -> Training:
    """The shared recipe with what the entry ``name`` of ``architectures`` overrides, key by key.

    Raises StudyError. Seeds cannot be overridden, since architectures are compared seed by seed.
    """
    recipe = parse(Training, shared, "training")
    return parse(Training, _merged(recipe.model_dump(), _override(entry, name)), *_keys(name))


def check_override(shared: Any, entry: Any, name: str) -> None:
    """Raises StudyError for what is wrong with an override, whatever is wrong with ``shared``."""
    override = _override(entry, name)
    check_part(Training, _merged(shared, override), override, *_keys(name))


def _keys(name: str) -> tuple[str, ...]:
    return "architectures", name, "training"


def _override(entry: Any, name: str) -> Mapping[Any, Any]:
    override = entry.get("training", {}) if isinstance(entry, Mapping) else {}
    if not isinstance(override, Mapping):
        raise StudyError(f"{PARAMS}: {dotted(_keys(name))}: {found(override)}, allowed: a mapping")
    if "seeds" in override:
        raise StudyError(
            f"{PARAMS}: {dotted((*_keys(name), 'seeds'))}: {found(override['seeds'])}, "
            "allowed: no seeds here, since architectures are compared seed by seed"
        )
    return override


def _merged(shared: Any, override: Mapping[Any, Any]) -> dict[Any, Any]:
    whole = dict(shared) if isinstance(shared, Mapping) else {}
    for key, value in override.items():
        nested = isinstance(value, Mapping) and isinstance(whole.get(key), Mapping)
        whole[key] = {**whole[key], **value} if nested else value
    return whole
