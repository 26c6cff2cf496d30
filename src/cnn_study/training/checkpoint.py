"""Half-done training runs on disk: whole or absent, and never taken up by another run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor, nn

from cnn_study.base.files import write_whole

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """A place for the state of one run. ``fingerprint`` says which run: what its bits depend on."""

    path: Path
    fingerprint: str

    def write(self, tensors: Tensors, progress: Mapping[str, Any]) -> None:
        """Replace what is there by ``tensors`` and by ``progress``, which becomes JSON."""
        write_whole(self.path, self.content(tensors, progress))

    def content(self, tensors: Tensors, progress: Mapping[str, Any]) -> bytes:
        """What ``write`` writes."""
        # One key: of several, safetensors would write any first.
        metadata = {"state": json.dumps({"fingerprint": self.fingerprint, "progress": progress})}
        return save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata)

    def read(self) -> tuple[Tensors, Any] | None:
        """The tensors and the progress; None if there is no checkpoint or it is another run's."""
        try:
            metadata, tensors = read_tensors(self.path)
            state = json.loads(metadata["state"])
            return (tensors, state["progress"]) if state["fingerprint"] == self.fingerprint else None
        except (FileNotFoundError, SafetensorError, KeyError, ValueError):
            return None


def read_tensors(path: Path) -> tuple[Mapping[str, str], Tensors]:
    """The metadata and the tensors of a safetensors file, read at once: others may replace it at any time.

    Raises FileNotFoundError, and SafetensorError or ValueError where it is damaged.
    """
    content = path.read_bytes()
    tensors = load(content)
    length = int.from_bytes(content[:8], "little")  # of the header that follows, which is JSON
    return json.loads(content[8 : 8 + length]).get("__metadata__", {}), tensors


def metadata_of(path: Path) -> tuple[str, Any] | None:
    """The fingerprint and the progress of the checkpoint in a file; None if it holds none."""
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads((file.metadata() or {})["state"])
        return state["fingerprint"], state["progress"]
    except (FileNotFoundError, SafetensorError, KeyError, ValueError):
        return None


def tensors_of(network: nn.Module, optimizer: torch.optim.Optimizer) -> Tensors:
    """Copies of all that a network and its optimizer go on from."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in state.items() if tensor is not None}
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def restore(tensors: Tensors, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put back what ``tensors_of`` has copied."""
    network.load_state_dict(_below("network.", tensors))
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below("optimizer.", tensors).items():
        index, _, key = name.partition(".")
        parameter = parameters[int(index)]
        # In the parameter's memory format, which the fused optimizers expect and files do not keep.
        like = parameter if tensor.shape == parameter.shape else tensor
        state.setdefault(int(index), {})[key] = torch.empty_like(like, device=parameter.device).copy_(tensor)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _below(prefix: str, tensors: Tensors) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
