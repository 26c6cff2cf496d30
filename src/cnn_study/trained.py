"""Trained networks out of their files; and what the params.yaml of the current folder says of architectures."""

from pathlib import Path

from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture, spec_of
from cnn_study.networks.network import Network
from cnn_study.networks.weights import About, load_network, read_about
from cnn_study.sources.datasets import Data


def load(path: str | Path) -> Network:
    """The network in the safetensors file ``path``, on the CPU: (N, C, S, S) uint8 to logits (N, classes).

    Raises StudyError if there is none.
    """
    network, _ = load_network(Path(path))
    return network


def about(path: str | Path) -> About:
    """What the file says of its network: classes, shape of the images, data set, seed and more.

    Raises StudyError if it says nothing.
    """
    return read_about(Path(path))


def architecture_named(name: str) -> Architecture:
    """That of the params.yaml of the current folder. Raises StudyError if it has none of this name."""
    return spec_of(section(read_yaml(), "architectures", name), "architectures", name)


def shape_of_data() -> Shape:
    """That of the data set in the params.yaml of the current folder. Raises StudyError."""
    return parse(Data, section(read_yaml(), "data"), "data").shape
