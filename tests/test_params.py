"""Mistakes in params.yaml: one line for each, all at once."""

import copy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import YAMLFileCorruptedError, load_yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from benchmarks import ray, scale
from cnn_study.base.errors import StudyError
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.params.earlier import MOVED
from cnn_study.params.study import validate
from cnn_study.sources.datasets import SOURCES
from cnn_study.training.entry import Override
from cnn_study.training.recipe import Training
from scripts import study
from stages.check import checked_params, refuse_what_dvc_refuses
from tests.conftest import REPOSITORY, Project
from tests.test_text import ODD

VALID = read_yaml(REPOSITORY / "params.yaml")


def with_values(change: dict[str, Any]) -> dict[str, Any]:
    """The valid file with the values at dotted keys changed."""
    content = copy.deepcopy(VALID)
    for path, value in change.items():
        *above, last = path.split(".")
        place = content
        for key in above:
            place = place[key]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return content


def told(change: dict[str, Any]) -> list[str]:
    """The lines for the valid file with such changes."""
    with pytest.raises(StudyError) as error:
        validate(with_values(change))
    return str(error.value).splitlines()


def keys_of(lines: list[str]) -> set[str]:
    """The keys that lines of mistakes name; each once."""
    keys = [line.split(": ")[1] for line in lines]
    assert len(set(keys)) == len(keys)
    return set(keys)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"training.budget": 3}, "training.budget: unknown key, allowed here: budgets, "),
        (
            {"training.epochs": 3},
            "training.epochs: a key of release 0.1.0, now training.budgets, a list of epochs",
        ),
        ({"trainin": 3}, "trainin: unknown key, allowed here: data, training, "),
        ({"tune": ...}, "tune: not found, but needed"),
        ({"training.budgets": ...}, "training.budgets: not found, but needed"),
        ({"training.budgets": 4}, "training.budgets: found 4, allowed: a list"),
        ({"training.budgets": []}, "training.budgets: found [], allowed: at least 1 of them"),
        ({"training.budgets": [4, 1, 4]}, "training.budgets: found [4, 1, 4], allowed: each once"),
        ({"training.budgets": [1, 0]}, "training.budgets[1]: found 0, allowed: at least 1"),
        ({"training.budgets": ["3"]}, "training.budgets[0]: found '3', allowed: a whole number"),
        ({"training.budgets": [1, 2.5]}, "training.budgets[1]: found 2.5, allowed: a whole number"),
        ({"training.budgets": list(range(1, 22))}, "training.budgets: found [1, 2, 3, 4, "),
        (
            {"training.recipe.schedule": "one_cycle"},
            "training.recipe.schedule: found 'one_cycle', allowed: 'cooldown' or 'constant'",
        ),
        ({"training.recipe.cooldown": 0.0}, "training.recipe.cooldown: found 0.0, allowed: more than 0"),
        ({"training.recipe.cooldown": 0.95}, "training.recipe.cooldown: found 0.95, allowed: at most 0.9"),
        ({"training.recipe.momentum": 1.0}, "training.recipe.momentum: found 1.0, allowed: less than 1"),
        ({"training.learning_rate": float("nan")}, "training.learning_rate: found nan, allowed: "),
        ({"training.learning_rate": "tund"}, "training.learning_rate: found 'tund', allowed: a number, or tuned"),
        (
            {"training.recipe.device": "mps"},
            "training.recipe.device: found 'mps', allowed: 'auto', 'cpu' or 'cuda'",
        ),
        (
            {"training.recipe.optimizer": "rmsprop"},
            "training.recipe.optimizer: found 'rmsprop', allowed: 'sgd', 'adam', 'adamw' or 'muon'",
        ),
        ({"training.seeds": []}, "training.seeds: found [], allowed: at least 1 of them"),
        ({"training.seeds": [1, 1]}, "training.seeds: found [1, 1], allowed: each once"),
        (
            {"training.recipe.augmentation.flip": "yes"},
            "training.recipe.augmentation.flip: found 'yes', allowed: true or false",
        ),
        (
            {"data.dataset": "mnist"},
            "data.dataset: found 'mnist', allowed: 'cifar10', 'cifar100', ",
        ),
        ({"data.dataset": "folder", "data.size": 7}, "data.size: found 7, allowed: at least 8"),
        ({"data.dataset": "folder", "data.size": 129}, "data.size: found 129, allowed: at most 128"),
        ({"data.size": 64}, "data.size: found 64, allowed: 32, which cifar10 has"),
        ({"data.folder": ""}, "data.folder: found '', allowed: at least 1 character"),
        ({"data.test_fraction": 1.0}, "data.test_fraction: found 1.0, allowed: less than 1"),
        ({"data.train_images": 5}, "data.train_images: found 5, allowed: at least 10, one of each class, or all"),
        ({"tune.range.muon": [1.0, 0.16]}, "tune.range.muon: found [1.0, 0.16], allowed: the lowest rate first"),
        ({"tune.range.sgd": 0.1}, "tune.range.sgd: found 0.1, allowed: a list"),
        ({"tune.range.adam": ...}, "tune.range.adam: not found, but needed"),
        (
            {"tune.range.rmsprop": [0.1, 0.2]},
            "tune.range.rmsprop: unknown key, allowed here: sgd, adam, adamw, muon",
        ),
        ({"tune.beyond": -1}, "tune.beyond: found -1, allowed: at least 0"),
        (
            {"data.train_images": 60_000},
            "data.train_images: found 60000, allowed: at most 50000",
        ),
        ({"data.validation_fraction": 0.99999}, "data.validation_fraction: found 0.99999, which makes 50000"),
        ({"data.validation_fraction": 0.0001}, "data.validation_fraction: found 0.0001, which makes 5 validation"),
        ({"evaluate.shown_images": [0, 10_000]}, "evaluate.shown_images[1]: found 10000, allowed: at most 9999"),
        ({"evaluate.shown_images": [3, -1]}, "evaluate.shown_images[1]: found -1, allowed: at least 0"),
        ({"evaluate.shown_images": [3, 3]}, "evaluate.shown_images: found [3, 3], allowed: each once"),
        ({"evaluate.shown_images": []}, "evaluate.shown_images: found [], allowed: at least 1 of them"),
        (
            {"evaluate.shown_images": list(range(9))},
            "evaluate.shown_images: found [0, 1, 2, 3, 4, 5, 6, 7, 8], all",
        ),
        ({"evaluate.shown_images": 3}, "evaluate.shown_images: found 3, allowed: a list"),
        (
            {"evaluate.images": 10_000, "data.test_images": 100},
            "evaluate.images: found 10000, allowed: at most",
        ),
        ({"data.test_images": 9}, "data.test_images: found 9, allowed: at least 10, one of each class, or all"),
        (
            {"data.size": 16, "data.dataset": "folder", "training.recipe.augmentation.shift": 16},
            "training.recipe.augmentation.shift: found 16, allowed: at most 15, for images of 16 pixels",
        ),
        ({"tune.images": 1}, "tune.images: found 1, allowed: at least 10, one of each class"),
        ({"replay.runs.images": 9}, "replay.runs.images: found 9, allowed: at least 10, one of each class"),
        ({"tune.seed": VALID["training"]["seeds"][0]}, "tune.seed: found 0, allowed: none of training.seeds"),
        ({"tune.factor": 1.0}, "tune.factor: found 1.0, allowed: at least 1.1"),
        (
            {"tune.range.sgd": [0.00001, 1], "tune.factor": 1.1},
            "tune.factor: found 1.1, which makes of tune.range.sgd 121 rates, allowed: at most 100",
        ),
        (
            {"architectures.depth_4.layers": [{"conv": 4, "kernel": 3}, {"pool": 16}, {"pool": 4}]},
            "architectures.depth_4.layers: found that layers[2] takes 4x4 pixels at once of 2x2, which leaves "
            "nothing, allowed: at most 2",
        ),
        (
            {"architectures.depth_4.layers": [{"conv": 4, "kernel": 3, "stride": 32}] * 2},
            "architectures.depth_4.layers: found that layers[1] takes 32x32 pixels at once of 1x1, which leaves "
            "nothing, allowed: at most 1",
        ),
        (
            {
                "architectures.depth_4.layers": [
                    {"conv": 3, "kernel": 3},
                    {"conv": 4, "kernel": 3, "groups": "all"},
                ]
            },
            "architectures.depth_4.layers: found that layers[1] has groups: all, into which 3 channels in and 4 "
            "out cannot be divided, allowed: a divisor of both",
        ),
        (
            {"architectures.depth_4.layers": [{"conv": 4, "kernel": 3, "groups": 2}]},
            "architectures.depth_4.layers: found that layers[0] has groups: 2, into which 3 channels in and 4 out",
        ),
        ({"studies": {}}, "studies: found {}, allowed: at least 1 of them"),
        ({"studies.depth.members.depth_4": "residual"}, "studies.depth.members: found 'residual' twice"),
        ({"studies.depth.title": "Kernel size"}, "studies: found 'Kernel size' twice"),
        ({"studies.depth.title": " Kernel\n  size "}, "studies: found 'Kernel size' twice"),
        ({"architectures": {}}, "architectures: found {}, allowed: at least 1 of them"),
        ({"studies.depth.members": {}}, "studies.depth.members: found {}, allowed: at least 1 of them"),
        (
            {"studies.depth.members.depth_5": "5"},
            "studies.depth.members.depth_5: found 'depth_5', allowed: an entry",
        ),
        ({"studies.depth.baseline": "depth_5"}, "studies.depth.baseline: found 'depth_5', allowed: one of"),
        (
            {"studies.depth.controls": [{"of": "depth_6", "against": "depth_5", "question": "?"}]},
            "studies.depth.controls[0].against: found 'depth_5', allowed: one of the study's members",
        ),
        (
            {"studies.depth.controls": [{"of": "depth_6", "against": "depth_6", "question": "?"}]},
            "studies.depth.controls[0]: found 'depth_6' against itself",
        ),
        (
            {"architectures.depth_4.training": {"seeds": [5, 5]}},
            "architectures.depth_4.training.seeds: found [5, 5], allowed: each once",
        ),
        (
            {"architectures.depth_4.training": {"budgets": []}},
            "architectures.depth_4.training.budgets: found [], allowed: at least 1 of them",
        ),
        (
            {"architectures.depth_4.training": {"budgetz": [5]}},
            "architectures.depth_4.training.budgetz: unknown key, allowed here: ",
        ),
        (
            {"architectures.depth_4.training": {"recipe": {"augmentation": {"shift": -1}}}},
            "architectures.depth_4.training.recipe.augmentation.shift: found -1, allowed: at least 0",
        ),
        (
            {"architectures.../x": VALID["architectures"]["depth_4"]},
            "architectures.../x: found '../x', allowed: a name",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key_what_was_found_and_what_is_allowed(
    change: dict[str, Any], line: str
) -> None:
    if "architectures.../x" in change:
        content = copy.deepcopy(VALID)
        content["architectures"]["../x"] = change["architectures.../x"]
        with pytest.raises(StudyError) as error:
            validate(content)
        lines = str(error.value).splitlines()
    else:
        lines = told(change)
    assert any(text.startswith(f"params.yaml: {line}") for text in lines), lines


# Those of the params.yaml of release 0.1.0.
EARLIER = {
    "data": ["dataset", "split_seed", "validation_fraction", "train_images", "test_images"],
    "training": [
        "epochs", "seeds", "batch_size", "optimizer", "learning_rate", "momentum", "weight_decay", "schedule",
        "warmup", "label_smoothing", "augmentation", "initialization", "precision", "device", "threads",
    ],
    "tune": ["lowest", "highest", "count", "epochs", "images", "seed"],
    "replay": ["architectures", "learning_rates", "images", "training"],
    "analysis": ["images", "shown_images", "channels"],
}  # fmt: skip


@pytest.mark.parametrize("section", EARLIER)
def test_each_key_of_the_first_release_is_a_key_or_a_line_that_names_the_new_one(section: str) -> None:
    for key in EARLIER[section]:
        name = f"{section}.{key}"
        if key in VALID[section]:
            assert name not in MOVED
            continue
        (line,) = [line for line in told({name: 1}) if line.startswith(f"params.yaml: {name}:")]
        text, new = line.split(", now ")
        assert text == f"params.yaml: {name}: a key of release 0.1.0"
        place: Any = VALID
        for part in new.split(",")[0].split(" ")[0].split("."):
            place = place[part]


def test_an_override_by_a_key_of_the_first_release_names_the_new_one() -> None:
    (line,) = told({"architectures.depth_4.training": {"momentum": 0.5}})
    place = "architectures.depth_4.training.momentum"
    assert line == f"params.yaml: {place}: a key of release 0.1.0, now training.recipe.momentum"


def test_every_image_that_the_test_split_lacks_is_told() -> None:
    change = {"data.test_images": 50, "evaluate.shown_images": [50, 0, 60], "evaluate.images": 51}
    assert keys_of(told(change)) == {"evaluate.shown_images[0]", "evaluate.shown_images[2]", "evaluate.images"}


def test_all_mistakes_are_told_at_once() -> None:
    change = {"training.budgets": [], "data.dataset": "x", "tune.beyond": "x", "architectures.depth_4.layers": []}
    assert len(told(change)) == 4


def test_mistakes_that_involve_several_keys_are_told_with_the_simple_ones_beside_them() -> None:
    simple = {"training.budgets": [], "tune.epochs": 0, "data.split_seed": -1, "studies.depth.title": 1}
    several = {
        "tune.range.muon": [1.0, 0.5],
        "tune.seed": 2,
        "data.train_images": 60_000,
        "studies.depth.baseline": "depth_5",
        "training.seeds": [0, 1, 1],
    }
    # Seeds that are wrong themselves are compared with none.
    expected = (simple | several).keys() - {"tune.seed"}
    assert keys_of(told(simple | several)) == expected
    expected = expected - {"training.seeds"} | {"tune.seed"}
    assert keys_of(told(simple | several | {"training.seeds": [2]})) == expected


def test_layers_that_do_not_fit_are_told_beside_all_else_where_data_set_and_layers_are_sound() -> None:
    too_small = {"architectures.depth_4.layers": [{"conv": 4, "kernel": 3}, {"pool": 32}, {"pool": 2}]}
    beside = {"training.budgets": [], "architectures.depth_4.head": 3, "architectures.residual.layers": []}
    assert keys_of(told(too_small | beside)) == too_small.keys() | beside.keys()
    assert keys_of(told(too_small | {"data.dataset": "x"})) == {"data.dataset"}
    wrong = {"architectures.depth_4.layers": [{"conv": 4, "kernel": 4}, {"pool": 32}, {"pool": 2}]}
    assert keys_of(told(wrong)) == {"architectures.depth_4.layers[0].kernel"}


def test_what_fits_is_a_matter_of_the_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(SOURCES["cifar10"], channels=1, size=16, classes=("a", "b", "c"))
    monkeypatch.setitem(SOURCES, "cifar10", other)
    pools = {
        "architectures.depth_4.layers": [{"conv": 4, "kernel": 3}, {"pool": 16}, {"pool": 2}],
        "data.size": 16,
    }
    assert any("layers[2] takes 2x2 pixels at once of 1x1" in line for line in told(pools))
    counts = {"data.train_images": 2, "data.test_images": 2, "tune.images": 2, "replay.runs.images": 2}
    lines = told(counts | {"data.size": 16, "evaluate.images": 2, "evaluate.shown_images": [0]})
    assert keys_of(lines) == counts.keys()
    assert all("allowed: at least 3, one of each class" in line for line in lines)


def test_of_a_folder_that_is_checked_which_is_known_without_it() -> None:
    folder = {"data.dataset": "folder", "data.size": 16}
    unknown = {"data.test_images": "all", "evaluate.images": 9000, "tune.images": 3, "data.train_images": 10**6}
    pools = {"architectures.depth_4.layers": [{"conv": 4, "kernel": 3}, {"pool": 16}, {"pool": 2}]}
    validate(with_values({"data.dataset": "folder", "data.size": 48} | unknown))
    assert keys_of(told(folder | unknown | pools)) == {"architectures.depth_4.layers"}
    assert keys_of(told(folder | {"data.test_images": 100})) == {"evaluate.images"}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"mirrors": "kernel"},
            "mirrors: found 'kernel', allowed: a study that mirrors none; did you mean 'kernel_size'?",
        ),
        ({"mirrors": "optimizer"}, "mirrors: found 'optimizer', allowed: a study that mirrors none"),
        (
            {"baseline": "kernel_5x5_adamw"},
            "baseline: found 'kernel_5x5_adamw', allowed: the one member with the layers of kernel_size's "
            "baseline, kernel_3x3",
        ),
        (
            {"members": {"kernel_3x3_adamw": "3×3", "depth_4": "4 layers"}},
            "members.depth_4: found none, allowed: exactly one network of kernel_size with the same layers and "
            "head, and another entry",
        ),
        (
            {"members": {"kernel_3x3_adamw": "3×3", "kernel_5x5": "5×5"}},
            "members.kernel_5x5: found kernel_5x5, allowed: ",
        ),
    ],
)
def test_a_study_mirrors_another_one_to_one(change: dict[str, Any], line: str) -> None:
    (found,) = told({f"studies.optimizer.{key}": value for key, value in change.items()})
    assert found.startswith(f"params.yaml: studies.optimizer.{line}")


