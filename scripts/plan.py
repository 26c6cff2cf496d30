"""What ``make study`` has to run, where data and weights may not be here: from DVC's account of the stages."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnn_study.base.errors import StudyError

SEEING_IMAGES = ("tune", "train", "replay", "evaluate")
NOT_HERE = ("deleted", "not in cache")
BEFORE = {"train": "tune", "evaluate": "train"}  # of the same network


@dataclass(frozen=True)
class Missing:
    """What is not here, and needed.

    ``images``: whether a stage has to run that sees some. ``weights``: the stages of train that ran elsewhere,
    whose weights an evaluation needs that has to run here.
    """

    images: bool
    weights: tuple[str, ...] = ()

    @classmethod
    def of(cls, architectures: Iterable[str]) -> "Missing":
        """For the networks in params.yaml. Raises StudyError where DVC gives no account."""
        return missing_by(status(), architectures)


def missing_by(changes: Mapping[str, Any], architectures: Iterable[str]) -> Missing:
    """From what ``dvc status --json`` says."""
    names = list(architectures)
    running = {stage for stage, reasons in changes.items() if any(map(is_a_change, reasons))}
    for stage, before in BEFORE.items():
        running |= {f"{stage}@{name}" for name in names if f"{before}@{name}" in running}
    if not any(stage.partition("@")[0] in (*SEEING_IMAGES, "prepare") for stage in running):
        return Missing(images=False)
    from cnn_study.training.finished import weights_of  # here, since it loads torch

    # Where tune runs, all its runs are others than those of before.
    weights = [
        f"train@{name}"
        for name in names
        if any(map(is_a_change_of_all, changes.get(f"evaluate@{name}", ())))
        and f"tune@{name}" not in running
        and any(
            not (Path("runs/train") / name / file).exists() for file in weights_of(Path("results/train") / name)
        )
    ]
    return Missing(images=True, weights=tuple(weights))


def is_a_change(reason: str | Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether it is more than that something is not here."""
    if isinstance(reason, str):
        return True
    return any(state not in NOT_HERE for entries in reason.values() for state in entries.values())


def is_a_change_of_all(reason: str | Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether no network's evaluation can be taken over: more is changed than runs."""
    if isinstance(reason, str):
        return True
    changed = {what for entries in reason.values() for what, state in entries.items() if state not in NOT_HERE}
    return any(not what.startswith(("results/train/", "runs/train/")) for what in changed)


def status() -> dict[str, Any]:
    """Of each stage that is out of date, why."""
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StudyError(done.stderr.strip() or "dvc status failed")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
