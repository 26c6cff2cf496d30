"""Gradients vanish, explode or stay as the table of norms says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import pytest

from cnn_study.analysis.results import Result
from cnn_study.base.environment import set_up
from cnn_study.base.yaml import read_yaml
from cnn_study.networks.architecture import spec_of
from cnn_study.networks.network import Network
from cnn_study.params.study import validate
from cnn_study.profiling.complexity import layer_costs
from cnn_study.profiling.records import Kind
from cnn_study.report.kit.findings import Finding
from cnn_study.report.kit.members import Members
from cnn_study.report.kit.palette import styles_of
from cnn_study.report.topics.gradients.charts import by_layer_figure
from cnn_study.report.topics.gradients.flows import FACTOR, STEADY, Flow, bounds, change, flows_of
from cnn_study.report.topics.gradients.page_tables import controls_table, flow_table, study_table
from cnn_study.report.topics.gradients.sentences import answer, title_of
from cnn_study.report.topics.gradients.tables import first_middle_last, first_over_last, gradient_norms
from cnn_study.training.batches import Batches
from cnn_study.training.budgets import train_to
from cnn_study.training.finished import FinishedRun, Trained
from cnn_study.training.loop import RunSpec
from cnn_study.training.records import LayerNorms, Status
from tests.conftest import REPOSITORY, SHAPE
from tests.report_cases import (
    BUDGET,
    STUDIES,
    SUMMARY,
    assert_numbers_are_their_own,
    entry,
    result,
    right_ones,
    weighted_layers,
)
from tests.test_shapes import bright_or_dark

WIDTH = Members("width", "Width", STUDIES["width"].members, styles_of(list(STUDIES["width"].members)))
REPLAY = validate(read_yaml(REPOSITORY / "params.yaml")).replay.runs.recipe


def gradients_of(ratios: list[float], architecture: str = "thin", last: float = 0.25) -> pd.DataFrame:
    """A network of two convolutions whose first has ``ratios`` times the gradient norm of its last."""
    rows = []
    for epoch, ratio in enumerate(ratios, start=1):
        layers = [("conv", ratio * last), ("conv", last), ("projection", 70.0), ("dense", 90.0)]
        rows += [
            {"architecture": architecture, "epoch": epoch, "kind": kind, "depth": depth, "gradient_norm": norm}
            for depth, (kind, norm) in enumerate(layers, start=1)
        ]
    return pd.DataFrame(rows)


def flow_of(norms: pd.DataFrame) -> Flow:
    return flows_of(norms, SUMMARY)["thin"]


def answered(norms: pd.DataFrame) -> Finding:
    return answer(flows_of(norms, SUMMARY), SUMMARY, STUDIES)


@pytest.mark.parametrize(
    ("ratio", "kind"),
    [
        (0.999 / FACTOR, "vanishes"),
        (1 / FACTOR, "neither"),
        (1.0, "neither"),
        (FACTOR, "neither"),
        (FACTOR * 1.001, "explodes"),
    ],
)
def test_the_last_epoch_decides_whether_a_gradient_vanishes_or_explodes(ratio: float, kind: str) -> None:
    norms = gradients_of([0.001, 1000.0, ratio])
    assert flow_of(norms).kind == kind
    finding = answered(norms)
    assert finding.rule == f"gradient_{kind}"
    counts = {"vanishes": int(kind == "vanishes"), "explodes": int(kind == "explodes")}
    assert {key: finding.numbers[key] for key in counts} == counts


@pytest.mark.parametrize(
    ("first", "last", "direction"),
    [
        (1.0, STEADY * 0.999, "stays"),
        (1.0, STEADY, "rises"),
        (1.0, 1 / STEADY * 1.001, "stays"),
        (1.0, 1 / STEADY, "falls"),
    ],
)
def test_a_ratio_rises_or_falls_from_a_quarter_on(first: float, last: float, direction: str) -> None:
    assert change(last, first) == direction
    table = flow_table(flows_of(gradients_of([first, 7.0, last]), SUMMARY), SUMMARY, STUDIES)
    assert dict(zip(table.columns, table.rows[0], strict=True))["trend"] == direction


def test_the_bounds_widen_with_depth_by_half_the_variance_for_each_layer() -> None:
    assert [bounds(count) for count in (2, 7)] == [(0.1, 10.0)] * 2
    assert bounds(8)[1] == pytest.approx(2**3.5)
    assert bounds(21) == (2**-10, 2**10)
    middle = [("conv", 1.0)] * 19
    for ratio, kind in ((0.9 * 2**-10, "vanishes"), (1.1 * 2**-10, "neither")):
        layers = enumerate([("conv", ratio), *middle, ("conv", 1.0)], start=1)
        norms = pd.DataFrame(
            {"architecture": "thin", "epoch": 1, "kind": kind, "depth": depth, "gradient_norm": norm}
            for depth, (kind, norm) in layers
        )
        assert flow_of(norms).kind == kind
        both = flows_of(pd.concat([norms, gradients_of([1.0], "wide")]), SUMMARY)
        assert "in the deepest network below 0.00098× and above 1024×" in answer(both, SUMMARY, STUDIES).text


def test_of_more_than_two_bounds_the_ones_between_are_not_passed_over() -> None:
    flows = {
        name: Flow(convolutions, 1, (1, 1), (1.0, 1.0))
        for name, convolutions in (("thin", 2), ("wide", 9), ("odd", 13))
    }
    text = answer(flows, SUMMARY, STUDIES).text
    assert "in deeper networks further off, in the deepest below 0.016× and above 64×" in text


@dataclass(frozen=True)
class Deep:
    """What one epoch of training shows of a deep network: its gradient, what is said, how its run ended."""

    flow: Flow
    text: str
    status: Status


def deep(*layers: dict[str, object]) -> Deep:
    """A first convolution and ``layers``, trained as in the replay: PyTorch's initialisation, Adam."""
    stack = [{"conv": 8, "kernel": 3}, {"pool": 4}, *layers, {"pool": 8, "kind": "average"}]
    architecture = spec_of({"layers": stack, "head": {}})
    split = bright_or_dark(SHAPE, 192)
    batches = Batches.of(split, "cpu")
    recipe = REPLAY.model_copy(update={"precision": "fp32", "device": "cpu", "threads": 1})
    spec = RunSpec(architecture, batches, batches, recipe, 0.001, 0, set_up("cpu", "fp32", 1))
    run = next(train_to(spec, [1])).run
    network = Network(architecture, SHAPE)
    one = result("thin", right_ones([5], 10), run.status)
    finished = [known.model_copy(update={"run": run}) for known in one.trained.runs if known.budget == BUDGET]
    profile = one.profile.model_copy(update={"weighted_layers": tuple(layer_costs(network))})
    one = replace(one, trained=Trained(tuple(finished)), profile=profile)
    summary = SUMMARY | {"thin": entry(0.5, run.status)}
    flows = flows_of(gradient_norms({"thin": one}), summary)
    return Deep(flows["thin"], answer(flows, summary, STUDIES).text, run.status)


