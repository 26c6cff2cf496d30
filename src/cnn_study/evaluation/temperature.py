"""One temperature for a network's logits, by which it becomes as sure as it is right."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy

LOWEST, HIGHEST = 0.01, 100.0


def fitted_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature T for which ``softmax(logits / T)`` has the least mean log loss (Guo et al., 2017).

    arXiv 1706.04599, section 4.2. ``logits``: (N, classes); ``labels``: (N,) integers; of images that the network
    was not trained on. At least ``LOWEST``, which stands for a network that is always right, at most ``HIGHEST``.
    """
    exact = logits.double().cpu()
    there = labels.cpu()

    def loss(log_temperature: float) -> float:
        return cross_entropy(exact / np.exp(log_temperature), there).item()

    # In 1/T the loss is convex, so that in log T it has one minimum.
    found = minimize_scalar(
        loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def confidence_of(logits: Tensor, predicted: Tensor, temperature: float = 1.0) -> Tensor:
    """The softmax probability (N,), float64, that ``logits / temperature`` gives the class ``predicted`` (N,)."""
    probabilities = (logits.double() / temperature).softmax(1)
    return torch.gather(probabilities, 1, predicted[:, None])[:, 0]
