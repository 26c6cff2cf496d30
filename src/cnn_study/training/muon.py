"""Muon, an optimizer whose steps depend on a gradient's direction and not on its size."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

ITERATIONS = 3
VECTOR_STEP = 0.01  # of biases and normalisation, to a rate of 1


class Muon(torch.optim.Optimizer):
    """Each weight's momentum, made orthogonal (Jordan et al., 2024, kellerjordan.github.io/posts/muon).

    A weight is taken as a matrix, outputs by inputs; the step is about the matrix nearest to the direction of
    its Nesterov momentum whose singular values are all the same. These are about sqrt(outputs / inputs) times
    the rate, so that a step changes what any layer gives by about as much (Bernstein and Newhouse, 2024,
    arXiv 2409.20325). A vector, a bias say, goes along its momentum, ``VECTOR_STEP`` times the rate in the
    root mean square. The products are computed in ``dtype``.

    Otherwise than in Jordan et al., the first and the last layer are treated as the others are, and the
    iteration has three rounds instead of five. ``torch.optim.Muon`` takes no convolutions.
    """

    def __init__(self, params: Iterable[Any], lr: float, momentum: float, dtype: torch.dtype) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient. There must be no ``closure``."""
        assert closure is None
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1 - momentum)
                ahead = parameter.grad.lerp(state["momentum"], momentum)
                if group["weight_decay"]:
                    parameter.mul_(1 - rate * group["weight_decay"])
                if parameter.ndim > 1:
                    matrix = ahead.to(self._dtype).reshape(len(ahead), -1)
                    outputs, inputs = matrix.shape
                    direction = orthogonal(matrix).reshape(parameter.shape)
                    parameter.add_(direction, alpha=-rate * (outputs / inputs) ** 0.5)
                else:
                    size = ahead.square().mean().sqrt() + 1e-12
                    parameter.add_(ahead / size, alpha=-rate * VECTOR_STEP)


def orthogonal(matrix: Tensor) -> Tensor:
    """About the matrix nearest to the direction of ``matrix`` (M, N) whose singular values are all 1.

    By Newton's and Schulz's iteration. Three rounds with the coefficients of Jordan et al. bring singular
    values that are not tiny to between 0.5 and 1.2. A round multiplies X by a polynomial of X Xᵀ; the
    polynomials are multiplied with one another first, since these products are of the smaller side alone.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    square = (wide @ wide.T).float()
    norm = square.trace().sqrt() + 1e-7  # of Frobenius
    square /= norm**2
    identity = torch.eye(len(square), device=square.device)
    factor = identity
    for _ in range(ITERATIONS):
        polynomial = torch.addmm(identity, square, torch.add(b * identity, square, alpha=c), beta=a)
        factor = polynomial @ factor
        square = polynomial @ square @ polynomial
    result: Tensor = (factor / norm).to(wide.dtype) @ wide
    return result if matrix.shape[0] <= matrix.shape[1] else result.T