def test_a_mirror_of_two_networks_with_the_same_layers_is_ambiguous() -> None:
    members = VALID["studies"]["kernel_size"]["members"] | {"kernel_5x5_adamw": "5×5 again"}
    (line,) = told({"studies.kernel_size.members": members})
    assert "members.kernel_5x5_adamw: found kernel_5x5, kernel_5x5_adamw, allowed: exactly one" in line


def test_partners_have_the_same_layers_and_head_whatever_their_names() -> None:
    assert validate(VALID).partners("optimizer") == {
        f"kernel_{size}_adamw": f"kernel_{size}" for size in ("3x3", "5x5", "7x7", "1x1_3x3")
    }
    assert validate(VALID).partners("depth") == {}
    (line,) = told({"architectures.kernel_5x5_adamw.head": {"hidden": [255], "dropout": 0.25}})
    assert line.startswith("params.yaml: studies.optimizer.members.kernel_5x5_adamw: found none, allowed: ")


@pytest.mark.parametrize("question", ["the window alone", "Alone, a window"])
def test_whether_one_thing_alone_differs_is_not_for_a_question_to_say(question: str) -> None:
    controls = [{"of": "depth_6", "against": "depth_4", "question": question}]
    (line,) = told({"studies.depth.controls": controls})
    assert line == (
        f"params.yaml: studies.depth.controls[0].question: found '{question}', allowed: no 'alone', since the "
        "report works out what differs"
    )
    validate(with_values({"studies.depth.controls": [controls[0] | {"question": "a standalone window"}]}))


