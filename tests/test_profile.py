"""A profile takes little, whatever the network, and what cannot be trained here is told before."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML
from torch import nn

from cnn_study.base.environment import set_up
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml
from cnn_study.data.shape import Shape, save_shape
from cnn_study.networks.architecture import Architecture, Geometry, geometry, spec_of
from cnn_study.networks.layers import Conv
from cnn_study.networks.network import Network, features, place
from cnn_study.params import memory
from cnn_study.params.memory import machine_bytes, memory_warnings, training_need
from cnn_study.params.study import validate
from cnn_study.profiling import complexity, receptive_field
from cnn_study.profiling.complexity import (
    activation_bytes,
    count_parameters,
    forward_flops,
    layer_costs,
    without_weights,
)
from cnn_study.profiling.receptive_field import confirmed_by_gradient
from cnn_study.training.recipe import Recipe
from tests.conftest import REPOSITORY, SHAPE

CONTENT = read_yaml(REPOSITORY / "params.yaml")
PARAMS = validate(CONTENT)
WIDE = {"conv": 4096, "kernel": 31}
CONV, BLOCK = {"conv": 1, "kernel": 31}, {"residual": 4}
HARDEST: dict[str, list[dict[str, Any]]] = {  # 62 is the largest jump that leaves something of 32 pixels
    "the largest field": [CONV | {"stride": 31}, CONV | {"stride": 2}, *[CONV] * 198],
    "the most work": [*[CONV] * 100, CONV | {"stride": 31}, CONV | {"stride": 2}, *[CONV] * 98],
    "residual": [*[BLOCK] * 100, BLOCK | {"stride": 31}, BLOCK | {"stride": 2}, *[CONV] * 98],
    "the most weights": [WIDE] * 200,
    "a pool first": [{"pool": 32}, *[CONV] * 6],
}
PROFILE = """
import pathlib, re
import stages.profile
def most():  # of this program: ru_maxrss begins with what the one that started it had
    return re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
