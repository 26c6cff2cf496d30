"""How `make setup` makes .venv."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, surroundings

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
    pip = tmp_path / "pip"  # says what it is asked for, and takes until the other command waits
    pip.write_text(
        '#!/bin/sh\necho "$@" >> pip.log\n'
        "for tenth in $(seq 600); do grep -qs waiting *.out && exit; sleep 0.1; done\n"
    )
    pip.chmod(0o755)
    (tmp_path / "as_python.py").write_text(
        f"import sys; sys.executable = '{tmp_path}/python'; sys.prefix = sys.base_prefix\n"
        "import runpy; runpy.run_path('scripts/make_venv.py', run_name='__main__')\n"
    )
    made = 'if [ "$1" = -m ]; then mkdir -p .venv/bin && cp pip .venv/bin/pip'
    without_packages(tmp_path, f"{made}; else exec {sys.executable} as_python.py; fi")
    (tmp_path / "scripts/make_plots_page.py").write_text(
        "from pathlib import Path\nPath('.dvc/tmp/plots_page.html').touch()\n"
    )
    with (tmp_path / "first.out").open("w") as first, (tmp_path / "second.out").open("w") as second:
        both = [
            subprocess.Popen(setup_of(tmp_path), cwd=tmp_path, env=surroundings(), stdout=out, stderr=out)
            for out in (first, second)
        ]
        assert [one.wait() for one in both] == [0, 0]
    assert (tmp_path / "pip.log").read_text().count("-r requirements.lock") == 1
    said = [(tmp_path / f"{which}.out").read_text() for which in ("first", "second")]
    assert sorted("waiting for its end" in one for one in said) == [False, True]


def without_packages(folder: Path, python: str) -> None:
    """What `make setup` needs, in this folder, with a Python that is this shell command."""
    for name in ("Makefile", "scripts/make_venv.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((REPOSITORY / name).read_bytes())
    (folder / "requirements.lock").write_text("packages")
    (folder / "python").write_text(f"#!/bin/sh\n{python}\n")
    (folder / "python").chmod(0o755)


def setup_of(folder: Path) -> list[str]:
    return ["make", f"PYTHON={folder / 'python'}", "setup"]


def make_setup(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(setup_of(folder), cwd=folder, capture_output=True, text=True, check=False)
