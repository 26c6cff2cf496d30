"""Run a stage, and end with whoever started it: python -m engine.child FOLDER MODULE [ARGUMENT ...].

The starter holds the other end of standard input. Once that is closed the starter is gone, and a training
that nobody waits for would keep its processor from others. FOLDER, which the starter made for it, is removed then.
"""

import os
import runpy
import sys
import threading
from pathlib import Path


def end_with_the_starter(folder: Path) -> None:
    """Wait for the end of standard input, then leave nothing behind."""
    while os.read(0, 1024):
        pass
    # In place of this process, so that nothing writes into its scratch folder while that is removed.
    os.execlp("rm", "rm", "-rf", folder)


if __name__ == "__main__":
    made, module, *sys.argv[1:] = sys.argv[1:]
    threading.Thread(target=end_with_the_starter, args=[Path(made)], daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)
