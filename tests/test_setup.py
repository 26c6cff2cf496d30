"""How `make setup` makes .venv."""

import concurrent.futures
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

AS_IF = "import runpy, sys; sys.version_info = ({}); runpy.run_path(sys.argv[1], run_name='__main__')"


@pytest.mark.parametrize("version", ["3, 9, 2", "3, 10, 14", "3, 15, 0"])
def test_a_python_too_old_or_too_new_is_told_in_a_line_before_anything_is_installed(
    version: str, tmp_path: Path
) -> None:
    without_packages(tmp_path, f'exec {sys.executable} -c "{AS_IF.format(version)}" "$@"')
    done = make_setup(tmp_path)
    assert done.returncode != 0
    told, *makes_own = done.stderr.splitlines()
    found = version.replace(", ", ".")
    assert told == f"Python 3.11 to 3.14 is needed, found {found}: make PYTHON=python3.12, say"
    assert all(line.startswith("make") for line in makes_own)
    assert not (tmp_path / ".venv").exists()


def test_two_commands_at_once_make_one_environment(tmp_path: Path) -> None:
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / ".dvc/tmp/plots_page.html").touch()
    pip = tmp_path / "pip"  # says what it is asked for, and takes a moment
    pip.write_text('#!/bin/sh\necho "$@" >> pip.log\nsleep 0.5\n')
    pip.chmod(0o755)
    (tmp_path / "as_python.py").write_text(
        f"import sys; sys.executable = '{tmp_path}/python'; sys.prefix = sys.base_prefix\n"
        "import runpy; runpy.run_path('scripts/make_venv.py', run_name='__main__')\n"
    )
    made = 'if [ "$1" = -m ]; then mkdir -p .venv/bin && cp pip .venv/bin/pip'
    without_packages(tmp_path, f"{made}; else exec {sys.executable} as_python.py; fi")
    with concurrent.futures.ThreadPoolExecutor() as both:
        first, second = both.map(make_setup, [tmp_path] * 2)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert (tmp_path / "pip.log").read_text().count("-r requirements.lock") == 1
    assert sorted("waiting for its end" in one.stdout for one in (first, second)) == [False, True]


def without_packages(folder: Path, python: str) -> None:
    """What `make setup` needs, in this folder, with a Python that is this shell command."""
    for name in ("Makefile", "scripts/make_venv.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((REPOSITORY / name).read_bytes())
    (folder / "requirements.lock").write_text("packages")
    (folder / "python").write_text(f"#!/bin/sh\n{python}\n")
    (folder / "python").chmod(0o755)


def make_setup(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", f"PYTHON={folder / 'python'}", "setup"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
