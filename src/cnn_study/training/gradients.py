"""How large the gradients are, layer by layer, while a network trains."""

import torch
from torch import Tensor, nn

from cnn_study.networks.network import weighted_layers
from cnn_study.training.records import LayerNorms


class GradientLog:
    """Norms of every layer's weights and weight gradients, at some steps of an epoch.

    It watches an optimizer from outside: the training step knows nothing of it.
    """

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer, every: int) -> None:
        layers = weighted_layers(network)
        self._names = list(layers)
        self._weights = [layer.weight for layer in layers.values()]
        self._every = every
        self._seen = 0
        self._sums: list[Tensor] = []
        optimizer.register_step_pre_hook(self.observe)

    def observe(self, *_: object) -> None:
        """Called before each step of the optimizer: takes the norms if it is this step's turn."""
        self._seen += 1
        if self._seen % self._every:
            return
        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        with torch.no_grad():
            norms = [torch.linalg.vector_norm(tensor) for tensor in (*gradients, *self._weights)]
            self._sums.append(torch.stack(norms))

    def end_epoch(self, epoch: int) -> list[LayerNorms]:
        """The means of this epoch, first layer first; empty if no step was sampled. Starts anew."""
        if not self._sums:
            return []
        gradients, weights = torch.stack(self._sums).double().mean(0).view(2, -1).tolist()
        self._sums, self._seen = [], 0
        return [
            LayerNorms(epoch=epoch, layer=name, gradient_norm=gradient, weight_norm=weight)
            for name, gradient, weight in zip(self._names, gradients, weights, strict=True)
        ]
