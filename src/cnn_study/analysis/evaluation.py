"""What an architecture's trained networks make of the test images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnn_study.analysis.activations import Activations, look_into
from cnn_study.analysis.effective_field import Field, fields_of
from cnn_study.analysis.results import Logits
from cnn_study.base.environment import Environment, Way, set_up
from cnn_study.data.shape import Shape
from cnn_study.data.splits import Split
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network, initialize, place
from cnn_study.params.study import Analysis
from cnn_study.training.layer_check import checked
from cnn_study.training.loop import Batches, Status, channel_statistics, predict, set_normalization
from cnn_study.training.recipe import Training


@dataclass(frozen=True)
class TrainedRun:
    """A run as it ended; ``network``: with its weights, None where it diverged."""

    seed: int
    status: Status
    network: Network | None


@dataclass(frozen=True)
class Evaluation:
    """Logits of all runs, and a look into one network: the first that trained.

    ``test_logits``: arrays (N, classes) by run, None where it diverged. ``status``: that of the network looked
    into; ``collapsed`` where none trained, ``diverged`` and the first weights where all did. ``fields`` by
    layer; ``activations`` by the index of an image in the test split. ``fallbacks``: by layer, the way in which
    the logits, and what is shown in pictures, were computed where it is not the usual one.
    """

    test_logits: list[Logits | None]
    status: Status
    fields: tuple[Field, ...]
    activations: Mapping[int, Activations]
    fallbacks: Mapping[str, Way]


def evaluate(
    name: str,
    architecture: Architecture,
    recipe: Training,
    runs: Sequence[TrainedRun],
    test: Split,
    analysis: Analysis,
    environment: Environment,
) -> Evaluation:
    """Show the test images to all networks of ``runs``, and some of them again to one, on the CPU.

    ``recipe``: for the weights that a run began with.
    """
    images = Batches.of(test, environment.device).images
    environment = checked(environment, architecture, test.shape, name)
    on_cpu = checked(set_up("cpu", "fp32", environment.threads), architecture, test.shape, name)

    logits: list[Logits | None] = []
    first: dict[Status, TrainedRun] = {}
    for run in runs:
        first.setdefault(run.status, run)
        if run.network is None:
            logits.append(None)
            continue
        outputs = predict(place(run.network, environment), images, environment)
        logits.append(outputs.cpu().numpy())
        place(run.network, on_cpu)
    order: tuple[Status, ...] = ("trained", "collapsed")
    status: Status = next((kind for kind in order if kind in first), "diverged")
    before = place(_untrained(architecture, test.shape, recipe, images, first[status].seed), on_cpu)
    after = first[status].network
    on_disk = torch.from_numpy(test.images)
    some = on_disk[: analysis.images]
    shown = list(analysis.shown_images)
    return Evaluation(
        test_logits=logits,
        status=status,
        fields=fields_of(architecture, test.shape, some, before, after),
        activations=dict(zip(shown, look_into(after or before, on_disk[shown], some), strict=True)),
        fallbacks={
            **environment.fallbacks,
            **{f"{layer}, for pictures": way for layer, way in on_cpu.fallbacks.items()},
        },
    )


def _untrained(architecture: Architecture, shape: Shape, recipe: Training, images: Tensor, seed: int) -> Network:
    """The network with the weights that a run began with.

    It normalises with the statistics of ``images``: the analysis reads no training images.
    """
    torch.manual_seed(seed)
    network = Network(architecture, shape)
    initialize(network, recipe.initialization)
    set_normalization(network, *channel_statistics(images))
    return network
