"""What ``evaluate`` has found about an architecture, as the files in results/evaluate/ hold it.

evaluation.json says what the others hold: predictions.npz what each run makes of every test image, influence.npz
the effective receptive fields, pictures.npz the images that are shown with what the layers make of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnn_study.base.environment import Environment
from cnn_study.base.errors import StudyError
from cnn_study.base.files import load_arrays, save_arrays
from cnn_study.base.records import Record
from cnn_study.data.splits import Integers
from cnn_study.evaluation.activations import Flags, Maps
from cnn_study.evaluation.effective_field import Field
from cnn_study.evaluation.influence import Floats
from cnn_study.training.records import Status

Pixels = npt.NDArray[np.uint8]  # (3, H, W)

SURE = 65535  # what stands for a confidence of 1 in predictions.npz
BRIGHTEST = 255  # what stands for a map's largest activation in pictures.npz


@dataclass(frozen=True)
class Predictions:
    """The class (N,) that a run predicts for each test image, and its softmax probability (N,), 0 to 1."""

    predicted: Integers
    confidence: Floats


@dataclass(frozen=True)
class Activations:
    """What one network makes of one ``image``.

    ``maps``: of each layer the first channels, (shown, H, W), after the ReLU and before any pool.
    """

    image: Pixels
    maps: Mapping[str, Maps]


class LookedInto(Record):
    """The run whose network is looked into: the first that trained, else the first that collapsed, else the first.

    A run that diverged has no network: its first weights are shown.
    """

    seed: int
    status: Status


class _Geometry(Record):
    """A ``Field`` without its influences."""

    layer: str
    size: int
    theoretical: int
    center: float
    visible: tuple[int, int]


class _Index(Record):
    """evaluation.json."""

    seeds: tuple[int, ...]
    looked_into: LookedInto
    fields: tuple[_Geometry, ...]
    filters_of: str
    shown_images: tuple[int, ...]
    largest: dict[str, float]
    environment: Environment


@dataclass(frozen=True)
class Evaluation:
    """What an architecture's networks make of the test images.

    ``predictions``: by seed, None where the run diverged. ``fields``: by layer. ``filters``: the
    kernels (C, 3, k, k) of the first convolution, which is called ``filters_of``. ``dead``: for each layer of the
    maps, which of all its channels are positive nowhere on the images looked at. ``activations``: by the index of
    an image in the test split. ``environment``: with the layers that were not computed in the usual way.
    """

    predictions: Mapping[int, Predictions | None]
    looked_into: LookedInto
    fields: tuple[Field, ...]
    filters_of: str
    filters: Maps
    dead: Mapping[str, Flags]
    activations: Mapping[int, Activations]
    environment: Environment

    def write(self, folder: Path) -> None:
        """Write all of it into an existing folder."""
        arrays: dict[str, npt.NDArray[np.generic]] = {}
        for seed, run in self.predictions.items():
            if run is not None:
                arrays[f"predicted {seed}"] = run.predicted.astype(np.uint16)
                arrays[f"confidence {seed}"] = np.round(SURE * run.confidence).astype(np.uint16)
        save_arrays(folder / "predictions.npz", arrays)
        save_arrays(
            folder / "influence.npz",
            {
                f"{when} {field.layer}": influence.astype(np.float32)
                for field in self.fields
                for when, influence in (("untrained", field.untrained), ("trained", field.trained))
                if influence is not None
            },
        )
        largest = {
            f"{index} {layer}": float(maps.max())
            for index, shown in self.activations.items()
            for layer, maps in shown.maps.items()
        }
        pictures: dict[str, npt.NDArray[np.generic]] = {"filters": self.filters}
        pictures |= {f"dead {layer}": flags for layer, flags in self.dead.items()}
        for index, shown in self.activations.items():
            pictures[f"image {index}"] = shown.image
            for layer, maps in shown.maps.items():
                brightness = BRIGHTEST * maps / max(largest[f"{index} {layer}"], 1e-12)
                pictures[f"maps {index} {layer}"] = brightness.round().astype(np.uint8)
        save_arrays(folder / "pictures.npz", pictures)
        _Index(
            seeds=tuple(self.predictions),
            looked_into=self.looked_into,
            fields=tuple(_geometry_of(field) for field in self.fields),
            filters_of=self.filters_of,
            shown_images=tuple(self.activations),
            largest=largest,
            environment=self.environment,
        ).write(folder / "evaluation.json")

    @classmethod
    def read(cls, folder: Path) -> "Evaluation":
        """What ``write`` has written. Raises StudyError if it is missing or damaged.

        Confidences and activations are rounded, to 1/65535 and to 1/255 of a map's largest.
        """
        index = _Index.read(folder / "evaluation.json")
        arrays, influence, pictures = (
            load_arrays(folder / f"{name}.npz") for name in ("predictions", "influence", "pictures")
        )

        def run(seed: int) -> Predictions | None:
            if f"predicted {seed}" not in arrays:
                return None
            predicted, confidence = arrays[f"predicted {seed}"], arrays[f"confidence {seed}"]
            return Predictions(predicted.astype(np.int64), confidence / SURE)

        def pixels(when: str, layer: str) -> Floats | None:
            array = influence.get(f"{when} {layer}")
            return None if array is None else array.astype(np.float64)

        def maps(shown: int) -> dict[str, Maps]:
            start = f"maps {shown} "
            return {
                name.removeprefix(start): (
                    array * np.float32(index.largest[name.removeprefix("maps ")] / BRIGHTEST)
                )
                for name, array in pictures.items()
                if name.startswith(start)
            }

        try:
            return cls(
                predictions={seed: run(seed) for seed in index.seeds},
                looked_into=index.looked_into,
                fields=tuple(
                    Field(
                        **dict(seen),
                        untrained=pixels("untrained", seen.layer),
                        trained=pixels("trained", seen.layer),
                    )
                    for seen in index.fields
                ),
                filters_of=index.filters_of,
                filters=pictures["filters"],
                dead={
                    name.removeprefix("dead "): array
                    for name, array in pictures.items()
                    if name.startswith("dead ")
                },
                activations={
                    shown: Activations(pictures[f"image {shown}"], maps(shown)) for shown in index.shown_images
                },
                environment=index.environment,
            )
        except KeyError as error:
            raise StudyError(f"{folder}: found no array {error}; `dvc repro` makes it anew") from None


def _geometry_of(field: Field) -> _Geometry:
    return _Geometry(
        layer=field.layer,
        size=field.size,
        theoretical=field.theoretical,
        center=field.center,
        visible=field.visible,
    )
