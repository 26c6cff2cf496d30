"""Gradients vanish, explode or stay as the table of norms says."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pytest

from cnn_study.analysis.results import Result
from cnn_study.profiling.records import Kind
from cnn_study.report.kit.findings import Finding
from cnn_study.report.topics.gradients.sentences import EXPLODING, STEADY, VANISHING, gradient_findings
from cnn_study.report.topics.gradients.tables import first_over_last, gradient_norms
from cnn_study.training.finished import FinishedRun, Trained
from cnn_study.training.records import LayerNorms
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
        (VANISHING * 0.999, "vanishing"),
        (VANISHING, "neither"),
        (1.0, "neither"),
        (EXPLODING, "neither"),
        (EXPLODING * 1.001, "exploding"),
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


def test_a_gradient_sentence_in_full() -> None:
    overall, finding = gradient_findings(gradients_of([0.5, 0.031]), STUDIES, SUMMARY)
    assert finding.text == (
        "narrow one: in epoch 2 the first convolution's gradient norm is 0.031× the last one's (mean over 3 "
        "seeds), so that the gradient vanishes (below 0.10×); from 0.50× in epoch 1 it falls."
    )
    assert "vanishes in 1 and explodes in 0 of 1 network" in overall.text
    assert "epoch 1" not in gradient_findings(gradients_of([0.5]), STUDIES, SUMMARY)[1].text.replace(
        "in epoch 1 the", ""
    )


def test_the_range_of_gradients_names_both_ends() -> None:
    norms = pd.concat([gradients_of([0.4]), gradients_of([12.0], "wide"), gradients_of([2.0], "wide_matched")])
    text = gradient_findings(norms, STUDIES, SUMMARY)[0].text
    assert "in 0 and explodes in 1 of 3 networks" in text
    assert "least in narrow one, 0.40×, and greatest in “wide, twice”, 12×" in text


def test_only_trained_networks_with_two_convolutions_have_a_gradient_flow() -> None:
    summary = SUMMARY | {"wide": entry(0.1, "trained", "collapsed")}
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
        assert list(ratios.columns) == ["architecture", "epoch", "ratio"]
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
    assert first_over_last(norms).to_numpy().tolist() == [["wide", 1, pytest.approx(1 / 3)]]


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
        "The width alone: in the last epoch the first convolution's gradient norm is 0.62× the last one's in "
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
