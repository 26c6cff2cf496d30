"""What a network's layers make of an image."""

import torch
from torch import Tensor

from cnn_study.networks import Network


@torch.inference_mode()
def feature_maps(network: Network, image: Tensor) -> dict[str, Tensor]:
    """The maps (C, H, W) of every convolution and residual block, after its ReLU and before any pool.

    ``image`` is (3, H, W) uint8.
    """
    network.eval()
    maps: dict[str, Tensor] = {}
    outputs = network.normalize(image[None])
    for name, module in network.features.named_children():
        outputs = module(outputs)
        if name.startswith(("conv", "residual")):
            layer = name
        elif not name.startswith("norm"):
            continue
        # relu() copies: the network's own ReLU may come after a pool, and works in place.
        maps[layer] = outputs[0].relu()
    return maps
