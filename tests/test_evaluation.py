"""The test images shown to networks that trained, and what is kept of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from cnn_study.base.environment import Environment, Way, set_up
from cnn_study.base.yaml import read_yaml
from cnn_study.data.splits import Names, Split
from cnn_study.evaluation import evaluate as module
from cnn_study.evaluation.activations import feature_maps
from cnn_study.evaluation.effective_field import LayerSpread
from cnn_study.evaluation.evaluate import EvaluationPlan, Evaluator, evaluate
from cnn_study.evaluation.influence import Spread, influence_of_pixels
from cnn_study.evaluation.predictions import Predictions
from cnn_study.evaluation.results import Evaluation, LookedInto
from cnn_study.evaluation.settings import MOST_CHANNELS, Evaluate
from cnn_study.evaluation.temperature import fitted_temperature
from cnn_study.networks.architecture import Architecture, spec_of
from cnn_study.networks.modules import Convolution
from cnn_study.networks.network import Network, initialize
from cnn_study.params.study import validate
from cnn_study.training.evaluation import predict
from cnn_study.training.finished import FinishedRun, Key
from cnn_study.training.recipe import Recipe
from cnn_study.training.records import Status
from tests.conftest import REPOSITORY, SHAPE
from tests.report_cases import BUDGET, BUDGETS, finished_run, labels_of

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
VALIDATION = Split(
    np.random.default_rng(1).integers(256, size=(60, 3, 32, 32), dtype=np.uint8), labels_of(60), TEST.names
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


def runs_of(statuses: Mapping[int, Status]) -> list[FinishedRun]:
    """Of each seed a run to ``BUDGET`` that ended so, and runs to smaller budgets that trained."""
    return [
        finished_run(seed, budget, status if budget == BUDGET else "trained")
        for seed, status in statuses.items()
        for budget in BUDGETS
    ]


def evaluated(
    statuses: Mapping[int, Status],
    settings: Evaluate = SETTINGS,
    recipe: Recipe = RECIPE,
    network: Callable[[int], Network] = trained_network,
) -> Evaluation:
    """With a ``network`` of the seed for each run to ``BUDGET`` that has not diverged, others for the others."""

    def weights(run: FinishedRun) -> Network:
        assert run.status != "diverged"
        return network(run.seed) if run.budget == BUDGET else trained_network(100 * run.budget + run.seed)

    evaluator = partial(Evaluator, "mine", ARCHITECTURE, recipe, TEST, VALIDATION, settings)
    plan = EvaluationPlan(runs_of(statuses), None, "sources and images", settings)
    return evaluate(plan, evaluator, weights)


def looked_at(count: int) -> torch.Tensor:
    """So many of the test images, from the whole of them."""
    return torch.from_numpy(TEST.images[[int(place * len(TEST) / count) for place in range(count)]])


def predictions_in(found: Evaluation, seed: int, budget: int = BUDGET) -> Predictions:
    predictions = found.runs[seed, budget].predictions
    assert predictions is not None
    return predictions


def test_each_run_s_predictions_are_its_own_network_s_on_every_test_image() -> None:
    found = evaluated({7: "trained", 5: "diverged", 2: "collapsed"})
    assert list(found.runs) == [(7, 1), (7, 2), (5, 1), (5, 2), (2, 1), (2, 2)]
    assert found.runs[5, 2].predictions is None
    images = torch.from_numpy(TEST.images)
    for (seed, budget), network in (((7, 1), 107), ((7, 2), 7), ((5, 1), 105), ((2, 1), 102), ((2, 2), 2)):
        logits = predict(trained_network(network), images, set_up("cpu", "fp32", 1)).double()
        run = predictions_in(found, seed, budget)
        assert (run.predicted == logits.argmax(1).numpy()).all()
        np.testing.assert_allclose(run.confidence, logits.softmax(1).amax(1).numpy(), rtol=1e-5)
    assert found.inside.looked_into == LookedInto(seed=7, budget=BUDGET, status="trained")


@pytest.mark.parametrize(
    ("statuses", "seed"),
    [({2: "diverged", 7: "collapsed", 5: "trained"}, 5), ({2: "diverged", 7: "collapsed", 5: "collapsed"}, 7)],
)
def test_one_network_is_looked_into_beside_the_weights_that_its_run_began_with(
    statuses: dict[int, Status], seed: int
) -> None:
    found = evaluated(statuses).inside
    assert found.looked_into == LookedInto(seed=seed, budget=BUDGET, status=statuses[seed])
    network, images = trained_network(seed), looked_at(SETTINGS.images)
    assert found.filters_of == "conv1"
    assert (found.filters == network.get_parameter("features.conv1.weight").detach().numpy()).all()
    assert [field.layer for field in found.fields] == ["conv1", "pool1", "conv2", "pool2"]
    last = found.fields[-1]
    assert last.trained is not None
    np.testing.assert_allclose(last.trained, influence_of_pixels(network, images), rtol=1e-4, atol=1e-9)

    before = first_network(seed)
    before.normalize.load_state_dict(network.normalize.state_dict())
    assert last.untrained is not None
    np.testing.assert_allclose(last.untrained, influence_of_pixels(before, images), rtol=1e-3, atol=1e-7)


def test_before_training_batch_normalisation_has_the_statistics_of_the_images_looked_at() -> None:
    layers = [{"conv": 4, "kernel": 3, "norm": True}, {"residual": 6}]
    spec = spec_of({"layers": layers, "head": {}})
    evaluator = Evaluator("mine", spec, RECIPE, TEST, VALIDATION, SETTINGS)
    torch.manual_seed(7)
    trained = Network(spec, SHAPE)
    (*_, last) = evaluator.fields(7, trained)

    torch.manual_seed(7)
    first = Network(spec, SHAPE)
    initialize(first, "he")
    norms = [module for module in first.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1  # the statistics of the last batch
    images = looked_at(SETTINGS.images)
    first.train().features(first.normalize(images))
    assert len(norms) == 4
    assert last.untrained is not None
    np.testing.assert_allclose(last.untrained, influence_of_pixels(first, images), rtol=1e-3, atol=1e-7)


def test_where_every_run_diverged_the_first_one_s_first_weights_are_shown() -> None:
    whole = evaluated({5: "diverged", 2: "diverged"})
    assert [key for key, run in whole.runs.items() if run.predictions is None] == [(5, BUDGET), (2, BUDGET)]
    found = whole.inside
    assert found.looked_into == LookedInto(seed=5, budget=BUDGET, status="diverged")
    assert [field.trained for field in found.fields] == [None] * 4
    assert all(field.untrained is not None for field in found.fields)
    assert (found.filters == first_network(5).get_parameter("features.conv1.weight").detach().numpy()).all()
    assert list(found.activations) == [3, 0]
    assert list(found.dead) == ["conv1", "conv2"]


def test_each_image_has_its_own_maps_and_all_share_what_is_dead() -> None:
    found = evaluated({7: "trained"}).inside
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


def test_the_runs_to_the_largest_budget_have_spreads_of_their_own_networks_and_of_their_first_weights() -> None:
    found = evaluated({7: "trained", 5: "diverged", 2: "collapsed"})
    assert list(found.spreads) == [(7, BUDGET), (5, BUDGET), (2, BUDGET)]
    images = looked_at(SETTINGS.images)
    for (seed, _), spreads in found.spreads.items():
        assert [layer.layer for layer in spreads.layers] == ["conv1", "pool1", "conv2", "pool2"]
        last = spreads.layers[-1]
        assert last.untrained is not None
        assert (last.trained is None) == (seed == 5)
        if last.trained is not None:
            own = Spread.of(influence_of_pixels(trained_network(seed), images))
            assert own is not None
            assert last.trained.deviation == pytest.approx(own.deviation, rel=1e-4)
    assert len({spreads.layers[-1].untrained for spreads in found.spreads.values()}) == 3
    shown = found.inside.fields
    assert found.spreads[7, BUDGET].layers == tuple(map(LayerSpread.of, shown))


def test_a_temperature_is_fitted_on_validation_images_for_runs_that_trained_to_the_largest_budget() -> None:
    found = evaluated({7: "trained", 5: "diverged", 2: "collapsed"})
    assert [key for key, run in found.runs.items() if run.temperature is not None] == [(7, BUDGET)]
    calibrated = predictions_in(found, 7).calibrated
    assert calibrated is not None
    environment, network = set_up("cpu", "fp32", 1), trained_network(7)
    held_out = predict(network, torch.from_numpy(VALIDATION.images), environment)
    assert calibrated.temperature == pytest.approx(
        fitted_temperature(held_out, torch.from_numpy(VALIDATION.labels)), rel=1e-3
    )
    of_test = predict(network, torch.from_numpy(TEST.images), environment).double() / calibrated.temperature
    np.testing.assert_allclose(calibrated.confidence, of_test.softmax(1).amax(1).numpy(), rtol=1e-3)


def test_as_many_images_as_asked_for_from_the_whole_of_them_decide_what_is_dead() -> None:
    def largest(images: torch.Tensor) -> int:
        return int(images.sum(1).max())

    few, more = 9, 14
    assert max(largest(looked_at(few)), largest(torch.from_numpy(TEST.images[:more]))) < largest(looked_at(more))
    brightest = largest(looked_at(more))  # a pixel that none of the few images has

    def awake_at_brightest(seed: int) -> Network:
        network = trained_network(seed)
        with torch.no_grad():
            network.get_parameter("features.conv1.weight")[0] = 0
            network.get_parameter("features.conv1.weight")[0, :, 1, 1] = 1
            network.get_parameter("features.conv1.bias")[0] = -(brightest - 0.5 - 3 * 127) / 74
        return network

    for images, dead in ((few, True), (more, False)):
        settings = SETTINGS.model_copy(update={"images": images})
        assert evaluated({7: "trained"}, settings, network=awake_at_brightest).inside.dead["conv1"][0] == dead


def test_predictions_are_computed_where_the_recipe_says_and_pictures_in_full_precision() -> None:
    found = evaluated({7: "trained"}, recipe=RECIPE.model_copy(update={"precision": "bf16"}))
    full = evaluated({7: "trained"})
    for key in found.runs:
        assert (found.runs[key].environment.precision, full.runs[key].environment.precision) == ("bf16", "fp32")
    assert found.inside.environment == full.inside.environment
    assert full.inside.environment.precision == "fp32"
    one, other = predictions_in(found, 7), predictions_in(full, 7)
    assert (one.confidence != other.confidence).any()
    np.testing.assert_allclose(one.confidence, other.confidence, atol=0.02)
    for index in SETTINGS.shown_images:
        for layer, maps in full.inside.activations[index].maps.items():
            assert (found.inside.activations[index].maps[layer] == maps).all()


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
    assert [run.environment.fallbacks for run in found.runs.values()] == [{"conv1": "unfolded"}] * 2
    assert found.inside.environment.fallbacks == {"conv2": "contiguous"}
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


class Counted:
    """Evaluations of runs, and what each has asked for: the runs of weights, and how many evaluators."""

    def __init__(self) -> None:
        self.asked: list[Key] = []
        self.evaluators = 0
        self.settings = SETTINGS

    def evaluated(
        self,
        runs: Sequence[FinishedRun],
        earlier: Evaluation | None = None,
        known_by: str = "sources",
        settings: Evaluate = SETTINGS,
    ) -> Evaluation:
        self.asked, self.evaluators, self.settings = [], 0, settings
        plan = EvaluationPlan(runs, earlier, known_by, settings)
        found = evaluate(plan, self._evaluator, self._weights)
        assert [run.key for run in plan.needed] == self.asked
        return found

    def _evaluator(self) -> Evaluator:
        self.evaluators += 1
        return Evaluator("mine", ARCHITECTURE, RECIPE, TEST, VALIDATION, self.settings)

    def _weights(self, run: FinishedRun) -> Network:
        self.asked.append(run.key)
        return trained_network(100 * run.budget + run.seed)


RUNS = runs_of({7: "trained", 5: "diverged", 2: "trained"})
WITH_WEIGHTS = [(7, 1), (7, 2), (5, 1), (2, 1), (2, 2)]


def test_an_evaluation_asks_once_for_the_weights_of_each_run_that_has_some() -> None:
    counted = Counted()
    counted.evaluated(RUNS)
    assert (counted.asked, counted.evaluators) == (WITH_WEIGHTS, 1)


def test_what_an_earlier_evaluation_has_of_equal_runs_is_taken_over_without_their_weights(tmp_path: Path) -> None:
    counted = Counted()
    earlier = counted.evaluated(RUNS)
    again = counted.evaluated(RUNS, earlier)
    assert (counted.asked, counted.evaluators) == ([], 0)
    assert all(again.runs[key] is earlier.runs[key] for key in earlier.runs)
    assert again.inside is earlier.inside
    assert again.spreads == earlier.spreads

    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    earlier.write(folders[0])
    counted.evaluated(RUNS, Evaluation.read(folders[0])).write(folders[1])
    assert counted.asked == []
    one, two = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert one == two


def test_what_was_computed_elsewhere_keeps_its_environment_when_it_is_taken_over() -> None:
    counted = Counted()
    first = counted.evaluated(RUNS)
    elsewhere = replace(first.runs[7, 1].environment, threads=99)
    earlier = replace(first, runs={key: replace(run, environment=elsewhere) for key, run in first.runs.items()})
    found = counted.evaluated([*RUNS, finished_run(9, BUDGET)], earlier)
    assert {key: run.environment.threads for key, run in found.runs.items()} == {
        **dict.fromkeys(earlier.runs, 99),
        (9, BUDGET): 1,
    }


@pytest.mark.parametrize(
    ("place", "asked"),
    [(0, [(7, 1)]), (1, [(7, 2)]), (3, []), (5, [(2, 2)])],
    ids=lambda value: str(value),
)
def test_a_run_with_another_fingerprint_is_evaluated_anew_and_looked_into_where_it_is_the_one(
    place: int, asked: list[Key]
) -> None:
    counted = Counted()
    earlier = counted.evaluated(RUNS)
    runs = [run.model_copy(update={"fingerprint": "another"}) if run == RUNS[place] else run for run in RUNS]
    found = counted.evaluated(runs, earlier)
    assert counted.asked == asked
    anew = [key for key in earlier.runs if found.runs[key] is not earlier.runs[key]]
    assert anew == [RUNS[place].key]
    assert found.runs[anew[0]].known_by != earlier.runs[anew[0]].known_by
    assert (found.inside is earlier.inside) == (RUNS[place].key != (7, BUDGET))


def test_everything_is_evaluated_anew_where_it_depends_on_something_else() -> None:
    counted = Counted()
    earlier = counted.evaluated(RUNS)
    found = counted.evaluated(RUNS, earlier, known_by="other sources")
    assert (counted.asked, counted.evaluators) == (WITH_WEIGHTS, 1)
    marks = [{one.known_by for one in each.spreads.values()} for each in (found, earlier)]
    assert not marks[0] & marks[1]
    assert not {run.known_by for run in found.runs.values()} & {run.known_by for run in earlier.runs.values()}
    assert found.inside.known_by != earlier.inside.known_by


def test_other_settings_make_one_look_into_a_network_anew_and_leave_predictions() -> None:
    counted = Counted()
    earlier = counted.evaluated(RUNS)
    found = counted.evaluated(RUNS, earlier, settings=SETTINGS.model_copy(update={"channels": 1}))
    assert counted.asked == [(7, BUDGET)]
    assert found.runs == earlier.runs
    assert found.spreads == earlier.spreads
    assert found.inside.known_by != earlier.inside.known_by


def test_spreads_of_more_images_are_found_anew_for_each_seed_and_predictions_left() -> None:
    counted = Counted()
    earlier = counted.evaluated(RUNS)
    found = counted.evaluated(RUNS, earlier, settings=SETTINGS.model_copy(update={"images": 9}))
    assert counted.asked == [(7, BUDGET), (2, BUDGET)]
    assert found.runs == earlier.runs
    for key, spreads in found.spreads.items():
        assert spreads.known_by != earlier.spreads[key].known_by
        assert spreads.layers != earlier.spreads[key].layers


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ([finished_run(9, 1), finished_run(9, 2)], [(9, 1), (9, 2)]),
        ([finished_run(9, 2, "diverged")], []),
        ([finished_run(7, 3), finished_run(2, 3)], [(7, 3), (2, 3)]),
    ],
    ids=["a seed", "a seed that diverged", "a larger budget, which is looked into"],
)
def test_a_new_seed_or_budget_is_evaluated_alone(more: list[FinishedRun], asked: list[Key]) -> None:
    counted = Counted()
    earlier = counted.evaluated(RUNS)
    found = counted.evaluated([*RUNS, *more], earlier)
    assert counted.asked == asked
    assert list(found.runs) == [*earlier.runs, *(run.key for run in more)]
    largest = max(run.budget for run in [*RUNS, *more])
    for key, run in earlier.runs.items():
        same = largest == BUDGET or key[1] < BUDGET
        kept = run.predictions if same or run.predictions is None else replace(run.predictions, calibrated=None)
        assert found.runs[key] == replace(run, predictions=kept)
    assert list(found.spreads) == [run.key for run in [*RUNS, *more] if run.budget == largest]
    assert found.inside.looked_into == LookedInto(seed=7, budget=largest, status="trained")
    assert (found.inside is earlier.inside) == (largest == BUDGET)


@pytest.mark.parametrize(
    ("runs", "asked"),
    [(RUNS[2:], [(2, 2)]), (RUNS[::-1], [(2, 2)]), (RUNS[::2], [(7, 1), (5, 1), (2, 1)])],
    ids=["without its seed", "in another order", "without its budget"],
)
def test_what_was_seen_inside_the_network_of_another_run_is_not_taken_over(
    runs: list[FinishedRun], asked: list[Key]
) -> None:
    counted = Counted()
    earlier = counted.evaluated(RUNS)
    found = counted.evaluated(runs, earlier)
    assert counted.asked == asked
    assert (found.inside.looked_into.seed, found.inside.looked_into.budget) == asked[0]
    # What is no run any more is no evaluation either.
    assert list(found.runs) == [run.key for run in runs]
    alone = counted.evaluated(runs)
    assert (found.inside.filters == alone.inside.filters).all()
    assert found.inside.known_by == alone.inside.known_by != earlier.inside.known_by
    assert found.spreads == alone.spreads
    # A budget that has become the largest has temperatures, as if there had never been another.
    temperatures = {key: run.temperature for key, run in found.runs.items()}
    assert temperatures == {key: run.temperature for key, run in alone.runs.items()}
