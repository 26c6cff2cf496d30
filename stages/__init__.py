"""The stages of the pipeline: ``python -m stages.NAME``, as dvc.yaml calls them."""

import atexit
import errno
import importlib.util
import sys
from pathlib import Path
from types import TracebackType

# The library of this working tree, and not one installed elsewhere: DVC's experiments run in copies of
# the tree, and have to run the code that they hold.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

NO_ROOM = {  # a disk that is full or a folder that cannot be written
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO,
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST,
}  # fmt: skip


def _end_with_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What the user can mend, or did, ends a stage with a line for each thing. Bugs keep their traceback."""
    from cnn_study.base.errors import StudyError

    if isinstance(error, StudyError):
        print(error, file=sys.stderr)
    elif isinstance(error, KeyboardInterrupt):
        print("\ninterrupted: `dvc repro` goes on from what is done", file=sys.stderr)
    elif isinstance(error, BrokenPipeError):  # of a reader that has seen enough, as `| head`
        pass
    elif isinstance(error, OSError) and error.errno in NO_ROOM:
        where = error.filename2 or error.filename or "writing"
        print(f"{where}: {error.strerror}; nothing half-written is left", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def _end_output() -> None:
    from cnn_study.messages.output import drop_unwritable

    drop_unwritable(BrokenPipeError)  # of a full disk, Python says it itself, and the exit code is not 0


if importlib.util.find_spec("torch") is None or importlib.util.find_spec("pydantic") is None:
    sys.exit("the project's packages are not in this Python: `make setup`, then `. .venv/bin/activate`")
sys.excepthook = _end_with_one_line
atexit.register(_end_output)
