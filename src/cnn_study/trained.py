"""Trained networks by the name of their architecture."""

from pathlib import Path

from cnn_study.networks import Network
from cnn_study.params import Params, validate
from cnn_study.schema import PARAMS, StudyError, nearest, read_yaml
from cnn_study.weights import load_network


def load(path: str | Path, architecture: str) -> Network:
    """The network in the safetensors file ``path``, on the CPU: (N, 3, 32, 32) uint8 to logits (N, 10).

    ``architecture``: its name in the params.yaml of the current folder. Raises StudyError if there is no such
    name or the weights are not its.
    """
    params = validate(read_yaml())
    return load_network(Path(path), params.architectures[known(architecture, params)])


def known(name: str, params: Params) -> str:
    """``name``. Raises StudyError if no architecture has it."""
    names = params.architectures
    if name not in names:
        raise StudyError(
            f"{PARAMS}: architectures: found no {name!r}, there are: {', '.join(names)}{nearest(name, names)}"
        )
    return name
