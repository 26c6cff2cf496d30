"""Muon, an optimizer whose steps depend on a gradient's direction and not on its size."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

ITERATIONS = 3
VECTOR_STEP = 0.01  # of biases and normalisation, to a rate of 1


class Muon(torch.optim.Optimizer):
    """Each weight's momentum, made orthogonal (Jordan et al., 2024, kellerjordan.github.io/posts/muon).

    A weight is taken as a matrix, outputs by inputs; the step is the matrix nearest to the direction of its
    Nesterov momentum whose singular values are all the same. These are sqrt(outputs / inputs) times the rate,
    so that a step changes what any layer gives by about as much (Bernstein and Newhouse, 2024,
    arXiv 2409.20325). A vector, a bias say, goes along its momentum, ``VECTOR_STEP`` times the rate in the
    root mean square. ``torch.optim.Muon`` takes matrices alone. The products are computed in ``dtype``.
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
                matrix = ahead.to(self._dtype).reshape(len(ahead), -1)
                outputs, inputs = matrix.shape
                scale = (outputs / inputs) ** 0.5 * (1.0 if parameter.ndim > 1 else VECTOR_STEP)
                if group["weight_decay"]:
                    parameter.mul_(1 - rate * group["weight_decay"])
                parameter.add_(orthogonal(matrix).reshape(parameter.shape), alpha=-scale * rate)


def orthogonal(matrix: Tensor) -> Tensor:
    """About the matrix nearest to the direction of ``matrix`` (M, N) whose singular values are all 1.

    By Newton's and Schulz's iteration. Three rounds with the coefficients of Jordan et al. bring singular
    values that are not tiny to between 0.5 and 1.2, which serves as well as the exact matrix.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x: Tensor = wide / (torch.linalg.vector_norm(wide, dtype=torch.float32) + 1e-7).to(wide.dtype)
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x if matrix.shape[0] <= matrix.shape[1] else x.T