def test_a_gpu_asked_for_where_there_is_none_is_a_mistake_before_any_work(project: Project) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    project.edit_params(
        lambda params: params["architectures"]["other"].update(training={"recipe": {"device": "cuda"}})
    )
    printed = project.run(sys.executable, "-m", "stages.check", ok=False)
    where = "architectures.other.training.recipe.device"
    assert printed == f"params.yaml: {where}: found 'cuda', allowed here: cpu or auto (no GPU found)\n"


def test_a_nearest_known_word_is_offered() -> None:
    assert told({"training.budget": 3})[0].endswith("; did you mean 'budgets'?")


def test_names_are_offered_even_where_a_key_is_a_number() -> None:
    lines = told({"architectures": VALID["architectures"] | {7: {}}, "studies.depth.baseline": "residul"})
    assert any(line.endswith("did you mean 'residual'?") for line in lines)


def test_an_overrides_mistakes_are_told_while_the_shared_recipe_is_wrong() -> None:
    wrong = {"budget": 3, "recipe": {"batch_size": 1, "augmentation": {"shift": -1}}}
    lines = told(
        {
            "training.budgets": [],
            "training.recipe.augmentation": 5,
            "architectures.depth_4.training": wrong,
            "architectures.depth_6.training": {"seeds": []},
            "architectures.residual.training": {"budgets": [2], "recipe": {"augmentation": {"flip": False}}},
        }
    )
    assert keys_of(lines) == {
        "training.budgets",
        "training.recipe.augmentation",
        "architectures.depth_4.training.budget",
        "architectures.depth_4.training.recipe.batch_size",
        "architectures.depth_4.training.recipe.augmentation.shift",
        "architectures.depth_6.training.seeds",
    }


