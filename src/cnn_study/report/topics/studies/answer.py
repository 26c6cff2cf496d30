"""The answer that the report begins with: who wins each study, and what the controls say."""

from cnn_study.analysis.evidence import Evidence
from cnn_study.report.kit.findings import Finding, sentences, source
from cnn_study.report.kit.members import of_studies
from cnn_study.report.kit.page import Figure, Sentence
from cnn_study.report.topics.studies.differences import baseline_figures, controls, differences
from cnn_study.report.topics.studies.ranking import winner
from cnn_study.report.topics.studies.study import compared_studies

ANSWERS = 5
FIGURES = 2  # studies that the answer shows a figure of


def answer(evidence: Evidence) -> tuple[Sentence, ...]:
    """Who wins each study but mirrors of others, then the controls: the significant first, the largest first."""
    studies = [study for study in compared_studies(evidence) if study.spec.mirrors is None]
    winners = [finding for study in studies for finding in winner(study)]
    asked = [finding for study in studies for finding in controls(study)]

    def weight(finding: Finding) -> tuple[bool, float]:
        return finding.numbers.get("verdict") not in ("better", "worse"), -abs(
            finding.numbers.get("points") or 0.0
        )

    said = sentences([*winners, *sorted(asked, key=weight)][:ANSWERS])
    if evidence.comparable:
        return said
    warning = "The runs had different environments, so that small differences are not to be compared."
    return (Sentence(warning, source("metrics/environment.json")), *said)


def answer_figures(evidence: Evidence) -> tuple[Figure, ...]:
    """What the comparisons with the baselines show."""
    table = differences(evidence.compared)
    studies = evidence.params.studies
    shown = [one for one in of_studies(evidence.params) if studies[one.key].mirrors is None][:FIGURES]
    return tuple(figure for members in shown for figure in baseline_figures(table, members))
