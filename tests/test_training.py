"""Training learns, repeats itself to the bit, goes on where it was, and says when it failed."""

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
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
from cnn_study.evaluation.influence import pixel_gradients
from cnn_study.networks.architecture import Architecture, spec_of
from cnn_study.networks.network import Network, place
from cnn_study.training.augment import augmented
from cnn_study.training.checkpoint import Checkpoint
from cnn_study.training.entry import Override
from cnn_study.training.gradients import GradientLog
from cnn_study.training.loop import (
    Batches,
    accuracy_of,
    channel_statistics,
    explained_by_chance,
    make_optimizer,
    predict,
    scheduled,
    seed_epoch,
    set_normalization,
    set_rate,
    train,
    train_step,
)
from cnn_study.training.recipe import Augmentation, Recipe, Training
from cnn_study.training.records import Epoch, Run
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
    spec: str | Architecture,
    environment: Environment,
    recipe: Recipe = RECIPE,
    epochs: int = 3,
    rate: float = 0.05,
    seed: int = 0,
    **more: Any,
) -> tuple[Network, Run]:
    architecture = spec_of(SPECS[spec]) if isinstance(spec, str) else spec
    return train(architecture, TRAINING, VALIDATION, recipe, epochs, rate, seed, environment, **more)


def bits(network: Network) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


def without_clock(run: Run) -> tuple[object, ...]:
    return run.status, run.epochs, run.gradients


@pytest.mark.parametrize("spec", SPECS)
def test_a_network_learns_what_can_be_learned(spec: str, environment: Environment) -> None:
    network, run = trained(spec, environment, epochs=15)
    assert run.status == "trained"
    assert (run.validation_accuracy or 0) > 0.6
    first, last = (epoch.loss or math.nan for epoch in (run.epochs[0], run.epochs[-1]))
    assert last < first
    logits = predict(network, VALIDATION.images, environment)
    assert accuracy_of(logits, VALIDATION.labels) == run.validation_accuracy


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "muon"])
@pytest.mark.parametrize("spec", SPECS)
def test_a_run_cut_after_any_epoch_ends_with_the_bits_of_a_whole_one(
    spec: str, optimizer: str, environment: Environment, tmp_path: Path
) -> None:
    class CutError(Exception):
        pass

    class CutAfter:
        def __init__(self, epoch: int) -> None:
            self.epoch = epoch
            self.went_on = False

        def steps(self, steps: Iterable[int], epoch: int) -> Iterable[int]:
            return steps

        def resumed(self, epochs: int) -> None:
            assert epochs == self.epoch - 1
            self.went_on = True

        def epoch_ended(self, epoch: int, *_: object, **__: object) -> None:
            if epoch == self.epoch:
                raise CutError

    recipe = RECIPE.model_copy(update={"optimizer": optimizer})
    whole, whole_run = trained(spec, environment, recipe, rate=0.01)
    checkpoint = Checkpoint(tmp_path / "run.safetensors", "this run")
    for epoch in (1, 2):
        cut = CutAfter(epoch)
        with pytest.raises(CutError):
            trained(spec, environment, recipe, rate=0.01, checkpoint=checkpoint, monitor=cut)
        assert cut.went_on == (epoch > 1)
    torch.manual_seed(999)
    resumed, resumed_run = trained(spec, environment, recipe, rate=0.01, checkpoint=checkpoint)
    assert bits(resumed) == bits(whole)
    assert without_clock(resumed_run) == without_clock(whole_run)
    assert len(resumed_run.clock) == 3


