"""A clone of this repository in which a benchmark runs a study of its own."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


@contextlib.contextmanager
def clone(change: Callable[[Any], None]) -> Iterator[Path]:
    """The last commit, nothing of which has run, its params.yaml changed by ``change``. Removed at the end."""
    with tempfile.TemporaryDirectory(prefix="cnn-study-benchmark-") as name:
        folder = Path(name) / "study"
        subprocess.run(["git", "clone", "--quiet", ".", str(folder)], check=True)
        (folder / "dvc.lock").unlink(missing_ok=True)
        shutil.rmtree(folder / "results", ignore_errors=True)
        yaml = YAML()
        content = yaml.load(folder / "params.yaml")
        change(content)
        yaml.dump(content, folder / "params.yaml")
        yield folder


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run ``python`` with ``command`` in ``folder``; what it prints, which is shown if it fails."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout
