"""Training learns, repeats itself to the bit, and says when it failed."""

import ctypes
import math
import re
import resource
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML
from scipy import stats
from torch import Tensor

from cnn_study.analysis.statistics import Estimate
from cnn_study.base.environment import Environment, set_up
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml
from cnn_study.data.shape import Shape
from cnn_study.evaluation.influence import pixel_gradients
from cnn_study.networks.architecture import spec_of
from cnn_study.networks.network import Network, place
from cnn_study.training import loop, muon
from cnn_study.training.augment import augmented
from cnn_study.training.batches import Batches, channel_statistics, order_of, seed_step
from cnn_study.training.budgets import Reached, train_to
from cnn_study.training.entry import Override
from cnn_study.training.evaluation import accuracy_of, explained_by_chance, predict
from cnn_study.training.gradients import GradientLog
from cnn_study.training.loop import RunSpec, set_normalization, train_step
from cnn_study.training.optimizers import make_optimizer, set_rate
from cnn_study.training.recipe import Augmentation, Recipe, Training
from cnn_study.training.records import Epoch
from tests.conftest import REPOSITORY, SHAPE

pytestmark = pytest.mark.processor
SHARED = read_yaml(REPOSITORY / "params.yaml")["training"]
SMALL = {
    "batch_size": 20,
    "optimizer": "sgd",
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "augmentation": {"flip": True, "shift": 1},
}
RECIPE = parse(Recipe, SHARED["recipe"] | SMALL)
SPECS = {
    "plain": {
        "layers": [{"conv": 4, "kernel": 3}, {"pool": 4}, {"conv": 8, "kernel": 3, "norm": True}],
        "head": {"hidden": [16], "dropout": 0.2},
    },
    "residual": {"layers": [{"pool": 4}, {"residual": 4, "stride": 2}, {"residual": 4}], "head": {}},
}


@pytest.fixture(scope="module")
def environment() -> Environment:
    return set_up()


def bright_or_dark(count: int) -> Batches:
    """Ten classes that differ in brightness, so that a tiny network can tell them apart."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % SHAPE.classes
    noise = torch.randint(0, 25, SHAPE.images(count), generator=generator)
    return Batches((labels[:, None, None, None] * 25 + noise).to(torch.uint8), labels, SHAPE)


TRAINING, VALIDATION = bright_or_dark(200), bright_or_dark(100)


def trained(
    spec: str,
    environment: Environment,
    recipe: Recipe = RECIPE,
    epochs: int = 3,
    rate: float = 0.05,
    seed: int = 0,
    **more: Any,
) -> Reached:
    of_run = RunSpec(spec_of(SPECS[spec]), TRAINING, VALIDATION, recipe, rate, seed, environment)
    return next(train_to(of_run, [epochs], **more))


def bits(network: Network) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("spec", SPECS)
def test_a_network_learns_what_can_be_learned(spec: str, environment: Environment) -> None:
    _, network, run = trained(spec, environment, epochs=15)
    assert run.status == "trained"
    assert (run.validation_accuracy or 0) > 0.6
    first, last = (epoch.loss or math.nan for epoch in (run.epochs[0], run.epochs[-1]))
    assert last < first
    logits = predict(network, VALIDATION.images, environment)
    assert accuracy_of(logits, VALIDATION.labels) == run.validation_accuracy
    surprise = -logits.log_softmax(1)[torch.arange(len(VALIDATION)), VALIDATION.labels].mean().item()
    assert run.epochs[-1].validation_loss == pytest.approx(surprise)  # without label smoothing


def test_another_seed_gives_other_weights(environment: Environment) -> None:
    assert bits(trained("plain", environment).network) != bits(trained("plain", environment, seed=1).network)


def test_a_weight_that_is_no_number_ends_the_run_though_a_relu_hides_it(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To one that compares integers, a negative NaN is less than 0.
    def step(network: Network, *arguments: Any) -> Any:
        found = train_step(network, *arguments)
        with torch.no_grad():
            network.get_parameter("features.conv1.weight").fill_(-math.nan)
        return found

    one_step = RECIPE.model_copy(update={"schedule": "constant", "batch_size": 200})
    monkeypatch.setattr(loop, "train_step", step)
    monkeypatch.setattr(loop, "predict", lambda network, images, _: torch.zeros(len(images), SHAPE.classes))
    assert trained("plain", environment, one_step, epochs=1).run.status == "diverged"


def test_a_broken_weight_ends_the_run_at_once(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Tensor] = []

    def step(network: Network, optimizer: Any, images: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
        steps.append(images)
        if len(steps) == 7:
            with torch.no_grad():
                network.get_parameter("features.conv1.weight").fill_(math.inf)
        return torch.tensor(1.0), torch.tensor(0)

    recipe = RECIPE.model_copy(update={"schedule": "constant", "batch_size": 10})
    monkeypatch.setattr(loop, "train_step", step)
    run = trained("plain", environment, recipe, epochs=3).run
    assert (run.status, len(run.epochs), len(steps)) == ("diverged", 1, 7)


def test_freed_memory_is_kept_for_the_next_step(environment: Environment) -> None:
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("the C library is not glibc")

    def faults() -> int:
        """Pages that the system has had to fill while four tensors of 16 MiB came and went, ten times."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(10):
            [torch.zeros(4 * 2**20) for _ in range(4)]
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    assert environment.device == "cpu"
    faults()
    assert faults() < 4096  # of 4 KiB: those of one tensor


def test_a_loss_that_is_not_finite_ends_the_run_as_diverged(environment: Environment) -> None:
    recipe = RECIPE.model_copy(update={"schedule": "constant"})
    run = trained("plain", environment, recipe, epochs=5, rate=1e6).run
    assert run.status == "diverged"
    assert len(run.epochs) < 5
    assert run.epochs[-1] == Epoch(epoch=len(run.epochs))


def test_weights_that_the_very_last_step_breaks_are_diverged(environment: Environment) -> None:
    one_step = RECIPE.model_copy(update={"schedule": "constant", "batch_size": 200})
    run = trained("plain", environment, one_step, epochs=1, rate=1e38).run
    assert run.status == "diverged"


def test_every_epoch_has_an_order_of_its_own_which_is_the_seed_s() -> None:
    orders = [order_of(50, seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert order_of(50, 0, 1).tolist() == orders[1]


def test_every_step_has_a_dropout_and_an_augmentation_of_its_own_which_are_the_seed_s() -> None:
    places = [(seed, epoch, step) for seed in (0, 1) for epoch in (0, 1) for step in (0, 1)]
    drawn = [(seed_step(*place).initial_seed(), torch.initial_seed()) for place in places]
    assert len(set(sum(drawn, ()))) == 16
    assert (seed_step(*places[3]).initial_seed(), torch.initial_seed()) == drawn[3]


def test_a_network_at_chance_ends_as_collapsed(environment: Environment) -> None:
    run = trained("plain", environment, epochs=2, rate=1e-9).run
    assert run.status == "collapsed"
    assert [epoch.epoch for epoch in run.epochs] == [1, 2]


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_the_border_of_chance_is_the_999_per_mille_interval(classes: int) -> None:
    most = int(stats.binom.ppf(0.9995, 5000, 1 / classes))
    assert explained_by_chance(most / 5000, 5000, 1 / classes)
    assert not explained_by_chance((most + 1) / 5000, 5000, 1 / classes)
    assert explained_by_chance(1 / classes, 5000, 1 / classes)
    assert explained_by_chance(0.0, 5000, 1 / classes)


def test_chance_is_the_share_of_the_largest_class() -> None:
    labels = torch.tensor([0] * 30 + [1] * 10 + [2] * 10)
    batches = Batches(torch.zeros(50, 3, 4, 4, dtype=torch.uint8), labels, Shape(3, 4, 3))
    assert batches.largest_share == 0.6
    assert explained_by_chance(0.6, 5000, batches.largest_share)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "muon"])
def test_only_weights_are_decayed(optimizer: str, environment: Environment) -> None:
    network = Network(spec_of(SPECS["plain"]), SHAPE)
    recipe = RECIPE.model_copy(update={"optimizer": optimizer})
    decayed, others = make_optimizer(network, recipe, environment).param_groups
    assert decayed["weight_decay"] == RECIPE.weight_decay
    assert others["weight_decay"] == 0
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert len(decayed["params"]) + len(others["params"]) == len(list(network.parameters()))


def test_normalisation_is_of_the_training_images() -> None:
    network = Network(spec_of(SPECS["plain"]), SHAPE)
    images = torch.randint(0, 200, (50, 3, 32, 32), dtype=torch.uint8)
    set_normalization(network, *channel_statistics(images))
    normal = network.normalize(images)
    assert normal.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-4)
    assert normal.std((0, 2, 3)).tolist() == pytest.approx([1, 1, 1], abs=1e-3)


def test_gradients_are_logged_as_they_are(environment: Environment) -> None:
    torch.manual_seed(0)
    network = place(Network(spec_of(SPECS["residual"]), SHAPE), environment)
    optimizer = make_optimizer(network, RECIPE, environment)
    set_rate(optimizer, 0.0)
    log = GradientLog(network, optimizer)
    train_step(network, optimizer, TRAINING.images[20:40], TRAINING.labels[20:40], 0.0, environment)
    log.due = True
    train_step(network, optimizer, TRAINING.images[:20], TRAINING.labels[:20], 0.0, environment)
    norms = {row.layer: row for row in log.end_epoch(1)}
    assert list(norms) == [
        "residual1.conv1",
        "residual1.conv2",
        "residual1.projection",
        "residual2.conv1",
        "residual2.conv2",
        "output",
    ]
    block = network.get_submodule("features.residual2.conv1")
    weight = block.weight
    assert isinstance(weight, Tensor)
    assert weight.grad is not None
    assert norms["residual2.conv1"].gradient_norm == pytest.approx(weight.grad.norm().item())
    assert norms["residual2.conv1"].weight_norm == pytest.approx(weight.norm().item())
    assert log.end_epoch(2) == []


