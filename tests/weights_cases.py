"""What a file of weights says of a network, made up."""

from typing import Any

from cnn_study.base.environment import Environment
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.weights import About
from tests.conftest import SHAPE


def about_of(architecture: Architecture, shape: Shape = SHAPE, **changes: Any) -> About:
    """Of a network of ``architecture`` for ``shape``; ``changes``: fields that are otherwise."""
    environment = Environment("cpu", "fp32", 1, "a processor", "3.11", "2.14", {"conv1": "contiguous"})
    fields: dict[str, Any] = {
        "name": "mine", "architecture": architecture, "shape": shape,
        "classes": tuple(f"class {k}" for k in range(shape.classes)), "dataset": "made_up", "seed": 3, "budget": 2,
        "learning_rate": 0.05, "fingerprint": "a run", "environment": environment, "version": "1.2.3",
    }  # fmt: skip
    return About(**(fields | changes))


def averaging(architecture: Architecture) -> Architecture:
    """The same with pools that average, which has the same tensors."""
    layers = [
        layer.model_copy(update={"kind": "average"}) if layer.pools else layer for layer in architecture.layers
    ]
    return architecture.model_copy(update={"layers": tuple(layers)})
