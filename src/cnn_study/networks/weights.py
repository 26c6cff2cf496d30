"""Trained networks as safetensors files, each of which says what it holds: nothing else is needed to run it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Self

import torch
from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from cnn_study.base.environment import Environment
from cnn_study.base.errors import StudyError
from cnn_study.base.files import write_whole
from cnn_study.base.records import Record, first_mistake
from cnn_study.base.schema import NAME, mistake
from cnn_study.data.shape import Shape
from cnn_study.messages.mistakes import found, one_line
from cnn_study.networks.architecture import Architecture, misfit
from cnn_study.networks.network import Network

# The one key of a file's metadata: safetensors writes several in an order of its own, another each time.
KEY = "cnn_study"
FORMAT = 1  # of what a file says
LONGEST = 2**18  # bytes of what a file says: ten times the largest architecture's, and read within a second
LARGEST = 2**16  # of an image's channels and side and of the classes, so that any network's weights can be counted
TYPES = {torch.float32: "F32", torch.int64: "I64"}  # safetensors' names of those that networks have
MADE_ANEW = "`dvc repro` makes it again"


def _printable(text: str) -> str:
    if not text.isprintable():
        raise mistake(f"{found(text)}, allowed: text that can be printed")
    return text


def _of_some_size(shape: Shape) -> Shape:
    for number in (shape.channels, shape.size, shape.classes):
        if not 1 <= number <= LARGEST:
            raise mistake(f"{found(number)}, allowed: 1 to {LARGEST}")
    return shape


def _this_one(number: int) -> int:
    if number != FORMAT:
        raise mistake(f"{found(number)}, allowed: {FORMAT}")
    return number


Word = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Name = Annotated[str, Field(max_length=200, pattern=NAME)]
PerChannel = Annotated[tuple[float, ...], Field(max_length=LARGEST)]


class About(Record):
    """What a trained network is, and how it came to be.

    ``name``, ``dataset``: in the params.yaml that it was trained by. ``classes``: their names, in the order of the
    logits. ``budget``: in epochs. ``fingerprint``: of all that its bits depend on but for the environment.
    ``version``: of this project.
    """

    model_config = ConfigDict(strict=True)

    name: Name
    architecture: Architecture
    shape: Annotated[Shape, AfterValidator(_of_some_size)]
    classes: tuple[Word, ...]
    dataset: Name
    seed: Annotated[int, Field(ge=0)]
    budget: Annotated[int, Field(gt=0)]
    learning_rate: Annotated[float, Field(gt=0)]
    fingerprint: Word
    environment: Environment
    version: Word

    @model_validator(mode="after")
    def _is_of_one_piece(self) -> Self:
        if problem := misfit(self.architecture.layers, self.shape):
            raise mistake(f"images of {self.shape}: {problem}")
        if len(self.classes) != self.shape.classes:
            raise mistake(f"found {len(self.classes)} classes, allowed: {self.shape.classes}, as in its shape")
        return self


class _Normalization(Record):
    """Of each channel, in units of bytes: what the network's first tensors hold, for those who read no tensors."""

    model_config = ConfigDict(strict=True)

    mean: PerChannel
    deviation: PerChannel

    @classmethod
    def of(cls, network: Network) -> Self:
        return cls(mean=tuple(network.normalize.mean.tolist()), deviation=tuple(network.normalize.std.tolist()))


class _Metadata(Record):
    """All that a file says. ``format`` comes first, so that of another one no more is said than that."""

    model_config = ConfigDict(strict=True)

    format: Annotated[int, AfterValidator(_this_one)]
    about: About
    normalization: _Normalization


def save_network(path: Path, network: Network, about: About) -> None:
    """Write the weights, the normalisation of the images and what ``about`` says, whole.

    The same network gives the same bytes. Raises StudyError if ``about`` is too long to be read again.
    """
    said = _Metadata(format=FORMAT, about=about, normalization=_Normalization.of(network)).model_dump(mode="json")
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if len(text.encode()) > LONGEST:
        raise StudyError(f"{path}: found {len(text.encode())} bytes to say of the network, allowed: {LONGEST}")
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_whole(path, save(tensors, {KEY: text}))


def load_network(path: Path) -> tuple[Network, About]:
    """The network in ``path``, in evaluation mode on the CPU, and what it is: by the file alone.

    Raises StudyError if there is no such file, or it does not say what it holds, or holds something else.
    """
    with _opened(path) as file:
        said = _metadata(path, file.metadata())
        # On torch's device without numbers: what a file says may be larger than what it holds, and than memory.
        with torch.device("meta"):
            expected = {
                name: (TYPES[tensor.dtype], tuple(tensor.shape))
                for name, tensor in Network(said.about.architecture, said.about.shape).state_dict().items()
            }
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        given = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
        if expected != given:
            name = min(set(expected.items()) ^ set(given.items()))[0]
            raise StudyError(
                f"{path}: tensor {one_line(name)}: found {_tensor(given, name)}, allowed: "
                f"{_tensor(expected, name)}, as the file's architecture has; {MADE_ANEW}"
            )
        tensors = {name: file.get_tensor(name) for name in expected}
    network = Network(said.about.architecture, said.about.shape)
    network.load_state_dict(tensors)
    if _Normalization.of(network) != said.normalization:
        raise StudyError(
            f"{path}: normalization: found other numbers than in the tensors, allowed: theirs; {MADE_ANEW}"
        )
    return network.eval(), said.about


def read_about(path: Path) -> About:
    """What the network in ``path`` is, as the file says, without reading its tensors.

    Raises StudyError if there is no such file or it does not say what it holds.
    """
    with _opened(path) as file:
        return _metadata(path, file.metadata()).about


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file, whose name begins the line that says what is wrong with it."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise StudyError(
            f"{path}: not found; `dvc pull` brings it, `dvc repro --force --single-item train@NAME` makes it"
        ) from None
    except (SafetensorError, OSError) as error:
        raise StudyError(f"{path}: found no safetensors file: {one_line(str(error))}") from None


def _metadata(path: Path, metadata: Mapping[str, str] | None) -> _Metadata:
    text = (metadata or {}).get(KEY)
    if text is None:
        raise StudyError(
            f"{path}: found tensors that do not say what network they are of: another version's, or a trunk, from "
            "which training goes on"
        )
    if len(text.encode()) > LONGEST:  # every mistake in it would be listed before the first is reported
        raise StudyError(f"{path}: {KEY}: found {len(text.encode())} bytes, allowed: {LONGEST}; {MADE_ANEW}")
    try:
        return _Metadata.model_validate_json(text)
    except ValidationError as error:
        raise StudyError(f"{path}: {first_mistake(error)}; {MADE_ANEW}") from None


def _tensor(tensors: Mapping[str, tuple[str, tuple[int, ...]]], name: str) -> str:
    if name not in tensors:
        return "none"
    kind, shape = tensors[name]
    return f"{kind} {one_line(str(shape))}"
