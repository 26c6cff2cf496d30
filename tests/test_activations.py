"""What layers make of images: filters, maps, and channels that never say anything."""

import pytest
import torch

from cnn_study.base.yaml import read_yaml
from cnn_study.evaluation.activations import dead_channels, feature_maps, first_filters
from cnn_study.networks.architecture import Architecture, spec_of
from cnn_study.networks.network import Network, weighted_layers
from tests.conftest import REPOSITORY, SHAPE

ENTRIES = read_yaml(REPOSITORY / "params.yaml")["architectures"]


def spec(*layers: dict[str, object]) -> Architecture:
    return spec_of({"layers": list(layers), "head": {}})


def noise(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)


@torch.no_grad()
def lively(architecture: Architecture, bias: float = 10.0) -> Network:
    """Biases that outweigh small weights, so that with a positive ``bias`` every channel is positive."""
    torch.manual_seed(0)
    network = Network(architecture, SHAPE)
    network.normalize.mean.fill_(127)
    network.normalize.std.fill_(74)
    for name, parameter in network.features.named_parameters():
        if name.endswith("bias"):
            parameter.fill_(bias)
        elif parameter.ndim == 4:
            parameter.mul_(0.01)
    return network


@pytest.mark.parametrize(
    ("name", "layer", "bias"),
    [
        ("depth_4", "conv2", "features.conv2.bias"),
        ("depth_6_norm", "conv5", "features.norm5.bias"),
        ("residual_no_shortcut", "residual2", "features.residual2.norm2.bias"),
    ],
)
def test_a_channel_made_dead_is_found_and_no_other(name: str, layer: str, bias: str) -> None:
    network = lively(spec_of(ENTRIES[name]))
    with torch.no_grad():
        network.get_parameter(bias)[3] = -1e6
    dead = dead_channels(network, noise(3))
    assert list(dead) == list(feature_maps(network, noise(1)[0]))
    found = {(place, channel) for place, flags in dead.items() for channel in flags.nonzero()[0].tolist()}
    assert found == {(layer, 3)}


def test_a_channel_that_one_image_of_many_wakes_is_not_dead() -> None:
    network = lively(spec({"conv": 2, "kernel": 1}), bias=0.0)
    with torch.no_grad():
        network.get_parameter("features.conv1.weight").fill_(1.0)
        network.get_parameter("features.conv1.bias")[:] = torch.tensor([-5.0, -6.0])
    images = torch.zeros(250, 3, 32, 32, dtype=torch.uint8)
    images[120, :, 7, 7] = 255  # 3 × (255 - 127) / 74 = 5.19
    assert dead_channels(network, images)["conv1"].tolist() == [False, True]
    assert dead_channels(network, images[:120])["conv1"].tolist() == [True, True]


@pytest.mark.parametrize(
    ("layers", "parameter", "shape"),
    [
        (({"conv": 5, "kernel": 7}, {"conv": 4, "kernel": 3}), "features.conv1.weight", (5, 3, 7, 7)),
        (({"pool": 2}, {"conv": 3, "kernel": 1}), "features.conv1.weight", (3, 3, 1, 1)),
        (({"residual": 6},), "features.residual1.conv1.weight", (6, 3, 3, 3)),
    ],
)
def test_first_filters_are_the_kernels_that_look_at_the_image(
    layers: tuple[dict[str, object], ...], parameter: str, shape: tuple[int, ...]
) -> None:
    network = Network(spec(*layers), SHAPE)
    name, filters = first_filters(network)
    assert weighted_layers(network)[name].weight is network.get_parameter(parameter)
    assert filters.shape == shape
    assert (filters == network.get_parameter(parameter).detach().numpy()).all()
