"""What a network's layers make of images."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cnn_study.networks.network import Network, weighted_layers

BATCH = 100  # images at once: enough to be fast, few enough for a laptop's memory

Maps = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


def feature_maps(network: Network, image: Tensor) -> dict[str, Maps]:
    """The maps (C, H, W) of every convolution and residual block, after its ReLU and before any pool.

    ``image`` is (C, H, W) uint8.
    """
    return {layer: maps[0].numpy() for layer, maps in _maps(network, image[None]).items()}


def dead_channels(network: Network, images: Tensor) -> dict[str, Flags]:
    """For each layer of feature_maps, which channels (C,) are positive nowhere on any of ``images``.

    ``images`` are (N, C, H, W) uint8.
    """
    dead: dict[str, Flags] = {}
    for batch in torch.split(images, BATCH):
        for layer, maps in _maps(network, batch).items():
            silent = (maps.amax((0, 2, 3)) <= 0).numpy()
            dead[layer] = dead[layer] & silent if layer in dead else silent
    return dead


def first_filters(network: Network) -> tuple[str, Maps]:
    """The kernels (width, C, k, k) of the first convolution, and its name among ``weighted_layers``."""
    name, first = next(
        (name, layer) for name, layer in weighted_layers(network).items() if isinstance(layer, nn.Conv2d)
    )
    return name, first.weight.numpy(force=True)


@torch.no_grad()
def normalize_by(network: Network, images: Tensor) -> None:
    """Give batch normalisation the statistics of ``images`` (N, C, H, W) uint8, and those alone."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean over batches
    network.train()
    for batch in torch.split(images, BATCH):
        network.features(network.normalize(batch))


@torch.inference_mode()
def _maps(network: Network, images: Tensor) -> dict[str, Tensor]:
    """The maps (N, C, H, W) of feature_maps, for ``images`` (N, C, H, W) uint8."""
    network.eval()
    maps: dict[str, Tensor] = {}
    outputs = network.normalize(images)
    modules = dict(network.features.named_children())
    with_weights = {network.layer_of[name] for name, module in modules.items() if list(module.parameters())}
    for name, module in modules.items():
        outputs = module(outputs)
        layer = network.layer_of[name]
        if layer in with_weights and not isinstance(module, nn.ReLU):
            # relu() copies: the network's own ReLU may come after a pool, and works in place.
            maps[layer] = outputs.relu()
    return maps
