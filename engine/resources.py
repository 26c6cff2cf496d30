"""What a task may use: parameters of a run and not of the study, since no result goes out of date with them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import PARAMS
from cnn_study.messages.mistakes import dotted, found
from cnn_study.params.study import Params
from cnn_study.training.recipe import Recipe

UNITS = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


@dataclass(frozen=True)
class Resources:
    """Of one task on Ray. ``memory``: the bytes that Ray sets aside for it; with 0, it does not count them."""

    cpus: int = 1
    gpus: float = 0.0
    memory: int = 0

    @classmethod
    def parse(cls, cpus: str, gpus: str, memory: str) -> "Resources":
        """Of what stands behind CPUS=, GPUS= and MEMORY=, the default for nothing. Raises StudyError."""
        if not re.fullmatch(r"|[1-9]\d{0,3}", cpus):
            raise StudyError(f"CPUS: {found(cpus)}, allowed: a whole number, at least 1")
        if not re.fullmatch(r"|\d{1,4}|0?\.\d{1,4}", gpus):
            raise StudyError(f"GPUS: {found(gpus)}, allowed: a whole number, or a fraction such as 0.25")
        size = re.fullmatch(r"(\d+(?:\.\d+)?)(|[KMGT]iB)", memory or "0")
        if size is None:
            raise StudyError(f"MEMORY: {found(memory)}, allowed: a size as 2GiB, or a number of bytes")
        return cls(int(cpus or 1), float(gpus or 0), int(float(size[1]) * UNITS[size[2]]))

    def options(self) -> dict[str, Any]:
        """For ``ray.remote``."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": self.memory}

    def room_in(self, node: Mapping[str, float]) -> int:
        """How many tasks go into a node with these resources, as Ray names them."""
        needs = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory}
        return min(int(node.get(kind, 0) / need + 1e-6) for kind, need in needs.items() if need)

    def __str__(self) -> str:
        return in_words({"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory})

    def check(self, params: Params) -> None:
        """Raises StudyError, with a line for each key of params.yaml that asks for more."""
        mistakes = [
            f"{PARAMS}: {dotted((*keys, 'recipe', 'threads'))}: {found(recipe.threads)}, "
            f"allowed with CPUS={self.cpus}: auto, or at most {self.cpus}"
            for keys, recipe in _recipes(params, "threads")
            if recipe.threads != "auto" and recipe.threads > self.cpus
        ]
        mistakes += [
            f"{PARAMS}: {dotted((*keys, 'recipe', 'device'))}: {found(recipe.device)}, "
            "allowed with GPUS=0: auto or cpu"
            for keys, recipe in _recipes(params, "device")
            if recipe.device == "cuda" and not self.gpus
        ]
        if mistakes:
            raise StudyError("\n".join(mistakes))


def _recipes(params: Params, key: str) -> Iterator[tuple[tuple[str, ...], Recipe]]:
    """Where params.yaml may ask for something by ``key`` of a recipe; of architectures, those that override it."""
    shared = params.training.recipe
    yield ("training",), shared
    yield ("replay", "runs"), params.replay.runs.recipe
    for name, own in params.trainings.items():
        if getattr(own.recipe, key) != getattr(shared, key):
            yield ("architectures", name, "training"), own.recipe


def in_words(node: Mapping[str, float]) -> str:
    """Resources, as Ray names them, as they stand in a command."""
    words = f"CPUS={node.get('CPU', 0):g} GPUS={node.get('GPU', 0):g}"
    memory = node.get("memory", 0) / 2**30
    return f"{words} MEMORY={memory:.3g}GiB" if memory else words
