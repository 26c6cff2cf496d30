"""No network is trained with layers that this machine computes wrongly."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cnn_study.analysis.summaries import environments
from cnn_study.base.environment import Environment, onednn_instructions, set_up
from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import read_yaml
from cnn_study.evaluation.effective_field import cut
from cnn_study.networks import modules as networks
from cnn_study.networks.architecture import spec_of
from cnn_study.networks.layers import Window
from cnn_study.networks.modules import Convolution
from cnn_study.networks.network import Network, place
from cnn_study.params.study import validate
from cnn_study.training import layer_check
from cnn_study.training.layer_check import CALLS, FEWEST, Case, cases_of, checked, fault_of, right_way
from stages import analyze, evaluate, replay, train, tune
from tests.conftest import LOWERED, REPOSITORY, SHAPE, Project

pytestmark = pytest.mark.processor
PARAMS = validate(read_yaml(REPOSITORY / "params.yaml"))
PLAIN = PARAMS.architectures["kernel_3x3"]
X86 = torch.cpu.get_capabilities()["architecture"] == "x86_64"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """That of this machine's processor, in a folder where nothing is remembered."""
    monkeypatch.chdir(tmp_path)
    return set_up("cpu")


def one_percent_more(weight: Tensor) -> Tensor:
    """The same numbers, whose gradient becomes 1 % too large."""
    return weight + 0.01 * (weight - weight.detach())


def plant(
    monkeypatch: pytest.MonkeyPatch,
    wrong: Callable[[Tensor], Tensor],
    shape: tuple[int, ...],
    memory_format: torch.memory_format | None = None,
) -> None:
    """Have convolutions whose weight has this ``shape``, and perhaps format, computed with ``wrong`` of it."""
    right = nn.functional.conv2d

    def planted(inputs: Tensor, weight: Tensor, *rest: object) -> Tensor:
        if weight.shape == shape and (not memory_format or weight.is_contiguous(memory_format=memory_format)):
            weight = wrong(weight)
        return right(inputs, weight, *rest)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(networks, "conv2d", planted)


