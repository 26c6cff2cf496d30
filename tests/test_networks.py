"""Networks are drawn to scale from their specs, whatever these are, and what they cost is said by rule."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from cnn_study.base.yaml import read_yaml
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import geometry, spec_of
from cnn_study.networks.layers import Conv
from cnn_study.params.study import validate
from cnn_study.report.kit.findings import Finding
from cnn_study.report.kit.rendering import static_svg
from cnn_study.report.topics.networks.blocks import (
    AVERAGE_POOL,
    CONVOLUTION,
    DENSE,
    IMAGE,
    MAX_POOL,
    Drawing,
    blocks_of,
    drawings,
)
from cnn_study.report.topics.networks.chart import networks_drawn
from cnn_study.report.topics.networks.layout import NORM, WIDTH, Sheet, lay_out, window_path
from cnn_study.report.topics.networks.sentences import network_findings, title_of
from tests.conftest import REPOSITORY
from tests.report_cases import entry

SHAPE = Shape(3, 32, 10)
PARAMS = validate(read_yaml(REPOSITORY / "params.yaml"))
Spec = Sequence[Mapping[str, Any]]

RESIDUAL: Spec = [{"conv": 16, "kernel": 3}, {"residual": 16}, {"residual": 32, "stride": 2}]
ODD: Spec = [
    {"conv": 12, "kernel": 5, "stride": 2, "dilation": 3, "norm": True},
    {"conv": 12, "kernel": 3, "groups": "all"},
    {"pool": 4, "kind": "average"},
]


def network(layers: Spec, hidden: Sequence[int] = (), name: str = "mine") -> Drawing:
    spec = spec_of({"layers": list(layers), "head": {"hidden": list(hidden)}})
    return Drawing(name, (), (name,), *blocks_of(spec, SHAPE))


def sheet(*networks: Drawing) -> Sheet:
    return lay_out(networks, [""] * len(networks))[0]


def extent(path: str) -> tuple[float, float]:
    """The width and the height of a block's path."""
    left, before, right, after = map(float, re.findall(r"-?[\d.]+", path)[:4])
    return right - left, 2 * max(-before, -after)


def test_blocks_have_the_shapes_of_the_network() -> None:
    for architecture in PARAMS.architectures.values():
        blocks, _ = blocks_of(architecture, SHAPE)
        last = {block.name: (block.channels, block.size) for block in blocks if block.look != DENSE}
        steps = geometry(architecture, SHAPE)
        assert last == {"image": (3, 32)} | {step.name: (step.channels, step.size) for step in steps}
        assert [block.channels for block in blocks if block.look == DENSE] == [*architecture.head.hidden, 10]


def test_what_a_layer_can_be_is_seen_below_it_and_said_in_words() -> None:
    blocks, shortcuts = blocks_of(spec_of({"layers": list(ODD), "head": {}}), SHAPE)
    assert [block.look for block in blocks] == [IMAGE, CONVOLUTION, CONVOLUTION, AVERAGE_POOL, DENSE]
    assert [block.labels for block in blocks] == [
        ("32×32", "image"), ("5×5 /2 d3", "12"), ("3×3", "12 g12"), ("4×4", "avg"), ("dense", "10"),
    ]  # fmt: skip
    assert [block.in_words for block in blocks] == [
        "image: 3 × 32×32",
        "5×5 convolution, stride 2, dilation 3, batch normalisation: 12 × 16×16",
        "3×3 convolution, 12 groups: 12 × 16×16",
        "4×4 average pool: 12 × 4×4",
        "dense layer: 10",
    ]
    assert shortcuts == ()


def test_an_arc_spans_both_convolutions_and_is_dashed_where_the_shape_changes() -> None:
    drawing = network(RESIDUAL)
    assert [(arc.first, arc.last, arc.projected) for arc in drawing.shortcuts] == [(2, 3, False), (4, 5, True)]
    assert drawing.convolutions == 5
    lines = [line for line in sheet(drawing).lines if "V" in line["path"]]
    assert [line["dashed"] for line in lines] == [False, True]
    first, *_, last = (block for block in sheet(drawing).blocks if block["layer"] == "residual1")
    reach = float(re.findall(r"H([\d.]+)", lines[0]["path"])[0])
    assert lines[0]["x"] < first["x"] < last["x"] < lines[0]["x"] + reach
    without = [dict(layer) | ({"shortcut": False} if "residual" in layer else {}) for layer in RESIDUAL]
    assert network(without).shortcuts == ()


