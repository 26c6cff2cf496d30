"""What a network costs: parameters, operations, memory, and images per second.

All but the last can be counted with torch's fake tensors, which have shapes and layouts and no numbers: a network
of any size then costs neither time nor memory. The device ``meta`` would do, but for layouts, which decide what is
copied.
"""

import math
import statistics
import time
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from cnn_study.base.environment import Environment
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture, geometry
from cnn_study.networks.modules import Convolution, Projection
from cnn_study.networks.network import Network, place, weighted_layers
from cnn_study.profiling.records import Kind, LayerCost, Speed

BATCHES = (1, 16, 128)  # how many images a pass may have whose time is taken
LONGEST_PASS = 0.5  # seconds: a larger batch is not tried if it might take longer
MOST_BYTES = 256 * 2**20  # for weights and activations of a pass whose time is taken


def without_weights(architecture: Architecture, shape: Shape) -> Network:
    """A network whose shapes and layouts, those of training, alone are there, to count with."""
    with FakeTensorMode():
        network = Network(architecture, shape)
        for module in network.modules():
            if isinstance(module, Convolution):  # fake weights cannot be changed in their place, as ``place`` does
                weight = module.weight.detach().contiguous(memory_format=torch.channels_last)
                module.weight = nn.Parameter(weight)
    return network


def count_parameters(network: nn.Module) -> int:
    """All trainable numbers of the network."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_conv_parameters(network: nn.Module) -> int:
    """Weights and biases of the convolutions, projections included, normalisation not."""
    return sum(count_parameters(m) for m in network.modules() if isinstance(m, nn.Conv2d))


def forward_flops(network: Network) -> int:
    """Operations of a forward pass of one image, by torch's own counter: convolutions and products."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network.eval()(_blank(network, 1))
    return int(counter.get_total_flops())


def layer_costs(network: Network) -> list[LayerCost]:
    """Every layer with weights, in order."""
    costs: list[LayerCost] = []
    hooks = []
    for name, layer in weighted_layers(network).items():

        def record(module: nn.Module, inputs: tuple[Tensor], output: Tensor, name: str = name) -> None:
            with FlopCounterMode(display=False) as counter:
                module.forward(inputs[0])
            flops = int(counter.get_total_flops())
            costs.append(
                LayerCost(
                    layer=name,
                    kind=_kind(module),
                    output_shape=tuple(output.shape[1:]),
                    parameters=count_parameters(module),
                    forward_flops=flops,
                )
            )

        hooks.append(layer.register_forward_hook(record))
    with torch.inference_mode():
        network.eval()(_blank(network, 1))
    for hook in hooks:
        hook.remove()
    return costs


def _kind(layer: nn.Module) -> Kind:
    if isinstance(layer, Projection):
        return "projection"
    return "conv" if isinstance(layer, nn.Conv2d) else "dense"


def activation_bytes(network: Network) -> int:
    """What a training step in fp32 keeps of one image until the backward pass, weights not counted."""
    # Of two images, halved: batch normalisation cannot train on a single one.
    return kept_bytes(network, 2) // 2


def kept_bytes(network: Network, images: int) -> int:
    """What a training step on so many images keeps until the backward pass, the network's own tensors not counted.

    In the precision of the context: under autocast, copies of weights are among it.
    """
    weights = {_identity(tensor) for tensor in (*network.parameters(), *network.buffers())}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        if _identity(tensor) not in weights:
            kept[_identity(tensor)] = tensor.untyped_storage().nbytes()
        held.append(tensor)  # so that no identity is used twice while counting
        return tensor

    held: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network.train()(_blank(network, images))
    return sum(kept.values())


def _identity(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)  # not data_ptr(), which fake tensors do not have


def forward_bytes(architecture: Architecture, shape: Shape, parameters: int) -> tuple[int, int]:
    """About the most that a forward pass without gradients holds at a time: in any case, and for each image.

    Of weights, their copies in bf16 and the layout that a kernel wants; of activations, what the widest layer
    takes, gives and computes in between, and a shortcut.
    """
    widest = max(step.channels * step.size**2 for step in geometry(architecture, shape))
    return 8 * parameters, 4 * 4 * widest


def images_per_second(
    architecture: Architecture, shape: Shape, parameters: int, environment: Environment
) -> Speed:
    """Forward passes without gradients, by the median of their times; unknown if one image takes ``MOST_BYTES``.

    ``parameters``: how many it has. The batch is the largest of ``BATCHES`` that takes neither more memory nor
    ``LONGEST_PASS``. At least five passes in about a second, or as many as there are in one and a half.
    """
    weights, image = forward_bytes(architecture, shape, parameters)
    fitting = [batch for batch in BATCHES if weights + batch * image <= MOST_BYTES]
    if not fitting:
        return Speed(inference_images_per_second=None, inference_batch=None, environment=environment)
    network = place(Network(architecture, shape), environment).eval()

    def seconds_of_a_pass(images: Tensor) -> float:
        started = time.perf_counter()
        with torch.inference_mode(), environment.autocast:
            network(images)
        if environment.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    for batch, larger in pairwise([*fitting, math.inf]):
        images = _images(shape, int(batch)).to(environment.device)
        # The first one of a shape chooses and prepares kernels; a second is worth its time if that was short.
        seconds = seconds_of_a_pass(images)
        if seconds < 2 * LONGEST_PASS:
            seconds = min(seconds, seconds_of_a_pass(images))
        if seconds * larger / batch > LONGEST_PASS:
            break
    durations: list[float] = []
    while sum(durations) < 1 or (len(durations) < 5 and sum(durations) < 1.5):
        durations.append(seconds_of_a_pass(images))
    return Speed(
        inference_images_per_second=len(images) / statistics.median(durations),
        inference_batch=len(images),
        environment=environment,
    )


def _blank(network: Network, count: int) -> Tensor:
    """Images whose content does not matter; fake ones for a network without weights."""
    return next(network.parameters()).new_zeros(network.shape.images(count), dtype=torch.uint8)


def _images(shape: Shape, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, shape.images(count), dtype=torch.uint8, generator=generator)
