"""What ``make study`` says of time: how far it is, and how long the rest takes."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.time_told import ratios, seconds_told
from cnn_study.base.yaml import read_yaml
from cnn_study.cost.records import Session, StepCosts
from cnn_study.params.study import Params, validate
from scripts.estimate import MachineSpeed, estimates
from scripts.plan import foreseen
from scripts.repro import Repro
from scripts.time_left import TimeLeft, in_words
from tests.conftest import REPOSITORY, Project
from tests.report_cases import measured_step

PLAN = {"tune@a": 10.0, "train@a": 100.0, "tune@b": 20.0, "train@b": 200.0, "analyze": 30.0}


def test_a_stage_begins_with_its_place_and_with_what_is_left() -> None:
    left = TimeLeft(PLAN)
    assert left.seconds == 360
    assert left.begins("tune@a", 0.0) == "[1/5] tune a · about 6 min left"
    assert left.begins("train@a", 10.0) == "[2/5] train a · about 6 min left"  # 350 s
    left.drop("tune@b")
    assert left.begins("train@b", 110.0) == "[3/4] train b · about 4 min left"
    assert left.begins("analyze", 310.0) == "[4/4] analyze · about 30 s left"


def test_what_was_measured_corrects_what_is_left() -> None:
    left = TimeLeft(PLAN)
    left.begins("tune@a", 0.0)
    left.begins("train@a", 10.0)
    left.begins("tune@b", 310.0)  # trainings take three times as long
    left.drop("analyze")
    left.drop("tune@b")  # which runs already
    of_all = (10 + 300 + 30) / (10 + 100 + 30)
    of_trainings = (300 + 30 * of_all) / (100 + 30)
    of_searches = (10 + 30 * of_all) / (10 + 30)
    assert left.seconds == pytest.approx(20 * of_searches + 200 * of_trainings)


def test_a_slow_download_says_little_of_hours_of_training() -> None:
    left = TimeLeft({"download": 10.0, "train@a": 7200.0, "train@b": 7200.0})
    left.begins("download", 0.0)
    left.begins("train@a", 100.0)
    assert 14_400 < left.seconds < 1.15 * 14_400
    left.begins("train@b", 14_500.0)  # twice as long as estimated
    assert 1.8 * 7200 < left.seconds < 2 * 7200


def test_a_stage_that_nobody_foresaw_counts() -> None:
    left = TimeLeft({"analyze": 30.0})
    assert left.begins("cost", 0.0).startswith("[1/2] cost · ")
    assert left.begins("analyze", 10.0).startswith("[2/2] analyze · ")


def test_stages_that_need_not_run_after_all_are_left_out() -> None:
    left = TimeLeft(PLAN)
    left.begins("tune@a", 0.0)
    left.keep(["tune@a", "train@b"], 10.0)
    assert left.begins("train@b", 10.0).startswith("[2/2] train b · ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "about 10 s"),
        (84, "about 80 s"),
        (91, "about 2 min"),
        (59.4 * 60, "about 59 min"),
        (59.8 * 60, "about 1 h"),
        (79 * 60, "about 1 h 20 min"),
        (118 * 60, "about 2 h"),
    ],
)
def test_times_are_as_exact_as_an_estimate_is_worth(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def params(**training: Any) -> Params:
    content = read_yaml(REPOSITORY / "params.yaml")
    content["training"].update(training)
    return validate(content)


def seconds(stage: str, given: Params, *others: str, start: float = 0.0) -> float:
    """Of a stage, where a training step takes a millisecond an image."""
    speed = MachineSpeed(start, dict.fromkeys(given.architectures, 0.001))
    return estimates([stage, *others], given, speed)[stage]


def test_a_training_takes_as_long_as_its_steps() -> None:
    # 45,000 images and, for 0.4 of a step each, 5,000 of validation; of a budget 0.3 are off the trunk.
    alone = seconds("train@kernel_3x3", params(budgets=[8], seeds=[0]), "tune@kernel_3x3")
    assert alone == pytest.approx(8 * 45 + 0.4 * 5 * 9)
    both = seconds("train@kernel_3x3", params(budgets=[4, 8], seeds=[0, 1]), "tune@kernel_3x3")
    assert both == pytest.approx(2 * (8 * 45 + 0.3 * 4 * 45 + 0.4 * 5 * 10))


def test_other_stages_take_as_long_as_their_images_and_their_start() -> None:
    given = params()
    search = (
        given.tune.epochs * 4 * (given.tune.images / 1000 + 0.4 * 5)
    )  # three rates of the range, and one beyond
    assert seconds("tune@kernel_3x3", given, start=1.0) == pytest.approx(2 + search)
    assert seconds("tune@kernel_3x3", params(learning_rate=0.1)) == 0
    # Three seeds of four budgets; receptive fields at four layers on 200 images.
    assert seconds("evaluate@kernel_3x3", given) == pytest.approx(12 * 10 * 0.4 + 2 * 4 * 0.2)
    assert seconds("replay@kernel_3x3", given) == pytest.approx(8 * (20 + 0.4 * 5))
    assert seconds("download", given, start=1.0) == 2
    assert seconds("analyze", given, start=1.0) == 2 + 1.5 * len(given.architectures)


def test_of_times_of_steps_only_those_of_new_networks_are_measured_beside_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = params()
    names = list(given.architectures)
    monkeypatch.chdir(tmp_path)
    one = seconds("cost", given) / len(names)  # no file: all
    for count, measured in ((0, len(names)), (1, 2), (3, 4), (len(names) - 1, len(names))):
        known = names[: len(names) - count]
        session = Session(networks={name: measured_step([0.1]) for name in known})
        StepCosts(reference=names[0], sessions=(session,)).write(tmp_path / "results/timing/cost.json")
        assert seconds("cost", given) == pytest.approx(measured * one), count
    gone = session.model_copy(update={"networks": {"not in params.yaml": measured_step([0.1])}})
    StepCosts(reference="not in params.yaml", sessions=(gone,)).write(tmp_path / "results/timing/cost.json")
    assert seconds("cost", given) == pytest.approx(len(names) * one)


def test_where_every_run_is_finished_no_training_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    given = params(budgets=[8], seeds=[0, 1])
    alone = 8 * 45 + 0.4 * 5 * 9
    for todo, runs in ((None, 2), ({0: [8], 1: [8]}, 2), ({1: [8]}, 1), ({}, 0)):
        monkeypatch.setattr("scripts.estimate._missing", lambda name, todo=todo: todo)
        assert seconds("train@kernel_3x3", given) == pytest.approx(runs * alone)


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({}, set()),
        ({"prepare": [{"changed outs": {"data/prepared/train": "deleted"}}]}, set()),
        ({"analyze": [{"changed deps": {"src": "modified"}}]}, {"analyze"}),
        (
            {"tune@a": ["changed command"], "prepare": [{"changed outs": {"data/prepared/train": "deleted"}}]},
            {"prepare", "tune@a", "train@a", "evaluate@a", "analyze"},
        ),
        (
            {"prepare": ["changed command"]},
            {"prepare", *(f"{kind}@{name}" for kind in ("tune", "train", "evaluate") for name in "ab"), "replay@b"}
            | {"analyze"},
        ),
        ({"profile@a": [{"changed outs": {"results/profile/a.json": "deleted"}}]}, {"profile@a", "analyze"}),
    ],
)
def test_all_that_will_run_is_foreseen(changes: dict[str, Any], stages: set[str]) -> None:
    assert foreseen(changes, ["a", "b"], ["b"]) == stages


def test_a_measurement_that_fails_does_not_stop_the_study(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr(sys, "executable", "false")
    Repro().announce(["train@kernel_3x3"], params())
    printed = capsys.readouterr().out
    assert printed.startswith("Stages to run: 1.")
    assert "How long that takes is not known yet: scripts.step_times ended with 1" in printed


def test_steps_are_measured_with_each_network_s_recipe(untouched: Project) -> None:
    measured = json.loads(untouched.run(sys.executable, "-m", "scripts.step_times", "other"))
    assert list(measured["image"]) == ["other"]
    assert 0 < measured["image"]["other"] < measured["measuring"]


def test_the_benchmark_reads_what_is_told_and_compares_it_with_what_was_left() -> None:
    left = TimeLeft({"train@a": 4800.0})
    assert seconds_told(left.begins("train@a", 0.0) + "\n") == 4800
    assert seconds_told("[9/47] analyze · about 50 s left") == 50
    assert seconds_told("[9/47] train b · about 12 min left") == 720
    assert seconds_told("Running stage 'analyze':") is None
    # At 25 of 100 seconds 110 were told, 5 seconds before; at 50 and 75 the last line is that of second 45.
    found = ratios([(0.0, 10.0), (20.0, 110.0), (45.0, 55.0), (90.0, 10.0)], 100.0)
    assert found == pytest.approx({"25%": 105 / 75, "50%": 50 / 50, "75%": 25 / 25})
