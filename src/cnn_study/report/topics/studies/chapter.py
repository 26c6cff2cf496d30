"""The chapter on studies: a section for each, and the first screen, which they are all on."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from cnn_study.analysis.evidence import Evidence
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import Finding, sentences, source
from cnn_study.report.kit.members import Members, member_table, of_studies
from cnn_study.report.kit.page import Answer, Detail, Section, Sentence
from cnn_study.report.topics.studies.answers import Answered, answers
from cnn_study.report.topics.studies.budgets import budget_figures, by_budget, order_changes, stability
from cnn_study.report.topics.studies.class_changes import class_changes, class_figures, winner_classes
from cnn_study.report.topics.studies.cost import cost, pareto, run_figures, step_figures, steps, winner_cost
from cnn_study.report.topics.studies.curves import curves, validation_figure
from cnn_study.report.topics.studies.differences import (
    against_baseline,
    controls,
    controls_table,
    difference_figure,
    differences,
)
from cnn_study.report.topics.studies.frontier import Frontier
from cnn_study.report.topics.studies.optimizers import Mirror, mirrors, mirrors_table, under_both, under_both_table
from cnn_study.report.topics.studies.ranking import best, members_table, not_ranked, runner_up, winner
from cnn_study.report.topics.studies.study import ComparedStudy, compared_studies
from cnn_study.report.topics.studies.verdicts import verdict_table
from cnn_study.report.topics.studies.what_differs import differing_table, more_than_depth, what_differs_table

Rule = Callable[[ComparedStudy], list[Finding]]
# What a section says below its question, and what is folded in, in order.
SAID: tuple[Rule, ...] = (winner, best, not_ranked)
FOLDED: Mapping[str, tuple[Rule, ...]] = {
    "Each comparison in words": (runner_up, against_baseline, controls),
    "What differs in each pair": (more_than_depth,),
    "By training budget": (stability, order_changes),
    "What it costs": (winner_cost, pareto),
    "Classes helped and hurt": (winner_classes,),
}


def chapter(evidence: Evidence) -> Chapter:
    """A section for each study, in the order of params.yaml, below what all of them say."""
    studies = compared_studies(evidence)
    members = member_table(evidence.params)
    mirroring = mirrors(evidence)
    frontier = Frontier.of(evidence)
    tables = {
        "curves": curves(evidence.results, members),
        "differences": differences(evidence.compared),
        "budgets": by_budget(evidence.compared),
        "class_changes": class_changes(evidence.compared),
        "mirrors": mirrors_table(mirroring),
        "what_differs": differing_table(studies),
    }
    timed_tables = {
        "frontier": frontier.table,
        "cost": cost(evidence.results, evidence.timings, members, evidence.labels),
        "steps": steps(studies),
    }
    answered = answers(studies, mirroring.values(), frontier)
    sections = [
        _StudySection(study, shown, tables | timed_tables, mirroring.get(study.key))
        for study, shown in zip(studies, of_studies(evidence.params), strict=True)
    ]
    compared = evidence.compared.values()
    pairs = [pair for study in compared for pair in (*study.against_baseline, *study.controls)]
    return Chapter(
        answers=_answers(evidence, answered),
        figure=frontier.figure,
        table=verdict_table(studies),
        sections=tuple(section.section for section in sections),
        findings=(
            *(one.finding for one in answered),
            *(finding for section in sections for finding in section.findings),
        ),
        tables=tables,
        timed_tables=timed_tables,
        conclusions={
            "studies": {key: study.record() for key, study in evidence.compared.items()},
            "variances": [
                {"budget": budget, "optimizer": optimizer} | pool.record()
                for (budget, optimizer), pool in evidence.accuracies.pools().items()
            ],
        },
        timed_conclusions={
            "pareto": {key: study.pareto for key, study in evidence.compared.items()},
            "step_ratios": evidence.costs.ratios((pair.of, pair.against) for pair in pairs),
        },
    )


def _answers(evidence: Evidence, answered: Sequence[Answered]) -> tuple[Answer, ...]:
    found = tuple(one.answer for one in answered)
    if evidence.comparable:
        return found
    warning = "The runs had different environments, so that small differences are not to be compared."
    return (Answer("Beware", Sentence(warning, source("metrics/environment.json"))), *found)


class _StudySection:
    """One study: question and answer, the differences in a figure, the networks in a table, the rest folded."""

    def __init__(
        self, study: ComparedStudy, members: Members, tables: Mapping[str, pd.DataFrame], mirror: Mirror | None
    ) -> None:
        self._study = study
        self._members = members
        self._tables = tables
        self._mirror = mirror
        self._said = said_of(study)
        self._folded = {title: [one for rule in rules for one in rule(study)] for title, rules in FOLDED.items()}
        self._mirrored = under_both(mirror) if mirror else []

    @property
    def findings(self) -> list[Finding]:
        """All of them, in the order of the page."""
        return [*self._said, *self._mirrored, *(one for folded in self._folded.values() for one in folded)]

    @property
    def section(self) -> Section:
        """As the page has it."""
        study, members, tables = self._study, self._members, self._tables
        run = run_figures(tables["cost"], members, study.comparison.pareto) if study.comparison.ranking else []
        parts = {
            "Each comparison in words": Detail("", tables=(controls_table(study),) if study.spec.controls else ()),
            "What differs in each pair": Detail("", tables=(what_differs_table(study),)),
            "By training budget": Detail("", figures=tuple(budget_figures(tables["budgets"], members))),
            "What it costs": Detail("", figures=(*run, *step_figures(tables["steps"], members))),
            "Classes helped and hurt": Detail(
                "", figures=tuple(class_figures(tables["class_changes"], members, study.spec))
            ),
        }
        details = [
            Detail(title, sentences(self._folded[title]), part.tables, part.figures)
            for title, part in parts.items()
        ]
        if self._mirror is not None:
            both = Detail("Under both recipes", sentences(self._mirrored), (under_both_table(self._mirror),))
            details.insert(0, both)
        watched = Detail("Validation accuracy by epoch", figures=(validation_figure(tables["curves"], members),))
        return Section(
            study.key,
            study.spec.title,
            study.spec.question,
            sentences(self._said),
            difference_figure(tables["differences"], members, study),
            members_table(study),
            tuple(detail for detail in (*details, watched) if detail),
        )


def said_of(study: ComparedStudy) -> list[Finding]:
    """What stands below a study's question."""
    return [finding for rule in SAID for finding in rule(study)]
