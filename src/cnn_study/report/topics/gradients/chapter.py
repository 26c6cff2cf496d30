"""The chapter on gradients: its section, and what it is made of."""

import pandas as pd

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.tables import gradient_norms_by_seed
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.members import Members, of_studies
from cnn_study.report.kit.page import Detail, Section
from cnn_study.report.topics.gradients.charts import (
    by_epoch_figures,
    by_layer_figure,
    first_over_last_figures,
    to_weight_figures,
)
from cnn_study.report.topics.gradients.flows import flows_of
from cnn_study.report.topics.gradients.page_tables import controls_table, flow_table, study_table
from cnn_study.report.topics.gradients.sentences import answer
from cnn_study.report.topics.gradients.tables import first_middle_last, first_over_last, gradient_norms


def chapter(evidence: Evidence) -> Chapter:
    """Norms against layers and against epochs, and whether they vanish or explode.

    Unfolded is the study with the deepest networks, in which they would first.
    """
    norms = gradient_norms(evidence.results)
    tables = {
        "gradient_norms": norms,
        "gradient_norms_by_seed": gradient_norms_by_seed(evidence.results),
        "gradient_norms_by_layer": first_middle_last(norms),
        "gradient_flow": first_over_last(norms),
    }
    studies, summary = evidence.params.studies, evidence.summaries
    flows = flows_of(norms, summary)
    answered = answer(flows, summary, studies)
    shown = deepest_first([members for members in of_studies(evidence.params) if members.are_in(norms)], norms)
    by_layer = [by_layer_figure(tables["gradient_norms_by_layer"], members, flows) for members in shown]
    controls = controls_table(flows, summary, studies)
    every = (*((flow_table(flows, summary, studies),) if flows else ()), *((controls,) if controls else ()))
    details = (
        Detail("Gradient by layer in the other studies", figures=tuple(by_layer[1:])),
        Detail("All networks, and what each comparison does", tables=every),
        Detail(
            "First layer over last, epoch by epoch",
            figures=tuple(first_over_last_figures(tables["gradient_flow"], shown)),
        ),
        Detail("Every layer, epoch by epoch", figures=tuple(by_epoch_figures(norms, shown))),
        Detail("Gradients compared with the weights they change", figures=tuple(to_weight_figures(norms, shown))),
    )
    return Chapter(
        sections=(
            Section(
                "gradients",
                "Gradients",
                "Do gradients vanish or explode on their way to the first layer?",
                (answered.sentence,),
                by_layer[0] if by_layer else None,
                study_table(flows, shown[0]) if shown else None,
                tuple(detail for detail in details if detail),
            ),
        ),
        findings=(answered,),
        tables=tables,
        conclusions={"gradients": {name: flow.record() for name, flow in flows.items()}},
    )


def deepest_first(studies: list[Members], norms: pd.DataFrame) -> list[Members]:
    """The study with the deepest network, by its layers with weights, before the others in their order."""
    if not studies:
        return []
    deepest = max(studies, key=lambda members: members.rows(norms)["depth"].max())
    return [deepest, *(members for members in studies if members is not deepest)]
