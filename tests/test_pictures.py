"""Pictures hold what they are given, whatever its shape, and nothing is cut off."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from PIL import Image
from scipy.ndimage import gaussian_filter

from cnn_study.base.yaml import read_yaml
from cnn_study.evaluation.effective_field import Field
from cnn_study.evaluation.results import Activations, Inside
from cnn_study.evaluation.settings import MOST_CHANNELS
from cnn_study.networks.architecture import Architecture, geometry
from cnn_study.params.study import validate
from cnn_study.report.kit.pictures import DPI, axes_at, new_picture, png, show_pixels
from cnn_study.report.topics.inside.dead import dead_channels
from cnn_study.report.topics.inside.feature_maps import draw_feature_maps
from cnn_study.report.topics.inside.first_layers import draw_first_layers
from cnn_study.report.topics.inside.mosaic import CROSSED_OUT
from cnn_study.report.topics.receptive_fields.picture import draw_fields, draw_last_fields
from tests.conftest import REPOSITORY, SHAPE
from tests.report_cases import result, right_ones

GENERATOR = np.random.default_rng(0)
IMAGE = GENERATOR.integers(0, 256, (3, 32, 32), dtype=np.uint8)
PARAMS = validate(read_yaml(REPOSITORY / "params.yaml"))
STUDIES = read_yaml(REPOSITORY / "params.yaml")["studies"]


def network(*sizes: tuple[int, int], kernel: int = 3, dead: Sequence[int] = (), word: str = "conv") -> Inside:
    """Layers of so many channels and so many pixels, in each of which the channels ``dead`` are.

    Of each, as many maps of test image 3 as ``evaluate`` keeps at most.
    """
    maps, flags = {}, {}
    for number, (channels, side) in enumerate(sizes, start=1):
        layer = f"{word}{number}"
        flags[layer] = np.isin(np.arange(channels), list(dead))
        maps[layer] = GENERATOR.random((channels, side, side), dtype=np.float32)[:MOST_CHANNELS]
        maps[layer][flags[layer][:MOST_CHANNELS]] = 0
    filters = GENERATOR.normal(size=(sizes[0][0], 3, kernel, kernel)).astype(np.float32)
    first = next(iter(maps))
    return replace(
        result("any", right_ones([5], 10)).evaluation.inside,
        filters_of=first if word == "conv" else f"{first}.conv1",
        filters=filters,
        dead=flags,
        activations={3: Activations(IMAGE, maps)},
    )


def field(
    layer: str = "conv1",
    theoretical: int = 5,
    center: float = 16,
    *,
    last: int = 18,
    untrained: bool = True,
    trained: bool = True,
) -> Field:
    influence: npt.NDArray[np.float64] = np.zeros((32, 32))
    influence[16, 16] = 1
    visible = (max(0, round(center - (theoretical - 1) / 2)), last)
    before, after = influence if untrained else None, influence if trained else None
    return Field(layer, 32, theoretical, center, visible, (0, 31), before, after)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def crosses(figure: Figure) -> list[int]:
    """How many channels each mosaic has crossed out, where any."""
    collections = [c for axis in figure.axes for c in axis.collections if isinstance(c, LineCollection)]
    counts = [len(lines.get_segments()) // 2 for lines in collections if lines.get_path_effects()]
    return [count for count in counts if count]


def mosaics(figure: Figure) -> list[Axes]:
    """The axes with maps, from left to right and from top to bottom."""
    shown = [axis for axis in figure.axes if axis.images and sheet_of(axis).ndim == 2]
    return sorted(shown, key=lambda axis: (round(axis.get_position().x0, 6), -axis.get_position().y1))


def sheet_of(axis: Axes) -> npt.NDArray[np.float64]:
    """The mosaic that ``axis`` shows, as an array."""
    sheet = axis.images[0].get_array()
    assert sheet is not None
    return np.asarray(sheet)


def assert_nothing_is_cut_off(figure: Figure) -> None:
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert drawn.x0 >= 0
    assert drawn.y0 >= 0
    assert drawn.x1 <= width
    assert drawn.y1 <= height


def test_dead_channels_are_crossed_out_and_counted_beside_their_filters() -> None:
    figure = draw_first_layers("Mine", 3, {"a": network((9, 32), dead=[1, 7]), "b": network((3, 32), kernel=1)})
    assert crosses(figure) == [2, 2]
    counts = [line for text in texts(figure) for line in text.splitlines() if line.endswith(" dead")]
    assert counts == ["2 dead"]
    assert CROSSED_OUT in texts(figure)


def test_where_no_channel_is_dead_no_picture_speaks_of_any() -> None:
    seen = {"a": network((9, 32), (9, 32))}
    for figure in (draw_first_layers("Mine", 3, seen), draw_feature_maps("Mine", 3, seen, 4)):
        assert not [text for text in texts(figure) if "dead" in text]
        assert crosses(figure) == []


def test_a_block_s_dead_channels_cross_out_no_filter_inside_it() -> None:
    figure = draw_first_layers("Mine", 3, {"a": network((9, 32), dead=[1, 7], word="residual")})
    assert crosses(figure) == [2]


def test_a_cross_lies_on_its_channel() -> None:
    figure = draw_feature_maps("Mine", 3, {"a": network((16, 32), dead=[6])}, 16)
    (axis,) = mosaics(figure)
    (lines,) = (c for c in axis.collections if isinstance(c, LineCollection))
    x, y = np.array(lines.get_segments()).mean((0, 1)).round().astype(int)
    sheet = sheet_of(axis)
    # The seventh of sixteen: the second row of four, the third in it; and it alone is nothing but zeros.
    assert (y // (sheet.shape[0] / 4), x // (sheet.shape[1] / 4)) == (1, 2)
    assert (sheet[y - 10 : y + 10, x - 10 : x + 10] == 0).all()
    assert (sheet[y - 10 : y + 10, x + 24 : x + 44] > 0).all()


def test_dead_channels_are_counted_in_networks_that_have_weights_of_their_own() -> None:
    right = right_ones([5, 5], 10)
    thin = result("thin", right, "collapsed")
    seen = network((9, 32), (70, 16), dead=[0, 1, 68])
    inside = replace(seen, looked_into=thin.evaluation.inside.looked_into)
    thin = replace(thin, evaluation=replace(thin.evaluation, inside=inside))
    wide, failed = result("wide", right, ["diverged", "trained"]), result("failed", right, "diverged")
    assert dead_channels({"thin": thin, "wide": wide, "failed": failed}).to_dict("records") == [
        {"architecture": "thin", "layer": "conv1", "channels": 9, "dead": 2},
        {"architecture": "thin", "layer": "conv2", "channels": 70, "dead": 3},
        {"architecture": "wide", "layer": "conv1", "channels": 4, "dead": 1},
    ]
    awake = replace(thin, evaluation=replace(thin.evaluation, inside=replace(inside, dead=network((9, 32)).dead)))
    assert dead_channels({"thin": awake}).empty
    assert list(dead_channels({})) == ["architecture", "layer", "channels", "dead"]


def test_a_picture_shows_the_image_that_it_is_of() -> None:
    seen = network((4, 32))
    bright = Activations(255 - IMAGE, {"conv1": np.full((4, 32, 32), 7.5, np.float32)})
    both = {"a": replace(seen, activations={3: seen.activations[3], 5: bright})}
    for figure in (draw_first_layers("Mine", 5, both), draw_feature_maps("Mine", 5, both, 4)):
        images = [sheet_of(axis) for axis in figure.axes if axis.images and sheet_of(axis).shape == (32, 32, 3)]
        assert [(image == bright.image.transpose(1, 2, 0)).all() for image in images] == [True]
        assert np.nanmax(sheet_of(mosaics(figure)[0])) == 7.5


def test_kernels_are_grey_at_zero_and_as_bright_as_their_weight() -> None:
    seen = network((3, 32), kernel=1)
    seen.filters[:, :, 0, 0] = np.array([[0.5, -0.5, 0], [0, 0, 0], [0.25, 0, 0]])
    figure = draw_first_layers("Mine", 3, {"a": seen})
    (sheet,) = (sheet_of(axis) for axis in figure.axes if axis.images and sheet_of(axis).shape == (32, 270, 3))
    assert sheet[16, [16, 50, 84]].tolist() == [[1, 0, 0.5], [0.5, 0.5, 0.5], [0.75, 0.5, 0.5]]
    assert any("weights ±0.5" in text for text in texts(figure))


def test_a_grey_image_and_its_kernels_are_shown_in_grey() -> None:
    seen = network((3, 32), kernel=1)
    grey = {index: replace(shown, image=shown.image[:1]) for index, shown in seen.activations.items()}
    kernels = np.array([-0.5, 0, 0.5], np.float32).reshape(3, 1, 1, 1)
    figure = draw_first_layers("Mine", 3, {"a": replace(seen, filters=kernels, activations=grey)})
    image, legend, tiles = (axis.images[0] for axis in figure.axes[:3])
    assert {shown.get_cmap().name for shown in (image, legend, tiles)} == {"gray"}
    assert [shown.get_clim() for shown in (image, legend, tiles)] == [(0, 255), (0, 1), (0, 1)]
    assert sheet_of(figure.axes[2]).squeeze()[16, [16, 50, 84]].tolist() == [0, 0.5, 1]
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["grey"]


def test_networks_of_different_depth_begin_in_one_row_and_end_in_one_row() -> None:
    sizes = [(16, 32), (16, 32), (16, 16), (16, 8)]
    depths = (1, 2, 4)
    figure = draw_feature_maps("Mine", 3, {str(depth): network(*sizes[:depth]) for depth in depths}, 16)
    shown = mosaics(figure)
    assert len(shown) == sum(depths)
    tops = [round(axis.get_position().y1, 6) for axis in shown]
    one, two, four = tops[:1], tops[1:3], tops[3:]
    assert one[0] == two[0] == four[0] == max(tops)
    assert two[-1] == four[-1] == min(tops)
    assert len(set(four)) == 4


def test_a_cell_tells_layer_shape_range_and_dead_channels_of_all_even_if_few_are_shown() -> None:
    seen = network((64, 16), dead=[0, 60])
    figure = draw_feature_maps("Mine", 3, {"a": seen}, 4)
    largest = seen.activations[3].maps["conv1"][:4].max()
    assert f"conv1  64×16×16\n0 to {largest:.2g}, 2 dead" in texts(figure)
    assert crosses(figure) == [1]
    assert mosaics(figure)[0].images[0].get_clim() == pytest.approx((0, largest))


def test_squares_lie_around_the_unit_s_pixel_and_circles_around_its_influence() -> None:
    fields = [field("conv1", 5), field("pool1", 36, 19.5, last=31)]
    spread: npt.NDArray[np.float64] = np.zeros((32, 32))
    spread[10, 4], spread[10, 8] = 0.5, 0.5  # two pixels to the left and to the right of (10, 6)
    fields[0] = replace(fields[0], untrained=spread)
    figure = draw_fields("Mine", IMAGE, {"a": fields})
    panels = [axis.patches for axis in figure.axes if len(axis.patches) == 2]
    assert len(panels) == 4  # two layers, before and after training
    theoretical, reach = panels[0]
    assert isinstance(theoretical, Rectangle)
    assert isinstance(reach, Circle)
    assert (theoretical.get_linestyle(), reach.get_linestyle()) == ("solid", "--")
    # Edges of pixels: pixel 16 reaches from 15.5 to 16.5.
    assert (theoretical.get_x(), theoretical.get_width()) == (13.5, 5)
    assert (*reach.center, reach.radius) == pytest.approx((6, 10, 2 * np.sqrt(2)))
    wide, _ = panels[2]
    assert isinstance(wide, Rectangle)
    # Of its true size, beyond the image's last pixel, and there is room for it.
    assert (wide.get_x(), wide.get_width()) == (1.5, 36)
    assert [axis.get_xlim() for axis in figure.axes if axis.patches][-1] == (-1.5, 38)
    labels = texts(figure)
    assert "conv1\n5 px, 2%\nSD 1.41" in labels
    assert "pool1\n36 px, 88%\nSD 0.00" in labels


def test_a_network_that_is_not_there_has_no_squares_and_says_so() -> None:
    figure = draw_fields("Mine", IMAGE, {"a": [field(trained=False)], "b": [field(untrained=False)]})
    assert sum(len(axis.patches) for axis in figure.axes) == 4
    assert sum("no network" in text for text in texts(figure)) == 2
    nothing = Field("conv1", 32, 5, 16, (14, 18), (0, 31), np.zeros((32, 32)), None)
    assert "conv1\n5 px, 2%\nno influence" in texts(draw_fields("Mine", IMAGE, {"a": [nothing]}))


def test_the_last_layers_of_all_networks_stand_side_by_side_even_under_one_name() -> None:
    cells = [("same", "5 px, SD 1.00", field()), ("same", "9 px, SD 2.00", field(theoretical=9))] * 4
    figure = draw_last_fields("Mine", IMAGE, cells)
    squares = [patch for axis in figure.axes for patch in axis.patches if isinstance(patch, Rectangle)]
    assert [square.get_width() for square in squares] == [5, 9] * 4
    assert texts(figure).count("9 px, SD 2.00") == 4
    corners = [axis.get_position() for axis in figure.axes if axis.patches]
    assert len({(round(one.x0, 6), round(one.y0, 6)) for one in corners}) == 8
    assert_nothing_is_cut_off(figure)


def test_names_with_dollars_are_no_formulas() -> None:
    name, seen = r"$$ and $\frac$", network((4, 32))
    figures = [
        draw_first_layers(name, 3, {name: seen}),
        draw_feature_maps(name, 3, {name: seen}, 4),
        draw_fields(name, IMAGE, {name: [field()]}),
        draw_last_fields(name, IMAGE, [(name, "5 px", field())]),
    ]
    for figure in figures:
        png(figure)
        assert name in texts(figure)


def test_a_saved_picture_is_the_same_each_time_and_no_colour_in_it_is_far_off() -> None:
    figure = draw_first_layers("Mine", 3, {"a": network((64, 32), kernel=7, dead=[1])})
    saved, drawn = png(figure), BytesIO()
    assert saved == png(figure)
    figure.savefig(drawn, format="png", dpi=DPI)
    with Image.open(BytesIO(saved)) as few, Image.open(drawn) as all_colours:
        assert few.mode == "P"
        shown, wanted = (np.asarray(image.convert("RGB"), int) for image in (few, all_colours))
    assert np.abs(shown - wanted).max() <= 40


def test_pixels_are_sharp_unless_there_are_more_than_the_picture_has() -> None:
    figure = new_picture("Mine", 5, 3)
    shown = [show_pixels(axes_at(figure, 1, 1, 1, 1), np.zeros((side, side))) for side in (30, DPI, 2 * DPI)]
    assert [image.get_interpolation() for image in shown] == ["nearest", "nearest", "auto"]


@pytest.mark.thorough
def test_the_pictures_of_the_whole_study_leave_room_in_a_page_of_4_mb() -> None:
    # In the page three bytes become four. The script that draws charts takes 0.9 MB, all else about 1.2 MB.
    studies, architectures = PARAMS.studies, PARAMS.architectures
    inside = {name: trained(architecture) for name, architecture in architectures.items()}
    drawn = []
    for study in studies.values():
        seen = {label: inside[name] for name, label in study.members.items()}
        drawn += [draw_first_layers("Mine", 3, seen), draw_feature_maps("Mine", 3, seen, 16)]
        drawn += [
            draw_feature_maps("Mine", 3, seen, 16),
            draw_fields("Mine", IMAGE, {n: i.fields for n, i in seen.items()}),
        ]
    drawn.append(draw_last_fields("Mine", IMAGE, [(name, "", one.fields[-1]) for name, one in inside.items()]))
    assert sum(len(png(figure)) for figure in drawn) * 4 / 3 < 1_900_000


def trained(architecture: Architecture) -> Inside:
    """With maps as smooth as those of photographs, and fields as wide as the theoretical ones."""
    steps = geometry(architecture, SHAPE)
    maps = {}
    for step in steps:
        noise = GENERATOR.normal(size=(min(step.channels, MOST_CHANNELS), step.size, step.size))
        maps[step.name] = np.maximum(gaussian_filter(noise, (0, 1.2, 1.2)), 0).astype(np.float32)
    rows, columns = np.indices((32, 32)) - 16
    fields = []
    for step in steps:
        influence = np.exp(-(rows**2 + columns**2) / (step.receptive_field**2 / 8)) * GENERATOR.gamma(
            2, size=(32, 32)
        )
        one = field(step.name, step.receptive_field)
        fields.append(replace(one, untrained=influence / influence.sum(), trained=influence / influence.sum()))
    kernel = architecture.layers[0].windows[0].kernel
    first = network((steps[0].channels, 32), kernel=kernel)
    return replace(
        first,
        fields=tuple(fields),
        dead={step.name: np.zeros(step.channels, bool) for step in steps},
        activations={3: Activations(IMAGE, maps)},
    )


@pytest.mark.parametrize("study", STUDIES)
def test_nothing_is_cut_off_under_the_study_s_own_names(study: str) -> None:
    names = [f"{name} (collapsed)" for name in STUDIES[study]["members"].values()]
    title = f"{STUDIES[study]['title']}: what the central unit of each layer sees, before and after training"
    seen = {name: network((32, 32)) for name in names}
    fields = {name: [field("residual1", 27, 19.5), field("residual2", 27, 19.5)] for name in names}
    assert_nothing_is_cut_off(draw_first_layers(title, 3, seen))
    assert_nothing_is_cut_off(draw_feature_maps(title, 3, seen, 16))
    assert_nothing_is_cut_off(draw_fields(title, IMAGE, fields))
    assert_nothing_is_cut_off(
        draw_last_fields(title, IMAGE, [(name, "27 px, SD 3.21", field()) for name in names])
    )


@pytest.mark.parametrize(
    "seen",
    [
        network((1, 32), kernel=1),
        network((1, 1), kernel=31, dead=[0]),
        network((4, 32), (4, 1), dead=range(4)),
        network((100, 20), kernel=5),
    ],
    ids=["one channel", "one dead pixel", "all dead", "many channels"],
)
def test_a_single_network_of_any_shape_is_drawn(seen: Inside) -> None:
    for channels in (1, 3, 64):
        figure = draw_feature_maps("Mine", 3, {"mine": seen}, channels)
        assert len(mosaics(figure)) == len(seen.activations[3].maps)
        assert_nothing_is_cut_off(figure)
    figure = draw_first_layers("Mine", 3, {"mine": seen})
    assert len(mosaics(figure)) == 1
    assert_nothing_is_cut_off(figure)
    assert_nothing_is_cut_off(draw_fields("Mine", IMAGE, {"mine": [field("conv1", 200)]}))