def test_an_override_changes_only_what_it_names() -> None:
    plain = parse(Training, VALID["training"])
    changed = plain.updated(parse(Override, {"recipe": {"augmentation": {"shift": 4}}, "budgets": [9]}))
    assert (changed.budgets, changed.recipe.augmentation.shift) == ((9,), 4)
    assert changed.recipe.augmentation.flip == plain.recipe.augmentation.flip
    others: Any = {"budgets": True, "recipe": {"augmentation"}}
    assert changed.model_dump(exclude=others) == plain.model_dump(exclude=others)


def test_an_architecture_may_have_budgets_and_seeds_of_its_own() -> None:
    own = {"budgets": [3, 9], "seeds": [7]}
    trainings = validate(with_values({"architectures.depth_4.training": own})).trainings
    assert (trainings["depth_4"].budgets, trainings["depth_4"].seeds) == ((3, 9), (7,))
    plain = parse(Training, VALID["training"])
    assert trainings["depth_4"].recipe == plain.recipe
    assert trainings["kernel_3x3"] == plain


def test_the_seed_of_the_search_is_none_that_any_architecture_trains_with() -> None:
    seed = VALID["tune"]["seed"]
    (line,) = told({"architectures.depth_4.training": {"seeds": [7, seed]}})
    assert line == f"params.yaml: tune.seed: found {seed}, allowed: none of architectures.depth_4.training.seeds"
    validate(with_values({"architectures.depth_4.training": {"seeds": [7, seed + 1]}}))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"schedule": "cooldown", "cooldown": 0.3, "warmup": 0.36},
            "warmup: found 0.36, allowed: at most 0.35, half",
        ),
        (
            {"schedule": "cooldown", "cooldown": 0.9, "warmup": 0.06},
            "warmup: found 0.06, allowed: at most 0.05, half",
        ),
        ({"schedule": "constant", "cooldown": 0.9, "warmup": 0.51}, "warmup: found 0.51, allowed: at most 0.5"),
        ({"schedule": "cooldown", "cooldown": 0.3, "warmup": -0.1}, "warmup: found -0.1, allowed: at least 0"),
        ({"schedule": "cooldown", "cooldown": 0.3, "warmup": 0.35}, None),
        ({"schedule": "constant", "cooldown": 0.9, "warmup": 0.5}, None),
    ],
)
@pytest.mark.parametrize("section", ["training.recipe", "replay.runs.recipe"])
def test_a_warmup_takes_at_most_half_of_the_shortest_trunk(
    section: str, change: dict[str, Any], line: str | None
) -> None:
    changed = {f"{section}.{key}": value for key, value in change.items()}
    if line is None:
        validate(with_values(changed))
    else:
        (found,) = told(changed)
        assert found.startswith(f"params.yaml: {section}.{line}")


