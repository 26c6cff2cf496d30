"""The report's contents, put together from made-up results of every network in params.yaml."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cnn_study.analysis.activations import Activations
from cnn_study.analysis.effective_field import Field
from cnn_study.analysis.evaluation import Evaluation
from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.results import Result
from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import read_yaml
from cnn_study.data.splits import Split
from cnn_study.params.study import validate
from cnn_study.report.compose import chapters_of, conclusions_of, page_of
from cnn_study.report.kit.page import Page
from cnn_study.report.kit.rendering import render_html, render_markdown
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


def evaluated(one: Result) -> Evaluation:
    """One layer of four channels, the first of them dead."""
    trained = one.status == "trained"
    influence = np.full((32, 32), 1 / 1024)
    maps, dead = np.ones((4, 32, 32), np.float32), np.array([True, False, False, False])
    seen = Activations("conv1", np.ones((4, 3, 3, 3), np.float32), {"conv1": maps}, {"conv1": dead})
    return Evaluation(
        one.test_logits,
        one.status,
        (Field("conv1", 32, 10, 16.0, (11, 20), influence, influence if trained else None),),
        dict.fromkeys(PARAMS.analysis.shown_images, seen),
        {},
    )


def made_up_evidence(change: Callable[[Result], Result] = lambda one: one, comparable: bool = True) -> Evidence:
    results = {name: change(made_up(name, place)) for place, name in enumerate(PARAMS.architectures)}
    images = np.zeros((IMAGES, 3, 32, 32), np.uint8)
    runs = [
        {"learning_rate": rate, "seed": 0, "status": "trained", "validation_accuracy": 0.3}
        for rate in (0.001, 0.01)
    ]
    return Evidence(
        params=PARAMS,
        test=Split(images, LABELS, tuple(CLASSES)),
        results=results,
        evaluations={name: evaluated(one) for name, one in results.items()},
        replays={name: {"runs": runs, "images": 100} for name in PARAMS.replay.architectures},
        comparable=comparable,
        draws=100,
    )


def page(evidence: Evidence) -> Page:
    return page_of(evidence, chapters_of(evidence))


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return made_up_evidence()


@pytest.fixture(scope="module")
def whole(evidence: Evidence) -> Page:
    return page(evidence)


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
    assert "different environments" in page(made_up_evidence(comparable=False)).answer[0].text


@pytest.mark.parametrize("survivors", [set(), {"kernel_3x3"}, {"kernel_5x5"}], ids=["none", "baseline", "another"])
def test_a_report_of_networks_that_failed_says_so_and_ranks_none(survivors: set[str]) -> None:
    report = page(made_up_evidence(lambda one: one if one.name in survivors else diverged(one)))
    text = render_markdown(report)
    assert "not ranked: 3 of 3 runs diverged" in text
    assert ("none trained" in text) == ("kernel_3x3" not in survivors)
    assert "nan" not in text.lower().split()


def test_a_page_whose_pictures_are_missing_is_not_written(whole: Page) -> None:
    with pytest.raises(FileNotFoundError):
        render_html(whole, REPOSITORY / "nowhere")


def test_what_a_clock_measured_is_kept_apart(evidence: Evidence) -> None:
    conclusions, timed = conclusions_of(chapters_of(evidence))
    assert set(conclusions) == {"studies", "claimed_pairs", "calibration_errors", "findings", "claims"}
    assert set(timed) == {"pareto", "train_seconds_ratios", "findings", "claims"}
    assert "seconds" not in str(conclusions["studies"]) + str(conclusions["claimed_pairs"])
    assert "pareto" not in str(conclusions["studies"])
    assert {finding["rule"] for finding in timed["findings"]} == {"winner_cost", "pareto"}
    for told, by_clock in ((conclusions, False), (timed, True)):
        for sentence in (*told["findings"], *told["claims"]):
            assert (sentence["data"] == "metrics/timing.json") == by_clock
            assert "timed" not in sentence
    assert set(timed["train_seconds_ratios"]) >= {"kernel_5x5 over kernel_3x3", "residual over depth_6"}


def test_every_chapter_adds_tables_and_pictures_of_its_own(evidence: Evidence, whole: Page) -> None:
    chapters = chapters_of(evidence)
    tables = [name for chapter in chapters for name in (*chapter.tables, *chapter.timed_tables)]
    pictures = [path for chapter in chapters for path in chapter.pictures]
    assert len(tables) == len(set(tables))
    assert len(pictures) == len(set(pictures))
    # What the page shows is drawn, and what it names is saved.
    assert {figure.image for figure in whole.figures if figure.image} <= {f"images/{path}" for path in pictures}
    named = {figure.source.partition(": ")[2] for figure in whole.figures if figure.spec}
    assert {Path(name).stem for name in named} <= set(tables)


def test_sections_stand_in_order_and_studies_cannot_take_their_keys(whole: Page) -> None:
    keys = [section.key for section in whole.sections]
    topics = ["receptive_fields", "gradients", "inside", "classes", "learning_rate", "claims"]
    assert keys == [*PARAMS.studies, *topics]
    content = read_yaml(REPOSITORY / "params.yaml")
    study = content["studies"]["depth"]
    for key in topics:
        with pytest.raises(StudyError, match="the report has this name"):
            validate(content | {"studies": {key: study}})


def test_figures_are_named_after_their_topic_and_study(whole: Page) -> None:
    names = [figure.name for figure in whole.figures]
    assert names[:2] == ["studies-kernel_size-differences", "studies-depth-differences"]
    topics = {"studies", "receptive_fields", "gradients", "inside", "classes", "learning_rates"}
    assert {name.partition("-")[0] for name in names} == topics | {"replay"}
    keys = {name.split("-")[1] for name in names if name.partition("-")[0] in topics}
    assert keys == set(PARAMS.studies)
