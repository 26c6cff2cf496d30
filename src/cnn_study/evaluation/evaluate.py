"""The test images, shown to an architecture's trained networks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class EvaluationPlan:
    """An evaluation of ``runs``, and what is known of it from ``earlier``.

    ``known_by``: the fingerprint of all that predictions depend on beside their run. ``settings``: what decides,
    beside that, how a network is looked into.
    """

    runs: Sequence[FinishedRun]
    earlier: Evaluation | None
    known_by: str
    settings: Evaluate

    def mark(self, run: FinishedRun) -> str:
        """What a run's predictions are known by."""
        # The environment as well, which decides bits of weights: results of the same run may be from elsewhere.
        return fingerprint(run.fingerprint, run.environment, self.known_by)

    @property
    def inside_mark(self) -> str:
        """What is seen inside the network that is looked into is known by."""
        return fingerprint(self.mark(self.looked_into), self.looked_into.budget, self.settings)

    @property
    def looked_into(self) -> FinishedRun:
        """The run whose network is: see ``LookedInto``."""
        chosen = run_to_look_into(self.runs)
        return next(run for run in self.runs if run.key == (chosen.seed, chosen.budget))

    def predictions(self, run: FinishedRun) -> Evaluated | None:
        """Those that are known of a run."""
        found = self.earlier.runs.get(run.key) if self.earlier else None
        return found if found and found.known_by == self.mark(run) else None

    @property
    def inside(self) -> Inside | None:
        """What is known of the inside."""
        return self.earlier.inside if self.earlier and self.earlier.inside.known_by == self.inside_mark else None

    @property
    def needed(self) -> list[FinishedRun]:
        """The runs whose weights it takes."""
        unknown = [run for run in self.runs if self.predictions(run) is None]
        if self.inside is None and self.looked_into not in unknown:
            unknown.append(self.looked_into)
        return [run for run in unknown if run.status != "diverged"]


def evaluate(
    plan: EvaluationPlan, evaluator: Callable[[], Evaluator], weights: Callable[[FinishedRun], Network]
) -> Evaluation:
    """The evaluation.

    ``evaluator``, and ``weights`` for the network of a run, are called only where they are needed.
    """
    made: list[Evaluator] = []

    def own_evaluator() -> Evaluator:
        if not made:
            made.append(evaluator())
        return made[0]

    def predictions(run: FinishedRun) -> Evaluated:
        if run.status == "diverged":
            return Evaluated(None, plan.mark(run), run.environment)
        return Evaluated(own_evaluator().predictions(weights(run)), plan.mark(run), own_evaluator().environment)

    def inside() -> Inside:
        run = plan.looked_into
        trained = None if run.status == "diverged" else weights(run)
        return own_evaluator().inside(run_to_look_into(plan.runs), trained, plan.inside_mark)

    evaluated = {run.key: plan.predictions(run) or predictions(run) for run in plan.runs}
    return Evaluation(evaluated, plan.inside or inside())


def run_to_look_into(runs: Sequence[FinishedRun]) -> LookedInto:
    """Of the runs to the largest budget the first that trained, else the first that collapsed, else the first."""
    order: tuple[Status, ...] = ("trained", "collapsed", "diverged")
    largest = max(run.budget for run in runs)
    first = min((run for run in runs if run.budget == largest), key=lambda run: order.index(run.status))
    return LookedInto(seed=first.seed, budget=first.budget, status=first.status)
