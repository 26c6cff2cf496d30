"""What a network costs: parameters, operations, memory, and images per second."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cnn_study.environment import Environment
from cnn_study.networks import Network, place, weighted_layers
from cnn_study.spec import CHANNELS, IMAGE_SIZE


@dataclass(frozen=True)
class LayerCost:
    """One convolution or dense layer, for one image; a multiply-add counts as two operations."""

    layer: str
    output_shape: tuple[int, ...]
    parameters: int
    forward_flops: int


def count_parameters(network: nn.Module) -> int:
    """All trainable numbers of the network."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_conv_parameters(network: nn.Module) -> int:
    """Weights and biases of the convolutions, projections included, normalisation not."""
    return sum(count_parameters(m) for m in network.modules() if isinstance(m, nn.Conv2d))


def forward_flops(network: nn.Module) -> int:
    """Operations of a forward pass of one image, by torch's own counter: convolutions and products."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network.eval()(_images(1))
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
            costs.append(LayerCost(name, tuple(output.shape[1:]), count_parameters(module), flops))

        hooks.append(layer.register_forward_hook(record))
    with torch.inference_mode():
        network.eval()(_images(1))
    for hook in hooks:
        hook.remove()
    return costs


def activation_bytes(network: nn.Module) -> int:
    """What a training step in fp32 keeps of one image until the backward pass, weights not counted."""
    weights = {tensor.untyped_storage().data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        held.append(tensor)  # so that no address is used twice while counting
        return tensor

    held: list[Tensor] = []
    # Two images, halved: batch normalisation cannot train on a single one.
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        network.train()(_images(2))
    return sum(kept.values()) // 2


def images_per_second(network: Network, environment: Environment, batch: int = 128, seconds: float = 1.0) -> float:
    """Forward passes without gradients, the median of at least five batches in about ``seconds``."""
    images = _images(batch).to(environment.device)
    place(network, environment).eval()

    def forward() -> None:
        with torch.inference_mode(), environment.autocast:
            network(images)
        if environment.device == "cuda":
            torch.cuda.synchronize()

    forward()
    durations = _durations(forward, seconds)
    return batch / sorted(durations)[len(durations) // 2]


def _durations(call: Callable[[], None], seconds: float, fewest: int = 5) -> list[float]:
    durations: list[float] = []
    while len(durations) < fewest or sum(durations) < seconds:
        started = time.perf_counter()
        call()
        durations.append(time.perf_counter() - started)
    return durations


def _images(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (count, CHANNELS, IMAGE_SIZE, IMAGE_SIZE)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
