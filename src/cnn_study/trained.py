"""Trained networks by the name of their architecture, in the current folder."""

from pathlib import Path

from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture, spec_of
from cnn_study.networks.network import Network
from cnn_study.networks.weights import load_network
from cnn_study.sources.datasets import Data


def load(path: str | Path, architecture: str) -> Network:
    """The network in the safetensors file ``path``, on the CPU: (N, C, S, S) uint8 to logits (N, classes).

    ``architecture``: its name in the params.yaml of the current folder, whose data set says the shape. Raises
    StudyError if there is no such name or the weights are not its.
    """
    return load_network(Path(path), architecture_named(architecture), shape_of_data())


def architecture_named(name: str) -> Architecture:
    """That of the params.yaml of the current folder. Raises StudyError if it has none of this name."""
    return spec_of(section(read_yaml(), "architectures", name), "architectures", name)


def shape_of_data() -> Shape:
    """That of the data set in the params.yaml of the current folder. Raises StudyError."""
    return parse(Data, section(read_yaml(), "data"), "data").source.shape