def test_blocks_are_to_one_scale_over_all_networks() -> None:
    narrow, wide = network([{"conv": 16, "kernel": 3}, {"pool": 2}]), network([{"conv": 64, "kernel": 3}])
    rows = {(row["network"], row["look"]): extent(row["path"]) for row in sheet(narrow, wide).blocks}
    assert rows["mine", CONVOLUTION] == (16, 56)
    blocks = {row["look"]: extent(row["path"]) for row in sheet(narrow).blocks}
    assert blocks[CONVOLUTION] == (8, 56)  # a quarter of the channels: half as wide
    both = sheet(narrow, network([{"conv": 4, "kernel": 3, "stride": 4}], name="other"))
    (conv,) = (row for row in both.blocks if (row["network"], row["look"]) == ("other", CONVOLUTION))
    assert extent(conv["path"]) == (4, 14)
    pool = next(row for row in sheet(narrow).blocks if row["look"] == MAX_POOL)
    assert re.findall(r"[\d.]+,-([\d.]+)L[\d.]+,-([\d.]+)", pool["path"]) == [("28.0", "14.0")]


def test_normalisation_is_a_strip_behind_its_convolution() -> None:
    looks = [row["look"] for row in sheet(network(ODD)).blocks]
    assert looks == [IMAGE, CONVOLUTION, NORM, CONVOLUTION, AVERAGE_POOL, DENSE]


def test_a_window_has_its_points_as_far_apart_as_its_dilation() -> None:
    def points(kernel: int, dilation: int) -> list[float]:
        window = Conv(conv=1, kernel=kernel, dilation=dilation).windows[0]
        places = re.findall(r"M(-?[\d.]+),(-?[\d.]+)h", window_path(window))
        assert len(places) == kernel**2
        return sorted({float(x) for x, _ in places})

    near, far = points(3, 1), points(3, 2)
    assert far[1] - far[0] == pytest.approx(2 * (near[1] - near[0]), abs=0.11)
    assert points(5, 1)[-1] == pytest.approx(far[-1], abs=0.11)  # as wide as a 5×5 window


@pytest.mark.parametrize(
    "layers",
    [
        [{"conv": 1, "kernel": 1}],
        [{"conv": 4096, "kernel": 31, "dilation": 32}],
        [{"conv": 4096, "kernel": 3}] * 200,
        [{"pool": 32}, {"conv": 8, "kernel": 31}],
        [{"residual": 64, "shortcut": False}] * 100,
    ],
    ids=["one channel", "widest", "deepest and widest", "pool first", "blocks"],
)
def test_any_network_is_drawn_inside_the_chart(layers: Spec) -> None:
    networks = [network(layers, [4096] * 8), network(ODD, name="n" * 300), network(RESIDUAL)]
    seen, height = lay_out(networks, ["10 parameters"] * 3)
    for row in [*seen.blocks, *seen.windows, *seen.labels]:
        assert 0 <= row["x"] <= WIDTH
        assert 0 <= row["y"] <= height
    for row in (row for row in seen.blocks if row["look"] != NORM):
        wide, tall = extent(row["path"])
        assert wide > 0
        assert 0 <= row["x"] - wide / 2 <= row["x"] + wide / 2 <= WIDTH
        assert row["y"] + tall / 2 <= height


def test_a_network_too_long_for_the_chart_is_squeezed_and_says_so() -> None:
    seen, _ = lay_out([network([{"conv": 64, "kernel": 3}] * 100), network(RESIDUAL)], ["10 parameters"] * 2)
    squeezed, whole = (name["note"][0] for name in seen.names)
    assert re.fullmatch(r"10 parameters, drawn at \d\d% of its width", squeezed)
    assert whole == "10 parameters"
    assert {row["text"] for row in seen.labels} == {
        text for block in network(RESIDUAL).blocks for text in block.labels
    }


def test_drawings_do_not_lie_on_each_other() -> None:
    drawn = drawings(PARAMS, SHAPE)
    seen, _ = lay_out(drawn, ["1,000,000 parameters"] * len(drawn))
    corners = [(name["x"], name["y"]) for name in seen.names]
    assert len(set(corners)) == len(drawn)
    for (left, top), drawing in zip(corners, drawn, strict=True):
        right = max(row["x"] for row in seen.blocks if row["network"] == drawing.name)
        assert not [x for x, y in corners if y == top and left < x < right]


def test_a_row_is_as_high_as_its_highest_drawing_with_labels_or_without() -> None:
    low: Spec = [{"conv": 4, "kernel": 3, "stride": 4}, {"pool": 2}]
    high = network(RESIDUAL, [4096])
    deep = network([{"conv": 64, "kernel": 3}] * 100)
    side, widest = 56, 128  # of the image and of the dense layer, in pixels
    for first, tall, labels in (((high, network(low)), widest, 50), ((deep,), side, 0)):
        drawn = [*first, deep]
        seen, height = lay_out(drawn, ["10 parameters"] * len(drawn))
        tops = sorted({name["y"] for name in seen.names})
        # Names, arcs, blocks, labels and the space to the next row.
        assert tops == pytest.approx([0, 44 + 15 + tall + labels + 16])
        assert height == pytest.approx(tops[1] + 44 + 15 + side + 16)
        of_first = [row["y"] for row in seen.labels if row["y"] < tops[1]]
        assert all(y + 12 <= tops[1] for y in of_first)
        for row in (row for row in seen.blocks if row["look"] != NORM):
            top = max(one for one in tops if one < row["y"])
            assert row["y"] - extent(row["path"])[1] / 2 >= top + 44


