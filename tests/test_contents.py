"""The report's contents, put together from made-up results of every network in params.yaml."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cnn_study.analysis.comparisons import compare_all, compare_pairs
from cnn_study.analysis.effective_field import Field, field_table
from cnn_study.analysis.results import Result, summary, timing
from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import validate
from cnn_study.report import tables
from cnn_study.report.claims import CLAIMED_PAIRS, check_claims
from cnn_study.report.conclusions import find, split_by_clock
from cnn_study.report.contents import Measured, charts_of, page
from cnn_study.report.kit.page import Page, render_html, render_markdown
from tests.conftest import REPOSITORY
from tests.test_comparisons import CLASSES, labels_of, result

PARAMS = validate(read_yaml(REPOSITORY / "params.yaml"))
IMAGES, SEEDS = 400, 3
LABELS = labels_of(IMAGES)
LAYERS = ("conv1", "conv2", "output")
# More than the others by far, so that the winners are planted.
BEST = {"kernel_5x5": 0.8, "residual": 0.9}


def made_up(name: str, place: int) -> Result:
    generator = np.random.default_rng(place)
    right = generator.random((SEEDS, IMAGES)) < BEST.get(name, 0.6)
    keys = [(seed, epoch) for seed in range(SEEDS) for epoch in (1, 2)]
    history = [
        {"architecture": name, "seed": seed, "epoch": epoch, "loss": 1.0, "train_accuracy": 0.5,
         "validation_accuracy": 0.4 + 0.1 * epoch}
        for seed, epoch in keys
    ]  # fmt: skip
    gradients = [
        {"architecture": name, "seed": seed, "epoch": epoch, "layer": layer, "gradient_norm": 1.0 + depth,
         "weight_norm": 2.0}
        for seed, epoch in keys
        for depth, layer in enumerate(LAYERS)
    ]  # fmt: skip
    trials = [{"learning_rate": rate, "status": "trained", "validation_accuracy": 0.4} for rate in (0.1, 0.2)]
    profile = {
        "forward_flops": 1000, "parameters": 10, "conv_parameters": 5,
        "activation_bytes": 8, "receptive_field": 10,
    }  # fmt: skip
    clock = [
        [{"train_seconds": 10.0 + place + seed / 10, "evaluation_seconds": 1.0, "images": 100}]
        for seed in range(SEEDS)
    ]
    return replace(
        result(name, right), history=pd.DataFrame(history), gradients=pd.DataFrame(gradients), trials=trials,
        profile=profile, clock=clock, effective_field=8,
    )  # fmt: skip


def diverged(one: Result) -> Result:
    history = one.history[one.history["epoch"] == 1].assign(loss=None, validation_accuracy=None)
    return replace(
        one, statuses=["diverged"] * SEEDS, test_logits=[None] * SEEDS, validation_accuracies=[None] * SEEDS,
        history=history, gradients=one.gradients.head(0), effective_field=None,
    )  # fmt: skip


def measured(change: Callable[[Result], Result] = lambda one: one, comparable: bool = True) -> Measured:
    results = {name: change(made_up(name, place)) for place, name in enumerate(PARAMS.architectures)}
    trained = {name for name, one in results.items() if one.status == "trained"}
    influence = np.full((32, 32), 1 / 1024)
    fields = {
        name: (Field("conv1", 10, 16.0, (11, 20), influence, influence if name in trained else None),)
        for name in results
    }
    compared = compare_all(results, PARAMS.studies, LABELS, CLASSES, draws=100)
    norms = tables.gradient_norms(results)
    runs = [
        {"learning_rate": rate, "seed": 0, "status": "trained", "validation_accuracy": 0.3}
        for rate in (0.001, 0.01)
    ]
    data = {
        "curves": tables.curves(results, PARAMS.studies),
        "cost": tables.cost(results, PARAMS.studies, LABELS),
        "receptive_fields_by_layer": field_table(fields),
        "dead_channels": pd.DataFrame(
            [{"architecture": name, "layer": "conv1", "channels": 4, "dead": 1} for name in trained],
            columns=["architecture", "layer", "channels", "dead"],
        ),
        "gradient_norms": norms,
        "gradient_norms_by_layer": tables.first_middle_last(norms),
        "gradient_flow": tables.first_over_last(norms),
        "learning_rates": tables.learning_rates(results),
        "replay": tables.replay(dict.fromkeys(PARAMS.replay.architectures, runs)),
        "confusion": tables.confusion(results, LABELS, CLASSES),
        "calibration": tables.calibration(results, LABELS),
        "differences": tables.differences(compared, PARAMS.studies),
        "class_changes": tables.class_changes(compared, PARAMS.studies),
    }
    summaries = {name: summary(one, LABELS) for name, one in results.items()}
    timings = {name: timing(one) for name, one in results.items()}
    errors = tables.calibration_errors(results, LABELS)
    found = find(PARAMS, data, summaries, timings, compared, errors, 100)
    pairs = compare_pairs(results, CLAIMED_PAIRS, LABELS, CLASSES, draws=100)
    by_seed = tables.gradient_norms_by_seed(results)
    claims = check_claims("cifar10", summaries, timings, pairs, by_seed, data["replay"], 0.01)
    whole = split_by_clock(compared, pairs, found, claims, errors)
    assert "train_seconds" not in str(whole[0]["studies"])
    return Measured(PARAMS, summaries, timings, compared, found, claims, data, IMAGES, comparable, 100)


@pytest.fixture(scope="module")
def whole() -> Page:
    return page(measured())


def test_the_answer_is_who_wins_and_what_the_controls_say(whole: Page) -> None:
    texts = [sentence.text for sentence in whole.answer]
    assert len(texts) == 5
    assert "5×5 has the highest mean test accuracy" in texts[0]
    assert "residual has the highest mean test accuracy" in texts[1]
    # Of the controls, those of the planted winner are told apart, and stand first.
    assert all("residual is more accurate than" in text for text in texts[2:4])
    assert "cannot be told from" in texts[4]
    assert len(whole.answer_figures) == 2


def test_every_sentence_and_figure_names_its_source(whole: Page) -> None:
    figures = [*whole.answer_figures, *(figure for section in whole.sections for figure in section.figures)]
    sentences = [*whole.answer, *(sentence for section in whole.sections for sentence in section.sentences)]
    for source in [figure.source for figure in figures] + [sentence.source for sentence in sentences]:
        stages, _, data = source.partition(": ")
        assert set(stages.split(" and ")) <= {"analyze", "train", "tune", "replay"}
        assert data.startswith(("metrics/", "plots/"))


def test_what_was_measured_in_different_environments_is_told_first() -> None:
    assert "different environments" in page(measured(comparable=False)).answer[0].text


@pytest.mark.parametrize("survivors", [set(), {"kernel_3x3"}, {"kernel_5x5"}], ids=["none", "baseline", "another"])
def test_a_report_of_networks_that_failed_says_so_and_ranks_none(survivors: set[str]) -> None:
    report = page(measured(lambda one: one if one.name in survivors else diverged(one)))
    text = render_markdown(report, {figure.title: "x.svg" for figure in charts_of(report)})
    assert "not ranked: 3 of 3 runs diverged" in text
    assert ("none trained" in text) == ("kernel_3x3" not in survivors)
    assert "nan" not in text.lower().split()


def test_a_page_whose_pictures_are_missing_is_not_written(whole: Page) -> None:
    with pytest.raises(FileNotFoundError):
        render_html(whole, REPOSITORY / "nowhere")
