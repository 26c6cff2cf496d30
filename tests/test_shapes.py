"""Networks for images of any size and channels, and any number of classes, in all that is done with one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnn_study.base.environment import Environment, set_up
from cnn_study.base.errors import StudyError
from cnn_study.base.files import write_json
from cnn_study.base.yaml import read_yaml
from cnn_study.cli import main as cli
from cnn_study.data.shape import Shape
from cnn_study.data.splits import Names, Split
from cnn_study.evaluation.effective_field import side
from cnn_study.evaluation.evaluate import EvaluationPlan, Evaluator, evaluate
from cnn_study.evaluation.results import Evaluation
from cnn_study.evaluation.settings import Evaluate
from cnn_study.networks.architecture import geometry, spec_of
from cnn_study.networks.network import Network
from cnn_study.networks.weights import load_network, save_network
from cnn_study.params.memory import training_need
from cnn_study.params.study import validate
from cnn_study.profiling.complexity import (
    count_parameters,
    forward_flops,
    images_per_second,
    layer_costs,
    without_weights,
)
from cnn_study.profiling.receptive_field import confirmed_by_gradient
from cnn_study.sources.pictures import read_pictures
from cnn_study.training import layer_check
from cnn_study.training.batches import Batches
from cnn_study.training.budgets import Reached, train_to
from cnn_study.training.finished import FinishedRun
from cnn_study.training.layer_check import cases_of, checked
from cnn_study.training.loop import RunSpec
from stages import profile
from tests.conftest import REPOSITORY
from tests.weights_cases import about_of

PARAMS = validate(read_yaml(REPOSITORY / "params.yaml"))
# No number of one is a number of another, nor of the shipped data sets.
SHAPES = [Shape(1, 20, 3), Shape(3, 45, 2), Shape(1, 8, 17)]
LAYERS = [{"conv": 4, "kernel": 3, "groups": "all"}, {"pool": 2}, {"residual": 6, "stride": 2, "norm": False}]
OTHERS = [{"conv": 6, "kernel": 5}, *LAYERS[1:]]  # three channels are no divisor of four
RECIPE = PARAMS.training.recipe.model_copy(update={"batch_size": 20, "precision": "fp32"})


def spec(shape: Shape) -> dict[str, object]:
    return {"layers": LAYERS if shape.channels == 1 else OTHERS, "head": {"hidden": [16]}}


@pytest.fixture(params=SHAPES, ids=str)
def shape(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shape:
    monkeypatch.chdir(tmp_path)  # where nothing is remembered of layers
    monkeypatch.setattr(layer_check, "SECONDS", 0.0)
    found: Shape = request.param
    return found


@pytest.fixture
def environment() -> Environment:
    return set_up("cpu", "fp32")


def bright_or_dark(shape: Shape, count: int, light: int = 240) -> Split:
    """Classes that differ in brightness, by ``light`` from the first to the last."""
    labels = np.arange(count) % shape.classes
    noise = np.random.default_rng(0).integers(0, 10, shape.images(count))
    images = labels[:, None, None, None] * (light // shape.classes) + noise
    names = Names(dataset="made_up", classes=tuple(f"class {k}" for k in range(shape.classes)))
    return Split(images.astype(np.uint8), labels, names)


def trained(shape: Shape, environment: Environment, epochs: int, light: int = 240) -> Reached:
    training, validation = (Batches.of(bright_or_dark(shape, count, light), "cpu") for count in (400, 100))
    run = RunSpec(spec_of(spec(shape)), training, validation, RECIPE, 0.1, 0, environment)
    return next(train_to(run, [epochs]))


def test_a_network_is_built_for_them_and_costs_what_its_layers_say(shape: Shape) -> None:
    architecture = spec_of(spec(shape))
    network = Network(architecture, shape)
    assert bright_or_dark(shape, 5).shape == shape
    assert network(torch.from_numpy(bright_or_dark(shape, 5).images)).shape == (5, shape.classes)
    last = geometry(architecture, shape)[-1]
    assert last.size == -(-(shape.size // 2) // 2)
    costs = {cost.layer: cost for cost in layer_costs(network)}
    assert costs["hidden1"].parameters == 16 * (6 * last.size**2 + 1)
    assert costs["output"].output_shape == (shape.classes,)
    width, kernel, seen = (4, 3, 1) if shape.channels == 1 else (6, 5, 3)
    assert costs["conv1"].forward_flops == 2 * width * seen * kernel**2 * shape.size**2
    counted = without_weights(architecture, shape)
    assert (count_parameters(counted), forward_flops(counted)) == (
        count_parameters(network),
        forward_flops(network),
    )


def test_their_profile_is_confirmed_by_gradient(shape: Shape, environment: Environment) -> None:
    architecture = spec_of(spec(shape))
    steps = geometry(architecture, shape)
    assert confirmed_by_gradient(architecture, shape) == {step.name: step.receptive_field for step in steps}
    parameters = count_parameters(without_weights(architecture, shape))
    assert images_per_second(architecture, shape, parameters, environment).inference_images_per_second
    twice = Shape(shape.channels, 2 * shape.size, shape.classes)
    need = training_need(architecture, shape, RECIPE, 20)
    assert 3 < training_need(architecture, twice, RECIPE, 20).activations / need.activations < 5


def test_the_stage_profile_reads_their_shape_from_the_file_that_prepare_writes(shape: Shape) -> None:
    write_json(Path("params.yaml"), {"architectures": {"mine": spec(shape)}})  # JSON is YAML
    with pytest.raises(StudyError, match=r"results/data/shape\.json: not found; `dvc repro` makes it"):
        profile.main("mine")
    numbers = {"channels": shape.channels, "size": shape.size, "classes": shape.classes}
    write_json(Path("results/data/shape.json"), numbers)
    profile.main("mine")
    written = read_yaml(Path("results/profile/mine.json"))
    assert written["parameters"] == count_parameters(Network(spec_of(spec(shape)), shape))
    assert written["weighted_layers"][-1]["output_shape"] == [shape.classes]
    assert written["layers"][0]["size"] == shape.size


def test_their_layers_are_checked_as_they_stand_in_the_network(shape: Shape, environment: Environment) -> None:
    architecture = spec_of(spec(shape))
    assert cases_of(architecture, shape)["conv1"].shape == (shape.channels, shape.size, shape.size)
    checked(environment, architecture, shape, "mine")
    assert len(list(layer_check.REMEMBERED.glob("*.json"))) == len(cases_of(architecture, shape))


def test_a_network_learns_from_them_and_one_at_chance_is_noticed(shape: Shape, environment: Environment) -> None:
    _, network, run = trained(shape, environment, epochs=12)
    assert network.shape == shape
    assert run.status == "trained"
    assert trained(shape, environment, epochs=1, light=0).run.status == "collapsed"  # there is nothing to learn


def evaluated(shape: Shape, environment: Environment) -> Evaluation:
    _, network, run = trained(shape, environment, epochs=1)
    settings = Evaluate(images=10, shown_images=(0, 3), channels=4)
    evaluator = Evaluator(
        "mine", spec_of(spec(shape)), RECIPE, bright_or_dark(shape, 50), bright_or_dark(shape, 20), settings
    )
    finished = FinishedRun(
        seed=0,
        budget=1,
        learning_rate=0.1,
        fingerprint="this run",
        environment=environment,
        version="0.2.0",
        run=run,
    )
    plan = EvaluationPlan([finished], None, "these images", settings)
    return evaluate(plan, lambda: evaluator, lambda _: network)


def test_a_network_is_looked_into_with_them(shape: Shape, environment: Environment) -> None:
    evaluation = evaluated(shape, environment)
    predictions, found = evaluation.runs[0, 1].predictions, evaluation.inside
    assert predictions is not None
    assert predictions.predicted.shape == predictions.confidence.shape == (50,)
    assert predictions.predicted.max() < shape.classes
    for field in found.fields:
        assert field.untrained is not None
        assert field.untrained.shape == (shape.size, shape.size)
        first, last = field.visible
        assert 0 <= first <= last < shape.size
        assert field.theoretical_share == ((last - first + 1) / shape.size) ** 2
        rows = np.flatnonzero(field.untrained.sum(1))
        assert first <= rows.min()
        assert rows.max() <= last
    spreads = evaluation.spreads[0, 1].layers
    assert [layer.layer for layer in spreads] == [field.layer for field in found.fields]
    for field, layer in zip(found.fields, spreads, strict=True):
        assert layer.untrained is not None
        assert layer.untrained.side <= side(field.visible)
    seen = found.activations[3]
    assert seen.image.shape == (shape.channels, shape.size, shape.size)
    assert found.filters.shape[1] == (1 if spec(shape)["layers"] is LAYERS else 3)
    assert seen.maps["conv1"].shape[1:] == (shape.size, shape.size)


def test_a_file_of_weights_says_their_shape_and_one_that_says_another_is_refused(shape: Shape) -> None:
    architecture, path = spec_of(spec(shape)), Path("mine.safetensors")
    network = Network(architecture, shape)
    save_network(path, network, about_of(architecture, shape))
    loaded, about = load_network(path)
    assert loaded.shape == about.shape == shape
    for other in (
        Shape(shape.channels, shape.size + 8, shape.classes),
        Shape(shape.channels, shape.size, shape.classes + 1),
    ):
        save_network(path, network, about_of(architecture, other))
        with pytest.raises(StudyError, match="as the file's architecture has"):
            load_network(path)


def test_a_picture_is_made_one_of_them(shape: Shape) -> None:
    Image.new("RGB", (60, 50), (255, 0, 0)).save("red.png")
    (pixels,) = read_pictures([Path("red.png")], shape.channels, shape.size)
    assert not isinstance(pixels, StudyError)
    assert pixels.shape == (shape.channels, shape.size, shape.size)
    assert set(pixels[0].flatten()) == {255 if shape.channels == 3 else 76}  # red's luminance


def test_a_picture_is_made_none_of_two_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shape = Shape(2, 8, 3)
    architecture = spec_of({"layers": [{"conv": 4, "kernel": 3}], "head": {}})
    save_network(Path("mine.safetensors"), Network(architecture, shape), about_of(architecture, shape))
    monkeypatch.setattr("sys.argv", ["cnn-study", "predict", "mine.safetensors", "red.png"])
    with pytest.raises(SystemExit, match="images of 2 channels, allowed: 1 or 3"):
        cli.main()


def test_the_command_classifies_with_a_file_of_their_network(
    shape: Shape, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    architecture = spec_of(spec(shape))
    save_network(Path("mine.safetensors"), Network(architecture, shape), about_of(architecture, shape))
    Image.new("RGB", (60, 50), (255, 0, 0)).save("red.png")
    monkeypatch.setattr("sys.argv", ["cnn-study", "predict", "mine.safetensors", "red.png"])
    cli.main()
    *_, row = capsys.readouterr().out.splitlines()
    assert row.count("class ") == min(3, shape.classes)


def test_an_exported_network_takes_and_gives_them(shape: Shape) -> None:
    pytest.importorskip("onnxruntime")
    from cnn_study.cli.onnx_export import export

    torch.manual_seed(0)
    architecture = spec_of(spec(shape))
    about = about_of(architecture, shape)
    assert export(Network(architecture, shape), about, Path("mine.onnx"), images=4, tolerance=1e-3) < 1e-3