def test_the_gradient_of_a_plain_network_of_20_layers_vanishes_and_that_of_a_residual_one_does_not() -> None:
    conv: dict[str, object] = {"conv": 8, "kernel": 3}
    block: dict[str, object] = {"residual": 8}
    plain = deep(*[conv] * 19)
    assert (plain.status, plain.flow.kind, plain.flow.convolutions) == ("collapsed", "vanishes", 20)
    assert plain.text.startswith("The gradient of narrow one (collapsed) vanishes: in the last epoch the first ")

    residual = deep(*[block] * 9, conv)
    assert (residual.flow.kind, residual.flow.convolutions) == ("neither", 20)


def test_the_answer_in_full() -> None:
    bounds_in_words = "Below 0.10× it vanishes, above 10× it explodes."
    norm = "in the last epoch the first convolution's gradient norm is"
    thin, wide = gradients_of([9.0, 0.4]), gradients_of([12.0, 1.2], "wide")
    assert answered(thin).text == (
        f"The gradient of narrow one neither vanishes nor explodes: {norm} 0.40× the last convolution's. "
        f"{bounds_in_words}"
    )
    assert answered(pd.concat([thin, wide])).text == (
        f"The gradient neither vanishes nor explodes in any of 2 networks: {norm} 0.40× the last convolution's in "
        f"narrow one and 1.2× in “wide, twice”. {bounds_in_words}"
    )
    third = gradients_of([1.0], "wide_matched")
    assert "1.2× in “wide, twice”, and in between elsewhere." in answered(pd.concat([thin, wide, third])).text
    equal = pd.concat([thin, gradients_of([0.4], "wide")])
    assert f"{norm} 0.40× the last convolution's in each." in answered(equal).text


