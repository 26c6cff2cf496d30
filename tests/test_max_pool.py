"""The maximum pool that takes its ReLU along, in integers: what it gives and passes back is what torch's would."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from cnn_study.networks.architecture import spec_of
from cnn_study.networks.modules import MaxPool
from cnn_study.networks.network import features


def images(*shape: int) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(shape).bfloat16().contiguous(memory_format=torch.channels_last)


def rectifying() -> MaxPool:
    pool = MaxPool(2)
    pool.rectifies = True
    return pool


@pytest.mark.parametrize("shape", [(2, 32, 8, 8), (3, 5, 6, 6), (1, 1, 2, 2), (2, 16, 32, 32)])
def test_values_and_gradients_are_those_of_a_pool_and_a_relu(shape: tuple[int, ...]) -> None:
    values = images(*shape)
    # Without ties, of which each of the two may choose another: all positive numbers differ.
    values = (values.flatten().argsort().argsort() - values.numel() // 2).reshape(shape).int().view(torch.int32)
    values = values.short().view(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    values = torch.where(values.isfinite(), values, 0.0)
    given = images(*shape[:2], shape[2] // 2, shape[3] // 2)
    found = []
    for function in (rectifying(), lambda inputs: torch.relu(max_pool2d(inputs, 2))):
        leaf = values.clone().requires_grad_()
        outputs = function(leaf * 1)
        outputs.backward(given)
        assert leaf.grad is not None
        found.append((outputs, leaf.grad))
    (ours, our_gradient), (theirs, their_gradient) = found
    assert ours.equal(theirs)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    assert our_gradient.equal(their_gradient)


def test_of_equal_maxima_one_gets_the_gradient_and_of_none_above_zero_none() -> None:
    window = torch.tensor([[[[1.0, 1.0], [1.0, 0.5]]], [[[-1.0, -0.0], [0.0, -2.0]]]]).bfloat16()
    leaf = window.contiguous(memory_format=torch.channels_last).requires_grad_()
    rectifying()(leaf * 1).backward(torch.full((2, 1, 1, 1), 3.0).bfloat16())
    assert leaf.grad is not None
    assert leaf.grad[0].flatten().tolist() == [3, 0, 0, 0]
    assert leaf.grad[1].flatten().tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "values",
    [images(2, 4, 8, 8).float(), images(2, 4, 7, 7), images(2, 4, 8, 8).contiguous()],
    ids=["fp32", "odd", "another memory format"],
)
def test_elsewhere_it_is_torch_s_pool_and_relu(values: Tensor) -> None:
    before = values.clone()
    assert rectifying()(values).equal(max_pool2d(values, 2).relu())
    assert values.equal(before)


def test_without_a_relu_behind_it_negative_maxima_stay() -> None:
    values = -images(2, 4, 8, 8).abs()
    assert MaxPool(2)(values).equal(max_pool2d(values, 2))


def test_a_pool_rectifies_where_it_takes_the_place_of_a_relu_and_only_there() -> None:
    conv, pool = {"conv": 4, "kernel": 3}, {"pool": 2}
    layers = [conv, pool, conv, pool, pool, {"residual": 4}, pool, conv, {"pool": 2, "kind": "average"}]
    modules = dict(features(spec_of({"layers": layers, "head": {}}), 3).named_children())
    assert [name for name, module in modules.items() if isinstance(module, nn.ReLU)] == ["relu3"]
    pools = {name: module.rectifies for name, module in modules.items() if isinstance(module, MaxPool)}
    assert pools == {"pool1": True, "pool2": True, "pool3": False, "pool4": False}
