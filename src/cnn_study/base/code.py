"""The code that a process runs, and hashes of it and of what it reads."""

import hashlib
import sys
from functools import cache
from pathlib import Path

from cnn_study.base.errors import StudyError


def fingerprint(*parts: object) -> str:
    """A hash of ``parts``, by their repr."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@cache
def sources_digest(*paths: Path) -> str:
    """A hash of the source files that are ``paths`` or lie in them, names and contents, at the first call.

    The same in every process and on every machine that has the same sources.
    """
    return fingerprint(sorted((file.as_posix(), _digest(file)) for path in paths for file in source_files(path)))


def source_files(path: Path) -> list[Path]:
    """The source file ``path``, or those below it, but for what editors leave, which .dvcignore keeps from DVC."""
    if path.is_file():
        return [path]
    return [file for file in path.glob("**/*.py") if not _is_left_over(file.relative_to(path)) and file.is_file()]


def _is_left_over(path: Path) -> bool:
    return any(part.startswith((".", "#")) or part == "__pycache__" for part in path.parts)


@cache
def loaded_sources() -> dict[Path, str]:
    """The project's source files that the process has loaded, with their hashes when this was first called.

    Without messages/, which changes no result. To be called before any work: what the process runs is what it has
    loaded, whatever the files say later.
    """
    files = [
        Path(module.__file__)
        for name, module in sorted(sys.modules.items())
        if name.partition(".")[0] in ("cnn_study", "stages", "__main__") and getattr(module, "__file__", None)
        if not name.startswith("cnn_study.messages") and module.__file__
    ]
    return {file: _digest(file) for file in files}


def refuse_edited_sources() -> None:
    """Raises StudyError if a file of ``loaded_sources`` has changed: DVC would take results for the new code's.

    DVC notes the hashes of a stage's dependencies when the stage has ended, not when it begins.
    """
    for path, digest in loaded_sources().items():
        if not path.exists() or _digest(path) != digest:
            raise StudyError(f"{path}: changed while the stage ran; `dvc repro` runs it again")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def folder_digest(folder: Path) -> str:
    """A hash of the files directly in ``folder``, names and contents, but for what editors leave."""
    digest = hashlib.sha256()
    files = [path for path in folder.iterdir() if path.is_file() and not _is_left_over(path.relative_to(folder))]
    for path in sorted(files):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
