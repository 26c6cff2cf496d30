"""The chapter on classes and calibration."""

from cnn_study.analysis.evidence import Evidence
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import sentences
from cnn_study.report.kit.members import of_studies
from cnn_study.report.kit.page import Detail, Figure, Section
from cnn_study.report.topics.classes.calibration import (
    calibration,
    calibration_findings,
    calibration_table,
    calibrations,
    error_table,
    reliability_figures,
)
from cnn_study.report.topics.classes.confusion import confusion, confusion_figure


def chapter(evidence: Evidence) -> Chapter:
    """For each study, how sure its networks are and what they confuse."""
    labels = evidence.labels
    confusions = confusion(evidence.results, labels, evidence.classes)
    bins = calibration(evidence.results, labels)
    found, studies = calibrations(evidence.results, labels), evidence.params.studies
    findings = tuple(calibration_findings(found, studies, evidence.params.training.recipe.label_smoothing))
    figures: list[Figure] = []
    for members in of_studies(evidence.params):
        figures += [*reliability_figures(bins, members), confusion_figure(confusions, members)]
    return Chapter(
        sections=(
            Section(
                "classes",
                "Classes and calibration",
                "Which classes are taken for which, and does a network know how sure to be?",
                sentences(findings[:1]),
                figures[0],
                error_table(found, studies) if found else None,
                (Detail("Study by study", sentences(findings[1:]), figures=tuple(figures[1:])),),
            ),
        ),
        findings=findings,
        tables={"confusion": confusions, "calibration": bins, "calibration_errors": calibration_table(found)},
        conclusions={"calibration_errors": {name: one.error for name, one in found.items()}},
    )