def test_gradients_are_logged_for_every_layer_and_epoch(environment: Environment) -> None:
    run = trained("plain", environment).run
    assert [(row.epoch, row.layer) for row in run.gradients] == [
        (epoch, layer) for epoch in (1, 2, 3) for layer in ("conv1", "conv2", "hidden1", "output")
    ]


@pytest.mark.parametrize("spec", SPECS)
def test_a_step_and_an_evaluation_leave_nothing_on_the_cpu(
    spec: str, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On torch's device without numbers, a tensor that was left on the CPU is an error as it is on a GPU.
    # The fused optimizers of torch's own know no such device.
    meta = replace(environment, device="meta", precision="fp32")
    network = Network(spec_of(SPECS[spec]), SHAPE)
    set_normalization(network, *channel_statistics(TRAINING.images))
    place(network, meta)
    monkeypatch.setattr(muon, "adamw", lambda *_, **__: None)
    optimizer = make_optimizer(network, RECIPE.model_copy(update={"optimizer": "muon"}), meta)
    images = augmented(TRAINING.images[:20].to("meta"), RECIPE.augmentation, seed_step(0, 0, 0))
    loss, correct = train_step(network, optimizer, images, TRAINING.labels[:20].to("meta"), 0.1, meta)
    made = (loss, correct, predict(network, images, meta), pixel_gradients(network, images))
    assert [tensor.device.type for tensor in made] == ["meta"] * 4


def test_watching_changes_nothing(environment: Environment) -> None:
    class Watch:
        def __init__(self) -> None:
            self.epochs: list[tuple[float | None, ...]] = []

        def steps(self, steps: Iterable[int], epoch: int) -> Iterable[int]:
            return list(steps)

        def resumed(self, epochs: int) -> None:
            raise AssertionError("there was no checkpoint")

        def epoch_ended(self, epoch: int, *values: float | None) -> None:
            self.epochs.append((epoch, *values))

    watch = Watch()
    _, network, run = trained("plain", environment, watch=lambda budget: watch)
    assert watch.epochs == [
        (one.epoch, one.loss, one.train_accuracy, one.validation_accuracy) for one in run.epochs
    ]
    assert bits(network) == bits(trained("plain", environment).network)


def shifted_by_hand(image: Tensor, down: int, right: int, flip: bool) -> np.ndarray[Any, Any]:
    padded = np.pad(image.numpy(), ((0, 0), (3, 3), (3, 3)), mode="reflect")
    shifted = padded[:, 3 + down : 35 + down, 3 + right : 35 + right]
    return shifted[:, :, ::-1] if flip else shifted


def test_an_augmented_image_is_the_image_shifted_and_perhaps_mirrored() -> None:
    images = torch.randint(0, 256, (300, 3, 32, 32), dtype=torch.uint8)
    changed = augmented(images, Augmentation(flip=True, shift=3), torch.Generator().manual_seed(0))
    seen = set()
    for image, result in zip(images, changed, strict=True):
        matches = [
            (down, right, flip)
            for down in range(-3, 4)
            for right in range(-3, 4)
            for flip in (False, True)
            if np.array_equal(shifted_by_hand(image, down, right, flip), result.numpy())
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) > 80  # of 98 possible changes
    assert {flip for *_, flip in seen} == {False, True}


def test_without_augmentation_images_stay_as_they_are() -> None:
    images = torch.randint(0, 256, (9, 3, 32, 32), dtype=torch.uint8)
    same = augmented(images, Augmentation(flip=False, shift=0), torch.Generator())
    assert torch.equal(same, images)


def test_an_interval_over_seeds_is_students() -> None:
    values = [0.70, 0.72, 0.77]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    estimate = Estimate.of(values)
    assert estimate.mean == pytest.approx(0.73)
    assert estimate.ci95 == pytest.approx((low, high))
    assert estimate.per_seed == tuple(values)
    assert Estimate.of([0.7, None]).ci95 is None
    assert Estimate.of([None]) == Estimate(mean=None, ci95=None, per_seed=(None,))


def test_the_original_report_s_recipe_in_docs_is_a_matter_of_parameters(environment: Environment) -> None:
    page = (REPOSITORY / "docs/experiments.md").read_text(encoding="utf-8")
    given = re.findall(r"-S '?training\.(\S+)=([^\s']+)", page[page.index("dvc exp run --name report") :])
    report: dict[str, Any] = {}
    for keys, value in given:
        place = report
        *above, key = keys.split(".")
        for section in above:
            place = place.setdefault(section, {})
        place[key] = YAML(typ="safe").load(value)
    training = parse(Training, SHARED).updated(parse(Override, report))
    recipe = training.recipe
    assert (training.budgets, training.learning_rate) == ((15,), 0.01)
    assert (recipe.optimizer, recipe.schedule) == ("adam", "constant")
    assert recipe.augmentation == Augmentation(flip=False, shift=0)
    assert (recipe.batch_size, recipe.precision) == (64, "fp32")
    assert (recipe.weight_decay, recipe.label_smoothing, recipe.momentum) == (0, 0, 0.9)
    assert recipe.initialization == "pytorch"
    run = trained("plain", environment, recipe, epochs=1, rate=0.01).run
    assert math.isfinite(run.epochs[-1].loss or math.nan)
