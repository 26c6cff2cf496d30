"""Run a stage, and end with whoever started it: python -m engine.child MODULE [ARGUMENT ...].

The starter holds the other end of standard input. Once that is closed the starter is gone, and a training
that nobody waits for would keep its processor from others.
"""

import os
import runpy
import sys
import threading
from pathlib import Path


def end_with_the_starter() -> None:
    """Wait for the end of standard input, then leave nothing behind."""
    while os.read(0, 1024):
        pass
    # In place of this process, so that nothing writes into its scratch folder while that is removed.
    os.execlp("rm", "rm", "-rf", Path.cwd())


if __name__ == "__main__":
    threading.Thread(target=end_with_the_starter, daemon=True).start()
    module, *sys.argv[1:] = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
