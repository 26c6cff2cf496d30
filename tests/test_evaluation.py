"""The test images shown to networks that trained, and what is kept of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cnn_study.base.environment import Environment, Way, set_up
from cnn_study.base.yaml import read_yaml
from cnn_study.data.splits import Names, Split
from cnn_study.evaluation import evaluate as module
from cnn_study.evaluation.activations import feature_maps
from cnn_study.evaluation.evaluate import evaluate
from cnn_study.evaluation.influence import influence_of_pixels
from cnn_study.evaluation.results import Evaluation
from cnn_study.evaluation.settings import MOST_CHANNELS, Evaluate
from cnn_study.networks.architecture import Architecture, spec_of
from cnn_study.networks.modules import Convolution
from cnn_study.networks.network import Network, initialize
from cnn_study.params.study import validate
from cnn_study.training.loop import predict
from cnn_study.training.recipe import Recipe
from cnn_study.training.records import Status, TrainedRun
from tests.conftest import REPOSITORY, SHAPE
from tests.report_cases import labels_of

ARCHITECTURE = spec_of(
    {"layers": [{"conv": 70, "kernel": 3}, {"pool": 4}, {"conv": 6, "kernel": 3}, {"pool": 2}], "head": {}}
)
RECIPE = validate(read_yaml(REPOSITORY / "params.yaml")).training.recipe.model_copy(
    update={"precision": "fp32", "device": "cpu", "threads": 1, "initialization": "he"}
)
SETTINGS = Evaluate(images=5, shown_images=(3, 0), channels=4)
TEST = Split(
    np.random.default_rng(0).integers(256, size=(40, 3, 32, 32), dtype=np.uint8),
    labels_of(40),
    Names(dataset="made_up", classes=tuple("abcdefghij")),
)


@pytest.fixture(autouse=True)
def every_layer_is_computed_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the comparison of each layer with float64 says is not what is tested here, and takes time."""
    monkeypatch.setattr(module, "checked", lambda environment, *_: environment)
    monkeypatch.chdir(tmp_path)


def trained_network(seed: int, architecture: Architecture = ARCHITECTURE) -> Network:
    """Other weights than ``first_network`` has of any seed, and channel 1 of the first layer dead."""
    torch.manual_seed(1000 + seed)
    network = Network(architecture, SHAPE)
    network.normalize.mean.fill_(127)
    network.normalize.std.fill_(74)
    with torch.no_grad():
        network.get_parameter("features.conv1.bias")[1] = -1e6
    return network


def first_network(seed: int) -> Network:
    """As a run from this seed begins with He's weights."""
    torch.manual_seed(seed)
    network = Network(ARCHITECTURE, SHAPE)
    initialize(network, "he")
    return network


def evaluated(
    statuses: Mapping[int, Status],
    settings: Evaluate = SETTINGS,
    recipe: Recipe = RECIPE,
    network: Callable[[int], Network] = trained_network,
) -> Evaluation:
    """With a network for each run, by seed, that has not diverged."""
    runs = [
        TrainedRun(seed=seed, status=status, epochs=1, validation_accuracy=None)
        for seed, status in statuses.items()
    ]
    networks = {seed: network(seed) for seed, status in statuses.items() if status != "diverged"}
    return evaluate("mine", ARCHITECTURE, recipe, runs, networks, TEST, settings)


def test_each_run_s_predictions_are_its_own_network_s_on_every_test_image() -> None:
    found = evaluated({7: "trained", 5: "diverged", 2: "collapsed"})
    assert list(found.predictions) == [7, 5, 2]
    assert found.predictions[5] is None
    images = torch.from_numpy(TEST.images)
    for seed in (7, 2):
        logits = predict(trained_network(seed), images, set_up("cpu", "fp32", 1)).double()
        run = found.predictions[seed]
        assert run is not None
        assert (run.predicted == logits.argmax(1).numpy()).all()
        np.testing.assert_allclose(run.confidence, logits.softmax(1).amax(1).numpy(), rtol=1e-5)
    assert (found.looked_into.seed, found.looked_into.status) == (7, "trained")


@pytest.mark.parametrize(
    ("statuses", "seed"),
    [({2: "diverged", 7: "collapsed", 5: "trained"}, 5), ({2: "diverged", 7: "collapsed", 5: "collapsed"}, 7)],
)
def test_one_network_is_looked_into_beside_the_weights_that_its_run_began_with(
    statuses: dict[int, Status], seed: int
) -> None:
    found = evaluated(statuses)
    assert (found.looked_into.seed, found.looked_into.status) == (seed, statuses[seed])
    network, images = trained_network(seed), torch.from_numpy(TEST.images)
    assert found.filters_of == "conv1"
    assert (found.filters == network.get_parameter("features.conv1.weight").detach().numpy()).all()
    assert [field.layer for field in found.fields] == ["conv1", "pool1", "conv2", "pool2"]
    last = found.fields[-1]
    assert last.trained is not None
    np.testing.assert_allclose(last.trained, influence_of_pixels(network, images[:5]), rtol=1e-4, atol=1e-9)

    before = first_network(seed)
    pixels = TEST.images.transpose(1, 0, 2, 3).reshape(3, -1)
    before.normalize.mean.copy_(torch.from_numpy(pixels.mean(1)))
    before.normalize.std.copy_(torch.from_numpy(pixels.std(1)))
    assert last.untrained is not None
    np.testing.assert_allclose(last.untrained, influence_of_pixels(before, images[:5]), rtol=1e-3, atol=1e-7)


