"""DVC's account of the stages: which are out of date, and that one was done, as if ``dvc repro`` had run it."""

import logging
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc.dvcfile import Lockfile
from dvc.exceptions import DvcException
from dvc.repo import Repo, lock_repo
from dvc.rwlock import rwlock

from cnn_study.base.errors import StudyError
from cnn_study.base.files import SCRATCH, write_whole

LOCK = Path("dvc.lock")


class Pipeline:
    """The stages as they stood in dvc.yaml when the object was made. The methods raise StudyError.

    ``allow_missing``: data that are not here are no change.
    """

    def __init__(self, repo: Repo, allow_missing: bool) -> None:
        logging.getLogger("dvc").setLevel(logging.WARNING)  # it tells of each change of dvc.lock
        self._repo, self._allow_missing = repo, allow_missing
        with self._locked():
            self._stages = {stage.addressing: stage for stage in repo.index.stages}
        self._begun: dict[str, dict[str, Any]] = {}

    @contextmanager
    def lock(self, names: Iterable[str]) -> Iterator[None]:
        """Meanwhile no other DVC command can run these stages: DVC's own lock on all they read and write."""
        stages = [self._stages[name] for name in names]
        read = sorted({dep.fs_path for stage in stages for dep in stage.deps})
        write = sorted({out.fs_path for stage in stages for out in stage.outs})
        # By process and command, DVC's functions that are called here know that the lock is theirs.
        command = " ".join(sys.argv)
        hardlink = self._repo.config["core"].get("hardlink_lock", False)
        try:
            with rwlock(self._repo.tmp_dir, self._repo.fs, command, read, write, hardlink):
                yield
        except DvcException as error:
            raise StudyError(str(error)) from None

    def changed(self, name: str) -> bool:
        """Whether ``dvc repro`` would do anything about the stage."""
        with self._locked():
            return bool(self._stages[name].changed(self._allow_missing))

    def begin(self, name: str) -> bool:
        """Whether the stage has to run; if so, its outputs are removed but for those that it goes on from."""
        stage = self._stages[name]
        with self._locked():
            if not stage.changed(self._allow_missing):
                return False
            stage.remove_outs()
            stage.save_deps()
            self._begun[name] = _read_by(stage)
            return True

    def commit(self, names: Iterable[str]) -> None:
        """Note that these stages are done, but for one that has read what has changed since it began: an error."""
        good, mistakes = list[Any](), list[str]()
        with self._locked():
            for stage in (self._stages[name] for name in names):
                stage.save_deps()
                before = self._begun[stage.addressing]
                changed = [path for path, content in _read_by(stage).items() if content != before[path]]
                mistakes += [
                    f"{path}: changed while {stage.addressing} ran; the same command runs it again"
                    for path in changed
                ]
                if not changed:
                    good.append(stage)
            self._save(good)
        if mistakes:
            raise StudyError("\n".join(mistakes))

    def _save(self, stages: list[Any]) -> None:
        for stage in stages:
            stage.save()
            stage.commit()
        # All of them at once, since DVC reads and writes the whole file each time; and into a copy, since it
        # takes seconds with many stages, and what is killed meanwhile would leave half of it.
        copy = SCRATCH / LOCK
        copy.parent.mkdir(exist_ok=True)
        copy.unlink(missing_ok=True)
        if LOCK.exists():
            shutil.copyfile(LOCK, copy)
        Lockfile(self._repo, str(copy)).dump_stages(stages)
        write_whole(LOCK, copy.read_bytes())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with lock_repo(self._repo):
                yield
        except DvcException as error:
            raise StudyError(str(error)) from None


def _read_by(stage: Any) -> dict[str, Any]:
    """The hashes of what the stage depends on, and its parameters."""
    return {str(dep): dep.hash_info for dep in stage.deps}
