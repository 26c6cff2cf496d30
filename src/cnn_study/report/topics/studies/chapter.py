"""The chapter on studies: a section for each."""

from collections.abc import Callable, Mapping

import pandas as pd

from cnn_study.analysis.evidence import Evidence
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import Finding, sentences
from cnn_study.report.kit.members import Members, member_table, of_studies
from cnn_study.report.kit.page import Figure, Section
from cnn_study.report.topics.studies.budgets import budget_figures, by_budget, order_changes, stability
from cnn_study.report.topics.studies.class_changes import class_changes, class_figures, winner_classes
from cnn_study.report.topics.studies.cost import (
    cost,
    pareto,
    run_figures,
    step_figures,
    steps,
    winner_cost,
)
from cnn_study.report.topics.studies.curves import curves, validation_figure
from cnn_study.report.topics.studies.differences import (
    against_baseline,
    control_figures,
    controls,
    controls_table,
    differences,
)
from cnn_study.report.topics.studies.optimizers import Mirror, mirrors, mirrors_table, under_both, under_both_table
from cnn_study.report.topics.studies.ranking import best, members_table, not_ranked, runner_up, winner
from cnn_study.report.topics.studies.study import ComparedStudy, compared_studies
from cnn_study.report.topics.studies.what_differs import differing_table, more_than_depth, what_differs_table

# What a section says, in order.
RULES: tuple[Callable[[ComparedStudy], list[Finding]], ...] = (
    winner,
    best,
    runner_up,
    winner_cost,
    winner_classes,
    against_baseline,
    controls,
    stability,
    order_changes,
    more_than_depth,
    not_ranked,
    pareto,
)


def chapter(evidence: Evidence) -> Chapter:
    """A section for each study, in the order of params.yaml."""
    studies = compared_studies(evidence)
    members = member_table(evidence.params)
    mirroring = mirrors(evidence)
    tables = {
        "curves": curves(evidence.results, members),
        "differences": differences(evidence.compared),
        "budgets": by_budget(evidence.compared),
        "class_changes": class_changes(evidence.compared),
        "mirrors": mirrors_table(mirroring),
        "what_differs": differing_table(studies),
    }
    timed_tables = {
        "cost": cost(evidence.results, evidence.timings, members, evidence.labels),
        "steps": steps(studies),
    }
    findings = {
        study.key: [*study_findings(study), *(under_both(mirroring[study.key]) if study.key in mirroring else ())]
        for study in studies
    }
    compared = evidence.compared.values()
    pairs = [pair for study in compared for pair in (*study.against_baseline, *study.controls)]
    return Chapter(
        sections=tuple(
            _section(study, shown, tables | timed_tables, findings[study.key], mirroring.get(study.key))
            for study, shown in zip(studies, of_studies(evidence.params), strict=True)
        ),
        findings=tuple(finding for study in studies for finding in findings[study.key]),
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


def study_findings(study: ComparedStudy) -> list[Finding]:
    """What the rules say of a study, in their order."""
    return [finding for rule in RULES for finding in rule(study)]


def _section(
    study: ComparedStudy,
    members: Members,
    tables: Mapping[str, pd.DataFrame],
    findings: list[Finding],
    mirror: Mirror | None,
) -> Section:
    """One study: its question, its networks in a table, charts, conclusions."""
    figures: list[Figure] = [validation_figure(tables["curves"], members)]
    if study.comparison.ranking:
        figures += run_figures(tables["cost"], members, study.comparison.pareto)
    figures += step_figures(tables["steps"], members)
    figures += control_figures(tables["differences"], members)
    figures += budget_figures(tables["budgets"], members)
    figures += class_figures(tables["class_changes"], members, study.spec)
    shown = [members_table(study)]
    if study.spec.controls:
        shown.append(controls_table(study))
    if mirror is not None:
        shown.append(under_both_table(mirror))
    shown.append(what_differs_table(study))
    return Section(
        study.key, study.spec.title, study.spec.question, sentences(findings), tuple(shown), tuple(figures)
    )
