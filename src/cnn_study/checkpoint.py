"""Half-done training runs on disk: whole or absent, and never taken up by another run."""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from cnn_study.files import write_whole
from cnn_study.schema import StudyError


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


def fingerprint(*parts: object) -> str:
    """A hash of ``parts`` (their repr) and of ``loaded_sources``."""
    sources = [f"{path.name} {digest}" for path, digest in loaded_sources().items()]
    return hashlib.sha256(repr((parts, sources)).encode()).hexdigest()


@cache
def loaded_sources() -> dict[Path, str]:
    """The project's source files that the process has loaded, with their hashes when this was first called.

    To be called before any work: what the process runs is what it has loaded, whatever the files say later.
    """
    files = [
        (name, module.__file__)
        for name, module in sorted(sys.modules.items())
        if name.partition(".")[0] in ("cnn_study", "stages", "__main__") and getattr(module, "__file__", None)
    ]
    return {Path(file): _digest(Path(file)) for _, file in files if file}


def refuse_edited_sources() -> None:
    """Raises StudyError if a file of ``loaded_sources`` has changed: DVC would take results for the new code's.

    DVC notes the hashes of a stage's dependencies when the stage has ended, not when it begins.
    """
    for path, digest in loaded_sources().items():
        if not path.exists() or _digest(path) != digest:
            raise StudyError(f"{path}: changed while the stage ran; `dvc repro` runs it again")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def folder_digest(folder: Path) -> str:
    """A hash of the files directly in ``folder``, names and contents."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
