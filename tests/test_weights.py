"""Files of weights say what they hold, and nothing that they could say ends in a traceback."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save, save_file

from cnn_study.base.errors import StudyError
from cnn_study.data.shape import Shape
from cnn_study.data.splits import Names, Split
from cnn_study.networks.architecture import spec_of
from cnn_study.networks.network import Network
from cnn_study.networks.weights import KEY, LONGEST, load_network, read_about, save_network
from cnn_study.trained import about, load
from stages.evaluate import trained_network
from tests.conftest import SHAPE, Project
from tests.report_cases import ENVIRONMENT, finished_run
from tests.test_training import bits
from tests.weights_cases import about_of, averaging

ARCHITECTURE = spec_of(
    {
        "layers": [{"conv": 4, "kernel": 3, "norm": True}, {"pool": 4}, {"residual": 4, "stride": 2}],
        "head": {"hidden": [8], "dropout": 0.1},
    }
)
ABOUT = about_of(ARCHITECTURE)
RUN = finished_run(ABOUT.seed, ABOUT.budget).model_copy(
    update={"fingerprint": ABOUT.fingerprint, "environment": ABOUT.environment}
)


def a_network() -> Network:
    torch.manual_seed(0)
    network = Network(ARCHITECTURE, SHAPE)
    network.normalize.mean.copy_(torch.tensor([125.3, 123.1, 113.9]))
    network.normalize.std.copy_(torch.tensor([63.0, 62.1, 66.7]))
    return network


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A whole file of weights."""
    save_network(tmp_path / "weights.safetensors", a_network(), ABOUT)
    return tmp_path / "weights.safetensors"


TEST = Split(
    np.zeros((1, 3, 32, 32), np.uint8), np.zeros(1, np.int64), Names(dataset="made_up", classes=ABOUT.classes)
)


def told_by(path: Path) -> Any:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()[KEY])


def tell(path: Path, text: str) -> None:
    """Write the file anew, so that it says ``text`` of itself."""
    tensors = {name: tensor.contiguous() for name, tensor in a_network().state_dict().items()}
    path.write_bytes(save(tensors, {KEY: text}))


def refused(path: Path) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(StudyError) as error:
        load_network(path)
    line = str(error.value)
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    assert len(line) < len(str(path)) + 600
    return line.removeprefix(f"{path}: ")


def test_a_file_alone_gives_the_network_and_all_that_is_known_of_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)  # where there is no params.yaml
    network, said = load_network(path)
    assert bits(network) == bits(a_network())
    assert not network.training
    assert said == read_about(path) == about(str(path)) == ABOUT
    assert said.environment.fallbacks == {"conv1": "contiguous"}
    assert bits(load(str(path))) == bits(network)


def test_the_header_says_it_to_programs_that_read_no_tensors(path: Path) -> None:
    said = told_by(path)
    assert said["format"] == 1
    assert said["normalization"] == {
        "mean": [pytest.approx(mean) for mean in (125.3, 123.1, 113.9)],
        "deviation": [pytest.approx(deviation) for deviation in (63.0, 62.1, 66.7)],
    }
    assert said["about"]["classes"] == [f"class {k}" for k in range(10)]
    assert said["about"]["architecture"]["layers"][1] == {"pool": 4, "kind": "max"}  # and no default is left out
    assert said["about"]["shape"] == {"channels": 3, "size": 32, "classes": 10}


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.safetensors" for number in range(20)]
    for path in paths:
        save_network(path, a_network(), ABOUT)
    assert len({path.read_bytes() for path in paths}) == 1


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "pickle", "truncated"])
def test_what_is_no_file_of_weights_is_refused(path: Path, kind: str) -> None:
    match kind:
        case "missing":
            path.unlink()
        case "folder":
            path.unlink()
            path.mkdir()
        case "text":
            path.write_text("weights")
        case "pickle":
            torch.save(a_network().state_dict(), path)
        case "truncated":
            path.write_bytes(path.read_bytes()[:-10])
    assert refused(path).startswith("not found" if kind == "missing" else "found no safetensors file")
    with pytest.raises(StudyError):
        read_about(path)


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}])
def test_weights_that_do_not_say_what_they_are_of_are_refused(path: Path, metadata: dict[str, str] | None) -> None:
    save_file({name: tensor.contiguous() for name, tensor in a_network().state_dict().items()}, path, metadata)
    assert refused(path).startswith(
        "found tensors that do not say what network they are of: another version's, or"
    )


