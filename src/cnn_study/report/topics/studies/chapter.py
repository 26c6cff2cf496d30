"""The chapter on studies: the first screen, which they are all on, and a section for each."""

from collections.abc import Sequence

from cnn_study.analysis.evidence import Evidence
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import source
from cnn_study.report.kit.members import member_table, of_studies
from cnn_study.report.kit.page import Answer, Sentence
from cnn_study.report.topics.studies.answers import Answered, answers
from cnn_study.report.topics.studies.budgets import by_budget
from cnn_study.report.topics.studies.class_changes import class_changes
from cnn_study.report.topics.studies.cost import cost, steps
from cnn_study.report.topics.studies.curves import curves
from cnn_study.report.topics.studies.differences import differences
from cnn_study.report.topics.studies.frontier import Frontier
from cnn_study.report.topics.studies.optimizers import mirrors, mirrors_table
from cnn_study.report.topics.studies.section import study_section
from cnn_study.report.topics.studies.study import compared_studies
from cnn_study.report.topics.studies.verdicts import verdict_table
from cnn_study.report.topics.studies.what_differs import differing_table


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
        "cost": cost(evidence.results, evidence.timings, members, evidence.labels, evidence.compared),
        "steps": steps(studies),
    }
    searched = any(training.learning_rate == "tuned" for training in evidence.params.trainings.values())
    rates_for = evidence.params.tune.for_epochs if searched and evidence.params.tune.divisor != 1 else None
    answered = answers(studies, mirroring.values(), frontier, rates_for)
    sections = [
        study_section(study, shown, tables | timed_tables, mirroring.get(study.key))
        for study, shown in zip(studies, of_studies(evidence.params), strict=True)
    ]
    pairs = [pair for study in evidence.compared.values() for _, pair in study.by_kind]
    return Chapter(
        answers=_answers(evidence, answered),
        figure=frontier.figure,
        table=verdict_table(studies),
        sections=tuple(section for section, _ in sections),
        findings=(
            *(one.finding for one in answered),
            *(finding for _, findings in sections for finding in findings),
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
