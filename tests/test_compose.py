"""The report's contents, put together from made-up results of every network in params.yaml."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from cnn_study.analysis.costs import Costs
from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.results import Result
from cnn_study.analysis.summaries import BudgetSummary, Summary, Timing, Timings, environments
from cnn_study.analysis.tables import history_table
from cnn_study.base.environment import Environment
from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import read_yaml
from cnn_study.cost.records import Session, StepCosts
from cnn_study.evaluation.influence import even_deviation
from cnn_study.params.study import Params, validate
from cnn_study.report.compose import chapters_of, conclusions_of, page_of
from cnn_study.report.kit.charts import below, epoch_axis, single
from cnn_study.report.kit.page import Page
from cnn_study.report.kit.rendering import render_html, render_markdown, static_svg
from cnn_study.training.finished import Key, Trained
from cnn_study.training.records import Replayed, Status
from tests.conftest import REPOSITORY
from tests.report_cases import (
    CLASSES,
    ENVIRONMENT,
    labels_of,
    measured_step,
    numbers_in,
    prepared_of,
    result,
    right_ones,
    short_run,
    steps_of,
)


def params_of_two_budgets() -> Params:
    """params.yaml, with the budgets that made-up runs have."""
    content = read_yaml(REPOSITORY / "params.yaml")
    content["training"]["budgets"] = [1, 2]
    for entry in content["architectures"].values():
        if "training" in entry:
            entry["training"]["budgets"] = [1, 2]
    return validate(content)


PARAMS = params_of_two_budgets()
IMAGES, SEEDS = 1000, 3
BASELINES = {study.baseline for study in PARAMS.studies.values()}
# More than the others by far, so that the winners are planted.
Move = Callable[[Result, Mapping[Key, Environment]], Result]
ELSEWHERE = replace(ENVIRONMENT, threads=8)
BEST = {"kernel_5x5": 0.8, "residual": 0.9}
STEPS = {name: 0.02 * (1 + 0.1 * place) for place, name in enumerate(PARAMS.architectures)}
COSTS = Costs(
    StepCosts(
        reference="kernel_3x3",
        sessions=(Session(networks={name: measured_step([step, 1.1 * step]) for name, step in STEPS.items()}),),
    )
)


def made_up(name: str, place: int, status: Status) -> Result:
    right = np.random.default_rng(place).random((SEEDS, IMAGES)) < BEST.get(name, 0.6)
    return result(name, right, status, seconds=[10.0 + place + seed / 10 for seed in range(SEEDS)])


def made_up_evidence(diverged: Collection[str] = ()) -> Evidence:
    runs = tuple(short_run(rate, 0, 0.3) for rate in (0.001, 0.01))
    return Evidence(
        params=PARAMS,
        labels=labels_of(IMAGES),
        classes=CLASSES,
        prepared=prepared_of(IMAGES),
        results={
            name: made_up(name, place, "diverged" if name in diverged else "trained")
            for place, name in enumerate(PARAMS.architectures)
        },
        replays={
            name: Replayed(images=100, runs=runs, environment=ENVIRONMENT) for name in PARAMS.replay.architectures
        },
        costs=COSTS,
    )


def trained_in(one: Result, where: Mapping[Key, Environment]) -> Result:
    """With the environments in which these runs are to have been trained."""
    runs = [
        run.model_copy(update={"environment": where.get(run.key, run.environment)}) for run in one.trained.runs
    ]
    return replace(one, trained=Trained(tuple(runs)))


def evaluated_in(one: Result, where: Mapping[Key, Environment]) -> Result:
    """The same of their evaluations."""
    runs = {
        key: replace(run, environment=where.get(key, run.environment)) for key, run in one.evaluation.runs.items()
    }
    return replace(one, evaluation=replace(one.evaluation, runs=runs))


def page(evidence: Evidence) -> Page:
    return page_of(evidence, chapters_of(evidence))


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return made_up_evidence()


@pytest.fixture(scope="module")
def whole(evidence: Evidence) -> Page:
    return page(evidence)


def test_the_first_screen_has_answers_a_figure_and_a_table(whole: Page) -> None:
    texts = {answer.question: answer.sentence.text for answer in whole.answers}
    assert "5×5 (+" in texts["Kernel size"]
    assert "residual (+" in texts["Depth"]
    assert set(texts) >= {"Window or weights", "Normalisation", "Shortcut", "Which network"}
    assert list(texts)[-1] == "What not to conclude"
    assert whole.figure
    assert whole.table


def test_a_study_s_section_says_who_is_the_most_accurate(whole: Page) -> None:
    answers = {section.key: section.answer[0].text for section in whole.sections}
    assert answers["kernel_size"].startswith("5×5 is the most accurate of 9 networks")
    assert answers["depth"].startswith("residual is the most accurate of 7 networks")
    assert answers["optimizer"].startswith("With Muon and with AdamW at 2 epochs, it is decided for ")


def test_what_is_unfolded_can_be_read_in_some_minutes(whole: Page) -> None:
    assert len(whole.sections) <= 11
    for section in whole.sections:
        assert 1 <= len(section.answer) <= 3, section.key
        for sentence in (one for answer in section.answer for one in re.split(r"(?<=\.) (?=[A-Z])", answer.text)):
            assert len(sentence.split()) <= 45, sentence


def words_outside(svg: str) -> list[str]:
    """Words of a picture that begin or stand beyond its sides."""
    root = ElementTree.fromstring(svg)
    width, height = (float(root.get(side, "")) for side in ("width", "height"))
    found: list[str] = []

    def look(element: ElementTree.Element, x: float, y: float) -> None:
        if moved := re.match(r"translate\((-?[\d.]+),(-?[\d.]+)\)", element.get("transform", "")):
            x, y = x + float(moved[1]), y + float(moved[2])
        if element.tag.endswith("text") and element.text and not (0 <= x <= width and 0 <= y <= height):
            found.append(element.text)
        for child in element:
            look(child, x, y)

    look(root, 0, 0)
    return found


def test_no_words_of_a_picture_lie_outside_of_it(whole: Page) -> None:
    shown = [figure for figure in (whole.figure, *(section.figure for section in whole.sections)) if figure]
    pictures = {figure.title: static_svg(figure.spec) for figure in shown if figure.spec}
    assert len(pictures) > 5
    assert {title: words for title, svg in pictures.items() if (words := words_outside(svg))} == {}


@pytest.mark.parametrize(("length", "columns"), [(4, 10), (12, 5), (16, 4), (21, 3), (40, 2)])
def test_a_legend_has_as_many_columns_as_there_is_room_for(length: int, columns: int) -> None:
    names = [f"{number:0{length}}" for number in range(11)]
    rows = pd.DataFrame({"name": names, "epoch": range(11)})
    encoding = {"x": epoch_axis(), "color": {"field": "name", "type": "nominal", "legend": below(names)}}
    svg = static_svg(single("A line for each", rows, mark="point", encoding=encoding))
    assert words_outside(svg) == []
    legend = svg.partition("role-legend-entry")[2]
    (width,) = re.findall(r'role-legend".*?d="M0,0h([\d.]+)', svg)
    assert float(width) < 700
    first_row = re.findall(r'translate\([\d.]+,0\)"><path class="background" [^>]*d="M0,0h[\d.]+v1\d', legend)
    assert len(first_row) == columns


def test_names_of_one_network_are_said_below_the_table_of_all_comparisons(whole: Page) -> None:
    assert whole.table is not None
    assert whole.table.note.endswith("3×3 and 2 layers are one network.")


def unfolded(markdown: str) -> str:
    """What a reader sees before he unfolds anything: without pictures' descriptions and marks of tables."""
    kept = re.sub(r"(?s)<details>.*?</details>", "", markdown)
    return re.sub(r"!\[.*?\]\([^)]*\)|<[^>]*>|^\| -.*$", "", kept, flags=re.MULTILINE)