def test_where_every_run_diverged_the_first_one_s_first_weights_are_shown() -> None:
    found = evaluated({5: "diverged", 2: "diverged"})
    assert (found.looked_into.seed, found.looked_into.status) == (5, "diverged")
    assert found.predictions == {5: None, 2: None}
    assert [field.trained for field in found.fields] == [None] * 4
    assert all(field.untrained is not None for field in found.fields)
    assert (found.filters == first_network(5).get_parameter("features.conv1.weight").detach().numpy()).all()
    assert list(found.activations) == [3, 0]
    assert list(found.dead) == ["conv1", "conv2"]


def test_each_image_has_its_own_maps_and_all_share_what_is_dead() -> None:
    found = evaluated({7: "trained"})
    assert list(found.activations) == [3, 0]
    for index, shown in found.activations.items():
        assert (shown.image == TEST.images[index]).all()
        whole = feature_maps(trained_network(7), torch.from_numpy(TEST.images[index]))
        # Of the first layer, beside whose maps all filters are shown, there are more.
        kept = {"conv1": MOST_CHANNELS, "conv2": SETTINGS.channels}
        assert list(shown.maps) == list(kept)
        for layer, count in kept.items():
            np.testing.assert_allclose(shown.maps[layer], whole[layer][:count], rtol=1e-4, atol=1e-5)
        assert not shown.maps["conv1"][1].any()
    assert (found.activations[3].maps["conv2"] != found.activations[0].maps["conv2"]).any()
    assert {layer: len(flags) for layer, flags in found.dead.items()} == {"conv1": 70, "conv2": 6}
    assert found.dead["conv1"][1]
    assert not found.dead["conv1"][0]


def test_only_so_many_images_as_asked_for_decide_what_is_dead() -> None:
    sums = [int(image.sum(0, dtype=int).max()) for image in TEST.images]
    brightest = max(sums[:9]) + 1  # a pixel that none of the first images has, but a later one
    first = next(index for index, largest in enumerate(sums) if largest >= brightest)

    def awake_at_brightest(seed: int) -> Network:
        network = trained_network(seed)
        with torch.no_grad():
            network.get_parameter("features.conv1.weight")[0] = 0
            network.get_parameter("features.conv1.weight")[0, :, 1, 1] = 1
            network.get_parameter("features.conv1.bias")[0] = -(brightest - 0.5 - 3 * 127) / 74
        return network

    for images, dead in ((first, True), (first + 1, False)):
        settings = SETTINGS.model_copy(update={"images": images})
        assert evaluated({7: "trained"}, settings, network=awake_at_brightest).dead["conv1"][0] == dead


def test_predictions_are_computed_where_the_recipe_says_and_pictures_in_full_precision() -> None:
    found = evaluated({7: "trained"}, recipe=RECIPE.model_copy(update={"precision": "bf16"}))
    full = evaluated({7: "trained"})
    assert (found.environment.precision, full.environment.precision) == ("bf16", "fp32")
    one, other = found.predictions[7], full.predictions[7]
    assert one is not None
    assert other is not None
    assert (one.confidence != other.confidence).any()
    np.testing.assert_allclose(one.confidence, other.confidence, atol=0.02)
    for index in SETTINGS.shown_images:
        for layer, maps in full.activations[index].maps.items():
            assert (found.activations[index].maps[layer] == maps).all()


def test_layers_that_pictures_show_otherwise_than_computed_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def checked(environment: Environment, *_: object) -> Environment:
        pictures: dict[str, Way] = {"conv2": "contiguous"}
        predictions: dict[str, Way] = {"conv1": "unfolded"}
        return replace(environment, fallbacks=predictions if environment.precision == "bf16" else pictures)

    networks = {7: trained_network(7)}
    monkeypatch.setattr(module, "checked", checked)
    found = evaluated(
        {7: "trained"}, recipe=RECIPE.model_copy(update={"precision": "bf16"}), network=networks.__getitem__
    )
    assert found.environment.fallbacks == {"conv1": "unfolded", "conv2, for pictures": "contiguous"}
    # As it was looked into, behind its predictions.
    ways = {name: layer.way for name, layer in networks[7].named_modules() if isinstance(layer, Convolution)}
    assert ways == {"features.conv1": Convolution.way, "features.conv2": "contiguous"}


def test_the_same_networks_give_the_same_files(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        evaluated({7: "trained", 5: "diverged"}).write(folder)
    one, two = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert one == two
    assert len(one) == 4
