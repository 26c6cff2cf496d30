"""Operations of a training step, its optimizer among them.

The rule: of forward and backward pass, convolutions and products of matrices are counted, by torch's own counter.
A backward pass is about two forward passes, less the gradient of the images, for which nobody asks. Of the
optimizer, the products in which Muon makes a filter's step orthogonal are counted in the same way, and for each
weight the operations with single numbers that ``PER_WEIGHT`` has. An image has its share of these: a step's, over
the batch.
"""

import math
from functools import cache

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network
from cnn_study.profiling.complexity import without_weights
from cnn_study.training.muon import orthogonal
from cnn_study.training.recipe import Optimizer

# To update one weight; each sum, product, quotient or root is one. SGD: decay 2, momentum 2, Nesterov's look ahead
# 2, step 2. Adam: decay 2, mean 3, mean square 4, its root, correction and epsilon 3, quotient and step 3. Muon,
# of filters: momentum 3, look ahead 3, decay 1, norm 3, step 2.
PER_WEIGHT = {"sgd": 8, "adam": 15, "adamw": 15, "muon": 12}


@cache
def training_flops(architecture: Architecture, shape: Shape, optimizer: Optimizer, batch_size: int) -> int:
    """Operations of a training step for each image of its batch; a multiply-add counts as two."""
    network = without_weights(architecture, shape)
    return round(passes_flops(network) + optimizer_flops(network, optimizer) / batch_size)


def passes_flops(network: Network) -> int:
    """Of forward and backward pass, for each image. ``network``: one without weights, to count with."""
    # Of two images, halved: batch normalisation cannot train on a single one.
    images = next(network.parameters()).new_zeros(network.shape.images(2), dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter:
        torch.autograd.backward(network.train()(images).sum())
    return int(counter.get_total_flops()) // 2


def optimizer_flops(network: Network, optimizer: Optimizer) -> int:
    """Of a step of the optimizer, whatever the batch."""
    total = 0
    for parameter in network.parameters():
        if optimizer == "muon" and parameter.ndim == 4:
            total += PER_WEIGHT["muon"] * parameter.numel() + _orthogonal_flops(*_matrix(parameter.shape))
        else:  # Muon leaves what is no filter to AdamW
            total += PER_WEIGHT["adamw" if optimizer == "muon" else optimizer] * parameter.numel()
    return total


def _matrix(shape: torch.Size) -> tuple[int, int]:
    return shape[0], math.prod(shape[1:])


def _orthogonal_flops(outputs: int, inputs: int) -> int:
    with FakeTensorMode(), FlopCounterMode(display=False) as counter:
        orthogonal(torch.empty(outputs, inputs))
    return int(counter.get_total_flops())