def test_unfolded_the_report_is_of_two_thousand_words_and_a_dozen_figures(whole: Page) -> None:
    words = re.findall(r"\S*[^\W\d_]\S*", unfolded(render_markdown(whole)))
    assert 1000 < len(words) <= 2000
    shown = [figure for figure in (whole.figure, *(section.figure for section in whole.sections)) if figure]
    assert len(shown) <= 12


def test_what_holds_under_both_optimizers_is_said_of_every_kernel(whole: Page) -> None:
    (section,) = [one for one in whole.sections if one.key == "optimizer"]
    assert section.table
    assert [row[0] for row in section.table.rows] == ["5×5 against 3×3", "7×7 against 3×3", "1×1+3×3 against 3×3"]
    assert not [sentence.text for sentence in section.sentences if "is not compared" in sentence.text]


def test_every_sentence_and_figure_names_its_source(whole: Page) -> None:
    sentences = [
        *(answer.sentence for answer in whole.answers),
        *(sentence for section in whole.sections for sentence in section.sentences),
    ]
    for source in [figure.source for figure in whole.figures] + [sentence.source for sentence in sentences]:
        stages, _, data = source.partition(": ")
        assert set(stages.split(" and ")) <= {"analyze", "cost", "train", "tune", "replay"}
        assert data.startswith(("metrics/", "plots/"))


