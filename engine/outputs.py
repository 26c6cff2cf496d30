"""What tasks send back, written where the stages write it, with the same bytes."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open

from cnn_study.base.code import refuse_edited_sources
from cnn_study.base.environment import project_version
from cnn_study.base.errors import StudyError
from cnn_study.base.files import scratch_folder, write_whole
from cnn_study.data.shape import Shape
from cnn_study.networks.architecture import Architecture
from cnn_study.networks.network import Network
from cnn_study.networks.weights import load_network
from cnn_study.training.records import Run, Status, Trained
from engine.node import CHECKPOINTS, Files
from stages import train


def write_outputs(files: Files) -> None:
    """The outputs of a stage that was one task."""
    refuse_edited_sources()
    for path, content in files.items():
        write_whole(Path(path), content.data)


def write_training(name: str, architecture: Architecture, shape: Shape, outputs: Mapping[int, Files]) -> None:
    """The outputs of train, from those of its seeds: by the function with which the stage writes them."""
    finished, told = [], []
    for seed, files in outputs.items():
        told.append(Trained.model_validate_json(files[f"results/train/{name}/run.json"].tobytes()))
        finished.append(_finished(name, architecture, shape, seed, files, told[-1].runs[0].status))
    first = told[0]
    if any(one.environment != first.environment for one in told):
        raise StudyError(f"train@{name}: its seeds ran in different environments, allowed: nodes of one kind")
    train.write(name, first.learning_rate, first.environment, finished)


def _finished(
    name: str, architecture: Architecture, shape: Shape, seed: int, files: Files, status: Status
) -> train.Finished:
    with safe_open(CHECKPOINTS / "train" / name / f"seed-{seed}.safetensors", framework="pt") as checkpoint:
        progress = json.loads(checkpoint.metadata()["progress"])
    run = Run.model_validate(progress | {"status": status})
    if status == "diverged":
        return train.Finished(seed, Network(architecture, shape), run, None, None)
    weights = files[f"runs/train/{name}/seed-{seed}.safetensors"]
    logits = np.load(io.BytesIO(files[f"runs/train/{name}/seed-{seed}-validation-logits.npy"].tobytes()))
    with scratch_folder(f"ray/{name}") as folder:
        write_whole(folder / "weights.safetensors", weights.data)
        network, about = load_network(folder / "weights.safetensors")
        # A node has the sources of this machine, and its own installation of the project or none.
        about = about.model_copy(update={"version": project_version()})
        return train.Finished(seed, network, run, logits, about)
