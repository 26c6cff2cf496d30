"""Say all that is wrong with params.yaml, and which of its networks this machine cannot train.

python -m scripts.check
"""

import contextlib
import sys
from pathlib import Path

import stages  # noqa: F401  (puts src/ on the path, and gives errors of the user's one line)
from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import PARAMS
from cnn_study.params.study import Params
from cnn_study.sources.datasets import FOLDER
from cnn_study.sources.folder import look_into
from stages.check import checked_params


def main() -> None:
    params = checked_params()
    if params.data.dataset == FOLDER:
        look_into(Path(params.data.folder), params.data.size)
    warn_of_memory(params)
    print(f"{PARAMS} is valid")


def warn_of_memory(params: Params) -> None:
    """Print a line for each network that needs more memory to train than there is."""
    from cnn_study.params.memory import memory_warnings  # here, since torch takes seconds to load

    with contextlib.suppress(StudyError):  # of a folder that is not here, which is no matter where results are
        for line in memory_warnings(params):
            print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
