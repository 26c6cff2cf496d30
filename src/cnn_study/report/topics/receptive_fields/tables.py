"""The tables of receptive fields: theoretical, and in effect before and after training, over seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cnn_study.analysis.results import Result
from cnn_study.analysis.statistics import Estimate, clipped
from cnn_study.evaluation.effective_field import Field, side
from cnn_study.evaluation.influence import Spread, deviations, even_deviation, sides

BY_LAYER = "plots/data/receptive_fields_by_layer.csv"


@dataclass(frozen=True)
class LayerField:
    """What the central unit of a layer sees, in pixels.

    ``visible``: the side of what lies in the image; ``by_all``: of what the layer's units see together. Estimates
    are over seeds: standard deviations and sides of the influence before and after training, and by how much
    training changes the former.
    """

    layer: str
    size: int
    theoretical: int
    visible: int
    by_all: int
    theoretical_share: float
    deviation_untrained: Estimate
    deviation_trained: Estimate
    change: Estimate
    side_untrained: Estimate
    side_trained: Estimate

    @property
    def even(self) -> float:
        """The standard deviation of an influence that is the same everywhere in the visible square."""
        return even_deviation(self.visible)

    @classmethod
    def of(
        cls, field: Field, untrained: Sequence[Spread | None], trained: Sequence[Spread | None]
    ) -> "LayerField":
        """Of a layer's ``field``, with the spreads of all seeds."""
        changes = [
            after.deviation - before.deviation if before and after else None
            for before, after in zip(untrained, trained, strict=True)
        ]
        return cls(
            layer=field.layer,
            size=field.size,
            theoretical=field.theoretical,
            visible=side(field.visible),
            by_all=side(field.by_all),
            theoretical_share=field.theoretical_share,
            deviation_untrained=Estimate.of(deviations(untrained)),
            deviation_trained=Estimate.of(deviations(trained)),
            change=Estimate.of(changes),
            side_untrained=Estimate.of(sides(untrained)),
            side_trained=Estimate.of(sides(trained)),
        )


def layer_fields(result: Result) -> list[LayerField]:
    """Of every layer of an architecture, in order, over its runs to the largest budget."""
    by_layer = zip(*(spreads.layers for spreads in result.spreads), strict=True)
    return [
        LayerField.of(field, [one.untrained for one in of_layer], [one.trained for one in of_layer])
        for field, of_layer in zip(result.evaluation.inside.fields, by_layer, strict=True)
    ]


def fields_by_layer(fields: Mapping[str, Sequence[LayerField]]) -> pd.DataFrame:
    """A row for each ``architecture`` and ``layer``; ``depth`` counts the layers from 1.

    The numbers of ``LayerField``: those over seeds as means; deviations and changes also with the ends of their
    95 % intervals, ``_low`` and ``_high``.
    """
    rows = []
    for name, layers in fields.items():
        for depth, field in enumerate(layers, start=1):
            row: dict[str, str | float | None] = {
                "architecture": name,
                "layer": field.layer,
                "depth": depth,
                "theoretical": field.theoretical,
                "visible": field.visible,
                "theoretical_share": field.theoretical_share,
                "even": field.even,
            }
            for key in ("deviation_untrained", "deviation_trained", "change"):
                estimate: Estimate = getattr(field, key)
                low, high = clipped(estimate.ci95, -math.inf if key == "change" else 0) or (None, None)
                row |= {key: estimate.mean, f"{key}_low": low, f"{key}_high": high}
            row |= {"side_untrained": field.side_untrained.mean, "side_trained": field.side_trained.mean}
            rows.append(row)
    return pd.DataFrame(rows)


def fields_by_seed(fields: Mapping[str, Sequence[LayerField]], results: Mapping[str, Result]) -> pd.DataFrame:
    """Deviations and sides before and after training by ``architecture``, ``layer`` and ``seed``."""
    keys = ("deviation_untrained", "deviation_trained", "side_untrained", "side_trained")
    return pd.DataFrame(
        {"architecture": name, "layer": field.layer, "depth": depth, "seed": seed}
        | {key: getattr(field, key).per_seed[place] for key in keys}
        for name, layers in fields.items()
        for depth, field in enumerate(layers, start=1)
        for place, seed in enumerate(results[name].seeds)
    )


def last_fields(results: Mapping[str, Result], members: pd.DataFrame) -> pd.DataFrame:
    """The sides in ``pixels`` of the last feature map's field by ``kind``: theoretical, effective (Luo et al.)."""
    rows = [
        {"architecture": name, "kind": kind, "pixels": pixels}
        for name, result in results.items()
        for kind, pixels in (
            ("theoretical", result.profile.receptive_field),
            ("effective", layer_fields(result)[-1].side_trained.mean),
        )
    ]
    return members.merge(pd.DataFrame(rows), on="architecture")
