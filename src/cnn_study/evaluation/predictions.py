"""What a run makes of the test images, and the arrays that hold it in predictions.npz."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnn_study.data.splits import Integers
from cnn_study.evaluation.influence import Floats
from cnn_study.training.finished import Key

SURE = 65535  # what stands for a confidence of 1


@dataclass(frozen=True)
class Calibrated:
    """The ``temperature`` fitted on the validation images, and the ``confidence`` (N,) after it, 0 to 1."""

    temperature: float
    confidence: Floats


@dataclass(frozen=True)
class Predictions:
    """The class (N,) that a run predicts for each test image, and its softmax probability (N,), 0 to 1.

    ``calibrated``: of runs that trained to the largest budget.
    """

    predicted: Integers
    confidence: Floats
    calibrated: Calibrated | None = None

    def arrays(self, key: Key) -> dict[str, npt.NDArray[np.uint16]]:
        """By name, those of the run ``key``. Confidences are rounded to 1/65535."""
        found = {
            f"predicted {_words(key)}": self.predicted.astype(np.uint16),
            f"confidence {_words(key)}": _rounded(self.confidence),
        }
        if self.calibrated is not None:
            found[f"calibrated {_words(key)}"] = _rounded(self.calibrated.confidence)
        return found

    @classmethod
    def of(
        cls, arrays: Mapping[str, npt.NDArray[np.generic]], key: Key, temperature: float | None
    ) -> "Predictions":
        """Those of the run ``key``, with its fitted ``temperature``. Raises KeyError if there are none."""
        calibrated = None
        if temperature is not None:
            calibrated = Calibrated(temperature, arrays[f"calibrated {_words(key)}"].astype(np.float64) / SURE)
        return cls(
            arrays[f"predicted {_words(key)}"].astype(np.int64),
            arrays[f"confidence {_words(key)}"].astype(np.float64) / SURE,
            calibrated,
        )


def _rounded(confidence: Floats) -> npt.NDArray[np.uint16]:
    return np.round(SURE * confidence).astype(np.uint16)


def _words(key: Key) -> str:
    seed, budget = key
    return f"seed {seed} budget {budget}"
