"""The chapter on gradients: its section, and what it is made of."""

from collections.abc import Mapping

import pandas as pd

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.results import gradient_norms_by_seed
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import sentences, source
from cnn_study.report.kit.members import Members, of_studies
from cnn_study.report.kit.page import Figure, Section
from cnn_study.report.topics.gradients.charts import (
    first_over_last_chart,
    gradient_by_epoch,
    gradient_by_layer,
    gradient_heat_map,
    gradient_to_weight,
)
from cnn_study.report.topics.gradients.sentences import DATA, EXPLODING, VANISHING, gradient_findings
from cnn_study.report.topics.gradients.tables import (
    first_middle_last,
    first_over_last,
    gradient_norms,
)

BY_LAYER = "plots/data/gradient_norms_by_layer.csv"
FLOW = "plots/data/gradient_flow.csv"


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
    return Chapter(
        sections=(
            Section(
                "gradients",
                "Gradients",
                "Do gradients vanish or explode on their way to the first layer, and what keeps them?",
                sentences(findings),
                (),
                tuple(figure for members in of_studies(evidence.params) for figure in _figures(tables, members)),
            ),
        ),
        findings=findings,
        tables=tables,
    )


def _figures(tables: Mapping[str, pd.DataFrame], members: Members) -> list[Figure]:
    """None of a study whose networks have no norms; the last one if any has two convolutions."""
    norms, flow, by_layer = (tables[f"gradient_{name}"] for name in ("norms", "flow", "norms_by_layer"))
    if not members.are_in(norms):
        return []
    name, title = f"gradients-{members.key}", members.title
    figures = [
        Figure(f"{name}-by_layer", f"{title}: gradient norm against layer",
               "In the first, the middle and the last epoch.",
               source(BY_LAYER, "train"), gradient_by_layer(by_layer, members)),
        Figure(f"{name}-by_epoch", f"{title}: gradient norm against epoch",
               "A line for each layer; means over seeds.",
               source(DATA, "train"), gradient_by_epoch(norms, members)),
        Figure(f"{name}-over_weights", f"{title}: gradient norm over weight norm, against epoch",
               "A line for each layer: how large a gradient is for the weights that it changes.",
               source(DATA, "train"), gradient_to_weight(norms, members)),
        Figure(f"{name}-heat_map", f"{title}: gradient norm by layer and epoch",
               "A panel for each network.",
               source(DATA, "train"), gradient_heat_map(norms, members)),
    ]  # fmt: skip
    if members.are_in(flow):
        figures.append(
            Figure(
                f"{name}-first_over_last",
                f"{title}: does the gradient vanish or explode?",
                "The first convolution's gradient norm over the last one's, by epoch; dashed, the bounds of "
                "the sentences below.",
                source(FLOW),
                first_over_last_chart(flow, members, VANISHING, EXPLODING),
            )
        )
    return figures
