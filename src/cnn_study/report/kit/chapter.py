"""What a topic adds to the report, and to what is kept of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Picture

from cnn_study.report.kit.findings import Finding
from cnn_study.report.kit.page import Answer, Figure, Section, Table


@dataclass(frozen=True)
class Chapter:
    """Everything that comes of one topic.

    ``sections`` of the page; ``answers``, ``figure`` and ``table`` of its first screen. ``findings``: all of the
    topic, in order. ``tables`` and ``timed_tables`` become plots/data/NAME.csv and, where a clock measured them,
    plots/timing/NAME.csv. ``pictures``: by their path in plots/images/, functions that draw them. ``conclusions``
    and ``timed_conclusions``: what metrics/conclusions.json and timing_conclusions.json hold besides findings.
    """

    sections: tuple[Section, ...]
    answers: tuple[Answer, ...] = ()
    figure: Figure | None = None
    table: Table | None = None
    findings: tuple[Finding, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    timed_tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    pictures: Mapping[str, Callable[[], Picture]] = field(default_factory=dict)
    conclusions: Mapping[str, Any] = field(default_factory=dict)
    timed_conclusions: Mapping[str, Any] = field(default_factory=dict)
