"""The test images, shown to an architecture's trained networks; temperatures, fitted on validation images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import torch
from torch import Tensor

from cnn_study.base.code import fingerprint
from cnn_study.base.environment import set_up
from cnn_study.data.splits import Split
from cnn_study.evaluation.activations import dead_channels, feature_maps, first_filters, normalize_by
from cnn_study.evaluation.effective_field import Field, LayerSpread, Spreads, fields_of
from cnn_study.evaluation.predictions import Calibrated, Predictions
from cnn_study.evaluation.results import Activations, Evaluated, Evaluation, Inside, LookedInto
from cnn_study.evaluation.settings import MOST_CHANNELS, Evaluate
from cnn_study.evaluation.temperature import confidence_of, fitted_temperature
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network, initialize, place
from cnn_study.training.batches import Batches, channel_statistics
from cnn_study.training.evaluation import predict
from cnn_study.training.finished import FinishedRun, Key
from cnn_study.training.layer_check import checked
from cnn_study.training.loop import set_normalization
from cnn_study.training.recipe import Recipe
from cnn_study.training.records import Status


class Evaluator:
    """Shows test images to networks of one architecture.

    ``name``: the architecture's, for messages. ``recipe``: where the networks compute, and the weights that a run
    began with. ``validation``: the images that temperatures are fitted on, and which nothing else here is shown.
    """

    def __init__(
        self,
        name: str,
        architecture: Architecture,
        recipe: Recipe,
        test: Split,
        validation: Split,
        settings: Evaluate,
    ) -> None:
        self._architecture, self._recipe, self._test, self._settings = architecture, recipe, test, settings
        environment = set_up(recipe.device, recipe.precision, recipe.threads)
        self.environment = checked(environment, architecture, test.shape, name)
        self._on_cpu = checked(set_up("cpu", "fp32", environment.threads), architecture, test.shape, name)
        self._images = Batches.of(test, environment.device).images
        self._validation = Batches.of(validation, environment.device)

    def predictions(self, network: Network, calibrate: bool) -> Predictions:
        """What the network makes of all test images; with ``calibrate``, after a fitted temperature as well."""
        network = place(network, self.environment)
        logits = predict(network, self._images, self.environment)
        predicted = logits.argmax(1)
        found = Predictions(predicted.numpy(force=True), confidence_of(logits, predicted).numpy(force=True))
        if not calibrate:
            return found
        held_out = predict(network, self._validation.images, self.environment)
        temperature = fitted_temperature(held_out, self._validation.labels)
        confidence = confidence_of(logits, predicted, temperature).numpy(force=True)
        return replace(found, calibrated=Calibrated(temperature, confidence))

    def fields(self, seed: int, trained: Network | None) -> tuple[Field, ...]:
        """What the units of a run from ``seed`` see, before training and, if it has a network, after it."""
        after = None if trained is None else place(trained, self._on_cpu)
        before = self._untrained(seed, like=after)
        return fields_of(self._architecture, self._test.shape, self._some, before, after)

    def spreads(self, run: FinishedRun, fields: Sequence[Field], known_by: str) -> Spreads:
        """How far the influences of these ``fields`` of ``run`` reach."""
        return Spreads(
            seed=run.seed,
            budget=run.budget,
            layers=tuple(map(LayerSpread.of, fields)),
            environment=self._on_cpu,
            known_by=known_by,
        )

    @property
    def _some(self) -> Tensor:
        """Evenly spaced test images, as many as the settings say: those of a folder lie there class by class."""
        count = self._settings.images
        return torch.from_numpy(self._test.images)[torch.arange(count) * len(self._test) // count]

    def inside(
        self, chosen: LookedInto, trained: Network | None, fields: Sequence[Field], known_by: str
    ) -> Inside:
        """A look into the network of the run ``chosen``, or into its first weights if it has none, on the CPU."""
        network = self._untrained(chosen.seed) if trained is None else place(trained, self._on_cpu)
        on_disk = torch.from_numpy(self._test.images)
        filters_of, filters = first_filters(network)
        return Inside(
            looked_into=chosen,
            images=self._settings.images,
            fields=tuple(fields),
            filters_of=filters_of,
            filters=filters,
            dead=dead_channels(network, self._some),
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

    def _untrained(self, seed: int, like: Network | None = None) -> Network:
        """The network with the weights that a run began with, on the CPU.

        It normalises images as ``like``, the trained one, does; without one, with the statistics of the test
        images, since an evaluation reads no training images. Batch normalisation has its statistics from the
        images that are looked at, as it has them from a batch when training begins.
        """
        torch.manual_seed(seed)
        network = Network(self._architecture, self._test.shape)
        initialize(network, self._recipe.initialization)
        if like is None:
            set_normalization(network, *channel_statistics(self._images))
        else:
            network.normalize.load_state_dict(like.normalize.state_dict())
        network = place(network, self._on_cpu)
        normalize_by(network, self._some)
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

    def spreads_mark(self, run: FinishedRun) -> str:
        """What the spreads of a run's fields are known by."""
        return fingerprint(self.mark(run), self.settings.images)

    @property
    def inside_mark(self) -> str:
        """What the inside is known by."""
        return fingerprint(self.mark(self.looked_into), self.looked_into.budget, self.settings)

    @property
    def largest(self) -> int:
        """The largest budget of all runs."""
        return max(run.budget for run in self.runs)

    @property
    def looked_into(self) -> FinishedRun:
        """The run that is looked into: see ``LookedInto``."""
        chosen = run_to_look_into(self.runs)
        return next(run for run in self.runs if run.key == (chosen.seed, chosen.budget))

    def calibrates(self, run: FinishedRun) -> bool:
        """Whether a temperature is fitted for a run: if it has trained to the largest budget."""
        return run.budget == self.largest and run.status == "trained"

    def predictions(self, run: FinishedRun) -> Evaluated | None:
        """Those that are known of a run, with a temperature or without one, as it should be."""
        found = self.earlier.runs.get(run.key) if self.earlier else None
        if found is None or found.known_by != self.mark(run):
            return None
        calibrated = found.predictions is not None and found.predictions.calibrated is not None
        if calibrated == self.calibrates(run):
            return found
        if not calibrated or found.predictions is None:
            return None
        return replace(found, predictions=replace(found.predictions, calibrated=None))

    def spreads(self, run: FinishedRun) -> Spreads | None:
        """Those that are known of a run to the largest budget."""
        found = self.earlier.spreads.get(run.key) if self.earlier else None
        return found if found and found.known_by == self.spreads_mark(run) else None

    @property
    def inside(self) -> Inside | None:
        """What is known of the inside."""
        return self.earlier.inside if self.earlier and self.earlier.inside.known_by == self.inside_mark else None

    @property
    def needed(self) -> list[FinishedRun]:
        """The runs whose weights it takes."""
        return [run for run in self.runs if run.status != "diverged" and self._needs(run)]

    def _needs(self, run: FinishedRun) -> bool:
        if self.predictions(run) is None or (run.budget == self.largest and self.spreads(run) is None):
            return True
        return self.inside is None and run == self.looked_into