@pytest.mark.parametrize("stage", ["tune", "train", "profile", "evaluate"])
def test_what_was_measured_in_different_environments_is_told_first(evidence: Evidence, stage: str) -> None:
    assert evidence.comparable
    one = evidence.results["depth_4"]
    moved = {
        "tune": replace(one, tuning=one.tuning.model_copy(update={"environment": ELSEWHERE})),
        "train": trained_in(one, dict.fromkeys(one.evaluation.runs, ELSEWHERE)),
        "profile": replace(one, speed=one.speed.model_copy(update={"environment": ELSEWHERE})),
        "evaluate": evaluated_in(one, dict.fromkeys(one.evaluation.runs, ELSEWHERE)),
    }
    mixed = replace(evidence, results={**evidence.results, "depth_4": moved[stage]})
    assert not mixed.comparable
    assert [found["stages"] for found in mixed.environments["environments"]][1] == [f"{stage}@depth_4"]
    assert "different environments" in page(mixed).answers[0].sentence.text


def test_profiles_may_all_have_an_environment_of_their_own(evidence: Evidence) -> None:
    moved = {
        name: replace(one, speed=one.speed.model_copy(update={"environment": ELSEWHERE}))
        for name, one in evidence.results.items()
    }
    assert replace(evidence, results=moved).comparable


@pytest.mark.parametrize(("stage", "move"), [("train", trained_in), ("evaluate", evaluated_in)])
def test_where_runs_of_a_stage_had_different_environments_each_run_is_named(stage: str, move: Move) -> None:
    one = move(result("thin", right_ones([5, 5], 10), seeds=[3, 7]), {(7, 1): ELSEWHERE})
    here, there = environments({"thin": one}, {})["environments"]
    assert there["stages"] == [f"{stage}@thin seed 7 budget 1"]
    named = [f"{stage}@thin {run}" for run in ("seed 3 budget 1", "seed 3 budget 2", "seed 7 budget 2")]
    others = [f"{other}@thin" for other in ("tune", "train", "evaluate", "profile") if other != stage]
    assert sorted(here["stages"]) == sorted([*named, *others, "evaluate@thin, pictures"])
    assert here["threads"] != there["threads"] == ELSEWHERE.threads


def test_a_replay_and_a_layer_computed_in_another_way_may_have_an_environment_of_their_own(
    evidence: Evidence,
) -> None:
    one = evidence.results["depth_4"]
    fallback = replace(ENVIRONMENT, fallbacks={"conv1": "unfolded"})
    one = evaluated_in(one, dict.fromkeys(one.evaluation.runs, fallback))
    replays = {
        name: replayed.model_copy(update={"environment": replace(ENVIRONMENT, device="cuda")})
        for name, replayed in evidence.replays.items()
    }
    mixed = replace(evidence, results={**evidence.results, "depth_4": one}, replays=replays)
    assert mixed.comparable
    assert len(mixed.environments["environments"]) == 3


