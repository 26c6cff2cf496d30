"""The chapter on learning rates: what the search found, then what one rate for all does to the order."""

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.tables import replay_table
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import sentences
from cnn_study.report.kit.members import of_studies
from cnn_study.report.kit.page import Detail, Figure, Section
from cnn_study.report.topics.learning_rates.replay import replay_figure, replay_findings
from cnn_study.report.topics.learning_rates.search import learning_rates, rate_figures, rate_findings, rate_table


def chapter(evidence: Evidence) -> Chapter:
    """The searches of each study, and the replays of the original report's recipe."""
    params = evidence.params
    searches, replays = learning_rates(evidence.results), replay_table(evidence.replays)
    images = max(replay.images for replay in evidence.replays.values())
    findings = (
        *rate_findings(searches, evidence.summaries, params.studies, params.tune.epochs),
        *replay_findings(replays, params.studies, params.replay.learning_rate, params.replay.runs.epochs, images),
    )
    costs = rate_table(evidence.results, params.studies)
    figures: list[Figure] = []
    for members in of_studies(params):
        figures += rate_figures(searches, members)
    return Chapter(
        sections=(
            Section(
                "learning_rate",
                "Learning rate",
                "How much does a ranking owe to the learning rate that all networks were given?",
                sentences(findings[:1]),
                replay_figure(replays, params, images),
                costs,
                (Detail("The searches", sentences(findings[1:]), figures=tuple(figures)),),
            ),
        ),
        findings=findings,
        tables={"learning_rates": searches, "replay": replays},
    )