def evaluate(
    plan: EvaluationPlan, evaluator: Callable[[], Evaluator], weights: Callable[[FinishedRun], Network]
) -> Evaluation:
    """The evaluation.

    ``evaluator``, and ``weights`` for the network of a run, are called only where they are needed, and once.
    """
    own = cache(evaluator)
    evaluated, spreads, inside = dict[Key, Evaluated](), dict[Key, Spreads](), plan.inside

    def predictions_of(run: FinishedRun, trained: Callable[[], Network | None]) -> Evaluated:
        if (network := trained()) is None:
            return Evaluated(None, plan.mark(run), run.environment)
        predictions = own().predictions(network, plan.calibrates(run))
        return Evaluated(predictions, plan.mark(run), own().environment)

    def fields_of_run(run: FinishedRun, trained: Callable[[], Network | None]) -> tuple[Field, ...]:
        return own().fields(run.seed, trained())

    for run in plan.runs:
        trained = cache(partial(_network, run, weights))
        evaluated[run.key] = plan.predictions(run) or predictions_of(run, trained)
        if run.budget < plan.largest:
            continue
        fields = cache(partial(fields_of_run, run, trained))
        known = plan.spreads(run)
        spreads[run.key] = known or own().spreads(run, fields(), plan.spreads_mark(run))
        if inside is None and run == plan.looked_into:
            inside = own().inside(run_to_look_into(plan.runs), trained(), fields(), plan.inside_mark)
    assert inside is not None  # one of the runs to the largest budget is looked into
    return Evaluation(evaluated, spreads, inside)


def _network(run: FinishedRun, weights: Callable[[FinishedRun], Network]) -> Network | None:
    return None if run.status == "diverged" else weights(run)


def run_to_look_into(runs: Sequence[FinishedRun]) -> LookedInto:
    """Of the runs to the largest budget the first that trained, else the first that collapsed, else the first."""
    order: tuple[Status, ...] = ("trained", "collapsed", "diverged")
    largest = max(run.budget for run in runs)
    first = min((run for run in runs if run.budget == largest), key=lambda run: order.index(run.status))
    return LookedInto(seed=first.seed, budget=first.budget, status=first.status)
