"""Make .venv from requirements.lock, for `make setup`: with nothing but the Python that it is called with."""

import fcntl
import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)
LOCKED, VENV = Path("requirements.lock"), Path(".venv")
MADE_FROM = VENV / LOCKED
IN_USE = Path(".dvc/tmp/study.lock")  # which a running study holds
QUIET = ("--quiet", "--disable-pip-version-check")


def main() -> None:
    """Make it, unless another command has just done so."""
    version = tuple(sys.version_info)[:3]
    if not OLDEST <= version[:2] <= NEWEST:
        found, oldest, newest = (".".join(map(str, one)) for one in (version, OLDEST, NEWEST))
        sys.exit(f"Python {oldest} to {newest} is needed, found {found}: make PYTHON=python3.12, say")
    IN_USE.parent.mkdir(parents=True, exist_ok=True)
    with IN_USE.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another command uses .venv or makes it: waiting for its end.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        if not (MADE_FROM.is_file() and filecmp.cmp(LOCKED, MADE_FROM, shallow=False)):
            print("making .venv: PyTorch is large, this takes a few minutes", flush=True)
            make()


def make() -> None:
    """From nothing: what was there may have packages that are no longer wanted."""
    python = sys.executable
    if sys.prefix != sys.base_prefix:  # this is the Python of .venv itself: the one that it was made with
        python = str(Path(sys.base_prefix) / "bin" / "python{}.{}".format(*sys.version_info))
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([python, "-m", "venv", str(VENV)], check=True)
    pip = (str(VENV / "bin/pip"), "install", *QUIET)
    subprocess.run([*pip, "-r", str(LOCKED)], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", "."], check=True)
    shutil.copyfile(LOCKED, MADE_FROM)  # last: where it is missing, .venv is not whole


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)  # pip has said why
