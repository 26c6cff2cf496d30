"""Say all that is wrong with params.yaml, and which of its networks this machine cannot train.

python -m scripts.check
"""

import sys

import stages  # noqa: F401  (puts src/ on the path, and gives errors of the user's one line)
from cnn_study.base.yaml import PARAMS
from cnn_study.params.study import Params
from stages.check import checked_params


def main() -> None:
    warn_of_memory(checked_params())
    print(f"{PARAMS} is valid")


def warn_of_memory(params: Params) -> None:
    """Print a line for each network that needs more memory to train than there is."""
    from cnn_study.params.memory import memory_warnings  # here, since torch takes seconds to load

    for line in memory_warnings(params):
        print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
