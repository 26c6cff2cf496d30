"""DVC's account of the stages: which are out of date, and that one has been done, here as by ``dvc repro``."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from dvc.lock import LockError
from dvc.repo import Repo, lock_repo
from dvc.rwlock import rwlock
from dvc.stage.cache import RunCacheNotFoundError

from cnn_study.schema import StudyError


class Ledger:
    """The stages of this working tree, as they stood in dvc.yaml when the object was made."""

    def __init__(self) -> None:
        self._repo = Repo()
        with self._locked():
            self._stages = {stage.addressing: stage for stage in self._repo.index.stages}
        self._begun: dict[str, Any] = {}

    @contextmanager
    def claim(self, names: Iterable[str]) -> Iterator[None]:
        """Meanwhile, no other DVC command may run these stages: DVC's own lock on what they read and write.

        Raises StudyError if another command has one of them.
        """
        stages = [self._stages[name] for name in names]
        read = sorted({dep.fs_path for stage in stages for dep in stage.deps})
        write = sorted({out.fs_path for stage in stages for out in stage.outs})
        hardlink = self._repo.config["core"].get("hardlink_lock", False)
        try:
            # DVC's functions take the command for theirs, and are let through, by process and this text.
            with rwlock(self._repo.tmp_dir, self._repo.fs, " ".join(sys.argv), read, write, hardlink):
                yield
        except LockError as error:
            raise StudyError(str(error)) from None

    def out_of_date(self, name: str) -> bool:
        """Whether ``dvc repro`` would do anything about the stage."""
        with self._locked():
            return bool(self._stages[name].changed())

    def begin(self, name: str) -> bool:
        """Whether the stage has to run. If so, its outputs are gone, as in ``dvc repro``; if it is out of date
        but DVC's cache has what it would give, they are back.
        """
        stage = self._stages[name]
        with self._locked():
            if not stage.changed():
                return False
            stage.remove_outs()
            try:
                self._repo.stage_cache.restore(stage)
            except RunCacheNotFoundError:
                stage.save_deps()
                self._begun[name] = self._read_by(stage)
                return True
            self._save([stage])
            return False

    def record(self, names: Iterable[str]) -> None:
        """Note that the stages are done. Raises StudyError if what one reads has changed since it began."""
        stages = [self._stages[name] for name in names]
        with self._locked():
            for stage in stages:
                stage.save_deps()
                before, now = self._begun[stage.addressing], self._read_by(stage)
                changed = [path for path, value in now.items() if before[path] != value]
                if changed:
                    raise StudyError(
                        f"{changed[0]}: changed while {stage.addressing} ran; the same command runs that again"
                    )
            self._save(stages)

    def _save(self, stages: list[Any]) -> None:
        for stage in stages:
            stage.save()
            stage.commit()
        # At once: each time, DVC reads and writes all of dvc.lock.
        if stages:
            stages[0].dvcfile.dump_stages(stages, update_pipeline=False)

    @staticmethod
    def _read_by(stage: Any) -> dict[str, Any]:
        return {str(dep): dep.hash_info for dep in stage.deps}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with lock_repo(self._repo):
                yield
        except LockError as error:
            raise StudyError(str(error)) from None