@pytest.mark.parametrize("survivors", [set(), BASELINES, {"kernel_5x5"}], ids=["none", "baseline", "another"])
def test_a_report_of_networks_that_failed_says_so_and_ranks_none(survivors: set[str]) -> None:
    report = page(made_up_evidence(diverged=set(PARAMS.architectures) - survivors))
    text = render_markdown(report)
    assert "diverged" in text
    assert ("No network trained" in text) == (survivors != BASELINES)
    assert not [one for section in report.sections for one in section.answer if "most accurate of" in one.text]
    assert "nan" not in text.lower().split()


def test_numbers_of_an_architecture_leave_out_the_runs_that_diverged(evidence: Evidence) -> None:
    statuses: list[Status] = ["trained", "diverged", "collapsed"]
    one = result("depth_4", right_ones([750, 0, 100], IMAGES), statuses, seconds=[10.0, 3.0, 20.0])
    mixed = replace(evidence, results={"depth_4": one})
    summary, timing = mixed.summary.architectures["depth_4"], mixed.timings["depth_4"]
    assert (summary.status, summary.statuses) == ("diverged", tuple(statuses))
    assert summary.test_accuracy.per_seed == (0.75, None, 0.1)
    assert summary.test_accuracy.mean == pytest.approx(0.425)
    assert summary.validation_accuracy.per_seed == (0.5, None, 0.1)
    field = summary.receptive_field
    assert (field.theoretical, field.effective) == (10, 32)
    assert field.deviation_untrained.per_seed == pytest.approx((even_deviation(32),) * 3)
    assert [one is None for one in field.deviation_trained.per_seed] == [False, True, False]
    assert timing.train_seconds.per_seed == (10.0, None, 20.0)
    assert timing.evaluation_seconds.per_seed == (1.0, None, 1.0)
    assert timing.images_per_second.per_seed == (100.0, None, 50.0)  # two epochs of 500 images
    assert mixed.summary.headline(["depth_4"]) == {"depth_4": 42.5}


def test_numbers_of_an_architecture_are_those_of_its_largest_budget_beside_those_of_each() -> None:
    one = result("thin", right_ones([750, 760], IMAGES), seconds=[10.0, 20.0])
    summary = Summary.of(one, labels_of(IMAGES), 1000)
    assert (summary.budget, summary.seeds, summary.statuses) == (2, (0, 1), ("trained", "trained"))
    assert list(summary.by_budget) == ["1", "2"]
    smaller, largest = summary.by_budget.values()
    assert (smaller.status, smaller.test_accuracy.per_seed) == ("collapsed", (0.25, 0.24))
    assert smaller.validation_accuracy.per_seed == (0.1, 0.1)
    assert (largest.status, largest.test_accuracy.per_seed) == ("trained", (0.75, 0.76))
    assert largest.validation_accuracy.per_seed == (0.5, 0.5)
    for name in BudgetSummary.model_fields:
        assert getattr(summary, name) == getattr(largest, name)
    assert Timing.of(one).train_seconds.per_seed == (10.0, 20.0)
    assert Timing.of(one).step is None
    step = Timing.of(one, steps_of(thin=(0.02, 0.1))).step
    assert step
    # 500 images in an epoch, batches of 100.
    assert {budget: run.images for budget, run in step.runs.items()} == {"1": 500, "2": 1000}
    assert {budget: run.seconds for budget, run in step.runs.items()} == pytest.approx({"1": 0.1, "2": 0.2})


def test_what_a_run_costs_is_unknown_where_none_came_to_its_end() -> None:
    costs = steps_of(thin=(0.02, 0.1))
    cases: list[tuple[list[Status], set[str]]] = [
        (["diverged", "collapsed"], {"1", "2"}),
        (["diverged", "diverged"], {"1"}),
    ]
    for statuses, known in cases:
        step = Timing.of(result("thin", right_ones([5, 5], 10), statuses), costs).step
        assert step
        assert set(step.runs) == known


