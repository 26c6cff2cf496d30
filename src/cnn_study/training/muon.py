"""Muon, an optimizer whose steps depend on a gradient's direction and not on its size; AdamW beside it."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

ITERATIONS = 3
BETAS = (0.9, 0.99)  # of AdamW
EPSILON = 1e-8


class Muon(torch.optim.Optimizer):
    """The momentum of filters, made orthogonal (Jordan et al., 2024, kellerjordan.github.io/posts/muon).

    A filter is taken as a matrix, outputs by inputs; the step is about the matrix nearest to the direction of
    its Nesterov momentum whose singular values are all the same. These are about sqrt(outputs / inputs) times
    the rate, so that a step changes what any layer gives by about as much (Bernstein and Newhouse, 2024,
    arXiv 2409.20325). The products with the filter are computed in ``dtype``, those of the iteration in float32.

    All other parameters, dense layers, biases and normalisation, are stepped by AdamW (Loshchilov and Hutter,
    2019, arXiv 1711.05101) with ``adamw_rate`` times the rate. Weights lose rate × weight_decay of themselves in
    a step, by whichever of the two they are stepped.

    Otherwise than in Jordan et al., hidden dense layers are left to AdamW (there only embeddings, the output layer
    and vectors are), the scale is sqrt(outputs / inputs) also where it is below 1, and the iteration has three
    rounds instead of five. ``torch.optim.Muon`` takes no convolutions.
    """

    def __init__(
        self, params: Iterable[Any], lr: float, momentum: float, adamw_rate: float, dtype: torch.dtype
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})
        self._adamw_rate = adamw_rate
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient. There must be no ``closure``."""
        assert closure is None
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            self._step_filters([parameter for parameter in parameters if parameter.ndim == 4], group)
            self._step_others([parameter for parameter in parameters if parameter.ndim != 4], group)

    def _step_filters(self, filters: list[Tensor], group: dict[str, Any]) -> None:
        rate, momentum = group["lr"], group["momentum"]
        for parameter in filters:
            state, gradient = self.state[parameter], parameter.grad
            assert gradient is not None
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            state["momentum"].lerp_(gradient, 1 - momentum)
            ahead = gradient.lerp(state["momentum"], momentum)
            parameter.mul_(1 - rate * group["weight_decay"])
            matrix = ahead.to(self._dtype).reshape(len(ahead), -1)
            outputs, inputs = matrix.shape
            direction = orthogonal(matrix).reshape(parameter.shape)
            parameter.add_(direction, alpha=-rate * (outputs / inputs) ** 0.5)

    def _step_others(self, others: list[Tensor], group: dict[str, Any]) -> None:
        for parameter in others:
            if not self.state[parameter]:
                step = torch.zeros((), device=parameter.device)
                means = {name: torch.zeros_like(parameter) for name in ("mean", "square")}
                self.state[parameter] = {"step": step, **means}
        states = [self.state[parameter] for parameter in others]
        gradients = [parameter.grad for parameter in others if parameter.grad is not None]
        # Torch's function, not its class, whose step imports torch's compiler: 2 s of every stage.
        adamw(
            others, gradients, [state["mean"] for state in states], [state["square"] for state in states], [],
            [state["step"] for state in states], fused=True, amsgrad=False, beta1=BETAS[0], beta2=BETAS[1],
            lr=self._adamw_rate * group["lr"], weight_decay=group["weight_decay"] / self._adamw_rate, eps=EPSILON,
            maximize=False,
        )  # fmt: skip


def orthogonal(matrix: Tensor) -> Tensor:
    """About the matrix nearest to the direction of ``matrix`` (M, N) whose singular values are all 1.

    By Newton's and Schulz's iteration. Three rounds with the coefficients of Jordan et al. bring singular
    values above 0.013 of the matrix's norm to between 0.5 and 1.21. A round multiplies X by a polynomial of X Xᵀ;
    the polynomials are multiplied with one another first, since these products are of the smaller side alone.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    square = (wide @ wide.T).float()
    norm = square.trace().sqrt() + 1e-7  # of Frobenius
    square /= norm**2
    identity = torch.eye(len(square), device=square.device)

    def polynomial_of(square: Tensor) -> Tensor:
        return torch.addmm(identity, square, torch.add(b * identity, square, alpha=c), beta=a)

    factor = polynomial = polynomial_of(square)
    for _ in range(ITERATIONS - 1):
        square = polynomial @ square @ polynomial
        polynomial = polynomial_of(square)
        factor = polynomial @ factor
    result: Tensor = (factor / norm).to(wide.dtype) @ wide
    return result if matrix.shape[0] <= matrix.shape[1] else result.T
