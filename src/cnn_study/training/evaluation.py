"""What a network makes of images, and whether it is better than chance."""

import torch
from scipy.special import bdtr
from torch import Tensor, nn

from cnn_study.base.environment import Environment

BATCH = 125  # images, so that a batch's activations stay in the cache: up to twice as fast as 1000


@torch.inference_mode()
def predict(network: nn.Module, images: Tensor, environment: Environment) -> Tensor:
    """Logits (N, classes) float32 for images (N, C, S, S) uint8, in evaluation mode."""
    network.eval()
    with environment.autocast:
        return torch.cat([network(batch).float() for batch in torch.split(images, BATCH)])


def accuracy_of(logits: Tensor, labels: Tensor) -> float:
    """The fraction of rows of ``logits`` (N, classes) whose largest is at ``labels`` (N,)."""
    return (logits.argmax(1) == labels).double().mean().item()


def explained_by_chance(accuracy: float, count: int, share: float) -> bool:
    """Whether guessing would reach ``accuracy`` on ``count`` images, by its 99.9 % binomial interval.

    ``share``: of the largest class in them, which guessing it always has right.
    """
    right = round(accuracy * count)
    return right == 0 or bool(bdtr(right - 1, count, share) < 0.9995)
