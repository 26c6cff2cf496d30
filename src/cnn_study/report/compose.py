"""The report put together: which chapters it has, in which order, and what is kept of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cnn_study.analysis.evidence import Evidence
from cnn_study.params.study import Params
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.members import with_names
from cnn_study.report.kit.page import Page
from cnn_study.report.kit.wording import counted, from_to, images_in_words
from cnn_study.report.topics.claims import chapter as claims
from cnn_study.report.topics.classes import chapter as classes
from cnn_study.report.topics.gradients import chapter as gradients
from cnn_study.report.topics.images import chapter as images
from cnn_study.report.topics.inside import chapter as inside
from cnn_study.report.topics.learning_rates import chapter as learning_rates
from cnn_study.report.topics.methods import methods
from cnn_study.report.topics.networks import chapter as networks
from cnn_study.report.topics.receptive_fields import chapter as receptive_fields
from cnn_study.report.topics.studies import chapter as studies

# A topic more is a line more, here and among the RESERVED keys of params/.
TOPICS: tuple[Callable[[Evidence], Chapter], ...] = (
    studies.chapter,
    networks.chapter,
    receptive_fields.chapter,
    gradients.chapter,
    inside.chapter,
    classes.chapter,
    learning_rates.chapter,
    claims.chapter,
    images.chapter,
)


def chapters_of(evidence: Evidence) -> list[Chapter]:
    """What every topic has to say, its tables with the names of networks."""
    return [_with_names(topic(evidence), evidence.params) for topic in TOPICS]


def _with_names(chapter: Chapter, params: Params) -> Chapter:
    tables, timed = (
        {name: with_names(table, params) for name, table in some.items()}
        for some in (chapter.tables, chapter.timed_tables)
    )
    return replace(chapter, tables=tables, timed_tables=timed)


def page_of(evidence: Evidence, chapters: Sequence[Chapter]) -> Page:
    """The whole report: the answer, a section for each study, then what looks at all networks, then methods."""
    params = evidence.params
    titles = [study.title for study in params.studies.values() if study.mirrors is None]
    return Page(
        title=f"Small CNNs compared: {', '.join(titles)}",
        subtitle=(
            f"{counted(len(params.architectures), 'network')} "
            f"on {images_in_words(params.data.dataset, evidence.prepared)}, "
            f"{from_to({len(training.seeds) for training in params.trainings.values()}, 'seed')} each, up to "
            f"{counted(max(max(training.budgets) for training in params.trainings.values()), 'epoch')} of "
            f"{sum(evidence.prepared.train):,} images, "
            f"{counted(len(evidence.labels), 'test image')}."
        ),
        answers=tuple(answer for chapter in chapters for answer in chapter.answers),
        figure=next((chapter.figure for chapter in chapters if chapter.figure), None),
        table=next((chapter.table for chapter in chapters if chapter.table), None),
        sections=tuple(section for chapter in chapters for section in chapter.sections),
        methods=methods(evidence),
    )


def conclusions_of(chapters: Sequence[Chapter]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The contents of metrics/conclusions.json, and of timing_conclusions.json: whatever a clock measured."""
    untimed: dict[str, Any] = {}
    timed: dict[str, Any] = {}
    for chapter in chapters:
        _add(untimed, chapter.conclusions)
        _add(timed, chapter.timed_conclusions)
    findings = [finding for chapter in chapters for finding in chapter.findings]
    untimed["findings"] = [finding.record() for finding in findings if not finding.timed]
    timed["findings"] = [finding.record() for finding in findings if finding.timed]
    return untimed, timed


def _add(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    """What two chapters have under one key is put together."""
    for key, value in part.items():
        whole[key] = whole[key] | value if key in whole else value
