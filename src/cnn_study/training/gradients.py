"""How large the gradients are, layer by layer, while a network trains."""

from collections.abc import Sequence

import torch
from torch import nn

from cnn_study.networks.network import weighted_layers
from cnn_study.training.records import LayerNorms


class GradientLog:
    """Norms of every layer's weights and weight gradients, at some steps of an epoch.

    It watches an optimizer from outside: the training step knows nothing of it. ``due``: whether the next step is
    one of these. ``samples``: the norms of an epoch so far, first those of gradients, then those of weights.
    """

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        layers = weighted_layers(network)
        self._names = list(layers)
        self._weights = [layer.weight for layer in layers.values()]
        self.due = False
        self.samples: list[list[float]] = []
        optimizer.register_step_pre_hook(self.observe)

    def observe(self, *_: object) -> None:
        """Called before each step of the optimizer."""
        if not self.due:
            return
        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        with torch.no_grad():
            # In float64, in which the squares of no float32 overflow.
            norms = [
                torch.linalg.vector_norm(tensor, dtype=torch.float64) for tensor in (*gradients, *self._weights)
            ]
            sample = torch.stack(norms)
        if bool(sample.isfinite().all()):  # else the weights are about to be lost, which the loss will show
            self.samples.append(sample.tolist())

    def end_epoch(self, epoch: int) -> Sequence[LayerNorms]:
        """The means of this epoch, first layer first; empty if no step was sampled. Starts anew."""
        if not self.samples:
            return []
        gradients, weights = torch.tensor(self.samples, dtype=torch.float64).mean(0).view(2, -1).tolist()
        self.samples = []
        return [
            LayerNorms(epoch=epoch, layer=name, gradient_norm=gradient, weight_norm=weight)
            for name, gradient, weight in zip(self._names, gradients, weights, strict=True)
        ]
