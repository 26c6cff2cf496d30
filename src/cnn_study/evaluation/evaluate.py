"""The test images, shown to an architecture's trained networks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from cnn_study.base.environment import Environment, set_up
from cnn_study.data.shape import Shape
from cnn_study.data.splits import Split
from cnn_study.evaluation.activations import dead_channels, feature_maps, first_filters
from cnn_study.evaluation.effective_field import fields_of
from cnn_study.evaluation.results import Activations, Evaluation, LookedInto, Predictions
from cnn_study.evaluation.settings import MOST_CHANNELS, Evaluate
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network, initialize, place
from cnn_study.training.layer_check import checked
from cnn_study.training.loop import Batches, channel_statistics, predict, set_normalization
from cnn_study.training.recipe import Recipe
from cnn_study.training.records import Status, TrainedRun


def evaluate(
    name: str,
    architecture: Architecture,
    recipe: Recipe,
    runs: Sequence[TrainedRun],
    networks: Mapping[int, Network],
    test: Split,
    settings: Evaluate,
) -> Evaluation:
    """Show all test images to the ``networks`` of ``runs``, by seed, and some of them again to one, on the CPU.

    ``name``: the architecture's, for messages. ``recipe``: where the networks compute, and the weights that a run
    began with.
    """
    environment = checked(set_up(recipe.device, recipe.precision, recipe.threads), architecture, test.shape, name)
    on_cpu = checked(set_up("cpu", "fp32", environment.threads), architecture, test.shape, name)
    images = Batches.of(test, environment.device).images
    predictions: dict[int, Predictions | None] = {run.seed: None for run in runs}
    for seed, network in networks.items():
        predictions[seed] = _predictions(predict(place(network, environment), images, environment))
        place(network, on_cpu)

    chosen = run_to_look_into(runs)
    before = place(_untrained(architecture, test.shape, recipe, images, chosen.seed), on_cpu)
    after = networks.get(chosen.seed)
    network = before if after is None else after
    on_disk = torch.from_numpy(test.images)
    some = on_disk[: settings.images]
    filters_of, filters = first_filters(network)
    return Evaluation(
        predictions=predictions,
        looked_into=chosen,
        fields=fields_of(architecture, test.shape, some, before, after),
        filters_of=filters_of,
        filters=filters,
        dead=dead_channels(network, some),
        activations={index: _activations(network, on_disk[index], settings) for index in settings.shown_images},
        environment=_with_pictures(environment, on_cpu),
    )


def run_to_look_into(runs: Sequence[TrainedRun]) -> LookedInto:
    """The first that trained, else the first that collapsed, else the first."""
    order: tuple[Status, ...] = ("trained", "collapsed", "diverged")
    first = min(runs, key=lambda run: order.index(run.status))
    return LookedInto(seed=first.seed, status=first.status)


def _predictions(logits: Tensor) -> Predictions:
    predicted = logits.argmax(1)
    confidence = logits.double().softmax(1).gather(1, predicted[:, None])[:, 0]
    return Predictions(predicted.numpy(force=True), confidence.numpy(force=True))


def _activations(network: Network, image: Tensor, settings: Evaluate) -> Activations:
    """The maps that pictures show, which have room for more of the first layer."""
    maps = feature_maps(network, image)
    first = next(iter(maps))
    return Activations(
        image=image.numpy(),
        maps={layer: of[: MOST_CHANNELS if layer == first else settings.channels] for layer, of in maps.items()},
    )


def _with_pictures(environment: Environment, on_cpu: Environment) -> Environment:
    """``environment``, with the layers that pictures show otherwise than computed in the usual way."""
    shown = {f"{layer}, for pictures": way for layer, way in on_cpu.fallbacks.items()}
    return replace(environment, fallbacks={**environment.fallbacks, **shown})


def _untrained(architecture: Architecture, shape: Shape, recipe: Recipe, images: Tensor, seed: int) -> Network:
    """The network with the weights that a run began with.

    It normalises with the statistics of ``images``: an evaluation reads no training images.
    """
    torch.manual_seed(seed)
    network = Network(architecture, shape)
    initialize(network, recipe.initialization)
    set_normalization(network, *channel_statistics(images))
    return network
