"""The chapter on learning rates: what one rate for all does to the order, then what the search found."""

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.tables import replay_table
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import sentences
from cnn_study.report.kit.members import of_all, of_studies
from cnn_study.report.kit.page import Detail, Section
from cnn_study.report.topics.learning_rates.off_by import best_of, off_by_finding, rate_table, study_table
from cnn_study.report.topics.learning_rates.orders import Orders
from cnn_study.report.topics.learning_rates.replay import replay_figure
from cnn_study.report.topics.learning_rates.search import learning_rates, rate_figures, rate_findings


def chapter(evidence: Evidence) -> Chapter:
    """The replays of the original report's recipe, and the searches of each study."""
    params = evidence.params
    searches, replays = learning_rates(evidence.results), replay_table(evidence.replays)
    images = max(replay.images for replay in evidence.replays.values())
    orders = Orders.of(replays, params.studies, params.replay.learning_rate, params.unnamed)
    found, factor = best_of(evidence.results), params.tune.factor
    off_by = off_by_finding(found, params.studies, factor)
    answers = (orders.finding, *((off_by,) if off_by else ()))
    optimizers = {name: training.recipe.optimizer for name, training in params.trainings.items()}
    folded = tuple(rate_findings(searches, evidence.summaries, params.studies, params.tune, optimizers))
    studied = next((members for members in of_all(params) if any(name in found for name in members.names)), None)
    every = rate_table(found, params.studies)
    searched = tuple(figure for members in of_studies(params) for figure in rate_figures(searches, members))
    details = (
        Detail(
            "The rates found, and what another costs, for all networks",
            sentences(folded),
            (every,) if every else (),
        ),
        Detail("The search of each network", figures=searched),
        Detail("The original report's recipe, rate by rate", tables=(orders.table,)),
    )
    return Chapter(
        sections=(
            Section(
                "learning_rate",
                "Learning rate",
                "How much does a ranking owe to the learning rate?",
                sentences(answers),
                replay_figure(replays, params, images, orders),
                study_table(found, studied, factor) if studied else None,
                tuple(detail for detail in details if detail),
            ),
        ),
        findings=(*answers, *folded),
        tables={"learning_rates": searches, "replay": replays},
    )
