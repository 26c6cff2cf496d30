"""What ``evaluate`` has found about an architecture, as the files in results/evaluate/ hold it.

evaluation.json says what the others hold: predictions.npz what each run makes of every test image, influence.npz
the effective receptive fields, pictures.npz the images that are shown with what the layers make of them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnn_study.base.environment import Environment
from cnn_study.base.errors import StudyError
from cnn_study.base.files import load_arrays, save_arrays
from cnn_study.base.records import Record
from cnn_study.evaluation.activations import Flags, Maps
from cnn_study.evaluation.effective_field import Field, Spreads
from cnn_study.evaluation.influence import Floats
from cnn_study.evaluation.predictions import Predictions
from cnn_study.training.finished import Key
from cnn_study.training.records import Status

Pixels = npt.NDArray[np.uint8]  # (channels, H, W)

ARRAYS = ("predictions.npz", "influence.npz", "pictures.npz")
MADE_ANEW = "`dvc repro` makes it again"
BRIGHTEST = 255  # what stands for a map's largest activation in pictures.npz


@dataclass(frozen=True)
class Activations:
    """What one network makes of one ``image``.

    ``maps``: of each layer the first channels, (shown, H, W), after the ReLU and before any pool.
    """

    image: Pixels
    maps: Mapping[str, Maps]


class LookedInto(Record):
    """The run whose network is looked into, one to its largest budget.

    The first that trained, else the first that collapsed, else the first. One that diverged has no network: its
    first weights are shown.
    """

    seed: int
    budget: int
    status: Status


class _Geometry(Record):
    """A ``Field`` without its influences."""

    layer: str
    size: int
    theoretical: int
    center: float
    visible: tuple[int, int]
    by_all: tuple[int, int]


class _Run(Record):
    """An ``Evaluated`` without its arrays; of those that ``diverged`` predictions.npz has none."""

    seed: int
    budget: int
    known_by: str
    diverged: bool
    temperature: float | None
    environment: Environment


class _Index(Record):
    """evaluation.json.

    ``contents``: the SHA-256 of each of the other files: none is of another evaluation. From ``looked_into`` on,
    what an ``Inside`` holds; ``largest_activations``: by image and layer, what 255 stands for in pictures.npz.
    """

    contents: dict[str, str]
    runs: tuple[_Run, ...]
    spreads: tuple[Spreads, ...]
    looked_into: LookedInto
    known_by: str
    images: int
    fields: tuple[_Geometry, ...]
    filters_of: str
    shown_images: tuple[int, ...]
    largest_activations: dict[str, float]
    environment: Environment


@dataclass(frozen=True)
class Evaluated:
    """A run's ``predictions``, None where it diverged, and the environment that they were computed in.

    ``known_by``: the fingerprint of all that they depend on but for that.
    """

    predictions: Predictions | None
    known_by: str
    environment: Environment

    @property
    def temperature(self) -> float | None:
        """That which was fitted, if one was."""
        calibrated = self.predictions and self.predictions.calibrated
        return calibrated.temperature if calibrated else None


@dataclass(frozen=True)
class Inside:
    """What is seen inside one network.

    ``images``: how many test images dead channels and the influences of all runs are of, evenly spaced.
    ``fields``: by layer. ``filters``: the kernels (C, channels, k, k) of the first convolution, which is called
    ``filters_of``. ``dead``: for each layer of the maps, which of all its channels are positive nowhere on the
    images looked at. ``activations``: by the index of an image in the test split. ``environment``, of the CPU:
    with the layers that were not computed in the usual way. ``known_by``: as that of ``Evaluated``.
    """

    looked_into: LookedInto
    images: int
    fields: tuple[Field, ...]
    filters_of: str
    filters: Maps
    dead: Mapping[str, Flags]
    activations: Mapping[int, Activations]
    environment: Environment
    known_by: str


@dataclass(frozen=True)
class Evaluation:
    """What an architecture's networks make of the test images: ``runs`` by seed and budget, one ``inside``.

    ``spreads``: of the runs to the largest budget.
    """

    runs: Mapping[Key, Evaluated]
    spreads: Mapping[Key, Spreads]
    inside: Inside

    def write(self, folder: Path) -> None:
        """Write all of it into an existing folder."""
        arrays: dict[str, npt.NDArray[np.generic]] = {}
        for key, run in self.runs.items():
            if run.predictions is not None:
                arrays |= run.predictions.arrays(key)
        save_arrays(folder / "predictions.npz", arrays)
        inside = self.inside
        save_arrays(
            folder / "influence.npz",
            {
                f"{when} {field.layer}": influence.astype(np.float32)
                for field in inside.fields
                for when, influence in (("untrained", field.untrained), ("trained", field.trained))
                if influence is not None
            },
        )
        largest = {
            f"{index} {layer}": float(maps.max())
            for index, shown in inside.activations.items()
            for layer, maps in shown.maps.items()
        }
        pictures: dict[str, npt.NDArray[np.generic]] = {"filters": inside.filters}
        pictures |= {f"dead {layer}": flags for layer, flags in inside.dead.items()}
        for index, shown in inside.activations.items():
            pictures[f"image {index}"] = shown.image
            for layer, maps in shown.maps.items():
                brightness = BRIGHTEST * maps / max(largest[f"{index} {layer}"], 1e-12)
                pictures[f"maps {index} {layer}"] = brightness.round().astype(np.uint8)
        save_arrays(folder / "pictures.npz", pictures)
        _Index(
            contents={name: _sha256(folder / name) for name in ARRAYS},
            runs=tuple(
                _Run(
                    seed=seed,
                    budget=budget,
                    known_by=run.known_by,
                    diverged=run.predictions is None,
                    temperature=run.temperature,
                    environment=run.environment,
                )
                for (seed, budget), run in self.runs.items()
            ),
            spreads=tuple(self.spreads.values()),
            looked_into=inside.looked_into,
            known_by=inside.known_by,
            images=inside.images,
            fields=tuple(
                _Geometry.model_validate({name: getattr(field, name) for name in _Geometry.model_fields})
                for field in inside.fields
            ),
            filters_of=inside.filters_of,
            shown_images=tuple(inside.activations),
            largest_activations=largest,
            environment=inside.environment,
        ).write(folder / "evaluation.json")

    @classmethod
    def read(cls, folder: Path) -> "Evaluation":
        """What ``write`` has written. Raises StudyError if it is missing or damaged.

        Confidences and activations are rounded, to 1/65535 and to 1/255 of a map's largest; written again, they
        are the same.
        """
        index = _Index.read(folder / "evaluation.json")
        arrays, influence, pictures = (load_arrays(folder / name) for name in ARRAYS)
        for name in ARRAYS:
            if _sha256(folder / name) != index.contents.get(name):
                raise StudyError(f"{folder / name}: another evaluation's than evaluation.json; {MADE_ANEW}")

        def evaluated(run: _Run) -> Evaluated:
            key = run.seed, run.budget
            predictions = None if run.diverged else Predictions.of(arrays, key, run.temperature)
            return Evaluated(predictions, run.known_by, run.environment)

        def pixels(when: str, layer: str) -> Floats | None:
            array = influence.get(f"{when} {layer}")
            return None if array is None else array.astype(np.float64)

        def maps(shown: int) -> dict[str, Maps]:
            start = f"maps {shown} "
            return {
                name.removeprefix(start): (
                    array.astype(np.float32)
                    / np.float32(BRIGHTEST)
                    * np.float32(index.largest_activations[name.removeprefix("maps ")])
                )
                for name, array in pictures.items()
                if name.startswith(start)
            }

        try:
            inside = Inside(
                looked_into=index.looked_into,
                images=index.images,
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
                known_by=index.known_by,
            )
            runs = {(run.seed, run.budget): evaluated(run) for run in index.runs}
            return cls(runs, {(one.seed, one.budget): one for one in index.spreads}, inside)
        except KeyError as error:
            raise StudyError(f"{folder}: found no array {error}; {MADE_ANEW}") from None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
