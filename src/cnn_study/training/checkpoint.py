"""Half-done training runs on disk: whole or absent, and never taken up by another run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from cnn_study.base.files import write_whole


@dataclass(frozen=True)
class Checkpoint:
    """A place for the state of one run. ``fingerprint`` says which run: what its bits depend on."""

    path: Path
    fingerprint: str

    def write(self, network: nn.Module, optimizer: torch.optim.Optimizer, progress: Mapping[str, Any]) -> None:
        """Replace what is there by the state of ``network`` and ``optimizer`` and by ``progress``."""
        tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {
                f"optimizer.{index}.{name}": tensor for name, tensor in state.items() if tensor is not None
            }
        metadata = {"fingerprint": self.fingerprint, "progress": json.dumps(progress)}
        write_whole(self.path, save({name: t.contiguous() for name, t in tensors.items()}, metadata))

    def read(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> Any:
        """Load the state into ``network`` and ``optimizer`` and give the progress written with it.

        None, and nothing loaded, if there is no checkpoint or it is another run's.
        """
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("fingerprint") != self.fingerprint:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (FileNotFoundError, SafetensorError):
            return None
        network.load_state_dict(_below("network.", tensors))
        _restore(optimizer, _below("optimizer.", tensors))
        return json.loads(metadata["progress"])


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _restore(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape:
            # In the parameter's memory format, which the fused optimizers expect and files do not keep.
            tensor = torch.empty_like(parameter).copy_(tensor)
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
