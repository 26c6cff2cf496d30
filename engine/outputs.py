"""What tasks send back, written where the stages write it, with the same bytes."""

from collections.abc import Mapping
from pathlib import Path

from cnn_study.base.code import refuse_edited_sources
from cnn_study.base.files import write_whole
from engine.node import FINISHED, Files
from stages._inputs import store
from stages._runs import Plan, stored_trunk


def write_outputs(files: Files) -> None:
    """The outputs of a stage that was one task."""
    refuse_edited_sources()
    for path, content in files.items():
        write_whole(Path(path), content.data)


def keep(path: str, content: memoryview) -> None:
    """What a task has sent on its way: a checkpoint, or a finished run, which belongs in the store."""
    place = Path(path)
    write_whole(store().folder / place.name if place.parent == FINISHED else place, content)


def finished_runs(plan: Plan, seed: int) -> Mapping[str, Path]:
    """Those of a seed, and its trunk, that lie in the store: where a task finds each, and where it is here."""
    keys = [(seed, budget) for budget in plan.budgets]
    paths = [*(store().path(plan.fingerprint(key)) for key in keys), stored_trunk(plan, seed)]
    return {(FINISHED / path.name).as_posix(): path for path in paths if path.is_file()}