def padded(kernel: int, stride: int) -> Window:
    return Window(kernel, stride, kernel // 2)


CONV2 = (64, 32, 3, 3)


def test_every_layer_of_the_study_is_computed_right_here(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_check, "SECONDS", 0.0)
    found = {
        name: checked(environment, spec, SHAPE, name).fallbacks for name, spec in PARAMS.architectures.items()
    }
    layers = sum(len(cases_of(spec, SHAPE)) for spec in PARAMS.architectures.values())
    assert sum(map(len, found.values())) <= layers / 20, found  # most of them in the usual way


def test_a_weight_gradient_that_is_off_by_a_percent_in_one_layer_is_found_and_computed_in_another_format(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, one_percent_more, CONV2, torch.channels_last)
    found = checked(environment, PLAIN, SHAPE, "plain")
    assert found == replace(environment, fallbacks={"conv2": "contiguous"})
    assert found != environment  # and so are the fingerprints of what they compute
    told = "plain: conv2 is computed contiguous: the usual way is wrong on this machine\n"
    assert capsys.readouterr().err == told


def test_what_no_convolution_of_the_library_computes_right_is_computed_as_a_product_of_matrices(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, one_percent_more, CONV2)
    found = checked(environment, PLAIN, SHAPE, "plain")
    assert found.fallbacks == {"conv2": "unfolded"}
    network = place(Network(PLAIN, SHAPE), found)
    assert [layer.way for layer in network.modules() if isinstance(layer, Convolution)] == [
        "channels_last",
        "unfolded",
    ]


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_a_layer_that_is_wrong_in_one_call_of_ten_is_found_by_the_stages_that_train_it(
    seed: int | None, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, generator = iter(range(1, 10**6)), random.Random(seed)

    def at_times(weight: Tensor) -> Tensor:
        wrong = next(calls) % 10 == 0 if seed is None else generator.random() < 0.1
        return one_percent_more(weight) if wrong else weight

    plant(monkeypatch, at_times, CONV2, torch.channels_last)
    # An idle machine has time for all calls in the first stage; a busy one makes up for the rest in later ones.
    stages = CALLS // FEWEST
    found = next(
        fallbacks for _ in range(stages) if (fallbacks := checked(environment, PLAIN, SHAPE, "plain").fallbacks)
    )
    assert found == {"conv2": "contiguous"}


def test_what_a_stage_has_no_time_for_is_made_up_for_by_later_ones(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_check, "SECONDS", 0.0)
    for stage in range(1, 4):
        checked(environment, PLAIN, SHAPE, "plain")
        remembered = [json.loads(path.read_text()) for path in layer_check.REMEMBERED.glob("*")]
        assert {one["calls"] for one in remembered} == {stage * FEWEST}


def no_way(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]) -> None:
    """Have layers whose weight has this shape computed wrongly in every way."""
    plant(monkeypatch, one_percent_more, shape)
    right = nn.functional.linear
    monkeypatch.setattr(
        networks, "linear", lambda inputs, weight, bias: right(inputs, one_percent_more(weight), bias)
    )


def with_another_seed(project: Project) -> None:
    """Whose run is not finished, so that there is something to train and to evaluate."""
    project.edit_params(lambda params: params["training"].update(seeds=[7]))
    shutil.rmtree(project.folder / layer_check.REMEMBERED)  # where its own run has found all layers right


def test_where_no_way_is_right_one_line_says_so_and_nothing_is_trained(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_way(monkeypatch, (6, 4, 3, 3))
    with_another_seed(project)
    monkeypatch.chdir(project.folder)
    before = {path: path.read_bytes() for path in Path().glob("r*/train/**/*") if path.is_file()}
    with pytest.raises(StudyError) as refused:
        train.main("small")
    where = set_up("cpu")
    (line,) = str(refused.value).splitlines()
    assert line.startswith("small: conv2: its weight gradient is off by 1.0")
    assert f" in {where.precision} on {where.processor}, allowed: at most " in line
    assert {path: path.read_bytes() for path in Path().glob("r*/train/**/*") if path.is_file()} == before


def test_every_stage_that_trains_or_evaluates_uses_the_way_that_is_right_and_records_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, one_percent_more, (6, 4, 3, 3), torch.channels_last)
    with_another_seed(project)
    monkeypatch.chdir(project.folder)
    for stage, result in ((tune, "tune/small"), (train, "train/small/runs"), (replay, "replay/small")):
        stage.main("small")
        recorded = json.loads(Path(f"results/{result}.json").read_text())
        for one in recorded["runs"] if stage is train else [recorded]:
            assert one["environment"]["fallbacks"] == {"conv2": "contiguous"}, stage
    evaluate.main("small")
    analyze.main()
    groups = json.loads(Path("metrics/environment.json").read_text())["environments"]
    for name in ("evaluate@small", "evaluate@small, pictures"):
        (fallbacks,) = [group["fallbacks"] for group in groups if name in group["stages"]]
        assert fallbacks == {"conv2": "contiguous"}, name


def test_a_network_cut_after_a_layer_keeps_the_ways_of_the_whole(environment: Environment) -> None:
    whole = place(Network(PLAIN, SHAPE), replace(environment, fallbacks={"conv1": "unfolded"}))
    shorter = PLAIN.model_copy(update={"layers": PLAIN.layers[:1]})
    (layer,) = (module for module in cut(whole, shorter).modules() if isinstance(module, Convolution))
    assert layer.way == "unfolded"


@pytest.mark.parametrize("shape", [(1, 9, 9), (8, 1, 1), (3, 9, 9)])
def test_a_layer_is_looked_at_in_the_layout_of_training(
    shape: tuple[int, int, int], environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    right = nn.functional.conv2d

    def noting(inputs: Tensor, *rest: object) -> Tensor:
        seen.append(inputs.stride())
        return right(inputs, *rest)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(networks, "conv2d", noting)
    case = Case(Convolution.of(shape[0], 8, padded(3, 1), bias=True), shape)
    fault_of(case, "channels_last", environment, 0.0)
    in_training = torch.empty((case.batch, *shape), memory_format=torch.channels_last)
    assert set(seen) == {in_training.stride()}


def test_numbers_that_are_none_are_wrong(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, lambda weight: weight * torch.nan, CONV2, torch.channels_last)
    assert checked(environment, PLAIN, SHAPE, "plain").fallbacks == {"conv2": "contiguous"}


def test_what_an_equal_environment_has_found_is_remembered(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, one_percent_more, CONV2)
    monkeypatch.setattr(layer_check, "SECONDS", 600.0)
    found = checked(environment, PLAIN, SHAPE, "plain")

    def computed_anew(*_: object) -> None:
        raise StudyError("computed anew")

    monkeypatch.setattr(layer_check, "right_way", computed_anew)
    assert checked(environment, PLAIN, SHAPE, "plain") == found
    for other in (replace(environment, precision="?"), replace(environment, threads=99)):
        with pytest.raises(StudyError, match="computed anew"):
            checked(other, PLAIN, SHAPE, "plain")


def test_a_network_is_comparable_with_others_whatever_its_layers_fell_back_to(environment: Environment) -> None:
    ran = {"usual": environment, "other": replace(environment, fallbacks={"conv1": "unfolded"})}
    found = environments(results_in(ran), {})
    assert found["comparable"]
    assert [group["fallbacks"] for group in found["environments"]] == [{}, {"conv1": "unfolded"}]
    ran["apart"] = replace(environment, threads=99)
    assert not environments(results_in(ran), {})["comparable"]


def results_in(ran: Mapping[str, Environment]) -> Any:
    """Results of which nothing is known but where they were computed."""
    return {
        name: SimpleNamespace(
            environments={f"train@{name}": where},
            evaluation=SimpleNamespace(inside=SimpleNamespace(environment=where)),
            speed=SimpleNamespace(environment=where),
            spreads=(),
        )
        for name, where in ran.items()
    }


@pytest.mark.parametrize("way", ["channels_last", "contiguous", "unfolded"])
@pytest.mark.parametrize(
    ("window", "groups"),
    [
        (Window(1, 1, 0), 1), (Window(1, 2, 0), 1), (Window(3, 1, 1), 1), (Window(3, 3, 1), 1),
        (Window(5, 2, 2), 1), (Window(7, 1, 3), 1), (Window(3, 1, 2, 2), 1), (Window(5, 2, 6, 3), 1),
        (Window(3, 2, 1), 2), (Window(1, 2, 0), 6),
    ],
)  # fmt: skip
def test_every_way_of_a_convolution_is_the_same_convolution(way: str, window: Window, groups: int) -> None:
    torch.manual_seed(0)
    layer = Convolution.of(6, 12, window, bias=True, groups=groups).double()
    layer.way = way  # type: ignore[assignment]
    images = torch.randn(3, 6, 11, 11, dtype=torch.float64, requires_grad=True)
    _, stride, padding, dilation = window
    expected = nn.functional.conv2d(images, layer.weight, layer.bias, stride, padding, dilation, groups)
    gradient = torch.randn_like(expected)
    outputs = layer(images)
    torch.testing.assert_close(outputs, expected)
    parts = (images, *layer.parameters())
    for found, exact in zip(
        torch.autograd.grad(outputs, parts, gradient), torch.autograd.grad(expected, parts, gradient), strict=True
    ):
        torch.testing.assert_close(found, exact)


# Shapes that anyone may write, and sizes at which libraries change their code.
WIDTHS = [1, 3, 4, 8, 14, 16, 19, 32, 64]
SWEEP = list(product(WIDTHS, [4, 6, 8, 16, 25, 32, 64, 128], [1, 3, 5, 7], [1, 2], [8]))
SWEEP += list(product([32, 64], [64], [3, 5, 7], [1], [16, 32]))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_layers_of_many_shapes_are_right_in_every_call(precision: str, environment: Environment) -> None:
    if precision != environment.precision == "fp32":
        pytest.skip("no bf16 here, or one that is a hundred times slower than fp32")
    environment = replace(environment, precision=precision)
    fallbacks = []
    chosen = SWEEP if os.environ.get("SWEEP") == "all" else random.Random(0).sample(SWEEP, 60)
    for width_in, width_out, kernel, stride, size in chosen:
        layer = Convolution.of(width_in, width_out, padded(kernel, stride), bias=True)
        layer.to(memory_format=torch.channels_last)
        case = Case(layer, (width_in, size, size))
        layer.way = right_way(case, environment, seconds=0.0).way
        if layer.way != Convolution.way:
            fallbacks.append(str(case))
        error = off_by(layer, environment, torch.randn(20, width_in, size, size))
        assert error < (1e-4 if environment.precision == "fp32" else 1e-2), (case, layer.way)
    assert len(fallbacks) <= len(chosen) / 50, fallbacks


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("width_in", "width_out", "groups"), [(3, 6, 3), (8, 8, 2), (32, 64, 32)])
def test_dilated_convolutions_in_groups_are_right(
    precision: str, width_in: int, width_out: int, groups: int, environment: Environment
) -> None:
    # In bf16, torch 2.14.1 gives as their weight gradient, on 32×32 pixels, whatever lies in memory.
    if precision != environment.precision == "fp32":
        pytest.skip("no bf16 here, or one that is a hundred times slower than fp32")
    environment = replace(environment, precision=precision)
    layer = Convolution.of(width_in, width_out, Window(3, 1, 2, 2), bias=True, groups=groups)
    layer.to(memory_format=torch.channels_last)
    layer.way = right_way(Case(layer, (width_in, 32, 32)), environment, seconds=0.0).way
    error = off_by(layer, environment, torch.randn(20, width_in, 32, 32), calls=4)
    assert error < (1e-4 if precision == "fp32" else 1e-2)


def off_by(layer: Convolution, environment: Environment, images: Tensor, calls: int = 20) -> float:
    """The largest error of an output or gradient in so many calls, over its size; float64 says what is right."""
    if environment.precision == "bf16":
        images = images.bfloat16().float()
        with torch.no_grad():
            layer.weight.copy_(layer.weight.bfloat16())
    exact = nn.Conv2d(
        layer.in_channels, layer.out_channels, layer.kernel_size[0], layer.stride[0], int(layer.padding[0]),
        layer.dilation[0], layer.groups,
    ).double()  # fmt: skip
    exact.load_state_dict(layer.state_dict())
    exact_images = images.double().requires_grad_()
    images = images.contiguous(memory_format=torch.channels_last).requires_grad_()
    expected = exact(exact_images)
    gradient = torch.randn(expected.shape).bfloat16()
    right = [expected, *torch.autograd.grad(expected, [exact_images, exact.weight], gradient.double())]
    worst = 0.0
    for call in range(calls):
        between = torch.randn(1000 + 37 * call)
        with environment.autocast:
            outputs = layer(images)
        found = [outputs, *torch.autograd.grad(outputs, [images, layer.weight], gradient.to(outputs.dtype))]
        errors = [((a - b).norm() / b.norm()).item() for a, b in zip(found, right, strict=True)]
        worst = max(worst, *errors)
        del between
    return worst


STRIDED = """
import torch
import stages
from cnn_study.base.environment import set_up
from cnn_study.training.layer_check import Case, fault_of
from cnn_study.networks.modules import Convolution
environment = set_up("cpu")
print(environment.precision, environment.processor.split(", ", 1)[1])
for layer in (torch.nn.Conv2d(4, 16, 1, 2), Convolution(4, 16, 1, 2)):
    print(fault_of(Case(layer, (4, 8, 8)), "channels_last", environment, 600.0)[0])
"""


@pytest.mark.skipif(not X86, reason="this processor has another instruction set")
def test_with_avx2_the_library_s_strided_1x1_convolution_is_found_wrong_and_ours_is_right() -> None:
    said = subprocess.run(
        [sys.executable, "-c", STRIDED],
        cwd=REPOSITORY, env=os.environ | LOWERED, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert said[0] == "fp32 AVX2, oneDNN AVX2"
    assert said[1].startswith(
        "its weight gradient"
    )  # oneDNN 3.12's; once it is mended, Convolution needs no detour
    assert said[2:] == [""]


@pytest.mark.skipif(not X86, reason="this processor has another instruction set")
def test_the_instruction_set_is_the_one_in_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    highest = onednn_instructions()
    for limit in ("AVX2", "avx2", "AVX2_VNNI"):
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
        assert onednn_instructions() == "AVX2"
        assert set_up("cpu").precision == "fp32"
        assert set_up("cpu").processor.endswith(", oneDNN AVX2")
    for unlimited in ("AVX512_CORE_AMX", "DEFAULT", "no such set"):
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", unlimited)
        assert onednn_instructions() == highest
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert set_up("cpu").processor.endswith(", MKL_CBWR=COMPATIBLE")


def test_an_exact_layer_has_no_fault_and_every_layer_with_weights_is_looked_at(environment: Environment) -> None:
    residual = spec_of({"layers": [{"residual": 4, "stride": 2}], "head": {"hidden": [8]}})
    cases = cases_of(residual, SHAPE)
    assert {name: case.shape for name, case in cases.items()} == {
        "residual1.conv1": (3, 32, 32),
        "residual1.conv2": (4, 16, 16),
        "residual1.projection": (3, 32, 32),
        "hidden1": (4 * 16 * 16,),
        "output": (8,),
    }
    for case in cases.values():
        assert fault_of(case, "channels_last", environment, 0.0) == ("", FEWEST)