def test_networks_that_differ_in_training_alone_are_drawn_once_under_all_their_names() -> None:
    names = {drawing.architectures: drawing.name for drawing in drawings(PARAMS, SHAPE)}
    assert names["kernel_3x3", "kernel_3x3_adamw"] == "3×3 (also 2 layers and 3×3 AdamW)"
    assert sum(map(len, names)) == len(PARAMS.architectures)
    assert names[("kernel_5x5_matched",)] == "5×5, matched"


def test_the_chart_is_the_same_from_run_to_run_and_shows_names_as_they_are() -> None:
    drawn = [network(ODD, name="$$ + <b> & 5×5")]
    svg, again = (static_svg(networks_drawn("Mine", drawn, ["10 parameters"])) for _ in range(2))
    assert svg == again
    assert "$$ + &lt;b&gt; &amp; 5×5" in svg
    assert "currentColor" not in svg
    json.dumps(networks_drawn("Mine", drawn, ["10 parameters"]), allow_nan=False)


def of(*sizes: tuple[int, int, int], layers: Sequence[int] = ()) -> tuple[list[Drawing], dict[str, Any]]:
    """Networks a, b and so on of so many parameters, in convolutions, and FLOPs; of one layer unless given."""
    names = [chr(ord("a") + place) for place in range(len(sizes))]
    depths = layers or [1] * len(sizes)
    drawn = [
        network([{"conv": 4, "kernel": 3}] * depth, name=name) for name, depth in zip(names, depths, strict=True)
    ]
    summaries = {
        name: entry(0.5, parameters=parameters).model_copy(
            update={"conv_parameters": in_conv, "forward_flops": flops}
        )
        for name, (parameters, in_conv, flops) in zip(names, sizes, strict=True)
    }
    return drawn, summaries


def said(*sizes: tuple[int, int, int]) -> list[Finding]:
    return network_findings(*of(*sizes))


def test_the_span_of_parameters_and_operations_is_told_with_its_ends() -> None:
    (finding,) = said((161_482, 5, 10_240_000), (1_156_554, 5, 57_300_000), (500_000, 5, 20_000_000))
    assert finding.text == (
        "3 networks have 161,482 (a) to 1,156,554 parameters (b); a forward pass of one image takes 10.2 to 57.3 "
        "MFLOPs."
    )
    assert said((1000, 5, 3000))[0].text == (
        "1 network has 1,000 parameters; a forward pass of one image takes 0.003 MFLOPs."
    )
    assert said((9, 5, 3000), (9, 5, 3000))[0].text.startswith("2 networks have 9 parameters; ")


@pytest.mark.parametrize(("flops", "rules"), [(1090, []), (1110, ["same_parameters_other_flops"])])
def test_equal_parameters_of_unequal_cost_are_told_from_a_tenth_more_on(flops: int, rules: list[str]) -> None:
    findings = said((1000, 1, 1000), (1010, 9, flops), (1500, 9, 9000))
    assert [finding.rule for finding in findings[1:]] == rules
    if rules:
        assert "b takes 1.11× the FLOPs of a, which has as many parameters within 1 %." in findings[1].text


def test_networks_of_as_many_parameters_are_those_within_a_hundredth_of_the_first() -> None:
    findings = said((1000, 100, 1000), (1010, 101, 1000), (1019, 101, 1000), (1005, 102, 1000), (5, 1, 1000))
    groups = [finding for finding in findings if finding.rule == "as_many_parameters"]
    assert [(finding.numbers["as"], finding.numbers["networks"]) for finding in groups] == [("a", ["b"])]


@pytest.mark.parametrize(
    ("parameters", "depths", "title"),
    [
        ((9, 5), (1, 3), "The deepest network, with 3 convolutions, has the fewest parameters"),
        ((5, 9, 8), (1, 3, 3), "The deepest, with 3 convolutions, have the most parameters"),
        ((9, 5, 9), (1, 3, 2), "The deepest network, with 3 convolutions, has the fewest parameters"),
        ((5, 5), (1, 2), "From 1 to 2 convolutions, each network with 5 parameters"),
        ((5, 9, 9), (1, 2, 3), "From 1 to 3 convolutions and from 5 to 9 parameters"),
        ((5, 9), (1, 1), "1 convolution in every network"),
        ((5,), (2,), "2 convolutions in the one network"),
    ],
)
def test_the_title_says_whether_depth_goes_with_parameters(
    parameters: tuple[int, ...], depths: tuple[int, ...], title: str
) -> None:
    assert title_of(*of(*((count, 1, 1000) for count in parameters), layers=depths)) == title
