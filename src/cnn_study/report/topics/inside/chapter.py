"""The chapter on what is inside the networks: filters, activations, channels that never say anything."""

from functools import partial

from matplotlib.figure import Figure as Picture

from cnn_study.analysis.evidence import Evidence
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import source
from cnn_study.report.kit.members import Members, of_all, of_studies
from cnn_study.report.kit.page import Detail, Figure, Section
from cnn_study.report.kit.pictures import labels_of
from cnn_study.report.kit.wording import counted
from cnn_study.report.topics.inside.dead import dead_channels, dead_finding, dead_in_first_layers, dead_table
from cnn_study.report.topics.inside.feature_maps import draw_feature_maps
from cnn_study.report.topics.inside.first_layers import draw_first_layers


def chapter(evidence: Evidence) -> Chapter:
    """Pictures of what is inside, and the dead channels."""
    params, results = evidence.params, evidence.results
    dead = dead_channels(results)
    images = min(params.evaluate.images, len(evidence.labels))
    finding = dead_finding(results, evidence.summaries, params.studies, images)
    pictures = {}
    for members in of_all(params):
        pictures[_first_layers(members)] = partial(_draw_first_layers, members, evidence)
        for index in params.evaluate.shown_images:
            pictures[_maps(members, index)] = partial(_draw_maps, members, index, evidence)
    first, *others = [_first_layers_figure(members, evidence) for members in of_studies(params)]
    maps = [
        _maps_figure(members, index) for members in of_studies(params) for index in params.evaluate.shown_images
    ]
    details = (
        Detail("Dead channels, layer by layer", tables=(dead_table(dead, evidence),) if len(dead) else ()),
        Detail("First layers of the other studies", figures=tuple(others)),
        Detail("Feature maps, from the image to the last layer", figures=tuple(maps)),
    )
    return Chapter(
        sections=(
            Section(
                "inside",
                "Inside the networks",
                "What do first filters look for, and is any channel never used?",
                (finding.sentence,),
                first,
                None,
                tuple(detail for detail in details if detail),
            ),
        ),
        findings=(finding,),
        tables={"dead_channels": dead},
        pictures=pictures,
    )


def _first_layers(members: Members) -> str:
    return f"first_layers/{members.key}.png"


def _maps(members: Members, index: int) -> str:
    return f"side_by_side/{members.key}_image_{index}.png"


def _first_layers_figure(members: Members, evidence: Evidence) -> Figure:
    path = _first_layers(members)
    found = dead_in_first_layers(members, evidence.results)
    return Figure(
        f"inside-{members.key}-first_layers",
        f"{members.title}: first filters, and what they make of an image; {found}",
        "Of each network, the first run that trained; where none has, one that did not.",
        source(f"plots/images/{path}"),
        image=f"images/{path}",
        alt=f"A row for each of {counted(len(members.names), 'network')}: the kernels of its first convolution in "
        f"colour, and its first layer's maps of test image {evidence.params.evaluate.shown_images[0]}, bright "
        f"where a channel is large; {found}.",
    )


def _maps_figure(members: Members, index: int) -> Figure:
    path = _maps(members, index)
    return Figure(
        f"inside-{members.key}-feature_maps_{index}",
        f"{members.title}: feature maps of test image {index}",
        "From the image to the last layer; brightness has a scale of its own in each cell, given above it.",
        source(f"plots/images/{path}"),
        image=f"images/{path}",
    )


def _draw_first_layers(members: Members, evidence: Evidence) -> Picture:
    index = evidence.params.evaluate.shown_images[0]
    labels = labels_of(members.names, evidence.results)
    return draw_first_layers(
        f"{members.title}: filters and activations of the first layer",
        index,
        {label: evidence.results[name].evaluation.inside for name, label in labels.items()},
    )


def _draw_maps(members: Members, index: int, evidence: Evidence) -> Picture:
    labels = labels_of(members.names, evidence.results)
    return draw_feature_maps(
        f"{members.title}: feature maps of test image {index} ({evidence.classes[evidence.labels[index]]})",
        index,
        {label: evidence.results[name].evaluation.inside for name, label in labels.items()},
        evidence.params.evaluate.channels,
    )
