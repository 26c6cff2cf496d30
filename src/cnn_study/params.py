"""``params.yaml`` as a whole: everything that can be wrong with it is found here, all at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import Field

from cnn_study.datasets import SIZES, Data
from cnn_study.recipe import Search, Training, recipe_of
from cnn_study.schema import NAME, PARAMS, Model, StudyError, dotted, found, nearest, parse
from cnn_study.spec import CLASSES, Architecture, spec_of

Name = Annotated[str, Field(pattern=NAME)]
Entries = Annotated[dict[Name, Any], Field(min_length=1)]
T = TypeVar("T")
SECTIONS = ("data", "training", "tune", "analysis", "studies", "architectures")


class Control(Model):
    """A pair of architectures that differ in one thing, and the question which that answers."""

    of: Name
    against: Name
    question: Annotated[str, Field(min_length=1)]


class Study(Model):
    """Architectures that are compared with a baseline, under the names that figures show."""

    title: Annotated[str, Field(min_length=1)]
    members: Annotated[dict[Name, Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    baseline: Name
    controls: Annotated[tuple[Control, ...], Field(strict=False)] = ()


Studies = Annotated[dict[Name, Study], Field(min_length=1)]


class Analysis(Model):
    """What the analysis shows and how it is computed."""

    images: Annotated[int, Field(ge=1, le=10_000)]  # for the effective receptive field
    shown_image: Annotated[int, Field(ge=0)]  # its index in the test split
    channels: Annotated[int, Field(ge=1, le=64)]  # in the pictures of feature maps


@dataclass(frozen=True)
class Params:
    """A valid ``params.yaml``; ``recipes`` holds each architecture's own, override included."""

    data: Data
    training: Training
    tune: Search
    analysis: Analysis
    studies: dict[str, Study]
    architectures: dict[str, Architecture]
    recipes: dict[str, Training]


def validate(content: Mapping[str, Any]) -> Params:
    """The whole file, checked. Raises StudyError with one line for every mistake in it."""
    mistakes: list[str] = []

    def attempt(check: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return check(*arguments)
        except StudyError as error:
            mistakes.extend(str(error).splitlines())
            return None

    def part(kind: type[T], key: str) -> T | None:
        return attempt(parse, kind, content[key], key) if key in content else None

    for key in content:
        if key not in SECTIONS:
            allowed = f"{', '.join(SECTIONS)}{nearest(key, SECTIONS)}"
            mistakes.append(f"{PARAMS}: {dotted([key])}: unknown key, allowed here: {allowed}")
    mistakes += [f"{PARAMS}: {key}: not found, but needed" for key in SECTIONS if key not in content]

    data = part(Data, "data")
    training = part(Training, "training")
    tune = part(Search, "tune")
    analysis = part(Analysis, "analysis")
    studies = part(Studies, "studies")
    part(Entries, "architectures")
    entries = content.get("architectures")
    entries = entries if isinstance(entries, Mapping) else {}

    architectures, recipes = {}, {}
    for name, entry in entries.items():
        if (architecture := attempt(spec_of, entry, "architectures", name)) is not None:
            architectures[name] = architecture
        if training and (recipe := attempt(recipe_of, content["training"], entry, name)) is not None:
            recipes[name] = recipe
    for name, study in (studies or {}).items():
        mistakes += _unknown_names(name, study, entries)
        mistakes += _repeated(f"studies.{name}.members", list(study.members.values()))
    mistakes += _repeated("studies", [study.title for study in (studies or {}).values()])
    if tune and training and tune.seed in training.seeds:
        mistakes.append(f"{PARAMS}: tune.seed: {found(tune.seed)}, allowed: none of training.seeds")
    if data:
        mistakes += _too_many(data, analysis)
    if mistakes or data is None or training is None or tune is None or analysis is None or studies is None:
        raise StudyError("\n".join(mistakes))
    return Params(data, training, tune, analysis, studies, architectures, recipes)


def _repeated(where: str, names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    return [f"{PARAMS}: {where}: {found(name)} twice, allowed: names that differ" for name in twice]


def _too_many(data: Data, analysis: Analysis | None) -> list[str]:
    """More images asked for than the data set has, or so few that a part would lack a class."""
    mistakes = []
    train, test = SIZES[data.dataset]
    for key, asked, most in (("train", data.train_images, train), ("test", data.test_images, test)):
        if asked != "all" and asked > most:
            mistakes.append(
                f"{PARAMS}: data.{key}_images: {found(asked)}, allowed: at most {most}, which {data.dataset} has"
            )
    train = train if data.train_images == "all" else data.train_images
    test = test if data.test_images == "all" else data.test_images
    held_out = round(train * data.validation_fraction)
    if not CLASSES <= held_out <= train - CLASSES:
        mistakes.append(
            f"{PARAMS}: data.validation_fraction: {found(data.validation_fraction)}, which makes {held_out} "
            f"validation images of {train}, allowed: at least {CLASSES} for validation and for training"
        )
    if analysis and analysis.shown_image >= test:
        mistakes.append(
            f"{PARAMS}: analysis.shown_image: {found(analysis.shown_image)}, allowed: at most {test - 1}, "
            "the last of the test images"
        )
    if analysis and analysis.images > test:
        mistakes.append(
            f"{PARAMS}: analysis.images: {found(analysis.images)}, allowed: at most {test}, the test images"
        )
    return mistakes


def _unknown_names(name: str, study: Study, entries: Mapping[str, Any]) -> list[str]:
    where = f"{PARAMS}: {dotted(['studies', name])}"
    mistakes = [
        f"{where}.members.{member}: {found(member)}, allowed: an entry of architectures{nearest(member, entries)}"
        for member in study.members
        if member not in entries
    ]
    if study.baseline not in study.members:
        mistakes.append(
            f"{where}.baseline: {found(study.baseline)}, allowed: one of the study's members, "
            f"{', '.join(study.members)}{nearest(study.baseline, study.members)}"
        )
    for index, control in enumerate(study.controls):
        for role, architecture in (("of", control.of), ("against", control.against)):
            if architecture not in entries:
                mistakes.append(
                    f"{where}.controls[{index}].{role}: {found(architecture)}, "
                    f"allowed: an entry of architectures{nearest(architecture, entries)}"
                )
        if control.of == control.against:
            mistakes.append(
                f"{where}.controls[{index}]: {found(control.of)} against itself, allowed: two architectures"
            )
    return mistakes
