"""Muon: steps along the orthogonal part of a filter's momentum, however large that is; AdamW for the rest."""

import pytest
import torch
from torch import Tensor

from cnn_study.training.muon import BETAS, EPSILON, Muon, orthogonal

FILTERS = [(16, 3, 3, 3), (64, 32, 3, 3), (10, 256, 1, 1)]
OTHERS = [(256, 100), (10, 256), (64,)]


def muon(parameter: torch.nn.Parameter, lr: float, momentum: float = 0.9) -> Muon:
    return Muon([parameter], lr=lr, momentum=momentum, adamw_rate=0.04, dtype=torch.float32)


def as_matrix(tensor: Tensor) -> Tensor:
    return tensor.reshape(len(tensor), -1)


@pytest.mark.parametrize("shape", [(16, 27), (27, 16), (64, 288)])
def test_singular_values_come_near_one_and_singular_vectors_stay(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    result = orthogonal(matrix)
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.5
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    rotated = left.T @ result @ right.T
    assert rotated.diag().min() > 0.5
    assert (rotated - rotated.diag().diag()).abs().max() < 1e-4


@pytest.mark.parametrize("shape", FILTERS)
def test_a_step_is_as_large_as_the_rate_says_and_downhill(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    gradient = torch.randn(shape)
    steps = []
    for scale in (1.0, 1000.0):
        parameter = torch.nn.Parameter(torch.zeros(shape))
        optimizer = muon(parameter, lr=0.01)
        parameter.grad = gradient * scale
        optimizer.step()
        steps.append(parameter.detach().clone())
    assert torch.allclose(steps[0], steps[1], rtol=1e-3, atol=1e-6)
    outputs, inputs = as_matrix(gradient).shape
    largest = torch.linalg.matrix_norm(as_matrix(steps[0]), ord=2).item()
    assert largest == pytest.approx(0.01 * (outputs / inputs) ** 0.5, rel=0.3)
    assert (steps[0] * gradient).sum() < 0


def test_a_step_follows_nesterovs_momentum_and_decays_weights() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(2, 8, 5, 2, 2).unbind()
    parameter = torch.nn.Parameter(torch.ones(8, 5, 2, 2))
    optimizer = muon(parameter, lr=0.1, momentum=0.5)
    optimizer.param_groups[0]["weight_decay"] = 0.2
    expected, momentum = torch.ones(8, 5, 2, 2), torch.zeros(8, 5, 2, 2)
    for gradient in (first, second):
        parameter.grad = gradient.clone()
        optimizer.step()
        momentum = 0.5 * momentum + 0.5 * gradient
        ahead = 0.5 * gradient + 0.5 * momentum
        direction = orthogonal(as_matrix(ahead)).reshape(expected.shape)
        expected = expected * (1 - 0.1 * 0.2) - 0.1 * (8 / 20) ** 0.5 * direction
    assert torch.allclose(parameter.detach(), expected, atol=1e-5)


@pytest.mark.parametrize("shape", OTHERS)
def test_what_is_no_filter_is_stepped_as_torch_s_adamw_does_and_decayed_as_filters_are(
    shape: tuple[int, ...],
) -> None:
    torch.manual_seed(0)
    ours, theirs = (torch.nn.Parameter(torch.ones(shape)) for _ in range(2))
    optimizer = muon(ours, lr=0.1)
    optimizer.param_groups[0]["weight_decay"] = 0.2
    shrinks = 0.1 * 0.2
    adamw = torch.optim.AdamW(
        [theirs], lr=0.04 * 0.1, betas=BETAS, eps=EPSILON, weight_decay=shrinks / (0.04 * 0.1)
    )
    for _ in range(3):
        gradient = torch.randn(shape)
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        optimizer.step()
        adamw.step()
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert not torch.allclose(ours, torch.ones(shape), atol=1e-3)


def test_a_parameter_without_a_gradient_stays() -> None:
    for shape in ((3, 3, 1, 1), (3, 3)):
        parameter = torch.nn.Parameter(torch.ones(shape))
        muon(parameter, lr=0.1).step()
        assert parameter.equal(torch.ones(shape))
