"""What each layer sees: against lighting pixels one by one, and against planted influence."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnn_study.base.yaml import read_yaml
from cnn_study.evaluation.effective_field import Field, LayerSpread, fields_of
from cnn_study.evaluation.influence import Spread, centroid, even_deviation, influence_of_pixels
from cnn_study.networks.architecture import Architecture, named_layers, spec_of
from cnn_study.networks.network import Network, initialize
from tests.conftest import REPOSITORY, SHAPE

ENTRIES = read_yaml(REPOSITORY / "params.yaml")["architectures"]
GREY = torch.full((1, 3, 32, 32), 100, dtype=torch.uint8)


def spec(*layers: dict[str, object]) -> Architecture:
    return spec_of({"layers": list(layers), "head": {}})


def noise(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)


def random_network(architecture: Architecture, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    network = Network(architecture, SHAPE)
    initialize(network, "he")
    network.normalize.mean.fill_(127)
    network.normalize.std.fill_(74)
    return network


def transparent_network(architecture: Architecture) -> Network:
    """Positive weights and no biases: what a unit can see at all, lights it."""
    network = Network(architecture, SHAPE)
    for module in network.features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network.eval()


def seen_by_lighting_pixels(network: Network, architecture: Architecture) -> dict[str, npt.NDArray[np.bool_]]:
    """For each layer the pixels (32, 32) that, lit alone in a black image, light its central unit."""
    lit = torch.eye(32 * 32).reshape(-1, 1, 32, 32).expand(-1, 3, -1, -1)
    names = {name for name, _ in named_layers(architecture)}
    seen, outputs = {}, lit
    with torch.inference_mode():
        for name, module in network.features.named_children():
            outputs = module(outputs)
            if name in names:
                center = outputs.shape[2] // 2
                seen[name] = (outputs[:, :, center, center] > 0).any(1).reshape(32, 32).numpy()
    return seen


def closed_form(field: Field) -> tuple[float, float]:
    """First and last row of the theoretical field, be they in the image or not."""
    reach = (field.theoretical - 1) / 2
    return field.center - reach, field.center + reach


def extent(seen: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """First and last row with a pixel that is seen; the columns' have to be the same."""
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    assert (rows[0], rows[-1]) == (columns[0], columns[-1])
    return int(rows[0]), int(rows[-1])


LAYERS = st.one_of(
    st.builds(
        lambda kernel, stride, norm: {"conv": 2, "kernel": kernel, "stride": stride, "norm": norm},
        st.sampled_from([1, 3, 5, 9]),
        st.sampled_from([1, 1, 2, 3]),
        st.booleans(),
    ),
    st.builds(lambda pool, kind: {"pool": pool, "kind": kind}, st.sampled_from([2, 3]), st.sampled_from(["max"])),
    st.builds(
        lambda stride, shortcut: {"residual": 2, "stride": stride, "shortcut": shortcut},
        st.sampled_from([1, 2]),
        st.booleans(),
    ),
)
STACKS = st.lists(LAYERS, min_size=1, max_size=3).filter(
    lambda layers: any("pool" not in layer for layer in layers)
)


@settings(max_examples=20)
@given(STACKS)
def test_the_field_of_every_layer_is_what_lighting_pixels_one_by_one_finds(
    layers: list[dict[str, object]],
) -> None:
    architecture = spec(*layers)
    fields = fields_of(architecture, SHAPE, GREY, None, None)
    seen = seen_by_lighting_pixels(transparent_network(architecture), architecture)
    assert [field.layer for field in fields] == list(seen)
    for field in fields:
        # A stride wider than its kernel leaves holes: the field is what lies between the outermost pixels.
        assert field.visible == extent(seen[field.layer])
        first, last = closed_form(field)
        if first >= 0 and last <= 31:
            assert field.visible == (first, last)
        assert first <= field.visible[0]
        assert field.visible[1] <= last


@settings(max_examples=12)
@given(STACKS)
def test_the_gradient_confirms_the_field_of_every_layer(layers: list[dict[str, object]]) -> None:
    # A maximum passes the gradient to one pixel only, which hides the others: averages instead.
    averages = [layer | {"kind": "average"} if "pool" in layer else layer for layer in layers]
    architecture = spec(*averages)
    for field in fields_of(architecture, SHAPE, GREY, None, transparent_network(architecture)):
        assert field.trained is not None
        assert field.trained.sum() == pytest.approx(1)
        assert extent(field.trained > 0) == field.visible


def test_the_study_s_own_fields_are_the_closed_form_clipped_to_the_image() -> None:
    for entry in ENTRIES.values():
        for field in fields_of(spec_of(entry), SHAPE, GREY, None, None):
            first, last = closed_form(field)
            assert field.visible == (max(first, 0), min(last, 31))
            assert field.by_all == (0, 31)


def test_rows_that_a_pool_drops_are_seen_by_none() -> None:
    architecture = spec({"pool": 6}, {"conv": 1, "kernel": 9}, {"residual": 1})  # 5 × 6 = 30 of 32 rows
    fields = fields_of(architecture, SHAPE, GREY, None, None)
    assert [field.visible for field in fields] == [(12, 17), (0, 29), (0, 29)]
    assert [field.by_all for field in fields] == [(0, 29)] * 3
    assert fields[-1].theoretical_share == (30 / 32) ** 2


