"""Whether this machine computes the layers of a network right, before it is trained with them.

A library has other code for every instruction set, memory format and kind of shape, and one of them can be wrong
where all the others are right. Nothing in a training run would show it: wrong gradients train a network as well,
only worse.
"""

import copy
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

from cnn_study.base.environment import Environment, Way
from cnn_study.base.errors import StudyError
from cnn_study.base.files import SCRATCH, write_whole
from cnn_study.data.shape import Shape
from cnn_study.networks import modules
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.modules import Convolution
from cnn_study.networks.network import Network, weighted_layers

BATCHES = (2, 8)  # images: the fewest, and as many as keep a pass below OPERATIONS
OPERATIONS = 10**9
CALLS = 64  # of each layer: what goes wrong in one call of ten is missed once in 850 times
FEWEST = 4  # in a stage, which takes at most so many SECONDS for more; later stages make up for what is missing
SECONDS = 1.5
TOLERANCES = {"fp32": 1e-4, "bf16": 5e-3}  # rounding a result to bf16 makes 0.0017
REMEMBERED = SCRATCH / "layers"


@dataclass(frozen=True)
class Case:
    """A layer as it stands in a network, and the shape of what it gets for one image: (C, H, W) or (N,)."""

    module: nn.Conv2d | nn.Linear
    shape: tuple[int, ...]

    @property
    def batch(self) -> int:
        """How many images to compute it for."""
        positions = math.prod(self.shape[1:]) // math.prod(getattr(self.module, "stride", ()))
        operations = 2 * self.module.weight.numel() * positions  # of an image
        fewest, most = BATCHES
        return max(fewest, min(most, OPERATIONS // operations))

    def __str__(self) -> str:
        return f"{self.module} of {'×'.join(map(str, self.shape))}"


def checked(environment: Environment, architecture: Architecture, shape: Shape, name: str) -> Environment:
    """``environment``, with the ways in which it computes every layer of ``architecture`` right for ``shape``.

    Each distinct layer is compared with float64, forward and in all gradients, and called again for the same bits:
    ``CALLS`` times in all, of which each stage does as many as there is time for. What this has found for an equal
    environment is remembered in the working folder. Raises StudyError, with a line for each layer that no way
    computes right; ``name`` is the architecture's.
    """
    cases = cases_of(architecture, shape)
    distinct = {str(case): case for case in cases.values()}
    ends = time.monotonic() + SECONDS
    ways: dict[str, Way] = {}
    wrong: dict[str, StudyError] = {}
    for place, (key, case) in enumerate(distinct.items()):
        share = (ends - time.monotonic()) / (len(distinct) - place)
        try:
            ways[key] = _remembered(case, environment, share)
        except StudyError as error:
            wrong[key] = error
    if wrong:
        lines = [f"{name}: {layer}: {wrong[str(case)]}" for layer, case in cases.items() if str(case) in wrong]
        raise StudyError("\n".join(lines))
    by_layer = {layer: ways[str(case)] for layer, case in cases.items()}
    fallbacks = {layer: way for layer, way in by_layer.items() if way != Convolution.way}
    for layer, way in fallbacks.items():
        print(f"{name}: {layer} is computed {way}: the usual way is wrong on this machine", file=sys.stderr)
    return replace(environment, fallbacks=fallbacks)


def cases_of(architecture: Architecture, shape: Shape) -> dict[str, Case]:
    """The layers with weights, by the name that ``weighted_layers`` gives them."""
    network = Network(architecture, shape).eval()
    cases: dict[str, Case] = {}
    for name, module in weighted_layers(network).items():

        def note(module: nn.Conv2d | nn.Linear, inputs: tuple[Tensor], name: str = name) -> None:
            cases[name] = Case(module, tuple(inputs[0].shape[1:]))

        module.register_forward_pre_hook(note)
    with torch.inference_mode():
        network(torch.zeros(shape.images(1), dtype=torch.uint8))
    return cases


@dataclass(frozen=True)
class Verdict:
    """The way in which a layer is computed right, and in how many calls it was."""

    way: Way
    calls: int


UNKNOWN = Verdict(Convolution.way, 0)


def right_way(case: Case, environment: Environment, seconds: float, before: Verdict = UNKNOWN) -> Verdict:
    """The first way in which ``environment`` computes the layer right, of that of ``before`` and those after it.

    Raises StudyError, which says what is wrong with the first of them, if there is none.
    """
    ways: tuple[Way, ...] = get_args(Way) if isinstance(case.module, Convolution) else (Convolution.way,)
    faults = []
    for way in ways[ways.index(before.way) :]:
        done = before.calls if way == before.way else 0
        fault, calls = fault_of(case, way, environment, seconds, CALLS - done)
        if not fault:
            return Verdict(way, done + calls)
        faults.append(fault)
    raise StudyError(
        f"{faults[0]} in {environment.precision} on {environment.processor}, allowed: at most "
        f"{TOLERANCES[environment.precision]:.2%} and the same bits in every call"
    )


def fault_of(case: Case, way: Way, environment: Environment, seconds: float, most: int = CALLS) -> tuple[str, int]:
    """What is wrong with the layer's output or gradients, empty if nothing is, and how often they were computed.

    At ``most`` so many times, and as long as there are ``seconds``, on random numbers.
    """
    started = time.monotonic()
    generator = torch.Generator().manual_seed(0)
    dtype = torch.bfloat16 if environment.precision == "bf16" else torch.float32

    def normal(shape: tuple[int, ...]) -> Tensor:
        """Numbers that the precision has, so that the reference is computed from the same."""
        return torch.randn(shape, generator=generator).to(environment.device, dtype).float()

    module = copy.deepcopy(case.module).to(environment.device)
    if isinstance(module, Convolution):
        module.way = way
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(normal(parameter.shape))
        module.to(memory_format=torch.channels_last)
    inputs = normal((case.batch, *case.shape))
    if inputs.ndim == 4:  # laid out as in training, also where one channel or one pixel allows several layouts
        inputs = torch.empty_like(inputs, memory_format=torch.channels_last).copy_(inputs)
    tensors = {"input": inputs, **dict(module.named_parameters())}
    # By the CPU's own code for float64, which is not that of the libraries for fp32 and bf16.
    exact = {name: tensor.detach().cpu().double().contiguous() for name, tensor in tensors.items()}
    gradient = normal(tuple(_exact(module, exact).shape))

    expected = _results(lambda given: _exact(module, given), exact, gradient.cpu().double())

    def call(given: Mapping[str, Tensor]) -> Tensor:
        with environment.autocast:
            outputs: Tensor = module(given["input"])
        return outputs

    first = _results(call, tensors, gradient)
    for what, result in first.items():
        error = _error(result, expected[what])
        if not error <= TOLERANCES[environment.precision]:  # nor if it is no number
            return f"its {what} is off by {error:.2%}", 1
    calls = 1
    while calls < most and (calls < FEWEST or time.monotonic() - started < seconds):
        # Memory of another place for the next call: what reads beyond its own finds other numbers there.
        other = [torch.randn(1000 + 37 * calls, device=environment.device), torch.empty_like(inputs)]
        calls += 1
        for what, result in _results(call, tensors, gradient).items():
            if not torch.equal(result, first[what]):
                return f"its {what} differs from call to call, by {_error(result, first[what]):.2%}", calls
        del other
    return "", calls


def _exact(module: nn.Conv2d | nn.Linear, given: Mapping[str, Tensor]) -> Tensor:
    """The layer's output, by torch's functions and in no way of ours."""
    inputs, weight, bias = given["input"], given["weight"], given.get("bias")
    if isinstance(module, nn.Linear):
        return linear(inputs, weight, bias)
    return conv2d(inputs, weight, bias, module.stride, module.padding, module.dilation, module.groups)


def _results(
    call: Callable[[Mapping[str, Tensor]], Tensor], tensors: Mapping[str, Tensor], gradient: Tensor
) -> dict[str, Tensor]:
    """The output, and the gradient of each of ``tensors`` for the output's ``gradient``."""
    for tensor in tensors.values():
        tensor.requires_grad_()
    outputs = call(tensors)
    # As a sum: torch takes half a second of imports to begin with a gradient that it is given.
    gradients = torch.autograd.grad((outputs * gradient.to(outputs.dtype)).sum(), list(tensors.values()))
    names = [f"{name} gradient" for name in tensors]
    return {"output": outputs.detach(), **dict(zip(names, gradients, strict=True))}


def _error(result: Tensor, expected: Tensor) -> float:
    """How far ``result`` is from ``expected``, as a part of it: of all numbers together, or of a single one.

    A single one may be off by ten times as much of the root mean square, since rounding spreads that far.
    """
    result, expected = result.cpu().double(), expected.cpu().double()
    difference = result - expected
    size = expected.square().mean().sqrt()
    error: Tensor = torch.maximum(difference.square().mean().sqrt(), difference.abs().max() / 10) / size
    return error.item()


def _remembered(case: Case, environment: Environment, seconds: float) -> Way:
    """``right_way``, with what an equal environment has found remembered in the working folder."""
    computed_by = replace(environment, fallbacks={})
    key = repr((str(case), computed_by, _sources()))
    path = REMEMBERED / f"{sha256(key.encode()).hexdigest()}.json"
    verdict = UNKNOWN
    with suppress(OSError, ValueError, KeyError):
        content = json.loads(path.read_text())
        verdict = Verdict(content["way"], content["calls"])
    if verdict.calls < CALLS:
        verdict = right_way(case, environment, seconds, verdict)
        write_whole(path, json.dumps({"layer": str(case)} | asdict(verdict)).encode())
    return verdict.way


@cache
def _sources() -> tuple[str, ...]:
    return tuple(sha256(Path(path).read_bytes()).hexdigest() for path in (__file__, modules.__file__))
