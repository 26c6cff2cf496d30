"""What `make setup` does with a Python that will not do."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

AS_IF = "import sys; sys.version_info = ({}); exec(sys.argv.pop(1))"


@pytest.mark.parametrize("version", ["3, 10, 14", "3, 11, 3", "3, 15, 0"])
def test_a_python_too_old_or_too_new_is_told_in_a_line_before_anything_is_installed(
    version: str, tmp_path: Path
) -> None:
    (tmp_path / "Makefile").write_bytes((REPOSITORY / "Makefile").read_bytes())
    (tmp_path / "requirements.lock").touch()
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{AS_IF.format(version)}" "$2"\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["make", f"PYTHON={python}", "setup"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    told, *makes_own = done.stderr.splitlines()
    found = version.replace(", ", ".")
    assert told == f"Python 3.11.4 to 3.14 is needed, found {found}: make PYTHON=python3.12, say"
    assert all(line.startswith("make") for line in makes_own)
    assert not (tmp_path / ".venv").exists()
