"""The chapter on receptive fields, theoretical and effective: its tables, its chart, its section."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Picture

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.statistics import Estimate
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.charts import LAYER_ACROSS, Spec, line_with_points, panels, quantity, tip
from cnn_study.report.kit.findings import sentences, source
from cnn_study.report.kit.members import Members, member_table, of_all, of_studies
from cnn_study.report.kit.page import Detail, Figure, Section, Table
from cnn_study.report.kit.pictures import labels_of
from cnn_study.report.kit.wording import (
    at_own_largest,
    counted,
    first_name,
    percent,
    pixels,
    pixels_within,
    span,
    with_status,
)
from cnn_study.report.topics.receptive_fields.picture import draw_fields, draw_last_fields
from cnn_study.report.topics.receptive_fields.sentences import field_findings, title_of
from cnn_study.report.topics.receptive_fields.tables import (
    BY_LAYER,
    LayerField,
    fields_by_layer,
    fields_by_seed,
    last_fields,
    layer_fields,
)

KINDS = {
    "even": "the same influence everywhere",
    "deviation_untrained": "before training",
    "deviation_trained": "after training",
}
ANSWERS = ("sees", "counts_most", "fields_change", "fields_of_one_seed")  # the rules of the answer's sentences
LAST = "receptive_fields/last-layers.png"  # no study has a - in its key
# Symbols that stay hollow in a legend: an outline, and the hole in it drawn the other way round.
FRAME = "M-1,-1L1,-1L1,1L-1,1Z M-.75,-.75L-.75,.75L.75,.75L.75,-.75Z"
RING = "M0,-1A1,1,0,1,1,0,1A1,1,0,1,1,0,-1Z M0,-.7A.7,.7,0,1,0,0,.7A.7,.7,0,1,0,0,-.7Z"


def chapter(evidence: Evidence) -> Chapter:
    """Theoretical and effective fields, layer by layer and of the last one."""
    fields = {name: layer_fields(result) for name, result in evidence.results.items()}
    by_layer = fields_by_layer(fields)
    last = {name: layers[-1] for name, layers in fields.items()}
    findings = tuple(field_findings(fields, evidence.results, evidence.params.studies))
    answer = tuple(finding for finding in findings if finding.rule in ANSWERS)
    (head,) = (finding for finding in findings if finding not in answer)
    studies = of_studies(evidence.params)
    title = title_of(last, evidence.results)
    details = (
        Detail(
            "The last feature map: what the head sees, share of the image, all intervals, Luo et al.'s measure",
            sentences([head]),
            (_all_of_last(last, evidence),),
        ),
        Detail("Layer by layer: how far the influence reaches", figures=_charts(_long(by_layer), studies)),
        Detail("Layer by layer, on a test image: before and after training", figures=_pictures(studies)),
    )
    return Chapter(
        sections=(
            Section(
                "receptive_fields",
                "Receptive fields",
                "How much of the image can a unit see, and how much of that counts?",
                sentences(answer),
                _figure(title, last),
                _table(last, evidence),
                details,
            ),
        ),
        findings=findings,
        tables={
            "receptive_fields": last_fields(evidence.results, member_table(evidence.params)),
            "receptive_fields_by_layer": by_layer,
            "receptive_fields_by_seed": fields_by_seed(fields, evidence.results),
        },
        pictures={LAST: partial(_draw_last, title, last, evidence)}
        | {_path(members): partial(_draw, members, evidence) for members in of_all(evidence.params)},
    )


def _long(by_layer: pd.DataFrame) -> pd.DataFrame:
    """A row for each ``kind`` of deviation, as charts show it, in ``pixels`` with an interval, if it has one."""
    parts = [
        by_layer[["architecture", "layer", "depth"]].assign(
            kind=title,
            pixels=by_layer[key].astype(float),
            **{end: by_layer.get(f"{key}_{end}", pd.Series(dtype=float)).astype(float) for end in ("low", "high")},
        )
        for key, title in KINDS.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _path(members: Members) -> str:
    return f"receptive_fields/{members.key}.png"


def _draw(members: Members, evidence: Evidence) -> Picture:
    labels = labels_of(members.names, evidence.results)
    index = evidence.params.evaluate.shown_images[0]
    evaluations = {label: evidence.results[name].evaluation.inside for name, label in labels.items()}
    return draw_fields(
        f"{members.title}: what the central unit of each layer sees, before and after training",
        next(iter(evaluations.values())).activations[index].image,
        {label: evaluation.fields for label, evaluation in evaluations.items()},
    )


def _draw_last(title: str, last: Mapping[str, LayerField], evidence: Evidence) -> Picture:
    """The smallest theoretical fields first."""
    inside = {name: result.evaluation.inside for name, result in evidence.results.items()}
    params = evidence.params
    index = params.evaluate.shown_images[0]
    labels = labels_of({name: first_name(name, params.studies, params.unnamed) for name in last}, evidence.results)
    return draw_last_fields(
        title,
        next(iter(inside.values())).activations[index].image,
        [
            (
                labels[name],
                f"{last[name].theoretical} px, SD {_mean(last[name].deviation_trained)}",
                inside[name].fields[-1],
            )
            for name in sorted(last, key=lambda name: last[name].theoretical)
        ],
    )


def _figure(title: str, last: Mapping[str, LayerField]) -> Figure:
    sides = sorted({str(field.theoretical) for field in last.values()}, key=int)
    heeded = sorted(mean for field in last.values() if (mean := field.deviation_trained.mean) is not None)
    deviations = [pixels(mean) for mean in heeded]
    circles = (
        f", and a circle of twice {span(deviations[0], deviations[-1])} pixels, the influence's SD"
        if heeded
        else ""
    )
    return Figure(
        "receptive_fields-last",
        title,
        "The central unit of the last feature map, on a test image, in one run of each network. Where a "
        "map has an even number of units, the unit beside its middle. Darker orange: more influence. Square: what "
        "it can see; circle: two standard deviations (SD) of the influence.",
        source(f"plots/images/{LAST}"),
        image=f"images/{LAST}",
        alt=f"A test image for each of {counted(len(last), 'network')}, with a square of "
        f"{span(sides[0], sides[-1])} pixels that the central unit can see{circles}.",
    )


def _charts(fields: pd.DataFrame, studies: Sequence[Members]) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            f"receptive_fields-{members.key}-by_layer",
            f"{members.title}: how far the influence on a unit reaches, by layer",
            "Standard deviation of the influence of pixels on the central unit of each layer; "
            "means and 95 % CIs over seeds.",
            source(BY_LAYER),
            receptive_fields_by_layer(fields, members),
        )
        for members in studies
    )


def _pictures(studies: Sequence[Members]) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            f"receptive_fields-{members.key}-influence",
            f"{members.title}: what the central units see",
            "Of one run. Darker orange: more influence; the square is the theoretical field, the circle two "
            "standard deviations of the influence around its centre.",
            source(f"plots/images/{_path(members)}"),
            image=f"images/{_path(members)}",
        )
        for members in studies
    )


def receptive_fields_by_layer(fields: pd.DataFrame, members: Members) -> Spec:
    """The standard deviation by ``layer`` (``depth`` orders them), a line for each ``kind``; a panel each."""
    rows = members.rows(fields).dropna(subset="pixels")
    colours = members.by_name(rows, "color", legend=False)
    y = quantity("pixels", "standard deviation in pixels", scale={"domainMin": 0})
    tips = [tip("name", "network"), tip("layer"), tip("kind"), tip("pixels", None, ".2f")]
    tips += [tip(end, f"95 % CI, {end}", ".2f") for end in ("low", "high")]
    line = {"x": LAYER_ACROSS, "y": y, "tooltip": tips} | colours | _by_kind(rows, "shape", "strokeDash")
    interval = {"x": LAYER_ACROSS, "y": y | {"field": "low"}, "y2": {"field": "high"}} | colours
    return panels(
        f"{members.title}: how far the influence on a unit reaches, by layer",
        rows[["name", "layer", "depth", "kind", "pixels", "low", "high"]],
        {
            "layer": [
                {
                    "transform": [{"filter": "isValid(datum.low)"}],
                    "mark": {"type": "rule", "strokeWidth": 1.4, "clip": True},
                    "encoding": interval,
                },
                {"mark": line_with_points(), "encoding": line},
            ],
            "width": 245,
        },
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


def _mean(estimate: Estimate) -> str:
    return "–" if estimate.mean is None else pixels(estimate.mean)


def _within(estimate: Estimate, signed: bool = False) -> str:
    return "–" if estimate.mean is None else pixels_within(estimate, signed)


def _table(last: Mapping[str, LayerField], evidence: Evidence) -> Table:
    return Table(
        "Receptive field of the last feature map, in pixels",
        ("network", "side in theory", "SD after training", "change by training"),
        tuple(
            (
                with_status(name, evidence.summaries, evidence.params.studies),
                str(field.theoretical),
                _mean(field.deviation_trained),
                _within(field.change, signed=True),
            )
            for name, field in last.items()
        ),
        source(BY_LAYER),
        "SD: standard deviation of the influence on the central unit, a mean over seeds; of the change with its "
        f"95 % CI.{at_own_largest(evidence.summaries)}",
    )


def _all_of_last(last: Mapping[str, LayerField], evidence: Evidence) -> Table:
    rows = tuple(
        (
            with_status(name, evidence.summaries, evidence.params.studies),
            field.layer,
            percent(field.theoretical_share),
            pixels(field.even),
            _within(field.deviation_untrained),
            _within(field.deviation_trained),
            _mean(field.side_untrained),
            _mean(field.side_trained),
        )
        for name, field in last.items()
    )
    return Table(
        "More of the last feature map's field, in pixels",
        (
            "network", "layer", "share of the image", "SD of even influence", "SD before training", "after",
            "side of Luo et al. before training", "after",
        ),
        rows,
        source(BY_LAYER),
        "SD: standard deviation of the influence, with its 95 % CI over seeds. A theoretical field may reach "
        "beyond the image; all else counts what lies in it. Sides of Luo et al.: the square root of the number of "
        "pixels with more than 4.55 % of the largest influence.",
    )  # fmt: skip