def test_budgets_are_numbers_and_the_order_of_runs_does_not_matter() -> None:
    one = result("thin", right_ones([7, 8], 10))
    renamed = {1: 10, 2: 9}  # by their digits, 9 would be the largest
    runs = [run.model_copy(update={"budget": renamed[run.budget]}) for run in one.trained.runs[::-1]]
    seen = {(seed, renamed[budget]): run for (seed, budget), run in one.evaluation.runs.items()}
    spreads = {(seed, 10): of_run for (seed, _), of_run in one.evaluation.spreads.items()}
    evaluation = replace(one.evaluation, runs=seen, spreads=spreads)
    other = replace(one, trained=Trained(tuple(runs)), evaluation=evaluation)
    summary = Summary.of(other, labels_of(10), 1000)
    assert (summary.budget, list(summary.by_budget), summary.seeds) == (10, ["9", "10"], (1, 0))
    assert summary.test_accuracy.per_seed == pytest.approx((0.2, 0.3))


def test_curves_are_those_of_the_largest_budget() -> None:
    one = result("thin", right_ones([5, 5], 10), ["trained", "diverged"])
    table = history_table({"thin": one})
    assert list(table) == [
        "architecture", "seed", "budget", "epoch", "loss", "train_accuracy", "validation_loss",
        "validation_accuracy",
    ]  # fmt: skip
    assert table[["seed", "budget", "epoch"]].to_numpy().tolist() == [[0, 2, 1], [0, 2, 2], [1, 2, 1]]
    assert table["validation_accuracy"].to_list()[:2] == [0.5, 0.5]
    assert table["validation_accuracy"].isna().to_list() == [False, False, True]


def test_where_every_run_diverged_there_are_no_means_and_no_field() -> None:
    nothing = made_up_evidence(diverged=("depth_4",))
    summary, timing = nothing.summaries["depth_4"], nothing.timings["depth_4"]
    for estimate in (summary.test_accuracy, summary.validation_accuracy, timing.train_seconds):
        assert (estimate.mean, estimate.ci95, estimate.per_seed) == (None, None, (None,) * SEEDS)
    assert summary.receptive_field.effective is None
    assert nothing.summary.headline(["depth_4"]) == {"depth_4": None}


def test_every_picture_of_a_study_is_drawn_and_says_which_network_diverged() -> None:
    chapters = chapters_of(made_up_evidence(diverged=("depth_4",)))
    drawn = {path: draw() for chapter in chapters for path, draw in chapter.pictures.items() if "depth" in path}
    assert len(drawn) == 2 + len(PARAMS.evaluate.shown_images)
    for picture in drawn.values():
        texts = " ".join(" ".join(text.get_text() for text in picture.texts).split())
        assert "4 layers (diverged, first weights)" in texts
        assert texts.count("(diverged") == 1


def test_a_page_whose_pictures_are_missing_is_not_written(whole: Page) -> None:
    with pytest.raises(FileNotFoundError):
        render_html(whole, REPOSITORY / "nowhere")


def test_what_a_clock_measured_is_kept_apart(evidence: Evidence) -> None:
    conclusions, timed = conclusions_of(chapters_of(evidence))
    assert set(conclusions) == {
        "studies",
        "variances",
        "claimed_pairs",
        "calibration_errors",
        "gradients",
        "findings",
        "claims",
    }
    assert set(timed) == {"pareto", "step_ratios", "findings", "claims"}
    assert "seconds" not in str(conclusions["studies"]) + str(conclusions["claimed_pairs"])
    assert "pareto" not in str(conclusions["studies"])
    assert {finding["rule"] for finding in timed["findings"]} >= {"winner_cost", "pareto", "times"}
    for told, by_clock in ((conclusions, False), (timed, True)):
        for sentence in (*told["findings"], *told["claims"]):
            assert ("timing" in sentence["data"]) == by_clock
            assert "timed" not in sentence
    # Of the studies' pairs, and of those that claims about time are about.
    assert set(timed["step_ratios"]) >= {
        "kernel_5x5 over kernel_3x3",
        "residual over depth_6",
        "depth_6 over depth_4",
    }
    assert timed["step_ratios"]["kernel_5x5 over kernel_3x3"]["ratio"] == pytest.approx(1.1)


