"""Where on this machine a copy of a data set may lie: a folder of its files, or an archive of that folder."""

from collections.abc import Sequence
from pathlib import Path

from cnn_study.base.errors import StudyError
from cnn_study.sources.archives import SUFFIXES

EXPERIMENTS = ".dvc/tmp/exps"  # in a working tree: DVC's copies of it, for the queue and `dvc exp run --temp`


def copies_in(path: Path, folder: str, files: Sequence[str]) -> list[Path]:
    """What at ``path`` may be a copy of the folder ``folder`` of ``files``, the likeliest first.

    That is ``path`` itself, or what lies in it: the folder, then archives, of any name that ends as theirs do,
    those named after the data set first. Hidden files are none: macOS puts one beside each file on foreign disks.
    Raises StudyError if ``path`` cannot be looked into.
    """
    try:
        if path.is_file():
            return [path]
        if not path.is_dir():
            return []
        folders = [one for one in (path, path / folder) if any((one / name).is_file() for name in files)]
        archives = [one for one in path.iterdir() if _looks_like_an_archive(one)]
    except OSError as error:
        raise StudyError(f"{error.filename or path}: {error.strerror}") from None
    named_after = folder.partition("-")[0]
    return folders + sorted(archives, key=lambda one: (named_after not in one.name.lower(), one.name))


def _looks_like_an_archive(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith(SUFFIXES) and not name.startswith(".") and path.is_file()


def expanded(path: str) -> Path:
    """The path with ``~`` replaced as a shell does; where it stands in quotes or a file, no shell has."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody of that name
        return Path(path)


def of_the_working_tree(path: Path) -> Path:
    """A relative path where the user means it, also in a copy of the working tree that runs an experiment.

    What git ignores is not in such a copy.
    """
    for parent in Path.cwd().parents:
        if parent.match(EXPERIMENTS):
            return parent.parents[2] / path
    return path