def test_influence_is_found_where_it_was_planted() -> None:
    architecture = spec({"conv": 1, "kernel": 7}, {"pool": 2, "kind": "average"})
    networks = []
    for near, far in ((0.9, 0.1), (0.96, 0.04)):
        network = Network(architecture, SHAPE)
        (kernel,) = (module for module in network.features.modules() if isinstance(module, nn.Conv2d))
        nn.init.zeros_(kernel.weight)
        with torch.no_grad():
            kernel.weight[0, :, 3, 3], kernel.weight[0, :, 3, 5] = near, far
        networks.append(network)
    conv, pool = fields_of(architecture, SHAPE, GREY, *networks)

    assert conv.untrained is not None
    assert conv.untrained[16, 16] == pytest.approx(0.9)
    assert conv.untrained[16, 18] == pytest.approx(0.1)
    # Two pixels apart, along the rows alone: a variance of 2² · 0.9 · 0.1, and of as much with 0.96 and 0.04.
    one, other = LayerSpread.of(conv).untrained, LayerSpread.of(conv).trained
    assert one is not None
    assert other is not None
    assert (one.deviation, other.deviation) == pytest.approx((np.sqrt(0.36 / 2), np.sqrt(0.1536 / 2)))
    assert (one.side, other.side) == (np.sqrt(2), 1)  # 0.1 of 0.9 is more than 4.55 %, 0.04 of 0.96 is less
    # The pool sees the mean of four units: a variance of a quarter more, both ways.
    wider = LayerSpread.of(pool).untrained
    assert wider is not None
    assert wider.deviation == pytest.approx(np.sqrt(0.36 / 2 + 1 / 4))


def test_a_layer_behind_a_dead_one_has_no_effective_field() -> None:
    architecture = spec({"conv": 2, "kernel": 3}, {"pool": 2}, {"conv": 2, "kernel": 3})
    dead = transparent_network(architecture)
    nn.init.constant_(dead.get_parameter("features.conv1.bias"), -1e9)
    fields = fields_of(architecture, SHAPE, GREY, None, dead)
    assert all(field.trained is not None and not field.trained.any() for field in fields)
    assert [LayerSpread.of(field).trained for field in fields] == [None] * 3


def test_a_spread_is_that_of_a_normal_distribution_of_known_width_wherever_it_lies() -> None:
    rows, columns = np.indices((64, 64))
    for deviation, (row, column) in ((2.0, (31.5, 31.5)), (4.25, (40, 30))):
        squares = (rows - row) ** 2 + (columns - column) ** 2
        influence = 7.0 * np.exp(-squares / (2 * deviation**2))
        spread = Spread.of(influence)
        assert spread is not None
        assert spread.deviation == pytest.approx(deviation, rel=0.01)
        assert centroid(influence) == pytest.approx((row, column), abs=0.1)
        # Above 4.55 % of the peak lies a disc, whose area is the square of the side.
        radius = deviation * np.sqrt(-2 * np.log(1 - 0.9545))
        assert spread.side == pytest.approx(np.sqrt(np.pi) * radius, rel=0.05)


def test_an_even_influence_has_the_deviation_that_its_square_says() -> None:
    for pixels in (1, 2, 7, 32):
        influence: npt.NDArray[np.float64] = np.zeros((32, 32))
        influence[:pixels, :pixels] = 0.5
        spread = Spread.of(influence)
        assert spread is not None
        assert (spread.deviation, spread.side) == pytest.approx((even_deviation(pixels), pixels))


def test_a_spread_tells_growth_of_less_than_a_pixel() -> None:
    influence: npt.NDArray[np.float64] = np.zeros((32, 32))
    influence[10:20, 10:20] = 1.0
    before = Spread.of(influence)
    influence[10:20, 10] *= 1.1
    after = Spread.of(influence)
    assert before is not None
    assert after is not None
    assert 0 < after.deviation - before.deviation < 0.1
    assert after.side == before.side


@pytest.mark.parametrize("name", ["kernel_7x7_matched", "residual"])
def test_the_last_layer_s_influence_is_that_of_the_whole_network(name: str) -> None:
    architecture, images = spec_of(ENTRIES[name]), noise(4)
    before, after = random_network(architecture, 0), random_network(architecture, 1)
    last = fields_of(architecture, SHAPE, images, before, after)[-1]
    assert last.untrained is not None
    assert last.trained is not None
    assert np.array_equal(last.untrained, influence_of_pixels(before, images))
    assert np.array_equal(last.trained, influence_of_pixels(after, images))
    assert not np.allclose(last.trained, last.untrained)


def test_looking_into_a_network_leaves_it_as_it_was() -> None:
    architecture = spec_of(ENTRIES["depth_4"])
    network = random_network(architecture)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    logits = network.eval()(noise(2))
    fields_of(architecture, SHAPE, noise(1), network, None)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(network(noise(2)), logits)