def test_every_measured_number_of_a_sentence_stands_in_a_file_that_it_names(evidence: Evidence) -> None:
    chapters = chapters_of(evidence)
    conclusions, timed = conclusions_of(chapters)
    metrics = {
        "summary": evidence.summary.model_dump(),
        "timing": Timings(architectures=evidence.timings).model_dump(),
        "conclusions": conclusions,
        "timing_conclusions": timed,
    }
    files = {f"metrics/{name}.json": list(numbers_in(content)) for name, content in metrics.items()}
    files["params.yaml"] = list(numbers_in(read_yaml(REPOSITORY / "params.yaml")))
    for folder, tables in (
        ("data", [chapter.tables for chapter in chapters]),
        ("timing", [chapter.timed_tables for chapter in chapters]),
    ):
        for name, table in (named for of_chapter in tables for named in of_chapter.items()):
            files[f"plots/{folder}/{name}.csv"] = table.select_dtypes("number").to_numpy().ravel().tolist()
    set_not_measured = (0.95, 0.1, 0.01)  # the level of intervals, chance, a tolerance
    for told in (conclusions, timed):
        for sentence in (*told["findings"], *told["claims"]):
            there = np.array([number for name in sentence["data"].split(", ") for number in files[name]], float)
            if sentence["data"] == "plots/data/confusion.csv":  # counts, of which the sentence has shares
                continue
            numbers = [number for number in numbers_in(sentence["numbers"]) if isinstance(number, float)]
            missing = [
                number
                for number in numbers
                if number not in set_not_measured
                and not any(np.isclose(scale * there, number, 1e-9, 1e-12).any() for scale in (1, 100, 1e-6))
            ]
            assert missing == [], sentence


def test_claims_about_gradients_are_open_where_networks_have_another_recipe_than_the_report(
    evidence: Evidence,
) -> None:
    conclusions, _ = conclusions_of(chapters_of(evidence))
    verdicts = {claim["claim"]: claim["verdict"] for claim in conclusions["claims"]}
    assert {verdict for claim, verdict in verdicts.items() if "radient" in claim} == {"not comparable"}
    assert len([verdict for verdict in verdicts.values() if verdict == "not comparable"]) == 3
    (claim,) = (claim for claim in conclusions["claims"] if "largest gradient norm" in claim["claim"])
    assert claim["numbers"]["residual"]["optimizer"] == ["muon", "adam"]
    assert claim["numbers"]["residual"]["learning rate"] == ["0.2", "0.01"]


def test_every_chapter_adds_tables_and_pictures_of_its_own(evidence: Evidence, whole: Page) -> None:
    chapters = chapters_of(evidence)
    tables = [name for chapter in chapters for name in (*chapter.tables, *chapter.timed_tables)]
    pictures = [path for chapter in chapters for path in chapter.pictures]
    assert len(tables) == len(set(tables))
    assert len(pictures) == len(set(pictures))
    # What the page shows is drawn, and what it names is saved.
    assert {figure.image for figure in whole.figures if figure.image} <= {f"images/{path}" for path in pictures}
    named = {figure.source.partition(": ")[2] for figure in whole.figures if figure.spec}
    assert {Path(name).stem for name in named if name.startswith("plots/")} <= set(tables)


def test_sections_stand_in_order_and_studies_cannot_take_their_keys(whole: Page) -> None:
    keys = [section.key for section in whole.sections]
    topics = keys[len(PARAMS.studies) :]
    assert keys == [*PARAMS.studies, *topics]
    assert topics
    content = read_yaml(REPOSITORY / "params.yaml")
    study = content["studies"]["depth"]
    for key in topics:
        with pytest.raises(StudyError, match="the report has this name"):
            validate(content | {"studies": {key: study}})


def test_figures_are_named_after_their_topic_and_study(whole: Page) -> None:
    topics = {path.name for path in (REPOSITORY / "src/cnn_study/report/topics").iterdir()}
    first, *names = [figure.name for figure in whole.figures]
    assert first == "accuracy_against_cost"
    named = [name.split("-") for name in names]
    assert {parts[0] for parts in named} <= topics | {"replay"}
    assert {parts[1] for parts in named if len(parts) > 2} == set(PARAMS.studies)
