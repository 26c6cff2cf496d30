"""``params.yaml`` as a whole: everything that can be wrong with it is found here, all at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import Field

from cnn_study.datasets import Data
from cnn_study.recipe import Search, Training, recipe_of
from cnn_study.schema import NAME, PARAMS, Model, StudyError, dotted, found, nearest, parse
from cnn_study.spec import Architecture, spec_of

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


class Analysis(Model):
    """What the analysis shows and how it is computed."""

    images: Annotated[int, Field(ge=1, le=10_000)]  # for the effective receptive field
    shown_image: Annotated[int, Field(ge=0)]  # its index in the test split
    channels: Annotated[int, Field(ge=1, le=64)]  # in the pictures of feature maps


@dataclass(frozen=True)
class Params:
    """A valid ``params.yaml``; ``recipes`` holds each architecture's own, override included."""

    data: Data
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
    studies = part(dict[Name, Study], "studies")
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
    if mistakes or not (data and tune and analysis and studies):
        raise StudyError("\n".join(mistakes))
    return Params(data, tune, analysis, studies, architectures, recipes)


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
