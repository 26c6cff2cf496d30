"""The chapter on receptive fields, theoretical and effective: its tables, its chart, its section."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Picture

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.results import Result
from cnn_study.evaluation.effective_field import field_table, side
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.charts import LAYER_ACROSS, Spec, line_with_points, panels, quantity, tip
from cnn_study.report.kit.findings import sentences, source
from cnn_study.report.kit.members import Members, member_table, of_all, of_studies
from cnn_study.report.kit.page import Figure, Section, Table
from cnn_study.report.kit.pictures import labels_of
from cnn_study.report.kit.wording import percent, with_status
from cnn_study.report.topics.receptive_fields.picture import draw_fields
from cnn_study.report.topics.receptive_fields.sentences import DATA, field_findings

KINDS = {
    "theoretical": "theoretical",
    "effective_untrained": "effective, before training",
    "effective_trained": "effective, after training",
}
# Symbols that stay hollow in a legend: an outline, and the hole in it drawn the other way round.
FRAME = "M-1,-1L1,-1L1,1L-1,1Z M-.75,-.75L-.75,.75L.75,.75L.75,-.75Z"
RING = "M0,-1A1,1,0,1,1,0,1A1,1,0,1,1,0,-1Z M0,-.7A.7,.7,0,1,0,0,.7A.7,.7,0,1,0,0,-.7Z"


def chapter(evidence: Evidence) -> Chapter:
    """Theoretical and effective fields, layer by layer and of the last one."""
    by_layer = field_table({name: result.evaluation.inside.fields for name, result in evidence.results.items()})
    findings = tuple(field_findings(by_layer, evidence.results, evidence.params.studies))
    figures = tuple(
        figure for members in of_studies(evidence.params) for figure in _figures(_long(by_layer), members)
    )
    return Chapter(
        sections=(
            Section(
                "receptive_fields",
                "Receptive fields",
                "How much of the image can a unit see, and how much of that does it heed?",
                sentences(findings),
                (_last_layers(by_layer, evidence),),
                figures,
            ),
        ),
        findings=findings,
        tables={
            "receptive_fields": receptive_fields(evidence.results, member_table(evidence.params)),
            "receptive_fields_by_layer": by_layer,
        },
        pictures={_path(members): partial(_draw, members, evidence) for members in of_all(evidence.params)},
    )


def receptive_fields(results: Mapping[str, Result], members: pd.DataFrame) -> pd.DataFrame:
    """``pixels`` by ``kind`` (theoretical, effective) of the last feature map."""
    rows = [
        {"architecture": name, "kind": kind, "pixels": pixels}
        for name, result in results.items()
        for kind, pixels in (
            ("theoretical", result.profile.receptive_field),
            ("effective", side(result.evaluation.inside.fields[-1].effective_trained)),
        )
    ]
    return members.merge(pd.DataFrame(rows), on="architecture")


def _long(by_layer: pd.DataFrame) -> pd.DataFrame:
    """A row for each ``kind`` of field, as charts show it, with its side in ``pixels``."""
    long = by_layer.melt(["architecture", "layer", "depth"], list(KINDS), "kind", "pixels")
    return long.assign(kind=long["kind"].map(KINDS), pixels=long["pixels"].astype(float))


def _path(members: Members) -> str:
    return f"receptive_fields/{members.key}.png"


def _draw(members: Members, evidence: Evidence) -> Picture:
    labels = labels_of(members, evidence.results)
    index = evidence.params.evaluate.shown_images[0]
    evaluations = {label: evidence.results[name].evaluation.inside for name, label in labels.items()}
    return draw_fields(
        f"{members.title}: what the central unit of each layer sees, before and after training",
        next(iter(evaluations.values())).activations[index].image,
        {label: evaluation.fields for label, evaluation in evaluations.items()},
    )


def _figures(fields: pd.DataFrame, members: Members) -> list[Figure]:
    return [
        Figure(
            f"receptive_fields-{members.key}-by_layer",
            f"{members.title}: receptive field by layer",
            "Side in pixels of what the central unit of each layer sees; effective: of the smallest "
            "square around it with 95 % of the gradient's mean size, counted inside the image.",
            source(DATA),
            receptive_fields_by_layer(fields, members),
        ),
        Figure(
            f"receptive_fields-{members.key}-influence",
            f"{members.title}: what the central units see",
            "Darker pixels have more influence; squares are the theoretical (solid) and the effective "
            "(dashed) field.",
            source(f"plots/images/{_path(members)}"),
            image=f"images/{_path(members)}",
        ),
    ]


def receptive_fields_by_layer(fields: pd.DataFrame, members: Members) -> Spec:
    """The receptive field by ``layer`` (``depth`` orders them), a line for each ``kind``; a panel each."""
    rows = members.rows(fields).dropna(subset="pixels")
    colours = members.by_name(rows, "color", legend=False)
    encoding = {
        "x": LAYER_ACROSS,
        "y": quantity("pixels", "side in pixels of the image"),
        "tooltip": [tip("name", "network"), tip("layer"), tip("kind"), tip("pixels")],
    }
    encoding |= colours | _by_kind(rows, "shape", "strokeDash")
    return panels(
        f"{members.title}: receptive field by layer",
        rows[["name", "layer", "depth", "kind", "pixels"]],
        {"mark": line_with_points(), "encoding": encoding, "width": 245},
        independent=["x"],
    )


def _by_kind(rows: pd.DataFrame, *channels: str) -> Spec:
    """Encodings of ``kind``, in the order of the rows, whatever kinds there are."""
    ranges: dict[str, list[Any]] = {
        "shape": [FRAME, RING, "diamond", "triangle-up"],
        "strokeDash": [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]],
    }
    kinds = list(rows["kind"].unique())
    shared = {"field": "kind", "type": "nominal", "sort": kinds, "title": None, "legend": {"orient": "top"}}
    return {
        channel: shared | {"scale": {"domain": kinds, "range": ranges[channel][: len(kinds)]}}
        for channel in channels
    }


def _last_layers(by_layer: pd.DataFrame, evidence: Evidence) -> Table:
    rows = tuple(
        (
            with_status(str(name), evidence.summaries, evidence.params.studies),
            str(last["layer"]),
            str(last["theoretical"]),
            percent(last["theoretical_share"]),
            *(
                "–" if pd.isna(last[key]) else str(last[key])
                for key in ("effective_untrained", "effective_trained")
            ),
        )
        for name, last in (
            (name, layers.iloc[-1]) for name, layers in by_layer.groupby("architecture", sort=False)
        )
    )
    return Table(
        "Receptive field of the last feature map, in pixels",
        ("network", "layer", "theoretical", "share of the image", "effective before training", "after"),
        rows,
        source(DATA),
        "A theoretical field may reach beyond the image; share and effective fields count what lies in it.",
    )