def changed(said: Any, keys: str, value: Any) -> Any:
    *above, last = keys.split(".")
    place = said
    for key in above:
        place = place[int(key) if key.isdigit() else key]
    place[int(last) if last.isdigit() else last] = value
    return said


@pytest.mark.parametrize(
    ("keys", "value", "told"),
    [
        ("format", 2, "format: found 2, allowed: 1"),
        ("format", True, "format: Input should be a valid integer"),
        ("about", [], "about: "),
        ("about.seed", "3", "about.seed: Input should be a valid integer"),
        ("about.seed", -1, "about.seed: "),
        ("about.budget", 0, "about.budget: "),
        ("about.name", "../../etc", "about.name: "),
        ("about.dataset", "a\nb", "about.dataset: "),
        ("about.classes", ["a"] * 9, "about: found 9 classes, allowed: 10"),
        ("about.classes.3", "\x1b[2J", "about.classes.3: found '\\x1b[2J', allowed: text that can be printed"),
        ("about.classes", "abcdefghij", "about.classes: "),
        ("about.shape.size", 10**12, "about.shape: found 1000000000000, allowed: 1 to 65536"),
        ("about.shape.size", 0, "about.shape: found 0, allowed"),
        ("about.shape.size", 3, "about: images of 3×3×3: found that layers[1] takes 4x4 pixels at once of 3x3"),
        ("about.shape.channels", True, "about.shape.channels: Input should be a valid integer"),
        ("about.architecture.layers.0.kernel", 4, "about.architecture.layers.0.tag:conv.kernel: found 4"),
        ("about.architecture.layers", [], "about.architecture.layers: "),
        ("about.architecture.layers", [{"pool": 2}], "about.architecture.layers: found no conv and no residual"),
        ("about.architecture.layers.0.sur\n" + "x" * 1000, 1, "about.architecture.layers.0.tag:conv.sur x"),
        ("about.environment.threads", "many", "about.environment.threads: "),
        ("about.surprise\n" + "x" * 1000, 1, "about.surprise xxx"),
        ("normalization.mean.0", 1.0, "normalization: found other numbers than in the tensors"),
        ("normalization.mean", [], "normalization: found other numbers than in the tensors"),
        ("normalization.mean", None, "normalization.mean: "),
    ],
)
def test_a_file_that_says_what_cannot_be_is_refused_with_one_line(
    path: Path, keys: str, value: Any, told: str
) -> None:
    tell(path, json.dumps(changed(told_by(path), keys, value)))
    assert refused(path).startswith(told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "content: Invalid JSON"),
        ("{" * 100_000, "content: Invalid JSON"),
        ("[" * 100_000, "content: Invalid JSON"),
        ('"\\ud800"', "content: Invalid JSON"),
        ("1" * 5000, "content: "),
        ('{"format": 1e999}', "format: "),
        ("[" + "0," * 2**20 + "0]", f"{KEY}: found 2097155 bytes, allowed: {LONGEST}"),
        ('{"about": [' + "{}," * 80_000 + "{}]}", "format: Field required"),
    ],
)
def test_what_is_no_metadata_of_this_project_is_refused_with_one_line(path: Path, text: str, told: str) -> None:
    tell(path, text)
    assert refused(path).startswith(told)


@pytest.mark.parametrize(
    ("keys", "value", "told"),
    [
        ("about.architecture.layers.0.conv", 5, "tensor features.conv1.bias: found F32 (4,), allowed: F32 (5,)"),
        ("about.architecture.layers.0.norm", False, "tensor features.norm1.bias: found F32 (4,), allowed: none"),
        ("about.architecture.head.hidden", [8, 8], "tensor head.hidden2.bias: found none, allowed: F32 (8,)"),
        # Of terabytes, which are not to be asked for.
        ("about.architecture.layers", [{"conv": 4096, "kernel": 31}] * 200, "tensor features.conv1.bias: found"),
        ("about.shape.size", 65536, "tensor head.hidden1.weight: found F32 (8, 64), allowed: F32 (8, 268435456)"),
    ],
)
def test_tensors_of_another_network_than_the_file_says_are_refused_and_not_asked_for(
    path: Path, keys: str, value: Any, told: str
) -> None:
    tell(path, json.dumps(changed(told_by(path), keys, value)))
    assert refused(path).startswith(told)


