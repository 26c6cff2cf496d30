"""The test images, shown to an architecture's trained networks."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from cnn_study.base.code import fingerprint
from cnn_study.base.environment import set_up
from cnn_study.data.splits import Split
from cnn_study.evaluation.activations import dead_channels, feature_maps, first_filters
from cnn_study.evaluation.effective_field import fields_of
from cnn_study.evaluation.results import (
    Activations,
    Evaluated,
    Evaluation,
    Inside,
    LookedInto,
    Predictions,
)
from cnn_study.evaluation.settings import MOST_CHANNELS, Evaluate
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network, initialize, place
from cnn_study.training.batches import Batches, channel_statistics
from cnn_study.training.evaluation import predict
from cnn_study.training.finished import FinishedRun
from cnn_study.training.layer_check import checked
from cnn_study.training.loop import set_normalization
from cnn_study.training.recipe import Recipe
from cnn_study.training.records import Status


class Evaluator:
    """Shows test images to networks of one architecture.

    ``name``: the architecture's, for messages. ``recipe``: where the networks compute, and the weights that a run
    began with.
    """

    def __init__(
        self, name: str, architecture: Architecture, recipe: Recipe, test: Split, settings: Evaluate
    ) -> None:
        self._architecture, self._recipe, self._test, self._settings = architecture, recipe, test, settings
        environment = set_up(recipe.device, recipe.precision, recipe.threads)
        self.environment = checked(environment, architecture, test.shape, name)
        self._on_cpu = checked(set_up("cpu", "fp32", environment.threads), architecture, test.shape, name)
        self._images = Batches.of(test, environment.device).images

    def predictions(self, network: Network) -> Predictions:
        """What the network makes of all test images."""
        logits = predict(place(network, self.environment), self._images, self.environment)
        predicted = logits.argmax(1)
        confidence = logits.double().softmax(1).gather(1, predicted[:, None])[:, 0]
        return Predictions(predicted.numpy(force=True), confidence.numpy(force=True))

    def inside(self, chosen: LookedInto, trained: Network | None, known_by: str) -> Inside:
        """A look into the network of the run ``chosen``, or into its first weights if it has none, on the CPU."""
        before = place(self._untrained(chosen.seed), self._on_cpu)
        after = None if trained is None else place(trained, self._on_cpu)
        network = before if after is None else after
        on_disk = torch.from_numpy(self._test.images)
        some = on_disk[: self._settings.images]
        filters_of, filters = first_filters(network)
        return Inside(
            looked_into=chosen,
            fields=fields_of(self._architecture, self._test.shape, some, before, after),
            filters_of=filters_of,
            filters=filters,
            dead=dead_channels(network, some),
            activations={
                index: self._activations(network, on_disk[index]) for index in self._settings.shown_images
            },
            environment=self._on_cpu,
            known_by=known_by,
        )

    def _activations(self, network: Network, image: Tensor) -> Activations:
        """The maps that pictures show, which have room for more of the first layer."""
        maps = feature_maps(network, image)
        first, most = next(iter(maps)), self._settings.channels
        return Activations(
            image=image.numpy(),
            maps={layer: of[: MOST_CHANNELS if layer == first else most] for layer, of in maps.items()},
        )

    def _untrained(self, seed: int) -> Network:
        """The network with the weights that a run began with.

        It normalises with the statistics of the test images: an evaluation reads no training images.
        """
        torch.manual_seed(seed)
        network = Network(self._architecture, self._test.shape)
        initialize(network, self._recipe.initialization)
        set_normalization(network, *channel_statistics(self._images))
        return network


def evaluate(
    runs: Sequence[FinishedRun],
    known_by: str,
    earlier: Evaluation | None,
    evaluator: Callable[[], Evaluator],
    weights: Callable[[FinishedRun], Network],
) -> Evaluation:
    """The evaluation of ``runs``, of which what ``earlier`` has of equal runs is taken over.

    ``known_by``: the fingerprint of all that an evaluation depends on beside its run. ``evaluator``, and
    ``weights`` for the network of a run, are called only where they are needed.
    """
    # The environment as well, which decides bits of weights: results of the same run may have come from elsewhere.
    marks = {run.key: fingerprint(run.fingerprint, run.environment, known_by) for run in runs}
    found = earlier.runs if earlier else {}
    made: list[Evaluator] = []

    def own_evaluator() -> Evaluator:
        if not made:
            made.append(evaluator())
        return made[0]

    evaluated: dict[tuple[int, int], Evaluated] = {}
    for run in runs:
        if run.key in found and found[run.key].known_by == marks[run.key]:
            evaluated[run.key] = found[run.key]
        elif run.status == "diverged":
            evaluated[run.key] = Evaluated(None, marks[run.key], run.environment)
        else:
            predictions = own_evaluator().predictions(weights(run))
            evaluated[run.key] = Evaluated(predictions, marks[run.key], own_evaluator().environment)
    by_key: Mapping[tuple[int, int], FinishedRun] = {run.key: run for run in runs}
    chosen = run_to_look_into(runs)
    of_chosen = by_key[chosen.seed, chosen.budget]
    mark = f"{chosen.budget} {marks[of_chosen.key]}"
    if earlier and earlier.inside.known_by == mark:
        return Evaluation(evaluated, earlier.inside)
    trained = None if chosen.status == "diverged" else weights(of_chosen)
    return Evaluation(evaluated, own_evaluator().inside(chosen, trained, mark))


def run_to_look_into(runs: Sequence[FinishedRun]) -> LookedInto:
    """Of the runs to the largest budget the first that trained, else the first that collapsed, else the first."""
    order: tuple[Status, ...] = ("trained", "collapsed", "diverged")
    largest = max(run.budget for run in runs)
    first = min((run for run in runs if run.budget == largest), key=lambda run: order.index(run.status))
    return LookedInto(seed=first.seed, budget=first.budget, status=first.status)
