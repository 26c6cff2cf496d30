"""What ``make study`` has to run, where data and weights may not be here: from DVC's account of the stages."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cnn_study.base.errors import StudyError
from stages._runs import Plan, known, lost
from stages.evaluate import plan_of

# Another network may be in training in this folder, whose DVC needs its lock for moments.
DVC = (sys.executable, "-m", "dvc", "--wait-for-lock")
SEEING_IMAGES = ("tune", "train", "replay", "evaluate")
OUTPUTS = "changed outs"  # DVC's word
BEFORE = {"train": "tune", "evaluate": "train"}  # of the same network


def to_run(changes: Mapping[str, Any], architectures: Iterable[str]) -> set[str]:
    """The stages that have more of a reason to run than that something is not here, and what follows of a network.

    ``changes``: what ``status`` says.
    """
    running = {stage for stage, reasons in changes.items() if any(map(is_a_change, reasons))}
    names = list(architectures)
    for stage, before in BEFORE.items():
        running |= {f"{stage}@{name}" for name in names if f"{before}@{name}" in running}
    return running


def belongs_to(stage: str, architectures: Collection[str]) -> bool:
    """Whether the stage is one of these networks' own, or makes images."""
    kind, _, name = stage.partition("@")
    return name in architectures if name and kind != "replay" else kind in ("download", "prepare")


def sees_images(stages: Iterable[str]) -> bool:
    """Whether any of the stages makes images, or reads some."""
    return any(stage.partition("@")[0] in (*SEEING_IMAGES, "prepare") for stage in stages)


def foreseen(changes: Mapping[str, Any], architectures: Iterable[str], replays: Iterable[str]) -> set[str]:
    """What will run, as far as can be said before there are images: rather too much."""
    names = list(architectures)
    stages = to_run(changes, names) | set(
        lost_results(changes, names, *SEEING_IMAGES, "profile", "cost", "analyze")
    )
    if stages & {"download", "prepare"}:
        stages |= {f"{kind}@{name}" for kind in ("tune", "train", "evaluate") for name in names}
        stages |= {f"replay@{name}" for name in replays}
    if sees_images(stages):
        stages |= {"download", "prepare"} & changes.keys()
    return stages | {"analyze"} if stages else stages


def lost_weights(running: Iterable[str], architectures: Iterable[str]) -> dict[str, list[str]]:
    """Of networks that ``running`` evaluates: the runs, by fingerprint, whose weights it takes and nobody has."""
    stages = set(running)
    needed = {name: _lost(name) for name in architectures if f"evaluate@{name}" in stages}
    return {name: fingerprints for name, fingerprints in needed.items() if fingerprints}


def _lost(name: str) -> list[str]:
    try:
        plan = Plan.read(name)
    except StudyError:  # nothing has been trained yet, or not with what is to be found anew
        return []
    found = known(plan)
    runs = [found.runs[plan.fingerprint(key)] for key in plan.keys if plan.fingerprint(key) in found.runs]
    if not runs:
        return []
    evaluation = plan_of(name, runs)
    nowhere = set(lost(plan, found))
    return [run.fingerprint for run in evaluation.needed if run.key in nowhere]


def is_a_change(reason: str | Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether it is more than that data or weights are not here, or what a stage before has lost."""
    if isinstance(reason, str):
        return True
    return any(
        state not in ("deleted", "not in cache")
        or (kind == OUTPUTS and path.partition("/")[0] not in ("data", "runs"))
        for kind, entries in reason.items()
        for path, state in entries.items()
    )


def lost_results(changes: Mapping[str, Any], architectures: Iterable[str], *kinds: str) -> list[str]:
    """Stages of these kinds that have no reason to run but that results of theirs are gone, which DVC lets be.

    None whose results will be made anew, since something else has to run before it.
    """
    others = {
        stage: [reason for reason in reasons if isinstance(reason, str) or OUTPUTS not in reason]
        for stage, reasons in changes.items()
    }
    running = to_run(others, architectures)
    gone = [stage for stage, reasons in changes.items() if any(map(is_a_change, reasons)) and stage not in running]
    return [stage for stage in gone if stage.partition("@")[0] in kinds]


def status() -> dict[str, Any]:
    """Of each stage that is out of date, why: ``dvc status --json``. Raises StudyError where DVC does not say."""
    done = subprocess.run([*DVC, "status", "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StudyError(done.stderr.strip() or "dvc status failed")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