@pytest.mark.parametrize(
    ("shared", "own", "most"),
    [
        (
            {"schedule": "cooldown", "cooldown": 0.3, "warmup": 0.2},
            {"warmup": 0.36},
            "0.36, allowed: at most 0.35",
        ),
        ({"schedule": "cooldown", "cooldown": 0.3, "warmup": 0.2}, {"cooldown": 0.8}, "0.2, allowed: at most 0.1"),
        (
            {"schedule": "constant", "cooldown": 0.3, "warmup": 0.5},
            {"schedule": "cooldown"},
            "0.5, allowed: at most 0.35",
        ),
        (
            {"schedule": "cooldown", "cooldown": 0.8, "warmup": 0.1},
            {"warmup": 0.3, "cooldown": 0.5},
            "0.3, allowed: at most 0.25",
        ),
        ({"schedule": "cooldown", "cooldown": 0.3, "warmup": 0.2}, {"warmup": 0.35}, None),
        ({"schedule": "cooldown", "cooldown": 0.8, "warmup": 0.1}, {"cooldown": 0.3, "warmup": 0.3}, None),
        ({"schedule": "cooldown", "cooldown": 0.3, "warmup": 0.2}, {"schedule": "constant", "warmup": 0.5}, None),
        ({"schedule": "cooldown", "cooldown": 0.3, "warmup": 0.2}, {"cooldown": 0.8, "warmup": 0.0}, None),
    ],
)
def test_so_does_one_with_what_an_architecture_changes(
    shared: dict[str, Any], own: dict[str, Any], most: str | None
) -> None:
    change = {f"training.recipe.{key}": value for key, value in shared.items()}
    change |= {"architectures.depth_4.training": {"recipe": own}}
    if most is None:
        validate(with_values(change))
    else:
        (line,) = told(change)
        where = "architectures.depth_4.training.recipe"
        assert line == f"params.yaml: {where}: found a warmup of {most}, half of a trunk of one epoch"


