"""Muon: steps along the orthogonal part of the momentum, of the same size whatever the gradient's."""

import pytest
import torch
from torch import Tensor

from cnn_study.training.muon import VECTOR_STEP, Muon, orthogonal

SHAPES = [(16, 3, 3, 3), (64, 32, 3, 3), (256, 100), (10, 256), (64,)]


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


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_is_as_large_as_the_rate_says_and_downhill(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    gradient = torch.randn(shape)
    steps = []
    for scale in (1.0, 1000.0):
        parameter = torch.nn.Parameter(torch.zeros(shape))
        optimizer = Muon([parameter], lr=0.01, momentum=0.9, dtype=torch.float32)
        parameter.grad = gradient * scale
        optimizer.step()
        steps.append(parameter.detach().clone())
    assert torch.allclose(steps[0], steps[1], rtol=1e-3, atol=1e-6)
    if len(shape) == 1:
        assert steps[0].square().mean().sqrt().item() == pytest.approx(VECTOR_STEP * 0.01, rel=1e-3)
    else:
        outputs, inputs = as_matrix(gradient).shape
        largest = torch.linalg.matrix_norm(as_matrix(steps[0]), ord=2).item()
        assert largest == pytest.approx(0.01 * (outputs / inputs) ** 0.5, rel=0.3)
    assert (steps[0] * gradient).sum() < 0


def test_a_step_follows_nesterovs_momentum_and_decays_weights() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(2, 8, 20).unbind()
    parameter = torch.nn.Parameter(torch.ones(8, 20))
    optimizer = Muon([parameter], lr=0.1, momentum=0.5, dtype=torch.float32)
    optimizer.param_groups[0]["weight_decay"] = 0.2
    expected, momentum = torch.ones(8, 20), torch.zeros(8, 20)
    for gradient in (first, second):
        parameter.grad = gradient.clone()
        optimizer.step()
        momentum = 0.5 * momentum + 0.5 * gradient
        ahead = 0.5 * gradient + 0.5 * momentum
        expected = expected * (1 - 0.1 * 0.2) - 0.1 * (8 / 20) ** 0.5 * orthogonal(ahead)
    assert torch.allclose(parameter.detach(), expected, atol=1e-5)


def test_a_parameter_without_a_gradient_stays() -> None:
    parameter = torch.nn.Parameter(torch.ones(3, 3))
    Muon([parameter], lr=0.1, momentum=0.9, dtype=torch.float32).step()
    assert parameter.tolist() == torch.ones(3, 3).tolist()