def test_the_answer_counts_what_vanishes_and_what_explodes_and_names_the_worst() -> None:
    vanishing = pd.concat(
        [gradients_of([0.05]), gradients_of([0.01], "wide"), gradients_of([2.0], "wide_matched")]
    )
    finding = answered(vanishing)
    assert finding.text.startswith(
        "The gradient vanishes in 2 of 3 networks: in the last epoch the first convolution's gradient norm is at "
        "worst 0.010× the last convolution's in “wide, twice”. "
    )
    both = answered(pd.concat([vanishing, gradients_of([40.0], "odd")]))
    assert both.rule == "gradient_vanishes_and_explodes"
    assert "vanishes in 2 and explodes in 1 of 4 networks" in both.text
    assert "at worst 0.010× the last convolution's in “wide, twice” and 40× in odd one." in both.text
    assert_numbers_are_their_own([finding, both, answered(gradients_of([0.4]))])


@pytest.mark.parametrize(
    ("ratios", "title"),
    [
        ({"thin": 1.0, "wide": 2.0}, "Width: the gradient neither vanishes nor explodes"),
        ({"thin": 0.01, "wide": 2.0}, "Width: the gradient vanishes in narrow one"),
        ({"thin": 0.01, "wide": 20.0}, "Width: the gradient vanishes in narrow one and explodes in “wide, twice”"),
        ({"wide_matched": 0.01}, "Width: gradient norm by layer"),
    ],
)
def test_a_figure_is_called_by_what_the_gradient_does_in_its_study(ratios: dict[str, float], title: str) -> None:
    norms = pd.concat([gradients_of([ratio], name) for name, ratio in ratios.items()])
    assert title_of(WIDTH, flows_of(norms, SUMMARY)) == title


def test_a_study_without_a_flow_has_no_table_and_one_with_epochs_two_columns_of_ratios() -> None:
    assert study_table({}, WIDTH) is None
    norms = pd.concat(
        [gradients_of([0.5, 0.031]), gradients_of([2.0], "wide"), gradients_of([3.0], "wide_matched")]
    )
    table = study_table(flows_of(norms, SUMMARY), WIDTH)
    assert table is not None
    assert table.rows == (
        ("narrow one", "0.50×", "0.031×", "vanishes"),
        ("wide, twice", "–", "2.0×", "neither"),
    )


@pytest.mark.parametrize(
    ("epochs", "words"),
    [(1, "the only epoch"), (2, "the first and the last epoch"), (3, "the first, the middle and the last epoch")],
)
def test_a_figure_names_the_epochs_that_it_shows(epochs: int, words: str) -> None:
    norms = gradients_of([0.5] * epochs).assign(layer=lambda rows: "conv" + rows["depth"].astype(str))
    figure = by_layer_figure(first_middle_last(norms), WIDTH, flows_of(norms, SUMMARY))
    assert figure.caption == f"Norm of each layer's weight gradient in {words}."
    assert "narrow one 0.50×" in figure.alt


def test_networks_that_diverged_or_have_one_convolution_have_no_gradient_flow() -> None:
    summary = SUMMARY | {"wide": entry(0.1, "trained", "diverged")}
    norms = pd.concat([gradients_of([0.4]), gradients_of([0.001], "wide"), gradients_of([3.0], "gone")])
    assert list(flows_of(norms, summary)) == ["thin"]
    single = norms[norms["depth"] != 2]
    assert first_over_last(single).empty
    for nothing in (single, norms.head(0)):
        assert flows_of(nothing, SUMMARY) == {}
        finding = answered(nothing)
        assert finding.rule == "gradient_unknown"
        assert "each of 4 networks has a single convolution, a run that diverged, or no gradient" in finding.text
        assert_numbers_are_their_own([finding])


def test_a_network_whose_last_gradient_is_0_in_the_last_epoch_has_no_ratio_of_an_earlier_one() -> None:
    norms = gradients_of([0.4, 0.2])
    norms.loc[norms["epoch"] == 2, "gradient_norm"] = 0.0
    assert flows_of(norms, SUMMARY) == {}
    norms = gradients_of([0.4, 0.2])
    norms.loc[norms["epoch"] == 1, "gradient_norm"] = 0.0
    assert flow_of(norms).epochs == (2, 2)


