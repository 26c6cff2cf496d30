"""The spec and the shape of the images -> results/profile/ARCHITECTURE.json.

By the clock: results/timing/profile/ARCHITECTURE.json.
"""

import sys
from dataclasses import asdict
from pathlib import Path

import torch

from cnn_study.base.code import loaded_sources, refuse_edited_sources
from cnn_study.base.environment import set_up
from cnn_study.base.yaml import read_yaml, section
from cnn_study.data.shape import load_shape
from cnn_study.networks.architecture import geometry, spec_of
from cnn_study.profiling.complexity import (
    activation_bytes,
    count_conv_parameters,
    count_parameters,
    forward_flops,
    images_per_second,
    layer_costs,
    without_weights,
)
from cnn_study.profiling.receptive_field import confirmed_by_gradient
from cnn_study.profiling.records import LayerProfile, Profile

SHAPE = Path("results/data/shape.json")


def main(name: str) -> None:
    loaded_sources()  # now, before any of them can have been edited
    architecture = spec_of(section(read_yaml(), "architectures", name), "architectures", name)
    shape = load_shape(SHAPE)
    network = without_weights(architecture, shape)
    parameters = count_parameters(network)
    steps = geometry(architecture, shape)
    torch.set_num_threads(1)  # more would wait for one another longer than a row of pixels takes
    confirmed = confirmed_by_gradient(architecture, shape)
    if confirmed != {step.name: step.receptive_field for step in steps}:
        raise RuntimeError(f"{name}: receptive fields by formula {steps} and by gradient {confirmed} differ")
    profile = Profile(
        parameters=parameters,
        conv_parameters=count_conv_parameters(network),
        forward_flops=forward_flops(network),
        activation_bytes=activation_bytes(network),
        receptive_field=steps[-1].receptive_field,
        layers=tuple(LayerProfile(**asdict(step)) for step in steps),
        weighted_layers=tuple(layer_costs(network)),
    )
    environment = set_up()
    torch.manual_seed(0)
    speed = images_per_second(architecture, shape, parameters, environment)
    refuse_edited_sources()
    profile.write(Path("results/profile") / f"{name}.json")
    speed.write(Path("results/timing/profile") / f"{name}.json")


if __name__ == "__main__":
    main(sys.argv[1])
