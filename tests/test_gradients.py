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
from cnn_study.report.topics.gradients.sentences import FACTOR, STEADY, bounds, gradient_findings
from cnn_study.report.topics.gradients.tables import first_over_last, gradient_norms
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


@pytest.mark.parametrize(
    ("ratio", "kind"),
    [
        (0.999 / FACTOR, "vanishing"),
        (1 / FACTOR, "neither"),
        (1.0, "neither"),
        (FACTOR, "neither"),
        (FACTOR * 1.001, "exploding"),
    ],
)
def test_the_last_epoch_decides_whether_a_gradient_vanishes_or_explodes(ratio: float, kind: str) -> None:
    norms = gradients_of([0.001, 1000.0, ratio])
    overall, finding = gradient_findings(norms, STUDIES, SUMMARY)
    assert finding.rule == f"gradient_{kind}"
    counts = {"vanishing": int(kind == "vanishing"), "exploding": int(kind == "exploding")}
    assert {key: overall.numbers[key] for key in counts} == counts


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
    finding = gradient_findings(gradients_of([first, 7.0, last]), STUDIES, SUMMARY)[1]
    assert finding.numbers["direction"] == direction
    assert finding.text.endswith(f"from 1.0× in epoch 1 it {direction}.")


def test_the_bounds_widen_with_depth_by_half_the_variance_for_each_layer() -> None:
    assert [bounds(count) for count in (2, 7)] == [(0.1, 10.0)] * 2
    assert bounds(8)[1] == pytest.approx(2**3.5)
    assert bounds(21) == (2**-10, 2**10)
    middle = [("conv", 1.0)] * 19
    for ratio, rule in ((0.9 * 2**-10, "gradient_vanishing"), (1.1 * 2**-10, "gradient_neither")):
        layers = enumerate([("conv", ratio), *middle, ("conv", 1.0)], start=1)
        norms = pd.DataFrame(
            {"architecture": "thin", "epoch": 1, "kind": kind, "depth": depth, "gradient_norm": norm}
            for depth, (kind, norm) in layers
        )
        assert gradient_findings(norms, STUDIES, SUMMARY)[1].rule == rule


@dataclass(frozen=True)
class Deep:
    """What one epoch of training shows of a deep network: its findings, and how its run ended."""

    findings: list[Finding]
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
    return Deep(gradient_findings(gradient_norms({"thin": one}), STUDIES, summary), run.status)


def test_the_gradient_of_a_plain_network_of_20_layers_vanishes_and_that_of_a_residual_one_does_not() -> None:
    conv: dict[str, object] = {"conv": 8, "kernel": 3}
    block: dict[str, object] = {"residual": 8}
    plain = deep(*[conv] * 19)
    overall, finding = plain.findings
    assert (plain.status, finding.rule, overall.numbers["vanishing"]) == ("collapsed", "gradient_vanishing", 1)
    assert finding.numbers["convolutions"] == 20
    assert finding.text.startswith("narrow one (collapsed): in epoch 1 the first convolution's gradient norm is ")

    residual = deep(*[block] * 9, conv)
    assert residual.findings[1].rule == "gradient_neither"
    assert residual.findings[1].numbers["convolutions"] == 20


def test_a_gradient_sentence_in_full() -> None:
    overall, finding = gradient_findings(gradients_of([0.5, 0.031]), STUDIES, SUMMARY)
    assert finding.text == (
        "narrow one: in epoch 2 the first convolution's gradient norm is 0.031× the last one's (mean over 3 "
        "seeds), so that the gradient vanishes (below 0.10×); from 0.50× in epoch 1 it falls."
    )
    assert "vanishes in 1 and explodes in 0 of 1 network" in overall.text
    assert overall.text.endswith("over the last one's is 0.031× in narrow one.")
    assert "epoch 1" not in gradient_findings(gradients_of([0.5]), STUDIES, SUMMARY)[1].text.replace(
        "in epoch 1 the", ""
    )


def test_the_range_of_gradients_names_both_ends() -> None:
    norms = pd.concat([gradients_of([0.4]), gradients_of([12.0], "wide"), gradients_of([2.0], "wide_matched")])
    text = gradient_findings(norms, STUDIES, SUMMARY)[0].text
    assert "in 0 and explodes in 1 of 3 networks" in text
    assert "least in narrow one, 0.40×, and greatest in “wide, twice”, 12×" in text


def test_networks_that_diverged_or_have_one_convolution_have_no_gradient_flow() -> None:
    summary = SUMMARY | {"wide": entry(0.1, "trained", "diverged")}
    norms = pd.concat([gradients_of([0.4]), gradients_of([0.001], "wide"), gradients_of([3.0], "gone")])
    assert [finding.numbers.get("of") for finding in gradient_findings(norms, STUDIES, summary)] == [None, "thin"]
    single = norms[norms["depth"] != 2]
    assert first_over_last(single).empty
    assert gradient_findings(single, STUDIES, SUMMARY) == []
    assert gradient_findings(norms.head(0), STUDIES, SUMMARY) == []


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
    ("of", "against", "rule", "words"),
    [
        (1.0, STEADY, "lowers", "it lowers this ratio"),
        (1.0, STEADY * 0.999, "leaves", "it leaves this ratio about as it is"),
        (STEADY * 0.999, 1.0, "leaves", "it leaves this ratio about as it is"),
        (STEADY, 1.0, "raises", "it raises this ratio"),
    ],
)
def test_a_control_raises_or_lowers_the_ratio_from_a_quarter_on(
    of: float, against: float, rule: str, words: str
) -> None:
    norms = pd.concat([gradients_of([9.0, of], "wide"), gradients_of([1.0, against], "wide_matched")])
    (finding,) = controlled(gradient_findings(norms, STUDIES, SUMMARY))
    assert finding.rule == f"gradient_control_{rule}"
    assert words in finding.text


def test_the_gradients_of_a_control_in_full() -> None:
    norms = pd.concat([gradients_of([0.62], "wide"), gradients_of([0.31], "wide_matched")])
    assert controlled(gradient_findings(norms, STUDIES, SUMMARY))[0].text == (
        "the width: in the last epoch the first convolution's gradient norm is 0.62× the last one's in "
        "“wide, twice” and 0.31× in wide_matched; it raises this ratio (by means over seeds, not tested)."
    )


@pytest.mark.parametrize("missing", ["wide", "wide_matched"])
def test_a_control_of_which_one_network_has_no_gradient_flow_says_nothing_gradient_findings(missing: str) -> None:
    norms = pd.concat([gradients_of([0.62], "wide"), gradients_of([0.31], "wide_matched")])
    assert controlled(gradient_findings(norms[norms["architecture"] != missing], STUDIES, SUMMARY)) == []
    collapsed = SUMMARY | {missing: entry(0.1, "trained", "collapsed")}
    assert controlled(gradient_findings(norms, STUDIES, collapsed)) == []


def controlled(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.rule.startswith("gradient_control")]


def test_every_number_in_a_sentence_is_one_of_its_numbers() -> None:
    norms = pd.concat([gradients_of([0.43, 0.0123], "wide"), gradients_of([3.4, 17.0], "wide_matched")])
    assert_numbers_are_their_own(gradient_findings(norms, STUDIES, SUMMARY))
