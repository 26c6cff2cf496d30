"""What ``make study`` has to run, where data and weights may not be here: from DVC's account of the stages."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cnn_study.base.errors import StudyError

SEEING_IMAGES = ("tune", "train", "replay", "evaluate")
BEFORE = {"train": "tune", "evaluate": "train"}  # of the same network


def targets_of(changes: Mapping[str, Any], architectures: Iterable[str]) -> tuple[str, ...]:
    """What runs before anything that is missing may be left missing. ``changes``: what ``status`` says.

    That is prepare, where a stage that sees images has to run, and those stages of train that ran elsewhere, and
    whose weights an evaluation needs that has to run here.
    """
    names = list(architectures)
    running = {stage for stage, reasons in changes.items() if any(map(is_a_change, reasons))}
    for stage, before in BEFORE.items():
        running |= {f"{stage}@{name}" for name in names if f"{before}@{name}" in running}
    if not any(stage.partition("@")[0] in (*SEEING_IMAGES, "prepare") for stage in running):
        return ()
    lost = [
        f"train@{name}"
        for name in names
        if f"evaluate@{name}" in running
        and f"train@{name}" not in running
        and not Path("runs/train", name).exists()
    ]
    return ("prepare", *lost)


def is_a_change(reason: str | Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether it is more than that something is not here."""
    if isinstance(reason, str):
        return True
    states = [state for entries in reason.values() for state in entries.values()]
    return any(state not in ("deleted", "not in cache") for state in states)


def status() -> dict[str, Any]:
    """Of each stage that is out of date, why: ``dvc status --json``. Raises StudyError where DVC does not say."""
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StudyError(done.stderr.strip() or "dvc status failed")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