before = most()
stages.profile.main("hard")
print(before, most())
"""


def network_of(*layers: dict[str, Any]) -> Architecture:
    return spec_of({"layers": list(layers), "head": {}})


@pytest.mark.parametrize("layers", HARDEST.values(), ids=HARDEST)
def test_the_hardest_valid_networks_are_confirmed_in_a_row_of_pixels(
    layers: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = network_of(*layers)
    widest = 0

    def note(gradient: torch.Tensor) -> int:
        nonlocal widest
        widest = max(widest, gradient.numel())
        return span(gradient)

    span = receptive_field._span
    monkeypatch.setattr(receptive_field, "_span", note)
    steps = geometry(architecture, SHAPE)
    assert confirmed_by_gradient(architecture, SHAPE) == {step.name: step.receptive_field for step in steps}
    assert steps[-1].receptive_field < widest <= steps[-1].receptive_field + 4 * steps[-1].jump


@pytest.mark.parametrize("module", ["kernel", "stride", "dilation", "second stride"])
def test_a_network_that_is_not_what_the_formula_takes_it_for_is_noticed(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = network_of({"conv": 2, "kernel": 3, "stride": 2}, {"conv": 2, "kernel": 5}, {"pool": 2})
    expected = {step.name: step.receptive_field for step in geometry(architecture, SHAPE)}
    assert confirmed_by_gradient(architecture, SHAPE) == expected
    built = features(architecture, SHAPE.channels)
    conv1, conv2 = built.get_submodule("conv1"), built.get_submodule("conv2")
    assert isinstance(conv1, nn.Conv2d)
    assert isinstance(conv2, nn.Conv2d)
    if module == "kernel":
        conv2.kernel_size, conv2.padding = (7, 7), (3, 3)
    elif module == "stride":
        conv1.stride = (1, 1)
    elif module == "dilation":
        conv2.dilation = (2, 2)
    else:
        conv1.stride = (2, 1)
    monkeypatch.setattr(receptive_field, "features", lambda *_: built)
    try:
        assert confirmed_by_gradient(architecture, SHAPE) != expected
    except RuntimeError as error:
        assert module in ("dilation", "second stride")
        assert re.search("window", str(error))


def wrong_geometry(change: str) -> Any:
    def wrong(architecture: Architecture, shape: Shape) -> tuple[Geometry, ...]:
        field, jump, steps = 1, 1, []
        for step, layer in zip(geometry(architecture, shape), architecture.layers, strict=True):
            assert isinstance(layer, Conv)
            if change == "stride first":
                jump *= layer.stride
            field += (layer.kernel - (change != "kernel")) * jump
            if change != "stride first":
                jump *= layer.stride
            steps.append(Geometry(step.name, step.channels, step.size, field, jump))
        return tuple(steps)

    return wrong


@pytest.mark.parametrize("change", ["stride first", "kernel"])
def test_a_wrong_formula_is_noticed_though_it_chooses_the_image(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = network_of({"conv": 2, "kernel": 3}, {"conv": 2, "kernel": 5, "stride": 2}, CONV)
    for formula, right in ((wrong_geometry("nothing"), True), (wrong_geometry(change), False)):
        monkeypatch.setattr(receptive_field, "geometry", formula)
        claimed = {step.name: step.receptive_field for step in formula(architecture, SHAPE)}
        assert (confirmed_by_gradient(architecture, SHAPE) == claimed) == right


@pytest.mark.parametrize("name", PARAMS.architectures)
def test_shapes_alone_cost_what_the_network_does(name: str) -> None:
    architecture = PARAMS.architectures[name]
    real, counted = (
        place(Network(architecture, SHAPE), set_up("cpu", "fp32")),
        without_weights(architecture, SHAPE),
    )
    assert count_parameters(counted) == count_parameters(real)
    assert forward_flops(counted) == forward_flops(real)
    assert layer_costs(counted) == layer_costs(real)
    assert activation_bytes(counted) == activation_bytes(real)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize(
    ("layers", "timed"),
    [
        (HARDEST["the most weights"], False),
        (HARDEST["the most work"], True),
        ([{"pool": 32}, *[{"conv": 4096, "kernel": 3}] * 2], False),
    ],
    ids=["the most weights", "the most work", "wide"],
)
def test_the_stage_takes_less_than_a_gibibyte(layers: list[dict[str, Any]], timed: bool, tmp_path: Path) -> None:
    YAML().dump(
        {"architectures": {"hard": {"layers": [dict(layer) for layer in layers], "head": {}}}},
        tmp_path / "params.yaml",
    )
    save_shape(tmp_path / "results/data/shape.json", SHAPE)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n{PROFILE}"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    before, peak = map(int, printed.split())
    assert peak < 2**20, f"{before} KiB with torch alone, {peak} in all"
    profile = json.loads((tmp_path / "results/profile/hard.json").read_text())
    assert profile["parameters"] == count_parameters(without_weights(network_of(*layers), SHAPE))
    speed = json.loads((tmp_path / "results/timing/profile/hard.json").read_text())
    assert (speed["inference_images_per_second"] is not None) == timed
    assert (speed["inference_batch"] is not None) == timed


def test_a_slow_or_wide_network_is_timed_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    small, environment = network_of({"conv": 2, "kernel": 1}), set_up()
    parameters = count_parameters(without_weights(small, SHAPE))
    weights, image = complexity.forward_bytes(small, SHAPE, parameters)
    monkeypatch.setattr(complexity, "MOST_BYTES", weights + 20 * image)
    monkeypatch.setattr(complexity, "LONGEST_PASS", 60.0)
    speed = complexity.images_per_second(small, SHAPE, parameters, environment)
    assert speed.inference_batch == 16
    monkeypatch.setattr(complexity, "LONGEST_PASS", 0.0)
    speed = complexity.images_per_second(small, SHAPE, parameters, environment)
    assert speed.inference_batch == 1
    monkeypatch.setattr(complexity, "MOST_BYTES", weights)
    speed = complexity.images_per_second(small, SHAPE, parameters, environment)
    assert speed.inference_images_per_second is None


def test_a_network_that_needs_more_memory_than_there_is_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert list(memory_warnings(PARAMS)) == []
    wide: dict[str, Any] = {"layers": [{"conv": 4096, "kernel": 3}] * 4, "head": {}}
    content = CONTENT | {"architectures": CONTENT["architectures"] | {"wide": wide}}
    monkeypatch.setattr(memory, "machine_bytes", lambda: 4 * 2**30)
    (warning,) = memory_warnings(validate(content))
    assert re.fullmatch(
        r"params\.yaml: architectures\.wide: training takes about [\d.]+ GiB \(weights and optimizer [\d.]+, "
        r"activations of 128 images [\d.]+, the program 0\.7\), this machine has 4\.0 GiB",
        warning,
    )
    wide["training"] = {"recipe": {"batch_size": 2}}
    (fewer,) = memory_warnings(validate(content))
    assert "activations of 2 images" in fewer


def test_what_training_needs_grows_with_batch_precision_and_optimizer() -> None:
    architecture = PARAMS.architectures["depth_6_norm"]

    def need(batch: int = 128, **change: Any) -> memory.Need:
        return training_need(architecture, SHAPE, parse(Recipe, CONTENT["training"]["recipe"] | change), batch)

    fp32 = need(precision="fp32")
    assert need(256, precision="fp32").activations == pytest.approx(2 * fp32.activations)
    assert fp32.activations / 2 <= need(precision="bf16").activations < fp32.activations
    assert fp32.activations > 128 * activation_bytes(without_weights(architecture, SHAPE))
    parameters = count_parameters(without_weights(architecture, SHAPE))
    sgd, adam = (need(precision="fp32", optimizer=name).weights for name in ("sgd", "adam"))
    # And what batch normalisation keeps, which does not grow with the batch.
    assert (sgd, adam) == pytest.approx((12 * parameters, 16 * parameters), rel=0.01)


def test_a_limit_of_the_control_group_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "CGROUP_LIMITS", (tmp_path / "none", limit))
    whole = machine_bytes()
    limit.write_text("max\n")
    assert machine_bytes() == whole
    limit.write_text(f"{2**30}\n")
    assert machine_bytes() == 2**30
