"""The chapter on gradients: its section, and what it is made of."""

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.tables import gradient_norms_by_seed
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import sentences
from cnn_study.report.kit.members import of_studies
from cnn_study.report.kit.page import Detail, Section
from cnn_study.report.topics.gradients.charts import gradient_figures
from cnn_study.report.topics.gradients.sentences import gradient_findings
from cnn_study.report.topics.gradients.tables import (
    first_middle_last,
    first_over_last,
    gradient_norms,
)


def chapter(evidence: Evidence) -> Chapter:
    """Norms against layers and against epochs, and whether they vanish or explode."""
    norms = gradient_norms(evidence.results)
    tables = {
        "gradient_norms": norms,
        "gradient_norms_by_seed": gradient_norms_by_seed(evidence.results),
        "gradient_norms_by_layer": first_middle_last(norms),
        "gradient_flow": first_over_last(norms),
    }
    findings = tuple(gradient_findings(norms, evidence.params.studies, evidence.summaries))
    figures = tuple(
        figure for members in of_studies(evidence.params) for figure in gradient_figures(tables, members)
    )
    return Chapter(
        sections=(
            Section(
                "gradients",
                "Gradients",
                "Do gradients vanish or explode on their way to the first layer, and what keeps them?",
                sentences(findings[:1]),
                figures[0] if figures else None,
                None,
                (Detail("Network by network", sentences(findings[1:]), figures=figures[1:]),),
            ),
        ),
        findings=findings,
        tables=tables,
    )