def test_numbers_of_another_type_are_refused_and_not_converted(path: Path) -> None:
    text = json.dumps(told_by(path))
    save_file({name: tensor.double() for name, tensor in a_network().state_dict().items()}, path, {KEY: text})
    assert "found F64 (4,), allowed: F32 (4,)" in refused(path)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(2**70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
def test_whatever_stands_somewhere_in_the_metadata_ends_in_a_network_or_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    save_network(path, a_network(), ABOUT)
    said = told_by(path)
    place, parent = said, said
    keys: list[Any] = []
    while isinstance(place, dict | list) and place and (not keys or data.draw(st.integers(0, 3))):
        keys.append(data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))))
        parent, place = place, place[keys[-1]]
    match data.draw(st.sampled_from(["replace", "remove", "add"])):
        case "replace":
            parent[keys[-1]] = data.draw(ANYTHING)
        case "remove":
            del parent[keys[-1]]
        case "add" if isinstance(parent, dict):
            parent[data.draw(st.text(max_size=8))] = data.draw(ANYTHING)
    tell(path, json.dumps(said))
    try:
        network, about = load_network(path)
    except StudyError as error:
        assert str(error).isprintable()
    else:
        assert network.shape == about.shape == SHAPE
        assert len(about.classes) == 10


@given(st.data())
def test_whatever_bytes_a_header_has_end_in_a_network_or_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.safetensors"
    save_network(path, a_network(), ABOUT)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 3000))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        load_network(path)
    except StudyError as error:
        assert str(error).isprintable()


def test_more_than_can_be_read_again_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    many = Shape(3, 32, 2000)
    with pytest.raises(StudyError, match=f"allowed: {LONGEST}"):
        save_network(path, Network(ARCHITECTURE, many), about_of(ARCHITECTURE, many, classes=("x" * 200,) * 2000))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dataset": "another"}, "data set: found 'another', allowed: made_up"),
        ({"classes": tuple("abcdefghij")}, "classes: found ('a', 'b'"),
        ({"seed": 4}, "seed: found 4, allowed: 3"),
        ({"budget": 1}, "budget: found 1, allowed: 2"),
        ({"fingerprint": "another"}, "run: found 'another', allowed: a run"),
        ({"environment": ENVIRONMENT}, "environment: found another than in results/train"),
        # With the same tensors.
        ({"architecture": averaging(ARCHITECTURE)}, "architecture: found another than in params.yaml"),
    ],
)
def test_an_evaluation_takes_the_network_that_it_is_of_alone(
    path: Path, changes: dict[str, Any], told: str
) -> None:
    assert bits(trained_network(path, ARCHITECTURE, RUN, TEST)) == bits(a_network())
    save_network(path, a_network(), ABOUT.model_copy(update=changes))
    with pytest.raises(StudyError) as error:
        trained_network(path, ARCHITECTURE, RUN, TEST)
    assert str(error.value).startswith(f"{path}: {told}")
    assert "\n" not in str(error.value)


def test_the_stage_evaluate_takes_no_other_network(project: Project) -> None:
    path = Path("runs/train/small/seed-0.safetensors")
    network, said = load_network(project.folder / path)
    save_network(project.folder / path, network, said.model_copy(update={"dataset": "cifar10"}))
    shutil.rmtree(project.folder / "results/evaluate/small")  # where it needs none
    printed = project.run(sys.executable, "-m", "stages.evaluate", "small", ok=False)
    told = f"{path}: data set: found 'cifar10', allowed: fashion_mnist; `dvc repro` trains again\n"
    assert printed == told


def test_an_evaluation_takes_no_network_for_other_images(tmp_path: Path) -> None:
    path, larger = tmp_path / "weights.safetensors", Shape(3, 40, 10)
    save_network(path, Network(ARCHITECTURE, larger), about_of(ARCHITECTURE, larger))
    with pytest.raises(StudyError, match="shape: found '3×40×40', allowed: 3×32×32"):
        trained_network(path, ARCHITECTURE, RUN, TEST)
