"""Run a stage, and end with whoever started it: python -m engine.child FOLDER MODULE [ARGUMENT ...].

The starter holds the other end of standard input. Once that is closed the starter is gone, and a training
that nobody waits for would keep its processor from others. FOLDER, which the starter made for it, is removed then.
"""

import os
import runpy
import subprocess
import sys
import threading


def end_with_the_starter() -> None:
    """Wait for the end of standard input."""
    while os.read(0, 1024):
        pass
    os._exit(1)


def remove_afterwards(folder: str) -> None:
    """A process of its own, which Ray does not find when it kills the starter and what that has started."""
    subprocess.Popen(
        ["sh", "-c", 'cat; sleep 1; rm -rf "$0"', folder],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


if __name__ == "__main__":
    made, module, *sys.argv[1:] = sys.argv[1:]
    remove_afterwards(made)
    threading.Thread(target=end_with_the_starter, daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)