def test_a_warmup_is_told_once_where_it_or_what_it_depends_on_is_wrong() -> None:
    own = "architectures.depth_4.training"
    shared = {"training.recipe.cooldown": 0.3, "training.recipe.warmup": 0.4}
    assert keys_of(told(shared | {own: {"recipe": {"momentum": 0.5}}})) == {"training.recipe.warmup"}
    assert keys_of(told(shared | {own: {"recipe": {"cooldown": 0.1}}})) == {"training.recipe.warmup"}
    assert keys_of(told({own: {"recipe": {"cooldown": 2.0}}})) == {f"{own}.recipe.cooldown"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1", "found no valid YAML"),
        ("a: 1\na: 2", "found no valid YAML: .*duplicate key"),
        ("- 1", r"found \[1\], allowed: a mapping"),
        ("", "found None, allowed: a mapping"),
        ("a: !!python/object/apply:os.system [ls]", "found no valid YAML"),
        ("date: 2026-99-99", "found no valid YAML"),
    ],
)
def test_what_is_no_yaml_mapping_is_one_line(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(StudyError, match=line) as error:
        read_yaml(path)
    assert "\n" not in str(error.value)


def test_values_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    odd = ["1e-3", "yes", "off", "010", "0o10", "1_000", "12:30:00", "2001-01-01", "~", ".5", "+1", ".inf", "0x1F"]
    path.write_text("".join(f"{key}: {value}\n" for key, value in zip("abcdefghijklm", odd, strict=True)))
    assert read_yaml(path)["a"] == 0.001
    assert read_yaml(path)["b"] == "yes"
    for one in (path, REPOSITORY / "params.yaml", REPOSITORY / "dvc.lock"):
        assert read_yaml(one) == load_yaml(one)


def test_what_dvc_cannot_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("a: &x [1]\nb: &x [2]\nc: *x\n")
    with pytest.raises(YAMLFileCorruptedError):
        load_yaml(path)
    with pytest.raises(StudyError, match="found no valid YAML: .*duplicate anchor.* line 2") as error:
        refuse_what_dvc_refuses(path)
    assert "\n" not in str(error.value)
    refuse_what_dvc_refuses(REPOSITORY / "params.yaml")
    text = (REPOSITORY / "params.yaml").read_text(encoding="utf-8")
    path.write_text(
        text.replace("layers: &kernel_5x5", "layers: &kernel_3x3").replace("*kernel_5x5", "*kernel_3x3")
    )
    monkeypatch.chdir(tmp_path)
    for asked in (checked_params, lambda: study.requested("", "")):
        with pytest.raises(StudyError, match="duplicate anchor"):
            asked()


def test_a_missing_file_or_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="params.yaml: not found"):
        read_yaml(tmp_path / "params.yaml")
    with pytest.raises(StudyError, match="architectures.depth_5: not found.*did you mean 'depth_"):
        section(VALID, "architectures", "depth_5")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