def test_first_over_last_goes_by_depth_and_passes_over_projections() -> None:
    norms = pd.concat([gradients_of([0.4, 0.2]), gradients_of([3.0], "wide")])
    expected = [("thin", 1, 0.4), ("thin", 2, 0.2), ("wide", 1, 3.0)]
    for rows in (norms, norms.iloc[::-1]):
        ratios = first_over_last(rows).sort_values(["architecture", "epoch"])
        assert list(ratios.columns) == ["architecture", "epoch", "convolutions", "ratio"]
        assert (
            list(zip(ratios["architecture"], ratios["epoch"], ratios["ratio"].round(9), strict=True)) == expected
        )
    assert first_over_last(gradients_of([0.4], last=0.0))["ratio"].isna().all()


def found_of(name: str, seeds: Sequence[int], **kinds: Kind) -> Result:
    """An architecture with layers of these ``kinds``; norms rise by 1 with the depth and with the seed.

    To a smaller budget they are a hundred times as large.
    """

    def with_norms(run: FinishedRun) -> FinishedRun:
        scale = 1 if run.budget == BUDGET else 100
        norms = tuple(
            LayerNorms(epoch=1, layer=layer, gradient_norm=scale * (depth + run.seed), weight_norm=scale * 4.0)
            for depth, layer in enumerate(kinds, start=1)
        )
        return run.model_copy(update={"run": run.run.model_copy(update={"gradients": norms})})

    one = result(name, right_ones([5] * len(seeds), 10), seeds=seeds)
    profile = one.profile.model_copy(update={"weighted_layers": weighted_layers(**kinds)})
    return replace(one, trained=Trained(tuple(map(with_norms, one.trained.runs))), profile=profile)


def test_what_a_layer_is_comes_from_the_profile_of_its_network_and_not_from_its_name() -> None:
    results = {
        "thin": found_of("thin", [0, 2], first="conv", convenient="dense"),
        "wide": found_of("wide", [0], convenient="conv", first="projection", stem="conv"),
    }
    norms = gradient_norms(results)
    columns = ["architecture", "epoch", "layer", "kind", "gradient_norm", "weight_norm", "depth", "ratio"]
    assert list(norms.columns) == columns
    assert norms.to_numpy().tolist() == [
        ["thin", 1, "first", "conv", 2.0, 4.0, 1, 0.5],
        ["thin", 1, "convenient", "dense", 3.0, 4.0, 2, 0.75],
        ["wide", 1, "convenient", "conv", 1.0, 4.0, 1, 0.25],
        ["wide", 1, "first", "projection", 2.0, 4.0, 2, 0.5],
        ["wide", 1, "stem", "conv", 3.0, 4.0, 3, 0.75],
    ]
    assert first_over_last(norms).to_numpy().tolist() == [["wide", 1, 2, pytest.approx(1 / 3)]]


@pytest.mark.parametrize(
    ("of", "against", "does"),
    [
        (1.0, STEADY, "lowers it"),
        (1.0, STEADY * 0.999, "leaves it"),
        (STEADY * 0.999, 1.0, "leaves it"),
        (STEADY, 1.0, "raises it"),
    ],
)
def test_a_control_raises_or_lowers_the_ratio_from_a_quarter_on(of: float, against: float, does: str) -> None:
    norms = pd.concat([gradients_of([9.0, of], "wide"), gradients_of([1.0, against], "wide_matched")])
    table = controls_table(flows_of(norms, SUMMARY), SUMMARY, STUDIES)
    assert table is not None
    assert table.rows[0][:3] == ("The width", "“wide, twice”", "wide_matched")
    assert table.rows[0][-1] == does


@pytest.mark.parametrize("missing", ["wide", "wide_matched"])
def test_a_control_of_which_one_network_has_no_gradient_flow_has_no_row(missing: str) -> None:
    norms = pd.concat([gradients_of([0.62], "wide"), gradients_of([0.31], "wide_matched")])
    flows = flows_of(norms[norms["architecture"] != missing], SUMMARY)
    assert controls_table(flows, SUMMARY, STUDIES) is None
    collapsed = SUMMARY | {missing: entry(0.1, "trained", "collapsed")}
    assert controls_table(flows_of(norms, collapsed), collapsed, STUDIES) is None
