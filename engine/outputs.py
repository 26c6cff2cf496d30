"""What tasks send back, written where the stages write it, with the same bytes."""

from collections.abc import Mapping
from pathlib import Path

from cnn_study.base.code import refuse_edited_sources
from cnn_study.base.files import whole_folder, write_whole
from engine.node import FINISHED, Files
from stages._inputs import store
from stages._runs import Plan, stored_trunk
from stages.evaluate import RESULTS as EVALUATIONS


def write_outputs(files: Files) -> None:
    """What a task has given at its end; the outputs in a folder of the stage's own all at once."""
    refuse_edited_sources()
    folders: dict[Path, Files] = {}
    for path, content in files.items():
        if Path(path).parent.parent == EVALUATIONS:
            folders.setdefault(Path(path).parent, {})[Path(path).name] = content
        else:
            keep(path, content.data)
    for folder, contents in folders.items():
        with whole_folder(folder) as new:
            for name, content in contents.items():
                write_whole(new / name, content.data)


def keep(path: str, content: memoryview) -> None:
    """A file that a task has sent: a finished run belongs in the store, all others where the task had them."""
    place = Path(path)
    if place.parent == FINISHED:
        store().keep(place.name, content)
    else:
        write_whole(place, content)


def finished_runs(plan: Plan, seed: int) -> Mapping[str, Path]:
    """Those of a seed, and its trunk, that lie in the store: where a task finds each, and where it is here."""
    keys = [(seed, budget) for budget in plan.budgets]
    paths = [*(store().path(plan.fingerprint(key)) for key in keys), stored_trunk(plan, seed)]
    return {(FINISHED / path.name).as_posix(): path for path in paths if path.is_file()}
