"""Methods say in words what params.yaml says in keys."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from cnn_study.analysis.costs import Costs
from cnn_study.base.yaml import read_yaml
from cnn_study.cost.records import Session, StepCosts
from cnn_study.params.study import Params, validate
from cnn_study.report.topics.claims.chapter import chapter as claims
from cnn_study.report.topics.methods import methods, trained_otherwise, training_in_words, variances_in_words
from tests.conftest import REPOSITORY
from tests.test_compose import made_up_evidence


def with_recipe(**changes: Any) -> Params:
    content = read_yaml(REPOSITORY / "params.yaml")
    content["training"]["recipe"].update(changes)
    return validate(content)


def test_the_recipe_has_the_names_that_people_use_and_its_schedule_in_words() -> None:
    words = training_in_words(with_recipe())
    assert words.startswith(
        "Muon (momentum 0.8) for filters, AdamW at 0.01 times its rate for all else, weight decay 0.01, batches "
        "of 128, "
    )
    assert "rises for 0.05 epochs, then is constant, and falls to 0 over the last 30 % of a run" in words
    assert "Half of the training images are mirrored and all are shifted by up to 2 pixels." in words
    assert "from 3 seeds (0, 1 and 2) to 1, 2, 4 and 8 epochs." in words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": "sgd"}, "SGD (Nesterov momentum 0.8), weight"),
        ({"optimizer": "adam"}, "Adam (beta1 0.8), weight"),
        ({"schedule": "constant", "warmup": 0.0}, "The learning rate is constant."),
        ({"augmentation": {"flip": False, "shift": 1}}, "All are shifted by up to 1 pixel."),
        ({"initialization": "pytorch"}, "Initial weights are PyTorch's defaults."),
    ],
)
def test_another_recipe_is_another_sentence(changes: dict[str, Any], words: str) -> None:
    assert words in training_in_words(with_recipe(**changes))
    assert words not in training_in_words(with_recipe())


def test_networks_that_are_trained_otherwise_are_named_once_with_what_differs() -> None:
    content = read_yaml(REPOSITORY / "params.yaml")
    for entry in content["architectures"].values():
        for own in ("seeds", "budgets"):
            entry.get("training", {}).pop(own, None)
    for name in ("depth_4", "depth_6"):
        content["architectures"][name]["training"] = {"seeds": [0, 1]}
    words = trained_otherwise(replace(made_up_evidence(), params=validate(content)))
    assert words == (
        "4 layers and 6 layers: seeds 0 and 1. 3×3 AdamW, 5×5 AdamW, 7×7 AdamW and 1×1+3×3 AdamW: optimizer AdamW "
        "instead of Muon and momentum 0.9 instead of 0.8."
    )


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"learning_rate": 0.00001}, "4 layers: learning rate 0.00001."),
        ({"recipe": {"threads": 1}}, "4 layers: device, threads, or what has no effect here."),
    ],
)
def test_what_else_a_network_has_of_its_own_is_said(own: dict[str, Any], words: str) -> None:
    content = read_yaml(REPOSITORY / "params.yaml")
    content["architectures"]["depth_4"]["training"] = own
    assert words in trained_otherwise(replace(made_up_evidence(), params=validate(content)))


@pytest.mark.parametrize(
    ("budgets", "words"), [([1], "a budget of 1 epoch."), ([2, 1], "budgets of 1 and 2 epochs.")]
)
def test_budgets_of_a_network_s_own_are_named(budgets: list[int], words: str) -> None:
    content = read_yaml(REPOSITORY / "params.yaml")
    content["architectures"]["depth_4"]["training"] = {"budgets": budgets}
    params = validate(content)
    assert words in trained_otherwise(replace(made_up_evidence(), params=params))


def test_what_holds_for_all_is_said_of_all_alone() -> None:
    content = read_yaml(REPOSITORY / "params.yaml")
    for entry in content["architectures"].values():
        entry.pop("training", None)
    alike = validate(content)
    assert "zeros. Each network is trained from 3 seeds" in training_in_words(alike)
    assert "zeros. Networks not named below are trained from" in training_in_words(with_recipe())


def test_verdicts_at_smaller_budgets_are_owned_up_to_where_a_study_mirrors_another() -> None:
    evidence = made_up_evidence()
    said = "So are the pairs of a study that mirrors another, with their partners,"
    assert said in dict(methods(evidence))["Verdicts"]
    content = read_yaml(REPOSITORY / "params.yaml")
    del content["studies"]["optimizer"]["mirrors"]
    without = dict(methods(replace(evidence, params=validate(content))))["Verdicts"]
    assert "mirrors" not in without
    assert "about are a family of their own. All other differences at smaller budgets have intervals" in without


def test_where_networks_have_other_budgets_it_is_said_at_which_they_are_ranked() -> None:
    evidence = made_up_evidence()
    said = "A study is ranked at the largest budget that all of its networks which trained have,"
    assert said not in trained_otherwise(evidence)
    assert said in trained_otherwise(replace(evidence, params=validate(read_yaml(REPOSITORY / "params.yaml"))))


def test_clocks_say_how_networks_that_were_added_later_are_compared() -> None:
    evidence = made_up_evidence()
    assert ": all networks in one process, in blocks" in dict(methods(evidence))["Clocks"]
    networks = dict(evidence.costs.found.sessions[0].networks)
    later = {name: networks[name] for name in ("kernel_3x3", "residual")}
    del networks["residual"]
    sessions = (Session(networks=networks), Session(networks=later))
    two = replace(evidence, costs=Costs(StepCosts(reference="kernel_3x3", sessions=sessions)))
    clocks = dict(methods(two))["Clocks"]
    assert "all networks in one process" not in clocks
    assert "Networks that were added later were measured in another process, with one of the first," in clocks
    (section,) = (one for one in claims(two).sections)
    assert "measured in turns, those of networks added later with one of the first (" in section.tables[1].note


def test_the_variance_of_one_network_alone_is_not_that_of_several() -> None:
    numbers = {"standard_deviation_points": 0.4, "of_the_image_part_points": 0.3}
    pool = SimpleNamespace(networks=("a",), equal=None, moderated=False, record=lambda: numbers)
    evidence: Any = SimpleNamespace(accuracies=SimpleNamespace(pools=lambda: {(8, "muon"): pool}))
    text = variances_in_words(evidence)
    assert "Of networks trained with Muon for 8 epochs, one has several runs that trained." in text
    assert "0.40 points: no less than that of independent errors" in text
    assert "1 network" not in text
