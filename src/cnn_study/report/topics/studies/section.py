"""The section of one study: question, answer, the differences in a figure, a table; the rest folded in."""

from collections.abc import Mapping

import pandas as pd

from cnn_study.report.kit.findings import Finding, sentences
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.page import Detail, Figure, Section, Table
from cnn_study.report.topics.studies.budgets import budget_figures, order_changes, stability
from cnn_study.report.topics.studies.class_changes import class_figures, winner_classes
from cnn_study.report.topics.studies.cost import run_figures, step_figures
from cnn_study.report.topics.studies.cost_findings import pareto, winner_cost
from cnn_study.report.topics.studies.curves import validation_figure
from cnn_study.report.topics.studies.differences import difference_figure, in_words
from cnn_study.report.topics.studies.optimizers import Mirror, agreement, under_both, under_both_table
from cnn_study.report.topics.studies.ranking import failures, leader, members_table
from cnn_study.report.topics.studies.study import ComparedStudy
from cnn_study.report.topics.studies.what_differs import what_differs_table


def study_section(
    study: ComparedStudy, members: Members, tables: Mapping[str, pd.DataFrame], mirror: Mirror | None
) -> tuple[Section, list[Finding]]:
    """The section, and all that it says, in order. ``tables``: those of the chapter, by name."""
    said = [leader(study), *failures(study)]
    table, folded = members_table(study), list[tuple[str, list[Finding], list[Table], list[Figure]]]()
    if mirror is not None:
        said = [agreement(mirror), *said]
        both = " and with ".join(reversed(mirror.ways))
        folded.append((f"Each comparison with {both}, in words", under_both(mirror), [], []))
        if mirror.pairs:
            folded.append(("Accuracy of each network", [], [table], []))
            table = under_both_table(mirror)
    differing = [what_differs_table(study)] if study.differing else []
    over_budgets = [*stability(study), *order_changes(study)]
    costs = [*run_figures(tables["cost"], members, study), *step_figures(tables["steps"], members, study.costs)]
    folded += [
        ("Each comparison in words", in_words(study), [], []),
        ("What differs between the networks of each comparison", [], differing, []),
        ("At other training budgets", over_budgets, [], budget_figures(tables["budgets"], members)),
        ("What training costs", [*winner_cost(study), *pareto(study)], [], costs),
        (
            "Classes helped and hurt",
            winner_classes(study),
            [],
            class_figures(tables["class_changes"], members, study),
        ),
        ("Validation accuracy by epoch", [], [], [validation_figure(tables["curves"], members)]),
    ]
    details = [
        Detail(title, sentences(findings), tuple(folded_tables), tuple(figures))
        for title, findings, folded_tables, figures in folded
    ]
    section = Section(
        study.key,
        study.spec.title,
        study.spec.question,
        sentences(said),
        difference_figure(tables["differences"], members, study),
        table,
        tuple(filter(None, details)),
    )
    return section, [*said, *(one for _, findings, _, _ in folded for one in findings)]