def mutated(data: st.DataObject) -> dict[str, Any]:
    """The valid file with one to three changes."""
    content = copy.deepcopy(VALID)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([place for place in places(content) if place]))
        holder: Any = content
        for key in path[:-1]:
            holder = holder[key]
        action = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "replace":
            holder[path[-1]] = data.draw(JUNK)
        elif action == "remove":
            del holder[path[-1]]
        elif isinstance(holder, dict):
            holder[data.draw(st.text(max_size=8) | st.integers())] = data.draw(JUNK)
    return content


@settings(max_examples=300)
@given(st.data())
def test_a_mutated_file_is_valid_or_refused_with_such_lines(data: st.DataObject) -> None:
    content = mutated(data)
    try:
        validate(content)
    except StudyError as error:
        assert str(error)
        assert all(line.startswith("params.yaml: ") for line in str(error).split("\n"))


def test_what_the_report_s_recipe_is_replayed_on_has_to_be_there_once_and_its_rate_a_number() -> None:
    lines = told({"replay.architectures": ["kernel_3x3", "kernel_3x4"], "replay.runs.images": 5})
    assert keys_of(lines) == {"replay.architectures[1]", "replay.runs.images"}
    assert keys_of(told({"replay.architectures": ["kernel_3x3"] * 2})) == {"replay.architectures"}
    assert keys_of(told({"replay.learning_rate": "tuned"})) == {"replay.learning_rate"}


def test_a_study_may_not_be_called_like_another_part_of_the_report() -> None:
    studies = {("gradients" if name == "depth" else name): study for name, study in VALID["studies"].items()}
    assert keys_of(told({"studies": studies})) == {"studies.gradients"}


TEXT = (REPOSITORY / "params.yaml").read_text(encoding="utf-8")  # which ends with architectures
LAYERS = "layers: &layers [&layer {conv: 4, kernel: 3}]"


def with_entries(folder: Path, entries: str) -> Path:
    """A params.yaml with two more architectures."""
    (folder / "params.yaml").write_text(f"{TEXT}{entries}", encoding="utf-8")
    return folder / "params.yaml"


def set_by_dvc(path: Path, change: str) -> Any:
    """The architectures one and two after ``dvc exp run -S CHANGE``."""
    apply_overrides(path, [change])
    entries = read_yaml(path)["architectures"]
    return entries["one"], entries["two"]


@pytest.mark.parametrize(
    ("head", "two", "key"),
    [
        ("head:", "two: *one", "architectures.two"),
        ("head: &head", "two: {layers: *layers, head: *head}", "architectures.two.head"),
        (
            "head:",
            "two: {<<: *one, training: {budgets: [1]}}",
            "architectures.two.head",
        ),  # merged, it is one for both
    ],
    ids=["an entry", "a head", "in a merge"],
)
def test_a_mapping_in_two_places_is_refused_since_dvc_sets_keys_of_both_or_of_none(
    tmp_path: Path, head: str, two: str, key: str
) -> None:
    path = with_entries(tmp_path, f"  one: &one\n    {LAYERS}\n    {head} {{hidden: [8]}}\n  {two}\n")
    with pytest.raises(StudyError, match=r"found the mapping of architectures\.one.*, allowed: ") as error:
        validate(read_yaml(path))
    assert keys_of(str(error.value).splitlines()) == {key}
    for changed in ("one", "two"):
        one, other = set_by_dvc(path, f"+architectures.{changed}.head.dropout=0.5")
        assert one["head"] == other["head"]


