"""A run that is killed, interrupted or out of room loses nothing and leaves nothing half-written."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import LongerRun, Project, longer

pytestmark = pytest.mark.processor

KILLS = int(os.environ.get("KILLS", "10"))


def start(project: Project, *command: str) -> "subprocess.Popen[str]":
    """The command in a process group of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        command,
        cwd=project.folder,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell has what it starts in the background ignore interrupts, these tests as well.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def until_an_epoch_ends(process: "subprocess.Popen[str]") -> str:
    """What the process prints up to and with its first line about an epoch, or all of it."""
    printed = []
    for line in process.stdout or ():
        printed.append(line)
        if " epoch " in line:
            break
    return "".join(printed)


def results(project: Project) -> dict[str, bytes]:
    folder = project.folder / "runs/train"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("**/*") if path.is_file()}


def test_a_stage_killed_at_any_moment_ends_with_the_bits_of_an_undisturbed_one(
    finished: Project, longer_run: LongerRun, tmp_path: Path
) -> None:
    duration = longer_run.seconds
    expected, before = results(longer_run.project), results(finished)

    generator = random.Random(0)
    kills, in_training, killed = 0, 0, None
    while kills < KILLS:
        if killed is None:
            killed, printed_epochs = finished.copy_to(tmp_path / "killed"), []
            killed.edit_params(longer)
        process = start(killed, "dvc", "repro", "train@small")
        # Starting DVC and PyTorch takes most of the time: every other kill waits for training to begin.
        printed = until_an_epoch_ends(process) if kills % 2 else ""
        time.sleep(generator.uniform(*((0.0, 0.08) if printed else (0.3, 1.0))) * duration)
        alive = process.poll() is None
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        assert process.stdout is not None
        with process.stdout:
            printed += process.stdout.read()
        process.wait()
        now = [line for line in printed.splitlines() if " epoch " in line]
        printed_epochs += now
        # No epoch that was finished is trained again.
        assert len(printed_epochs) == len(set(printed_epochs))
        for path, content in results(killed).items():
            # Either the whole result of before, of one epoch, or that of now; never a part of one.
            assert content in (expected.get(path), before.get(path)), path
        kills += alive
        in_training += alive and bool(now)
        if not alive or kills == KILLS:
            killed.repro("train@small")
            assert results(killed) == expected
            killed.repro()
            assert not (killed.folder / ".work/checkpoints").exists()
            shutil.rmtree(killed.folder)
            killed = None
    assert in_training >= KILLS // 5


def test_an_interrupt_ends_at_once_with_a_line_that_says_how_to_go_on(project: Project) -> None:
    project.edit_params(lambda params: params["training"].update(epochs=10_000))
    process = start(project, sys.executable, "-m", "stages.train", "small")
    assert process.stdout is not None
    while "epoch 1/" not in process.stdout.readline():
        assert process.poll() is None
    interrupted = time.monotonic()
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=20)
    assert time.monotonic() - interrupted < 5
    assert process.returncode != 0
    last = printed.strip().splitlines()[-1]
    assert last == "interrupted: `dvc repro` goes on from the last whole epoch"
    assert "Traceback" not in printed


def test_an_interrupt_of_the_study_lets_dvc_end_and_the_last_line_still_tells_the_data(project: Project) -> None:
    project.edit_params(lambda params: params["training"].update(epochs=10_000))
    process = start(project, sys.executable, "-m", "scripts.study")
    assert process.stdout is not None
    while "epoch 1/10000" not in process.stdout.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    printed, _ = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "Traceback" not in printed
    assert printed.strip().splitlines()[-1].startswith("NOT CIFAR-10")
    project.edit_params(lambda params: params["training"].update(epochs=1))
    assert "had been killed" not in project.run("dvc", "repro")  # DVC's word for a lock left behind


def test_results_of_code_that_was_edited_meanwhile_are_refused(project: Project) -> None:
    before = results(project)
    project.edit_params(lambda params: params["training"].update(epochs=30))
    process = start(project, sys.executable, "-m", "stages.train", "small")
    assert process.stdout is not None
    while "epoch 1/30" not in process.stdout.readline():
        assert process.poll() is None
    with (project.folder / "src/cnn_study/augment.py").open("a") as file:
        file.write("# edited\n")
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert printed.strip().splitlines()[-1].endswith("changed while the stage ran; `dvc repro` runs it again")
    assert results(project) == before


def test_a_folder_that_cannot_be_written_is_one_line_and_nothing_is_lost(project: Project) -> None:
    before = results(project)
    (project.folder / ".work").rename(project.folder / ".work-before")
    (project.folder / ".work").write_text("a file where the folder should be")
    printed = project.run(sys.executable, "-m", "stages.train", "small", ok=False)
    assert "Traceback" not in printed
    assert len(printed.strip().splitlines()) == 1
    assert ".work" in printed
    assert results(project) == before


def test_a_full_disk_is_one_line_and_nothing_is_lost(project: Project) -> None:
    before = results(project)
    # A limit on the size of files does to a write what a full disk does, with another error number.
    limited = f"ulimit -f 8; exec {sys.executable} -m stages.train small"
    printed = project.run("bash", "-c", limited, ok=False)
    assert "Traceback" not in printed
    assert printed.strip().splitlines()[-1].endswith("nothing half-written is left")
    assert results(project) == before
