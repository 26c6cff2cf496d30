"""What a task may use: parameters of a run and not of the study, since no result is out of date for them."""

import re
from dataclasses import dataclass

from cnn_study.params import Params
from cnn_study.schema import PARAMS, StudyError, dotted, found

UNITS = {"": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


@dataclass(frozen=True)
class Resources:
    """Of one task. ``memory``: bytes that Ray sets aside for it, 0 for none."""

    cpus: int = 1
    gpus: float = 0.0
    memory: int = 0

    @classmethod
    def parse(cls, cpus: str, gpus: str, memory: str) -> "Resources":
        """Of the words after CPUS=, GPUS= and MEMORY=; an empty one means the default. Raises StudyError."""
        if not re.fullmatch(r"|[1-9]\d{0,3}", cpus):
            raise StudyError(f"CPUS: {found(cpus)}, allowed: a whole number, at least 1")
        if not re.fullmatch(r"|\d+|0?\.\d{1,4}", gpus):
            raise StudyError(f"GPUS: {found(gpus)}, allowed: a whole number, or a fraction below 1 as 0.25")
        size = re.fullmatch(r"(\d+(?:\.\d+)?)(|[KMGT]iB)", memory or "0")
        if size is None:
            raise StudyError(f"MEMORY: {found(memory)}, allowed: a size as 2GiB, or a number of bytes")
        return cls(int(cpus or 1), float(gpus or 0), int(float(size[1]) * UNITS[size[2]]))

    def __str__(self) -> str:
        return f"CPUS={self.cpus} GPUS={self.gpus:g} MEMORY={self.memory / 2**30:.3g}GiB"

    def options(self) -> dict[str, float]:
        """For ``ray.remote``."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": self.memory}

    def fit(self, node: dict[str, float]) -> int:
        """How many tasks a node with such resources has room for."""
        needs = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory}
        return min(int(node.get(kind, 0) / need + 1e-9) for kind, need in needs.items() if need)

    @staticmethod
    def told(node: dict[str, float]) -> str:
        """A node's resources in the words of the command."""
        return f"CPUS={node.get('CPU', 0):g} GPUS={node.get('GPU', 0):g} MEMORY={node.get('memory', 0) / 2**30:.3g}GiB"

    def check(self, params: Params) -> None:
        """Raises StudyError, one line for each, for what params.yaml says that cannot be with these."""
        recipes = {("training",): params.training}
        recipes |= {("architectures", name, "training"): recipe for name, recipe in params.recipes.items()}
        mistakes = []
        for keys, recipe in recipes.items():
            if isinstance(recipe.threads, int) and recipe.threads > self.cpus:
                mistakes.append(
                    f"{PARAMS}: {dotted((*keys, 'threads'))}: {found(recipe.threads)}, "
                    f"allowed with CPUS={self.cpus}: auto, or at most {self.cpus}"
                )
            if recipe.device == "cuda" and not self.gpus:
                mistakes.append(
                    f"{PARAMS}: {dotted((*keys, 'device'))}: {found(recipe.device)}, "
                    "allowed without GPUS: auto or cpu"
                )
        if mistakes:
            raise StudyError("\n".join(mistakes))
