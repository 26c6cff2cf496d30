"""``params.yaml`` as a whole: everything that can be wrong with it is found here, all at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from cnn_study.base.errors import StudyError
from cnn_study.base.schema import NAME, Model, each_once, parse
from cnn_study.base.yaml import PARAMS
from cnn_study.data.shape import CLASSES
from cnn_study.messages.mistakes import dotted, found, nearest
from cnn_study.networks.architecture import Architecture, spec_of
from cnn_study.sources.datasets import SIZES, Data
from cnn_study.training.recipe import Search, Training, check_override, recipe_of
from cnn_study.training.replay import Replay

Name = Annotated[str, Field(pattern=NAME)]
Entries = Annotated[dict[Name, Any], Field(min_length=1)]
T = TypeVar("T")
# What the report calls its other parts.
RESERVED = (
    "answer", "calibration", "claims", "classes", "gradients", "in_no_study", "inside", "learning_rate", "methods",
    "receptive_fields",
)  # fmt: skip
SECTIONS = ("data", "training", "tune", "replay", "analysis", "studies", "architectures")


class Control(Model):
    """A pair of architectures that differ in one thing, and the question which that answers."""

    of: Name
    against: Name
    question: Annotated[str, Field(min_length=1)]


class Study(Model):
    """Architectures that are compared with a baseline, under the names that figures show."""

    title: Annotated[str, Field(min_length=1)]
    question: Annotated[str, Field(min_length=1)]
    members: Annotated[dict[Name, Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    baseline: Name
    controls: Annotated[tuple[Control, ...], Field(strict=False)] = ()


Studies = Annotated[dict[Name, Study], Field(min_length=1)]


class Analysis(Model):
    """What the analysis shows and how it is computed."""

    images: Annotated[int, Field(ge=1, le=10_000)]  # for effective receptive fields and dead channels
    # Their indices in the test split; the first is the one in pictures of a single image.
    shown_images: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...],
        Field(strict=False, min_length=1, max_length=8),
        AfterValidator(each_once),
    ]
    channels: Annotated[int, Field(ge=1, le=64)]  # in the pictures of feature maps


@dataclass(frozen=True)
class Params:
    """A valid ``params.yaml``; ``recipes`` holds each architecture's own, override included."""

    data: Data
    training: Training
    tune: Search
    replay: Replay
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
    replay = part(Replay, "replay")
    analysis = part(Analysis, "analysis")
    studies = part(Studies, "studies")
    part(Entries, "architectures")
    entries, named_studies = _mapping(content.get("architectures")), _mapping(content.get("studies"))

    architectures, recipes = {}, {}
    for name, entry in entries.items():
        if (architecture := attempt(spec_of, entry, "architectures", name)) is not None:
            architectures[name] = architecture
        if training is None:
            attempt(check_override, content.get("training"), entry, name)
        elif (recipe := attempt(recipe_of, content["training"], entry, name)) is not None:
            recipes[name] = recipe
    # What involves several keys is looked at wherever these are right, whatever else is wrong.
    sound = {str(name): _sound(Study, study) for name, study in named_studies.items()}
    for name, study in sound.items():
        mistakes += _unknown_names(name, study, entries)
        mistakes += _repeated(dotted(["studies", name, "members"]), list(study.get("members", {}).values()))
    mistakes += [
        f"{PARAMS}: {dotted(['studies', name])}: the report has this name, allowed: none of {', '.join(RESERVED)}"
        for name in sound
        if name in RESERVED
    ]
    mistakes += _repeated("studies", [study["title"] for study in sound.values() if "title" in study])
    seed = _sound(Search, content.get("tune")).get("seed")
    if seed is not None and seed in _sound(Training, content.get("training")).get("seeds", ()):
        mistakes.append(f"{PARAMS}: tune.seed: {found(seed)}, allowed: none of training.seeds")
    mistakes += _too_many(_sound(Data, content.get("data")), _sound(Analysis, content.get("analysis")))
    mistakes += [
        f"{PARAMS}: replay.architectures[{index}]: {found(name)}, "
        f"allowed: an entry of architectures{nearest(name, entries)}"
        for index, name in enumerate(_sound(Replay, content.get("replay")).get("architectures", ()))
        if name not in entries
    ]
    if mistakes or not (data and training and tune and replay and analysis and studies):
        raise StudyError("\n".join(mistakes))
    return Params(data, training, tune, replay, analysis, studies, architectures, recipes)


def _repeated(where: str, names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    return [f"{PARAMS}: {where}: {found(name)} twice, allowed: names that differ" for name in twice]


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _sound(kind: type[Model], value: Any) -> dict[str, Any]:
    """The keys of ``value`` in which nothing is wrong, as they stand in the file."""
    wrong: set[object] = set()
    try:
        kind.model_validate(value)
    except ValidationError as error:
        wrong = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
    return {key: part for key, part in _mapping(value).items() if key in kind.model_fields and key not in wrong}


def _too_many(data: Mapping[str, Any], analysis: Mapping[str, Any]) -> list[str]:
    """More images asked for than the data set has, or so few that a part would lack a class."""
    if "dataset" not in data:
        return []
    mistakes = []
    counts: dict[str, int] = {}
    for part, most in zip(("train", "test"), SIZES[data["dataset"]], strict=True):
        if (asked := data.get(f"{part}_images")) is None:
            continue
        counts[part] = most if asked == "all" else asked
        if counts[part] > most:
            mistakes.append(
                f"{PARAMS}: data.{part}_images: {found(asked)}, "
                f"allowed: at most {most}, which {data['dataset']} has"
            )
    if "train" in counts and (fraction := data.get("validation_fraction")) is not None:
        held_out = round(counts["train"] * fraction)
        if not CLASSES <= held_out <= counts["train"] - CLASSES:
            mistakes.append(
                f"{PARAMS}: data.validation_fraction: {found(fraction)}, which makes {held_out} validation "
                f"images of {counts['train']}, allowed: at least {CLASSES} for validation and for training"
            )
    if "test" in counts:
        indices = enumerate(analysis.get("shown_images", ()))
        asked_for = {f"shown_images[{place}]": (index, counts["test"] - 1) for place, index in indices}
        asked_for["images"] = (analysis.get("images", 0), counts["test"])
        mistakes += [
            f"{PARAMS}: analysis.{key}: {found(value)}, allowed: at most {most}, "
            f"since there are {counts['test']} test images"
            for key, (value, most) in asked_for.items()
            if value > most
        ]
    return mistakes


def _unknown_names(name: str, study: Mapping[str, Any], entries: Mapping[Any, Any]) -> list[str]:
    where = f"{PARAMS}: {dotted(['studies', name])}"
    members = study.get("members", {})
    mistakes = [
        f"{where}.members.{member}: {found(member)}, allowed: an entry of architectures{nearest(member, entries)}"
        for member in members
        if member not in entries
    ]
    baseline = study.get("baseline")
    if baseline and members and baseline not in members:
        mistakes.append(
            f"{where}.baseline: {found(baseline)}, allowed: one of the study's members, "
            f"{', '.join(members)}{nearest(baseline, members)}"
        )
    for index, control in enumerate(study.get("controls", ())):
        for role in ("of", "against"):
            if members and control[role] not in members:
                mistakes.append(
                    f"{where}.controls[{index}].{role}: {found(control[role])}, "
                    f"allowed: one of the study's members, {', '.join(members)}{nearest(control[role], members)}"
                )
        if control["of"] == control["against"]:
            mistakes.append(
                f"{where}.controls[{index}]: {found(control['of'])} against itself, allowed: two architectures"
            )
    return mistakes
