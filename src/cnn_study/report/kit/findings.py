"""Conclusions by rule: sentences whose conditions are the measured numbers.

Every number in a sentence stands in its ``numbers``, and changing it changes the sentence.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from cnn_study.report.kit.page import Sentence

CONCLUSIONS = "metrics/conclusions.json"
SUMMARY = "metrics/summary.json"
TIMING = "metrics/timing.json"
TIMING_CONCLUSIONS = "metrics/timing_conclusions.json"


@dataclass(frozen=True)
class Finding:
    """A sentence and what it rests on.

    ``about``: a study's key; answer, where it is about all studies; or calibration, claims, classes, gradients,
    images, inside, learning_rate, networks or receptive_fields. ``rule``: the name of the rule that chose the
    sentence. ``numbers``: behind it, by what they are. ``data``: the committed file that shows them.
    ``timed``: whether a clock measured any of them, so that another run finds others.
    """

    text: str
    about: str
    rule: str
    numbers: dict[str, Any]
    data: str
    timed: bool = False

    @property
    def sentence(self) -> Sentence:
        """As the page has it."""
        return Sentence(self.text, source(self.data))

    def record(self) -> dict[str, Any]:
        """As metrics/conclusions.json and timing_conclusions.json have it; ``timed`` says which of them."""
        return {key: value for key, value in asdict(self).items() if key != "timed"}


def sentences(findings: Iterable[Finding]) -> tuple[Sentence, ...]:
    """The findings as a page has them."""
    return tuple(finding.sentence for finding in findings)


def source(data: str, measured_in: str = "analyze") -> str:
    """The stage that has measured something, and the file in which analyze has put it."""
    return f"{measured_in}: {data}"
