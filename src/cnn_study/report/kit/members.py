"""The networks of a study as tables and figures name and colour them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cnn_study.params.study import Params
from cnn_study.report.kit.charts import Spec, below
from cnn_study.report.kit.palette import Style, styles_of
from cnn_study.report.kit.wording import first_name


@dataclass(frozen=True)
class Members:
    """The networks of a study: ``key`` and ``title`` of this, their ``names`` as shown, in order, and styles.

    ``styles`` may hold more than ``names``: made once for all of params.yaml, in its order, it keeps each
    architecture the same from chart to chart.
    """

    key: str
    title: str
    names: Mapping[str, str]
    styles: Mapping[str, Style]

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table's rows about these architectures, in their order, each with its ``name``."""
        if "study" in table:
            table = table[table["study"] == self.key]
        place = {architecture: place for place, architecture in enumerate(self.names)}
        table = table[table["architecture"].isin(list(place))]
        table = table.sort_values("architecture", key=lambda column: column.map(place), kind="stable")
        return table.assign(name=table["architecture"].map(dict(self.names)))

    def by_name(self, rows: pd.DataFrame, *channels: str, legend: bool = True) -> Spec:
        """Encodings of ``name`` by ``channels`` (color, shape, strokeDash), which share one legend.

        The legend has only those that ``rows`` are about: an entry with nothing to show would mislead.
        """
        there = [self.styles[architecture] for architecture in rows["architecture"].unique()]
        ranges = {
            "color": [style.colour for style in there],
            "shape": [style.shape for style in there],
            "strokeDash": [list(style.dash) for style in there],
        }
        domain = list(rows["name"].unique())
        shared = {"field": "name", "type": "nominal", "title": None, "legend": below(domain) if legend else None}
        return {channel: shared | {"scale": {"domain": domain, "range": ranges[channel]}} for channel in channels}

    def are_in(self, table: pd.DataFrame) -> bool:
        """Whether a chart of the table would show any of them; of a study in which all failed, none."""
        return len(self.rows(table)) > 0


def of_studies(params: Params) -> list[Members]:
    """The members of every study, in the order of params.yaml."""
    styles = styles_of(list(params.architectures))
    return [Members(key, study.title, study.members, styles) for key, study in params.studies.items()]


def of_all(params: Params) -> list[Members]:
    """The same, and behind them, if there are any, the architectures that no study names, as "In no study"."""
    studies = of_studies(params)
    others = {name: name for name in params.unnamed}
    if not others:
        return studies
    return [*studies, Members("in_no_study", "In no study", others, styles_of(list(params.architectures)))]


def member_table(params: Params) -> pd.DataFrame:
    """A row for each of ``of_all``: ``study``, ``study_title``, ``architecture``, ``number``, ``name`` (as shown).

    ``number``: its place in params.yaml, from 1, which gives it its colour.
    """
    rows = [
        {"study": members.key, "study_title": members.title, "architecture": architecture, "name": name}
        for members in of_all(params)
        for architecture, name in members.names.items()
    ]
    table = pd.DataFrame(rows)
    table.insert(3, "number", numbers(table["architecture"], params.architectures))
    return table


def with_names(table: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The table, each row about an ``architecture`` with its ``number`` and the ``name`` that charts show.

    As in ``member_table``; where a row is about an architecture of several studies, that of the first.
    """
    if "architecture" not in table:
        return table
    names = {name: first_name(name, params.studies, params.unnamed) for name in params.architectures}
    columns: dict[str, list[Any]] = {
        "number": numbers(table["architecture"], params.architectures),
        "name": [names[name] for name in table["architecture"]],
    }
    table = table.copy()
    for column, values in columns.items():
        if column not in table:
            table[column] = values
    first = [column for column in table if column not in columns]
    place = first.index("architecture") + 1
    return table[[*first[:place], *columns, *first[place:]]]


def numbers(architectures: Iterable[str], order: Iterable[str]) -> list[int]:
    """The place of each in ``order``, that of params.yaml, from 1."""
    places = {name: place for place, name in enumerate(order, start=1)}
    return [places[name] for name in architectures]
