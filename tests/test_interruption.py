"""A run that is killed, interrupted or out of room loses nothing and leaves nothing half-written."""

import os
import random
import re
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import LongerRun, Project, kill, lines_until, longer, rest_of

pytestmark = pytest.mark.processor

KILLS = int(os.environ.get("KILLS", "10"))
EPOCHS = 2 * 30  # of the longer run, both seeds together


def results(project: Project) -> dict[str, bytes]:
    """What stages of train have given, but for clocks, by network and file."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for folder in (project.folder / "runs/train", project.folder / "results/train")
        for path in folder.glob("**/*")
        if path.is_file()
    }


REPRO: tuple[str, ...] = ("dvc", "repro", "train@small")
STAGE: tuple[str, ...] = (sys.executable, "-m", "stages.train", "small")


@dataclass(frozen=True)
class Moment:
    """To kill ``command``: so many seconds after it has ended so many epochs, of both seeds together."""

    command: tuple[str, ...]
    epochs: int
    seconds: float


def moments(undisturbed: LongerRun, generator: random.Random) -> Iterator[Moment]:
    """Before training begins, in all parts of it, and while outputs are written; ever later ones.

    What went on is known by the lines about epochs, as fast as the machine may be; the seconds spread the moments
    between two of them. Half of the commands are the stage alone, which starts sooner.
    """
    for command in (REPRO, STAGE, REPRO):
        yield Moment(command, 0, generator.uniform(0, undisturbed.starting))
    for number, epochs in enumerate(sorted(generator.sample(range(1, EPOCHS), 4))):
        yield Moment((REPRO, STAGE)[number % 2], epochs, generator.uniform(0, undisturbed.training / EPOCHS))
    yield Moment(REPRO, EPOCHS, generator.uniform(0, undisturbed.ending))
    while True:  # what is left is to write outputs
        yield Moment(STAGE, EPOCHS, generator.uniform(0, undisturbed.starting + undisturbed.ending))


def epochs_done(line: str) -> int:
    """Of both seeds together, as a line of progress says; 0 for other lines."""
    found = re.match(r"train small seed ([01])(?: epoch |: )(\d+)(?:/30:| of 30 epochs done)", line)
    return 30 * int(found[1]) + int(found[2]) if found else 0


def killed_at(moment: Moment, project: Project, done: int) -> tuple[bool, list[str]]:
    """Whether the command was alive then, and what it had printed; ``done`` epochs had been before."""
    printed = list[str]()
    with project.started(*moment.command) as process:
        assert process.stdout is not None
        while max(map(epochs_done, printed), default=done) < moment.epochs and (line := process.stdout.readline()):
            printed.append(line)
        time.sleep(moment.seconds)
        alive = kill(process)
        return alive, printed + process.stdout.readlines()


@pytest.mark.long
@pytest.mark.thorough
def test_a_stage_killed_at_any_moment_ends_with_the_bits_of_an_undisturbed_one(
    finished: Project, longer_run: LongerRun, tmp_path: Path
) -> None:
    expected, before = results(longer_run.project), results(finished)
    generator = random.Random(0)
    when = Counter[str]()
    for number in range(0, KILLS, 10):
        killed = finished.copy_to(tmp_path / f"killed-{number}")
        killed.edit_params(longer)
        kills, done, printed_epochs = 0, 0, list[str]()
        for moment in moments(longer_run, generator):
            alive, printed = killed_at(moment, killed, done)
            killed.run("git", "checkout", "dvc.lock")  # which DVC does not write whole: docs/troubleshooting.md
            printed_epochs += [line for line in printed if " epoch " in line]
            # No epoch that was finished is trained again.
            assert len(printed_epochs) == len(set(printed_epochs))
            for path, content in results(killed).items():
                # Either the whole result of before, of one epoch, or that of now; never a part of one.
                assert content in (expected.get(path), before.get(path)), path
            done = max(map(epochs_done, printed), default=done)
            when["before" if done == 0 else "after" if done == EPOCHS else "in training"] += alive
            kills += alive
            if kills == min(10, KILLS - number):
                break
        killed.repro("train@small")
        assert results(killed) == expected
        killed.repro()
        assert not (killed.folder / ".work/checkpoints").exists()
        shutil.rmtree(killed.folder)
    assert when.total() == KILLS
    assert min(when[part] for part in ("before", "in training", "after")) >= KILLS // 10, when


def test_an_interrupt_ends_at_once_with_a_line_that_says_how_to_go_on(project: Project, tmp_path: Path) -> None:
    project.edit_params(lambda params: params["training"].update(budgets=[10_000]))
    printed = tmp_path / "printed"
    with printed.open("w") as output, project.started(*STAGE, output=output) as process:
        while "epoch 1/" not in printed.read_text():
            assert process.poll() is None
            time.sleep(0.05)
        # It stands still when the interrupt comes, so that what it printed before and after is known.
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        before = printed.read_text()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        assert process.wait() != 0
    after = printed.read_text().removeprefix(before)
    assert after.count(" epoch ") <= 1
    assert after.strip().splitlines()[-1] == "interrupted: `dvc repro` goes on from what is done"
    assert "Traceback" not in after


def test_an_interrupt_of_the_study_lets_dvc_end_and_the_last_line_still_tells_the_data(project: Project) -> None:
    project.edit_params(lambda params: params["training"].update(budgets=[10_000]))
    with project.started(sys.executable, "-m", "scripts.study") as process:
        lines_until(process, "epoch 1/10000")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        printed = rest_of(process)
    assert process.returncode != 0
    assert "Traceback" not in "\n".join(printed)
    assert printed[-1].startswith("NOT CIFAR-10")
    project.edit_params(lambda params: params["training"].update(budgets=[1]))
    assert "had been killed" not in project.run("dvc", "repro")  # DVC's word for a lock left behind


def test_results_of_code_that_was_edited_meanwhile_are_refused(project: Project, tmp_path: Path) -> None:
    before = results(project)
    project.edit_params(lambda params: params["training"].update(budgets=[2]))
    project.hold(tmp_path / "edited", 1)
    with project.started(*STAGE) as process:
        lines_until(process, "epoch 1/2")
        with (project.folder / "src/cnn_study/training/augment.py").open("a") as file:
            file.write("# edited\n")
        (tmp_path / "edited").touch()
        printed = rest_of(process)
    assert process.returncode == 1
    assert printed[-1].endswith("augment.py: changed while the stage ran; `dvc repro` runs it again")
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
