"""``params.yaml`` as a whole: everything that can be wrong with it is found here, all at once."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field

from cnn_study.base.schema import NAME, Model, as_error, attempt
from cnn_study.evaluation.settings import Evaluate
from cnn_study.networks.architecture import Architecture
from cnn_study.params.rules import broken_rules
from cnn_study.sources.datasets import Data
from cnn_study.training.entry import Entry
from cnn_study.training.recipe import Training
from cnn_study.training.replay import Replay
from cnn_study.training.search import Search

Name = Annotated[str, Field(pattern=NAME)]
Text = Annotated[str, Field(min_length=1)]


class Control(Model):
    """A pair of architectures that differ in one thing, and the question which that answers."""

    of: Name
    against: Name
    question: Text


class Study(Model):
    """Architectures that are compared with a baseline, under the names that figures show."""

    title: Text
    question: Text
    baseline: Annotated[Name, Field(description="one of the members")]
    members: Annotated[
        dict[Name, Text], Field(min_length=1, description="entries of architectures, with their names in figures")
    ]
    controls: Annotated[tuple[Control, ...], Field(strict=False)] = ()


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


def validate(content: Mapping[str, Any]) -> Params:
    """The whole file, checked. Raises StudyError with one line for every mistake in it."""
    params, mistakes = attempt(Params, content)
    mistakes = [*mistakes, *broken_rules(content, mistakes)]
    if mistakes or params is None:
        raise as_error(mistakes)
    return params
