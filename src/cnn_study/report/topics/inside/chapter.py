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
from cnn_study.report.kit.page import Figure, Section, Table
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
    return Chapter(
        sections=(
            Section(
                "inside",
                "Inside the networks",
                "What do the first filters look for, and what becomes of an image layer by layer?",
                (),
                (_table(dead, evidence),),
                tuple(figure for shown in of_studies(evidence.params) for figure in _figures(shown, indices)),
            ),
        ),
        tables={"dead_channels": dead},
        pictures=pictures,
    )


def dead_channels(results: Mapping[str, Result]) -> pd.DataFrame:
    """``channels`` and how many are ``dead``, by ``architecture`` and ``layer``, of networks that have weights."""
    rows = [
        {"architecture": name, "layer": layer, "channels": len(flags), "dead": int(flags.sum())}
        for name, result in results.items()
        if result.evaluation.inside.looked_into.status != "diverged"
        for layer, flags in result.evaluation.inside.dead.items()
    ]
    return pd.DataFrame(rows, columns=["architecture", "layer", "channels", "dead"])


def _first_layers(members: Members) -> str:
    return f"first_layers/{members.key}.png"


def _maps(members: Members, index: int) -> str:
    return f"side_by_side/{members.key}_image_{index}.png"


def _figures(members: Members, indices: tuple[int, ...]) -> list[Figure]:
    first, maps = _first_layers(members), {index: _maps(members, index) for index in indices}
    return [
        Figure(
            f"inside-{members.key}-first_layers",
            f"{members.title}: filters and activations of the first layer",
            "The first run of each architecture that trained; crossed out are dead channels, which none of "
            "the test images looked at makes positive.",
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
    totals = dead.groupby("architecture", sort=False)[["dead", "channels"]].sum()
    return Table(
        "Dead channels",
        ("network", "dead", "of channels", "in layers"),
        tuple(
            (
                with_status(str(name), evidence.summaries, evidence.params.studies),
                str(row["dead"]),
                str(row["channels"]),
                ", ".join(dead[(dead["architecture"] == name) & (dead["dead"] > 0)]["layer"]) or "–",
            )
            for name, row in totals.iterrows()
        ),
        source(DATA),
        f"Channels that are positive nowhere on the first {evidence.params.evaluate.images} test images.",
    )
