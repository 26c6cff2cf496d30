"""Trained networks by the name of their architecture."""

from pathlib import Path

from cnn_study.base.yaml import read_yaml, section
from cnn_study.networks.architecture import Architecture, spec_of
from cnn_study.networks.network import Network
from cnn_study.networks.weights import load_network


def load(path: str | Path, architecture: str) -> Network:
    """The network in the safetensors file ``path``, on the CPU: (N, 3, 32, 32) uint8 to logits (N, 10).

    ``architecture``: its name in the params.yaml of the current folder. Raises StudyError if there is no such
    name or the weights are not its.
    """
    return load_network(Path(path), architecture_named(architecture))


def architecture_named(name: str) -> Architecture:
    """That of the params.yaml of the current folder. Raises StudyError if it has none of this name."""
    return spec_of(section(read_yaml(), "architectures", name), "architectures", name)
