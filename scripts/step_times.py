"""How long a training step takes on this machine, for networks of params.yaml: JSON on standard output.

python -m scripts.step_times NAME ...

A few steps of each on random images, with its recipe. ``image``: seconds of a step for each image of its batch, by
network. ``measuring``: the seconds that all this took.
"""

import json
import sys
import time
from collections.abc import Sequence

import numpy as np
import torch

import stages  # noqa: F401  (puts src/ on the path, and gives errors of the user's one line)
from cnn_study.base.environment import set_up
from cnn_study.base.yaml import read_yaml
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network, initialize, place
from cnn_study.params.study import validate
from cnn_study.training.loop import train_step
from cnn_study.training.optimizers import make_optimizer
from cnn_study.training.recipe import Recipe

SECONDS, FEWEST = 0.4, 2  # of steps of each network after the first, which takes longer


def seconds_per_image(architecture: Architecture, recipe: Recipe, shape: Shape) -> float:
    """Of a training step, divided by the images of its batch."""
    environment = set_up(recipe.device, recipe.precision, recipe.threads)
    network = Network(architecture, shape)
    initialize(network, recipe.initialization)
    place(network, environment)
    optimizer = make_optimizer(network, recipe, environment)
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.integers(0, 256, shape.images(recipe.batch_size), np.uint8))
    labels = torch.from_numpy(random.integers(0, shape.classes, len(images)))
    images, labels = images.to(environment.device), labels.to(environment.device)

    def step() -> None:
        loss, _ = train_step(network, optimizer, images, labels, recipe.label_smoothing, environment)
        loss.item()  # waits for the device

    step()
    started, steps = time.perf_counter(), 0
    while steps < FEWEST or time.perf_counter() - started < SECONDS:
        step()
        steps += 1
    return (time.perf_counter() - started) / steps / len(images)


def main(names: Sequence[str]) -> None:
    started = time.perf_counter()
    params = validate(read_yaml())
    shape = params.data.shape
    image = {
        name: seconds_per_image(params.architectures[name], params.trainings[name].recipe, shape) for name in names
    }
    json.dump({"image": image, "measuring": time.perf_counter() - started}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