@pytest.mark.parametrize(
    "two",
    [
        "two: {layers: *layers, head: {}}",
        "two: {layers: [*layer, {pool: 2}], head: {}}",
        "two: {<<: *one, head: {}}",
    ],
    ids=["a list", "in a list", "a merge"],
)
@pytest.mark.parametrize("changed", [0, 1])
def test_what_dvc_sets_for_one_network_alone_may_be_shared(tmp_path: Path, two: str, changed: int) -> None:
    path = with_entries(tmp_path, f"  one: &one\n    {LAYERS}\n    head: {{hidden: [8]}}\n  {two}\n")
    before = read_yaml(path)
    validate(before)
    entries = set_by_dvc(path, f"architectures.{('one', 'two')[changed]}.layers.0.conv=5")
    assert [entry["layers"][0]["conv"] for entry in entries] == [5 - changed, 4 + changed]
    assert entries[1 - changed] == before["architectures"][("two", "one")[changed]]


@pytest.mark.parametrize("change", [ray.reduce, scale.many(3)], ids=["ray", "scale"])
def test_the_studies_of_benchmarks_are_valid(change: Callable[[Any], None]) -> None:
    content = copy.deepcopy(VALID)
    change(content)
    assert validate(content).architectures


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a ${x} b", "takes for the name of another value"),
        ("\\${x}", "takes for the name of another value"),
        ("${", "takes for the name of another value"),
        ("???", "takes for a value that is missing"),
        ("a</Script>b", "ends the script"),
        ("a<!--b", "begins a comment"),
    ],
)
@pytest.mark.parametrize("key", ["studies.depth.title", "studies.depth.members.depth_4", "data.folder"])
def test_text_that_dvc_takes_for_something_else_is_refused(key: str, text: str, why: str) -> None:
    (line,) = told({key: text})
    assert line.startswith(f"params.yaml: {key}: found {text!r}, allowed: text without ")
    assert why in line


def test_what_is_refused_is_what_dvc_cannot_set_a_value_beside(tmp_path: Path) -> None:
    def set_beside(text: str) -> Any:
        path = tmp_path / "params.yaml"
        with path.open("w", encoding="utf-8") as file:
            YAML().dump({"study": {"title": text, "questions": [text]}, "seed": 1}, file)
        apply_overrides(path, ["seed=2"])
        return read_yaml(path)

    for text in ("${x}", "${", "???"):
        with pytest.raises(Exception, match=r"full_key: study\.title"):
            set_beside(text)
    assert set_beside("\\${x}")["study"]["title"] == "${x}"  # which is another text
    for text in (*ODD, "really ???", "????"):
        assert set_beside(text)["study"] == {"title": text, "questions": [text]}


@pytest.mark.parametrize("text", ["really ???", "??? or not", "????"])
def test_what_dvc_takes_for_a_missing_value_is_refused_as_a_whole_text_alone(text: str) -> None:
    assert validate(with_values({"studies.depth.title": text})).studies["depth"].title == text


@pytest.mark.parametrize("text", [text for text in ODD if "<!--" not in text])
def test_any_other_text_may_be_a_name(text: str) -> None:
    params = validate(with_values({"studies.depth.title": text, "studies.depth.members.depth_4": text}))
    assert params.studies["depth"].title == params.studies["depth"].members["depth_4"] == " ".join(text.split())


@pytest.mark.parametrize("text", [" ", "\n", "a\x1b[31mb", "a\x00b", "a\x85b", "\ufffe"])
def test_what_is_no_text_is_no_name(text: str) -> None:
    (line,) = told({"studies.depth.title": text})
    assert "studies.depth.title: found " in line
    assert line.isprintable()


def test_a_text_of_two_lines_is_one_line_and_two_that_are_then_the_same_are_refused() -> None:
    members = VALID["studies"]["depth"]["members"]
    params = validate(with_values({"studies.depth.question": "What\n  does it give?\n"}))
    assert params.studies["depth"].question == "What does it give?"
    lines = told({"studies.depth.members": members | {"depth_4": "a b", "depth_6": "a\nb"}})
    assert lines == ["params.yaml: studies.depth.members: found 'a b' twice, allowed: names that differ"]
