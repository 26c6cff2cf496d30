"""Trained networks as safetensors files."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from cnn_study.base.errors import StudyError
from cnn_study.base.files import write_whole
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network


def save_network(path: Path, network: Network) -> None:
    """Write the weights, and the normalisation of the images they were trained on, whole."""
    save_tensors(path, network.state_dict())


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """The same from the state of a network."""
    write_whole(path, save({name: tensor.contiguous() for name, tensor in tensors.items()}))


def load_network(path: Path, architecture: Architecture, shape: Shape) -> Network:
    """A network of ``architecture`` for ``shape`` with the weights in ``path``, in evaluation mode on the CPU.

    Raises StudyError if there is no such file, it is no safetensors file or its tensors do not fit.
    """
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise StudyError(f"{path}: not found; `dvc repro` or `dvc pull` brings it") from None
    except (SafetensorError, OSError) as error:
        raise StudyError(f"{path}: found no safetensors file: {error}") from None
    network = Network(architecture, shape)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != given:
        name = min(set(expected.items()) ^ set(given.items()))[0]
        raise StudyError(
            f"{path}: found weights of another architecture: {name} is {given.get(name, 'missing')}, "
            f"allowed: {expected.get(name, 'no such tensor')}"
        )
    network.load_state_dict(tensors)
    return network.eval()
