"""``params.yaml`` as a whole: everything that can be wrong with it is found here, all at once."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from cnn_study.base.schema import NAME, Model, as_error, attempt, mistake
from cnn_study.evaluation.settings import Evaluate
from cnn_study.messages.mistakes import found
from cnn_study.networks.architecture import Architecture
from cnn_study.params.earlier import renamed
from cnn_study.params.rules import broken_rules
from cnn_study.sources.datasets import Data
from cnn_study.training.entry import Entry
from cnn_study.training.recipe import Training
from cnn_study.training.replay import Replay
from cnn_study.training.search import Search

# What SVG cannot hold, and what a terminal obeys.
NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
Name = Annotated[str, Field(pattern=NAME)]


def _in_one_line(text: str) -> str:
    line = re.sub(r"[ \t\r\n]+", " ", text).strip()
    if not line or NO_TEXT.search(line):
        raise mistake(f"{found(text)}, allowed: text, without control characters")
    return line


Text = Annotated[str, Field(min_length=1), AfterValidator(_in_one_line)]


def _says_not_alone(question: str) -> str:
    if re.search(r"\balone\b", question, re.IGNORECASE):
        raise mistake(f"{found(question)}, allowed: no 'alone', since the report works out what differs")
    return question


class Control(Model):
    """A pair of architectures, and the question that it answers; what they differ in, the report works out."""

    of: Name
    against: Name
    question: Annotated[Text, AfterValidator(_says_not_alone)]
    topic: Annotated[
        Text | None, Field(description="in a word or two; what controls of one topic find is said in one sentence")
    ] = None


class Study(Model):
    """Architectures that are compared with a baseline, under the names that figures show."""

    title: Text
    question: Text
    mirrors: Annotated[
        Name | None,
        Field(description="a study whose networks have the same layers, one for each member, trained otherwise"),
    ] = None
    baseline: Annotated[Name, Field(description="one of the members")]
    members: Annotated[
        dict[Name, Text], Field(min_length=1, description="entries of architectures, with their names in figures")
    ]
    controls: Annotated[tuple[Control, ...], Field(strict=False)] = ()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What is compared, each (of, against) once: every other member with the baseline, then the controls."""
        members = [(name, self.baseline) for name in self.members if name != self.baseline]
        return list(dict.fromkeys((*members, *((control.of, control.against) for control in self.controls))))


class Analysis(Model):
    """How results are compared."""

    margin: Annotated[
        float,
        Field(
            gt=0,
            lt=100,
            description="percentage points of test accuracy; networks that differ by less are equivalent",
        ),
    ]


class Params(Model):
    """Every knob of the study."""

    data: Data
    training: Annotated[Training, Field(description="how all architectures are trained")]
    tune: Search
    replay: Replay
    evaluate: Evaluate
    analysis: Analysis
    studies: Annotated[dict[Name, Study], Field(min_length=1)]
    entries: Annotated[dict[Name, Entry], Field(min_length=1, alias="architectures")]

    @cached_property
    def architectures(self) -> dict[str, Architecture]:
        """The networks."""
        return {name: entry.network for name, entry in self.entries.items()}

    @cached_property
    def trainings(self) -> dict[str, Training]:
        """How each network is trained, with what its entry overrides."""
        return {name: entry.trained_by(self.training) for name, entry in self.entries.items()}

    @property
    def headlined(self) -> list[str]:
        """The networks of metrics/headline.json: of the first two studies that mirror none."""
        first = [study for study in self.studies.values() if study.mirrors is None][:2]
        return list(dict.fromkeys(name for study in first for name in study.members))

    @property
    def unnamed(self) -> list[str]:
        """Architectures that are in no study."""
        named = {name for study in self.studies.values() for name in study.members}
        return [name for name in self.architectures if name not in named]

    def partners(self, study: str) -> dict[str, str]:
        """Of each member of a study that mirrors another: the member of that one with the same layers and head."""
        mirrored = self.studies[study].mirrors
        others = self.studies[mirrored].members if mirrored else ()
        return {
            member: other
            for member in self.studies[study].members
            for other in others
            if self.architectures[other] == self.architectures[member]
        }


def validate(content: Mapping[str, Any]) -> Params:
    """The whole file, checked. Raises StudyError with one line for every mistake in it."""
    params, mistakes = attempt(Params, content)
    mistakes = [*map(renamed, mistakes), *broken_rules(content, mistakes)]
    if mistakes or params is None:
        raise as_error(mistakes)
    return params
