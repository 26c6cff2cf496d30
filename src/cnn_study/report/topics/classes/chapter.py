"""The chapter on classes and calibration."""

from dataclasses import replace

import pandas as pd

from cnn_study.analysis.evidence import Evidence
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import Finding, sentences
from cnn_study.report.kit.members import Members, of_all, of_studies
from cnn_study.report.kit.page import Detail, Figure, Section
from cnn_study.report.topics.classes.calibration import (
    calibration,
    calibration_table,
    calibrations,
    error_table,
    reliability_figures,
    study_table,
)
from cnn_study.report.topics.classes.confusion import confusion, confusion_figure, figure_of_one
from cnn_study.report.topics.classes.pairs import Confused, are_tied, confused_finding, most_accurate, title_of
from cnn_study.report.topics.classes.sentences import calibration_answer, calibration_findings


def chapter(evidence: Evidence) -> Chapter:
    """What the most accurate network confuses, and how sure all are; study by study, folded."""
    labels, studies = evidence.labels, evidence.params.studies
    confusions = confusion(evidence.results, labels, evidence.classes)
    bins, found = calibration(evidence.results, labels), calibrations(evidence.results, labels)
    answers = [calibration_answer(found, len(evidence.results))]
    smoothings = {evidence.params.trainings[name].recipe.label_smoothing for name in found}
    folded = calibration_findings(found, studies, smoothings.pop() if len(smoothings) == 1 else 0)
    best = most_accurate(evidence.summaries)
    figure, table = None, None
    if best is not None:
        finding, figure = _most_accurate(best, confusions, evidence)
        answers.append(finding)
        table = study_table(found, _study_of(best, evidence))
    shown = of_studies(evidence.params)
    details = (
        Detail(
            "Calibration of all networks, and what a temperature changes",
            sentences(folded),
            (error_table(found, evidence.summaries, studies),) if found else (),
        ),
        Detail(
            "Accuracy against confidence",
            figures=tuple(figure for members in shown for figure in reliability_figures(bins, members)),
        ),
        Detail(
            "What each network takes test images for",
            figures=tuple(confusion_figure(confusions, members) for members in shown),
        ),
    )
    return Chapter(
        sections=(
            Section(
                "classes",
                "Classes and calibration",
                "What do networks confuse, and does their confidence match their accuracy?",
                sentences(answers),
                figure,
                table,
                tuple(detail for detail in details if detail),
            ),
        ),
        findings=(*answers, *folded),
        tables={"confusion": confusions, "calibration": bins, "calibration_errors": calibration_table(found)},
        conclusions={"calibration_errors": {name: one.error for name, one in found.items()}},
    )


def _study_of(architecture: str, evidence: Evidence) -> Members:
    """The first study that it is a member of."""
    return next(members for members in of_all(evidence.params) if architecture in members.names)


def _most_accurate(best: str, confusions: pd.DataFrame, evidence: Evidence) -> tuple[Finding, Figure]:
    """What is said and shown of the most accurate network."""
    studies, study = evidence.params.studies, _study_of(best, evidence)
    trained = sum(one.status == "trained" for one in evidence.summaries.values())
    confused = Confused.of(confusions[confusions["architecture"] == best])
    alone = replace(study, names={best: study.names[best]})
    tied = are_tied(best, evidence.summaries)
    return (
        confused_finding(best, confused, trained, studies, tied=tied),
        figure_of_one(confusions, alone, title_of(best, confused, studies, tied=tied)),
    )