def test_a_checkpoint_of_another_run_is_not_taken_up(environment: Environment, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    trained("plain", environment, checkpoint=Checkpoint(path, "one"))
    whole, _ = trained("plain", environment, seed=1)
    other, run = trained("plain", environment, seed=1, checkpoint=Checkpoint(path, "another"))
    assert bits(other) == bits(whole)
    assert len(run.epochs) == 3


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", bytes(1000)])
def test_a_damaged_checkpoint_is_none(environment: Environment, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.safetensors"
    path.write_bytes(content)
    network, _ = trained("plain", environment, checkpoint=Checkpoint(path, "one"))
    assert bits(network) == bits(trained("plain", environment)[0])


def test_another_seed_gives_other_weights(environment: Environment) -> None:
    assert bits(trained("plain", environment)[0]) != bits(trained("plain", environment, seed=1)[0])


def test_a_loss_that_is_not_finite_ends_the_run_as_diverged(environment: Environment) -> None:
    recipe = RECIPE.model_copy(update={"schedule": "constant"})
    _, run = trained("plain", environment, recipe, epochs=5, rate=1e6)
    assert run.status == "diverged"
    assert len(run.epochs) < 5
    assert run.epochs[-1] == Epoch(epoch=len(run.epochs))


def test_weights_that_the_very_last_step_breaks_are_diverged(environment: Environment) -> None:
    one_step = RECIPE.model_copy(update={"schedule": "constant", "batch_size": 200})
    _, run = trained("plain", environment, one_step, epochs=1, rate=1e38)
    assert run.status == "diverged"


def test_every_epoch_has_an_order_of_its_own_which_is_the_seed_s() -> None:
    orders = [
        torch.randperm(50, generator=seed_epoch(seed, epoch)).tolist() for seed in (0, 1) for epoch in (0, 1)
    ]
    assert len({tuple(order) for order in orders}) == 4
    assert torch.randperm(50, generator=seed_epoch(0, 1)).tolist() == orders[1]


def test_a_diverged_run_is_not_trained_further_from_its_checkpoint(
    environment: Environment, tmp_path: Path
) -> None:
    recipe = RECIPE.model_copy(update={"schedule": "constant"})
    checkpoint = Checkpoint(tmp_path / "run.safetensors", "this run")
    _, first = trained("plain", environment, recipe, epochs=5, rate=1e6, checkpoint=checkpoint)
    _, again = trained("plain", environment, recipe, epochs=5, rate=1e6, checkpoint=checkpoint)
    assert again == first


def test_a_network_at_chance_ends_as_collapsed(environment: Environment) -> None:
    network, run = trained("plain", environment, epochs=1, rate=1e-9)
    assert run.status == "collapsed"
    assert network is not None


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_the_border_of_chance_is_the_999_per_mille_interval(classes: int) -> None:
    most = int(stats.binom.ppf(0.9995, 5000, 1 / classes))
    assert explained_by_chance(most / 5000, 5000, classes)
    assert not explained_by_chance((most + 1) / 5000, 5000, classes)
    assert explained_by_chance(1 / classes, 5000, classes)
    assert explained_by_chance(0.0, 5000, classes)


def test_one_cycle_rises_then_falls_to_nothing_and_constant_does_neither() -> None:
    recipe = RECIPE.model_copy(update={"warmup": 0.2})
    assert [scheduled(recipe, done) for done in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert scheduled(recipe.model_copy(update={"warmup": 0.0}), 0) == 1
    constant = recipe.model_copy(update={"schedule": "constant"})
    assert [scheduled(constant, done) for done in (0, 0.5, 1)] == [1, 1, 1]


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
    log = GradientLog(network, optimizer, every=1)
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
    _, run = trained("plain", environment)
    assert [(row.epoch, row.layer) for row in run.gradients] == [
        (epoch, layer) for epoch in (1, 2, 3) for layer in ("conv1", "conv2", "hidden1", "output")
    ]


@pytest.mark.parametrize("spec", SPECS)
def test_a_step_and_an_evaluation_leave_nothing_on_the_cpu(spec: str, environment: Environment) -> None:
    # On torch's device without numbers, a tensor that was left on the CPU is an error as it is on a GPU.
    # The fused optimizers of torch's own know no such device.
    meta = replace(environment, device="meta", precision="fp32")
    network = Network(spec_of(SPECS[spec]), SHAPE)
    set_normalization(network, *channel_statistics(TRAINING.images))
    place(network, meta)
    optimizer = make_optimizer(network, RECIPE.model_copy(update={"optimizer": "muon"}), meta)
    GradientLog(network, optimizer, every=1)
    images = augmented(TRAINING.images[:20].to("meta"), RECIPE.augmentation, seed_epoch(0, 0))
    loss, correct = train_step(network, optimizer, images, TRAINING.labels[:20].to("meta"), 0.1, meta)
    made = (loss, correct, predict(network, images, meta), pixel_gradients(network, images))
    assert [tensor.device.type for tensor in made] == ["meta"] * 4


def test_watching_changes_nothing(environment: Environment) -> None:
    class Watch:
        def __init__(self) -> None:
            self.epochs: list[Epoch] = []

        def steps(self, steps: Iterable[int], epoch: int) -> Iterable[int]:
            return list(steps)

        def resumed(self, epochs: int) -> None:
            raise AssertionError("there was no checkpoint")

        def epoch_ended(self, epoch: int, *_: object, **values: Any) -> None:
            self.epochs.append(Epoch(epoch=epoch, **values))

    watch = Watch()
    network, run = trained("plain", environment, monitor=watch)
    assert tuple(watch.epochs) == run.epochs
    assert bits(network) == bits(trained("plain", environment)[0])


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


def test_the_report_s_own_recipe_in_the_readme_is_a_matter_of_parameters(environment: Environment) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    given = re.findall(r"-S training\.(\S+)=(\S+)", readme[readme.index("dvc exp run --name report") :])
    report: dict[str, Any] = {}
    for keys, value in given:
        place = report
        *above, key = keys.split(".")
        for section in above:
            place = place.setdefault(section, {})
        place[key] = YAML(typ="safe").load(value)
    training = parse(Training, SHARED).updated(parse(Override, report))
    recipe = training.recipe
    assert (training.epochs, training.learning_rate) == (15, 0.01)
    assert (recipe.optimizer, recipe.schedule) == ("adam", "constant")
    assert recipe.augmentation == Augmentation(flip=False, shift=0)
    assert (recipe.batch_size, recipe.precision) == (64, "fp32")
    assert (recipe.weight_decay, recipe.label_smoothing, recipe.momentum) == (0, 0, 0.9)
    assert recipe.initialization == "pytorch"
    _, run = trained("plain", environment, recipe, epochs=1, rate=0.01)
    assert math.isfinite(run.epochs[-1].loss or math.nan)
