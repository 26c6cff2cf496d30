"""Networks are what their specs say."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import read_yaml
from cnn_study.evaluation.activations import feature_maps
from cnn_study.evaluation.influence import center_of_last, influence_of_pixels
from cnn_study.networks.architecture import Architecture, geometry, named_layers, spec_of
from cnn_study.networks.network import Network, features, initialize, weighted_layers
from cnn_study.params.study import validate
from cnn_study.profiling.complexity import (
    count_conv_parameters,
    count_parameters,
    forward_flops,
    layer_costs,
    without_weights,
)
from cnn_study.profiling.receptive_field import confirmed_by_gradient
from cnn_study.training.layer_check import cases_of
from tests.conftest import REPOSITORY, SHAPE

PARAMS = validate(read_yaml(REPOSITORY / "params.yaml"))
BY_HAND = {  # parameters, parameters of the convolutions, forward FLOPs, receptive field; worked out on paper
    "kernel_3x3": (1_070_794, 19_392, 13_308_928, 10),
    "kernel_5x5": (1_105_098, 53_696, 33_231_872, 16),
    "kernel_7x7": (1_156_554, 105_152, 63_116_288, 22),
    "kernel_1x1_3x3": (1_070_806, 19_404, 13_327_360, 10),
    "depth_4": (653_386, 388_416, 30_610_432, 46),
    "depth_6": (814_122, 287_008, 78_320_640, 36),
    "depth_6_norm": (815_018, 287_008, 78_320_640, 36),
    "residual": (161_482, 150_400, 106_647_552, 27),
    "residual_no_shortcut": (159_306, 148_352, 105_598_976, 27),
    "residual_no_norm": (161_034, 150_784, 106_647_552, 27),
    "kernel_3x3_dilated_2": (1_070_794, 19_392, 13_308_928, 16),
    "kernel_3x3_dilated_3": (1_070_794, 19_392, 13_308_928, 22),
}


def small(*layers: dict[str, object]) -> Architecture:
    return spec_of({"layers": list(layers), "head": {}})


@pytest.mark.parametrize("name", BY_HAND)
def test_a_network_costs_what_was_worked_out(name: str) -> None:
    architecture = PARAMS.architectures[name]
    network = Network(architecture, SHAPE)
    cost = count_parameters(network), count_conv_parameters(network), forward_flops(network)
    assert (*cost, geometry(architecture, SHAPE)[-1].receptive_field) == BY_HAND[name]


def test_all_networks_are_there_and_give_ten_logits() -> None:
    assert len(PARAMS.architectures) == 19
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    for architecture in PARAMS.architectures.values():
        assert Network(architecture, SHAPE)(images).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("kernel_5x5_matched", "kernel_3x3"),
        ("kernel_7x7_matched", "kernel_3x3"),
        ("kernel_3x3_wide", "kernel_5x5"),
    ],
)
def test_a_matched_network_has_the_weights_of_the_other_one_within_a_percent(name: str, other: str) -> None:
    matched, rival = (Network(PARAMS.architectures[one], SHAPE) for one in (name, other))
    assert count_parameters(matched) == pytest.approx(count_parameters(rival), rel=0.01)
    assert count_conv_parameters(matched) == pytest.approx(count_conv_parameters(rival), rel=0.01)


def test_the_two_layer_network_of_the_depth_study_is_the_3x3_network() -> None:
    assert PARAMS.studies["depth"].baseline == PARAMS.studies["kernel_size"].baseline == "kernel_3x3"
    assert PARAMS.studies["depth"].members["kernel_3x3"] == "2 layers"


def test_layer_costs_add_up_to_the_network_s() -> None:
    network = Network(PARAMS.architectures["residual"], SHAPE)
    costs = layer_costs(network)
    assert sum(cost.forward_flops for cost in costs) == forward_flops(network)
    assert [(cost.layer, cost.kind) for cost in costs] == [
        ("conv1", "conv"),
        ("residual1.conv1", "conv"),
        ("residual1.conv2", "conv"),
        ("residual2.conv1", "conv"),
        ("residual2.conv2", "conv"),
        ("residual2.projection", "projection"),
        ("residual3.conv1", "conv"),
        ("residual3.conv2", "conv"),
        ("output", "dense"),
    ]


LAYERS = st.one_of(
    st.builds(
        lambda kernel, stride, dilation: {"conv": 2, "kernel": kernel, "stride": stride, "dilation": dilation},
        st.sampled_from([1, 3, 5, 7]),
        st.sampled_from([1, 1, 2]),
        st.sampled_from([1, 1, 2, 3]),
    ),
    st.builds(lambda pool, kind: {"pool": pool, "kind": kind}, st.just(2), st.sampled_from(["max", "average"])),
    st.builds(
        lambda stride, norm, shortcut: {"residual": 2, "stride": stride, "norm": norm, "shortcut": shortcut},
        st.sampled_from([1, 2]),
        st.booleans(),
        st.booleans(),
    ),
)


@settings(max_examples=25)
@given(
    st.lists(LAYERS, min_size=1, max_size=3).filter(lambda layers: any("pool" not in layer for layer in layers))
)
def test_receptive_fields_are_those_found_by_changing_pixels_one_by_one(layers: list[dict[str, object]]) -> None:
    architecture = small(*layers)
    steps = geometry(architecture, SHAPE)
    assert confirmed_by_gradient(architecture, SHAPE) == {step.name: step.receptive_field for step in steps}

    # Along one row of an image large enough: positive weights, so that no change can cancel.
    last = steps[-1]
    size = last.jump * (2 * last.receptive_field // last.jump + 3)
    network = features(architecture, SHAPE.channels).double().eval()
    torch.manual_seed(0)
    for parameter in network.parameters():
        torch.nn.init.uniform_(parameter, 0.5, 1.0)
    image = torch.rand(1, 3, size, size, dtype=torch.float64)
    changed = image.repeat(size, 1, 1, 1)
    for column in range(size):
        changed[column, :, :, column] += 1000  # far up, so that a maximum pool passes it on
    with torch.inference_mode():
        center = network(image).shape[2] // 2
        # As many images in both calls: the order of additions may depend on it.
        difference = (network(changed) - network(image.expand_as(changed)))[:, :, center, center]
    touched = difference.abs().amax(1).nonzero()
    # A stride can leave holes: the field is what lies between the outermost pixels that count.
    assert touched.max() - touched.min() + 1 == last.receptive_field


def test_receptive_fields_grow_with_every_layer() -> None:
    for architecture in PARAMS.architectures.values():
        sides = [step.receptive_field for step in geometry(architecture, SHAPE)]
        assert all(before <= after for before, after in pairwise(sides))


@pytest.mark.parametrize(("dilation", "window"), [(2, 5), (3, 7)])
def test_a_dilated_convolution_has_the_weights_of_its_kernel_and_the_field_of_a_larger_one(
    dilation: int, window: int
) -> None:
    layers: list[dict[str, object]] = [{"conv": 32}, {"pool": 2}, {"conv": 64}, {"pool": 2}]
    dilated, large, plain = (
        small(*({**layer, **more} if "conv" in layer else layer for layer in layers))
        for more in ({"kernel": 3, "dilation": dilation}, {"kernel": window}, {"kernel": 3})
    )
    assert [step.receptive_field for step in geometry(dilated, SHAPE)] == [
        step.receptive_field for step in geometry(large, SHAPE)
    ]
    assert count_parameters(Network(dilated, SHAPE)) == count_parameters(Network(plain, SHAPE))
    assert forward_flops(Network(dilated, SHAPE)) == forward_flops(Network(plain, SHAPE))


def test_a_convolution_in_groups_sees_its_part_of_the_channels_alone() -> None:
    for groups, seen in ((1, 6), (3, 2), ("all", 1)):
        architecture = small({"conv": 6, "kernel": 3}, {"conv": 12, "kernel": 5, "groups": groups})
        network = features(architecture, SHAPE.channels).double()
        conv2 = network.get_submodule("conv2")
        assert count_parameters(conv2) == 12 * (seen * 25 + 1)
        images = torch.randn(1, 3, 9, 9, dtype=torch.float64)
        maps = torch.relu(network.get_submodule("conv1")(images)).requires_grad_()
        (gradient,) = torch.autograd.grad(conv2(maps)[0, 0].sum(), maps)
        assert int(gradient.abs().amax((0, 2, 3)).count_nonzero()) == seen
    costs = layer_costs(Network(architecture, SHAPE))
    assert costs[1].forward_flops == 2 * 32 * 32 * 12 * 25


def test_a_relu_after_the_pool_changes_no_output() -> None:
    architecture = small({"conv": 5, "kernel": 3}, {"pool": 2}, {"conv": 4, "kernel": 3})
    network = features(architecture, SHAPE.channels)
    assert [name for name, _ in network.named_children()] == ["conv1", "pool1", "conv2", "relu2"]
    images = torch.randn(3, 3, 32, 32)
    conv1, conv2 = network.get_submodule("conv1"), network.get_submodule("conv2")
    by_hand = torch.relu(conv2(torch.max_pool2d(torch.relu(conv1(images)), 2)))
    assert torch.equal(network(images), by_hand)


def test_a_residual_block_without_shortcut_passes_nothing_by() -> None:
    for shortcut, passes in ((True, True), (False, False)):
        network = features(small({"residual": 3, "norm": False, "shortcut": shortcut}), SHAPE.channels)
        for parameter in network.parameters():
            torch.nn.init.zeros_(parameter)
        images = torch.rand(1, 3, 8, 8)
        assert torch.equal(network(images), images if passes else torch.zeros_like(images))


def test_he_initialisation_keeps_the_variance_of_activations() -> None:
    torch.manual_seed(0)
    network = features(small(*[dict[str, object]({"conv": 64, "kernel": 3}) for _ in range(8)]), SHAPE.channels)
    initialize(network, "he")
    with torch.inference_mode():
        outputs = network(torch.randn(8, 3, 32, 32))[..., 8:-8, 8:-8]
    # After a ReLU the second moment, not the variance, is what He's rule keeps.
    assert 0.3 < outputs.square().mean().item() < 3


def test_a_network_begins_without_a_preference_for_any_class() -> None:
    network = Network(PARAMS.architectures["depth_6"], SHAPE)
    initialize(network, "he")
    images = torch.randint(0, 256, SHAPE.images(4), dtype=torch.uint8)
    assert torch.equal(network(images), torch.zeros(4, SHAPE.classes))
    assert all(bool(layer.weight.any()) for name, layer in weighted_layers(network).items() if name != "output")


def test_feature_maps_are_of_each_layer_before_its_pool() -> None:
    architecture = PARAMS.architectures["depth_6_norm"]
    image = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    maps = feature_maps(Network(architecture, SHAPE), image)
    assert {name: tuple(m.shape) for name, m in maps.items()} == {
        "conv1": (32, 32, 32), "conv2": (32, 32, 32),
        "conv3": (64, 16, 16), "conv4": (64, 16, 16),
        "conv5": (128, 8, 8), "conv6": (128, 8, 8),
    }  # fmt: skip
    assert all((m >= 0).all() for m in maps.values())


@pytest.mark.parametrize("name", ["kernel_3x3", "kernel_7x7", "residual"])
def test_no_pixel_outside_the_theoretical_field_has_influence(name: str) -> None:
    architecture = PARAMS.architectures[name]
    torch.manual_seed(0)
    images = torch.randint(0, 256, (20, 3, 32, 32), dtype=torch.uint8)
    influence = influence_of_pixels(Network(architecture, SHAPE), images)
    center, side = center_of_last(architecture, SHAPE), geometry(architecture, SHAPE)[-1].receptive_field
    offsets = np.abs(np.arange(32) - center)
    outside = np.maximum(offsets[:, None], offsets[None, :]) > (side - 1) / 2
    assert influence[outside].sum() == 0
    assert influence.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"layers": [{"conv": 4, "kernel": 4}], "head": {}}, "layers[0].kernel: found 4, allowed: an odd number"),
        ({"layers": [{"cnov": 4, "kernel": 3}], "head": {}}, "allowed: exactly one of conv, pool and residual"),
        ({"layers": [{"conv": 4, "kernel": 3, "strde": 1}], "head": {}}, "did you mean 'stride'?"),
        ({"layers": [{"conv": 4, "kernel": 3, "groups": "al"}], "head": {}}, "groups: found 'al', allowed: "),
        ({"layers": [{"pool": 2}], "head": {}}, "found no conv and no residual"),
        ({"layers": [], "head": {}}, "allowed: at least 1"),
        ({"layers": [{"conv": 4, "kernel": 3}]}, "head: not found"),
        ({"layers": [{"conv": True, "kernel": 3}], "head": {}}, "allowed: a whole number"),
    ],
)
def test_an_impossible_architecture_is_refused_by_name(entry: object, told: str) -> None:
    with pytest.raises(StudyError) as error:
        spec_of(entry, "architectures", "mine")
    assert str(error.value).startswith("params.yaml: architectures.mine")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        (
            [{"conv": 4, "kernel": 3}, {"pool": 16}, {"pool": 4}],
            "found that layers[2] takes 4x4 pixels at once of 2x2, which leaves nothing, allowed: at most 2",
        ),
        (
            [{"conv": 4, "kernel": 3}, {"conv": 6, "kernel": 3, "groups": "all"}],
            "found that layers[1] has groups: all, into which 4 channels in and 6 out cannot be divided, allowed: "
            "a divisor of both",
        ),
    ],
)
def test_a_network_that_its_images_do_not_fit_is_one_line(layers: list[dict[str, object]], told: str) -> None:
    for make in (geometry, Network, without_weights, cases_of):
        with pytest.raises(StudyError) as error:
            make(small(*layers), SHAPE)
        assert str(error.value) == f"an architecture for images of 3×32×32: {told}"


def test_layers_are_named_in_the_order_of_the_spec() -> None:
    names = [name for name, _ in named_layers(PARAMS.architectures["residual"])]
    assert names == ["conv1", "residual1", "residual2", "residual3", "pool1"]
