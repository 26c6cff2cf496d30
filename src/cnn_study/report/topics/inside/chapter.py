"""The chapter on filters, activations and feature maps, of all networks for the same images."""

from collections.abc import Mapping
from functools import partial

import pandas as pd
from matplotlib.figure import Figure as Picture

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.results import Result
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import source
from cnn_study.report.kit.members import Members, of_all, of_studies
from cnn_study.report.kit.page import Detail, Figure, Section, Table
from cnn_study.report.kit.pictures import labels_of
from cnn_study.report.kit.wording import with_status
from cnn_study.report.topics.inside.feature_maps import draw_feature_maps
from cnn_study.report.topics.inside.first_layers import draw_first_layers

DATA = "plots/data/dead_channels.csv"


def chapter(evidence: Evidence) -> Chapter:
    """Pictures of what is inside, and the dead channels."""
    indices = evidence.params.evaluate.shown_images
    dead = dead_channels(evidence.results)
    pictures = {}
    for members in of_all(evidence.params):
        pictures[_first_layers(members)] = partial(_draw_first_layers, members, evidence)
        for index in indices:
            pictures[_maps(members, index)] = partial(_draw_maps, members, index, evidence)
    figures = tuple(figure for shown in of_studies(evidence.params) for figure in _figures(shown, indices, dead))
    return Chapter(
        sections=(
            Section(
                "inside",
                "Inside the networks",
                "What do the first filters look for, and what becomes of an image layer by layer?",
                (),
                figures[0],
                _table(dead, evidence) if len(dead) else None,
                (Detail("All pictures", figures=figures[1:]),),
            ),
        ),
        tables={"dead_channels": dead},
        pictures=pictures,
    )


def dead_channels(results: Mapping[str, Result]) -> pd.DataFrame:
    """How many channels are ``dead``, by ``architecture`` and ``layer``: where there are any.

    ``channels``: how many the layer has. Of networks that have weights of their own.
    """
    rows = [
        {"architecture": name, "layer": layer, "channels": len(flags), "dead": int(flags.sum())}
        for name, result in results.items()
        if result.evaluation.inside.looked_into.status != "diverged"
        for layer, flags in result.evaluation.inside.dead.items()
        if flags.any()
    ]
    return pd.DataFrame(rows, columns=["architecture", "layer", "channels", "dead"])


def _first_layers(members: Members) -> str:
    return f"first_layers/{members.key}.png"


def _maps(members: Members, index: int) -> str:
    return f"side_by_side/{members.key}_image_{index}.png"


def _figures(members: Members, indices: tuple[int, ...], dead: pd.DataFrame) -> list[Figure]:
    first, maps = _first_layers(members), {index: _maps(members, index) for index in indices}
    crossed_out = "; crossed out are dead channels, which none of the test images looked at makes positive"
    return [
        Figure(
            f"inside-{members.key}-first_layers",
            f"{members.title}: filters and activations of the first layer",
            f"The first run of each architecture that trained{crossed_out if members.are_in(dead) else ''}.",
            source(f"plots/images/{first}"),
            image=f"images/{first}",
        ),
        *(
            Figure(
                f"inside-{members.key}-feature_maps_{index}",
                f"{members.title}: feature maps of test image {index}",
                "From the image to the last layer; brightness has a scale of its own in each cell, told above it.",
                source(f"plots/images/{path}"),
                image=f"images/{path}",
            )
            for index, path in maps.items()
        ),
    ]


def _draw_first_layers(members: Members, evidence: Evidence) -> Picture:
    index = evidence.params.evaluate.shown_images[0]
    labels = labels_of(members, evidence.results)
    return draw_first_layers(
        f"{members.title}: filters and activations of the first layer",
        index,
        {label: evidence.results[name].evaluation.inside for name, label in labels.items()},
    )


def _draw_maps(members: Members, index: int, evidence: Evidence) -> Picture:
    labels = labels_of(members, evidence.results)
    return draw_feature_maps(
        f"{members.title}: feature maps of test image {index} ({evidence.classes[evidence.labels[index]]})",
        index,
        {label: evidence.results[name].evaluation.inside for name, label in labels.items()},
        evidence.params.evaluate.channels,
    )


def _table(dead: pd.DataFrame, evidence: Evidence) -> Table:
    return Table(
        "Dead channels",
        ("network", "layer", "dead", "of channels"),
        tuple(
            (
                with_status(str(row["architecture"]), evidence.summaries, evidence.params.studies),
                str(row["layer"]),
                str(row["dead"]),
                str(row["channels"]),
            )
            for row in dead.to_dict("records")
        ),
        source(DATA),
        f"Channels that are positive nowhere on the first {evidence.params.evaluate.images} test images. Layers "
        "that are not named have none.",
    )
