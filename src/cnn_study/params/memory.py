"""What training takes of a machine's memory, before any is taken: from the spec, its recipe and the machine."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from cnn_study.base.environment import computes_bf16
from cnn_study.base.yaml import PARAMS
from cnn_study.data.shape import Shape
from cnn_study.messages.mistakes import dotted
from cnn_study.networks.architecture import Architecture, geometry
from cnn_study.params.study import Params
from cnn_study.profiling.complexity import count_parameters, kept_bytes, without_weights
from cnn_study.training.recipe import Recipe

PROGRAM = 700 * 2**20  # Python, torch and the images that a stage has read
MARGIN = 1.25  # of activations: measured steps took up to 1.22 times what was counted without it
# Numbers that an optimizer keeps for each weight; muon, for filters, one.
STATES = {"sgd": 1, "muon": 2, "adam": 2, "adamw": 2}
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True)
class Need:
    """Bytes that training takes: for weights, gradients and optimizer, and for activations.

    ``check``: for the comparison of its largest layer with float64, which comes before.
    """

    check: int
    weights: int
    activations: int

    @property
    def total(self) -> int:
        """All of it, the program included."""
        return PROGRAM + max(self.check, self.weights + self.activations)


def training_need(architecture: Architecture, shape: Shape, recipe: Recipe, batch: int) -> Need:
    """What a step on ``batch`` images takes on the CPU at its peak, about.

    Weights, gradients and the optimizer's state in fp32; in bf16 a second copy of the weights too. What the
    forward pass keeps, in the recipe's precision, and in the backward pass three more tensors of the widest
    layer. For muon, the largest filter's momentum ahead, its direction and the products between.
    """
    network = without_weights(architecture, shape)
    bf16 = recipe.precision == "bf16" or (recipe.precision == "auto" and computes_bf16("cpu"))
    with torch.amp.autocast_mode.autocast("cpu", torch.bfloat16, enabled=bf16):
        two, four = kept_bytes(network, 2), kept_bytes(network, 4)
    image = (four - two) // 2
    copies = two - 2 * image  # of weights in bf16
    largest = max(parameter.numel() for parameter in network.parameters())
    filters = max((parameter.numel() for parameter in network.parameters() if parameter.ndim == 4), default=0)
    work = 3 * filters * 4 if recipe.optimizer == "muon" else 0
    widest = max(step.channels * step.size**2 for step in geometry(architecture, shape))
    states = STATES[recipe.optimizer] if recipe.optimizer != "sgd" or recipe.momentum > 0 else 0
    weights = 4 * (2 + states) * count_parameters(network) + copies + work
    check = 4 * count_parameters(network) + 32 * largest
    return Need(check, weights, round(MARGIN * batch * (image + 3 * widest * (2 if bf16 else 4))))


def machine_bytes() -> int:
    """The memory that this process may use: the machine's, or less where its control group has a limit."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in CGROUP_LIMITS:
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            limits.append(int(text))
    return min(limits)


def memory_warnings(params: Params) -> Iterator[str]:
    """A line for each architecture whose training needs more memory than the machine has.

    Not for one that trains on a GPU, whose memory is another. Raises StudyError if the data set is a folder and
    something is wrong with it.
    """
    available = machine_bytes()
    shape = params.data.shape
    images = params.data.source.train if params.data.train_images == "all" else params.data.train_images
    for name, architecture in params.architectures.items():
        recipe = params.trainings[name].recipe
        if recipe.device == "cuda" or (recipe.device == "auto" and torch.cuda.is_available()):
            continue
        batch = recipe.batch_size if images is None else min(recipe.batch_size, images)
        need = training_need(architecture, shape, recipe, batch)
        if need.total > available:
            activations = f"activations of {batch} images {_gib(need.activations)}"
            parts = f"weights and optimizer {_gib(need.weights)}, {activations}"
            if need.check > need.weights + need.activations:
                parts = f"the check of its largest layer before that {_gib(need.check)}"
            yield (
                f"{PARAMS}: {dotted(['architectures', name])}: training takes about {_gib(need.total)} GiB "
                f"({parts}, the program {_gib(PROGRAM)}), this machine has {_gib(available)} GiB"
            )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f}"
