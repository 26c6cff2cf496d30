"""Two studies in one folder run one after the other."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import REPOSITORY

HOLD = """
import sys, time
from pathlib import Path
from scripts.study import one_at_a_time
with one_at_a_time(Path(sys.argv[1])):
    print("running", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def start(lock: Path) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()  # it may wait for what this test no longer writes
            raise


def test_a_second_study_says_that_it_waits_and_begins_when_the_first_ends(tmp_path: Path) -> None:
    with start(tmp_path / "new/study.lock") as first:
        assert first.stdout
        assert first.stdin
        assert first.stdout.readline() == "running\n"
        with start(tmp_path / "new/study.lock") as second:
            assert second.stdout
            assert second.stdin
            assert second.stdout.readline().startswith("Another `make study` is running in this folder")
            time.sleep(0.2)
            assert second.poll() is None
            first.stdin.write("\n")
            assert second.stdout.readline() == "running\n"
            second.stdin.write("\n")
    assert (first.returncode, second.returncode) == (0, 0)


def test_a_second_study_changes_nothing_before_it_begins(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_bytes((REPOSITORY / "params.yaml").read_bytes())
    before = params.read_bytes()
    with start(tmp_path / ".dvc/tmp/study.lock") as first:
        assert first.stdout
        assert first.stdin
        assert first.stdout.readline() == "running\n"
        with subprocess.Popen(
            [sys.executable, "-m", "scripts.study", "fashion_mnist", "--quick", "1"],
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, stdout=subprocess.PIPE, text=True,
        ) as second:  # fmt: skip
            assert second.stdout
            assert second.stdout.readline().startswith("Another `make study` is running in this folder")
            time.sleep(0.2)
            second.kill()
        first.stdin.write("\n")
    assert params.read_bytes() == before
