"""params.schema.json, by which editors check params.yaml, says what the models say."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import validate
from scripts import make_schema
from tests.conftest import REPOSITORY, small_study
from tests.test_params import VALID, mutated

SCHEMA = json.loads((REPOSITORY / make_schema.PATH).read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The valid file with another value at dotted keys."""
    content: dict[str, Any] = copy.deepcopy(VALID)
    *above, last = path.split(".")
    place = content
    for key in above:
        place = place[key]
    place[last] = value
    return content


def test_the_schema_is_current() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert (REPOSITORY / make_schema.PATH).read_text(encoding="utf-8") == make_schema.text(), "`make schema`"


def test_the_first_line_of_params_names_it_for_editors_also_after_an_experiment(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes((REPOSITORY / "params.yaml").read_bytes())
    apply_overrides(path, ["training.budgets=[9]"])
    assert read_yaml(path)["training"]["budgets"] == [9]
    for text in (path.read_text(encoding="utf-8"), (REPOSITORY / "params.yaml").read_text(encoding="utf-8")):
        assert text.splitlines()[0] == f"# yaml-language-server: $schema={make_schema.PATH}"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.learning_rate", 0.3),
        ("training.recipe.threads", 2),
        ("training.budgets", [3]),
        ("data.train_images", 5000),
        ("architectures.residual.training", {"recipe": {"augmentation": {"shift": 4}}, "learning_rate": "tuned"}),
        ("architectures.residual.training", {"budgets": [2, 8], "seeds": [7]}),
        ("architectures.residual.training", {"recipe": {"schedule": "constant", "warmup": 0.5}}),
        ("architectures.one", {"layers": [{"conv": 4, "kernel": 1}, {"pool": 2, "kind": "average"}], "head": {}}),
        ("studies.depth.controls", []),
    ],
)
def test_what_is_valid_is_valid_for_the_schema(path: str, value: Any) -> None:
    content = changed(path, value)
    validate(content)
    VALIDATOR.validate(content)


def test_the_committed_file_and_a_small_study_are_valid_for_the_schema() -> None:
    content = read_yaml(REPOSITORY / "params.yaml")
    VALIDATOR.validate(content)
    small_study(content)
    VALIDATOR.validate(content)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.budget", 3),
        ("training.budgets", 3),
        ("training.budgets", ["3"]),
        ("training.budgets", [1, 0]),
        ("training.budgets", [1, 1]),
        ("training.budgets", []),
        ("training.recipe.schedule", "one_cycle"),
        ("training.recipe.cooldown", 0.0),
        ("training.recipe.warmup", 0.6),
        ("training.learning_rate", "tund"),
        ("training.learning_rate", 0),
        ("training.recipe.threads", True),
        ("training.recipe.optimizer", "rmsprop"),
        ("training.seeds", [1, 1]),
        ("data.dataset", "imagenet"),
        ("data.train_images", 0),
        ("replay.learning_rate", "tuned"),
        ("evaluate.shown_images", []),
        ("studies", {}),
        ("architectures.Bad", VALID["architectures"]["depth_4"]),
        ("architectures.depth_4.training", {"seeds": [5, 5]}),
        ("architectures.depth_4.training", {"budgets": None}),
        ("architectures.depth_4.training", {"budgets": []}),
        ("architectures.depth_4.training", {"recipe": {"augmentation": {"shift": -1}}}),
        ("architectures.depth_4.layers", [{"conv": 4, "kernel": 4}]),
        ("architectures.depth_4.layers", [{"conv": 4}]),
        ("architectures.depth_4.layers", [{"cnov": 4, "kernel": 3}]),
        ("architectures.depth_4.layers", [{"conv": 4, "kernel": 3, "pool": 2}]),
        ("architectures.depth_4.layers", [{"conv": 4, "kernel": 3, "strde": 2}]),
        ("architectures.depth_4.layers", []),
    ],
)
def test_what_is_wrong_with_a_key_is_wrong_for_the_schema(path: str, value: Any) -> None:
    content = changed(path, value)
    with pytest.raises(StudyError):
        validate(content)
    errors = [".".join(map(str, error.path)) for error in VALIDATOR.iter_errors(content)]
    assert errors
    assert all(where.startswith(path.rpartition(".")[0]) for where in errors), errors


@settings(max_examples=300)
@given(st.data())
def test_no_valid_file_is_wrong_for_the_schema(data: st.DataObject) -> None:
    content = mutated(data)
    try:
        validate(content)
    except StudyError:
        return
    VALIDATOR.validate(content)
