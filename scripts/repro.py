"""``dvc repro``, with each stage's place and the time that is left before it: read from what DVC prints."""

import contextlib
import re
import subprocess
import time
from collections.abc import Collection

from cnn_study.base.errors import StudyError
from cnn_study.params.study import Params
from scripts.estimate import MachineSpeed, estimates
from scripts.plan import DVC
from scripts.time_left import TimeLeft, in_words

BEGINS = re.compile(r"Running stage '(\S+)'")
SKIPPED = re.compile(r"Stage '(\S+)' (?:didn't change, skipping|is cached - skipping run)")


class Repro:
    """Runs ``dvc repro`` as often as it is called, for one plan."""

    def __init__(self) -> None:
        self._plan = TimeLeft({})

    def announce(self, stages: Collection[str], params: Params) -> None:
        """Say what is to run, and about how long it takes here."""
        if not stages:
            return
        print(f"Stages to run: {len(stages)}. Measuring how fast this machine is.", flush=True)
        try:
            speed = MachineSpeed.measured(stages)
        except StudyError as error:  # the stage that cannot run either will say more
            print(f"How long that takes is not known yet: {error}", flush=True)
            self._plan = TimeLeft(dict.fromkeys(stages, 1.0))
        else:
            self._plan = TimeLeft(estimates(stages, params, speed))
            print(f"These stages take {in_words(self._plan.seconds)} here, one after another.", flush=True)

    def keep(self, stages: Collection[str]) -> None:
        """Of what was announced, no more than this is to run."""
        self._plan.keep(stages, time.monotonic())

    def __call__(self, *arguments: str) -> int:
        """The exit code. An interrupt reaches DVC as well, which is left to end itself."""
        command = [*DVC, "repro", *arguments]
        # Standard error, on which stages show their bars, stays the terminal's.
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
            while True:
                with contextlib.suppress(KeyboardInterrupt):
                    for line in process.stdout or ():
                        self._note(line)
                        print(line, end="", flush=True)
                    return process.wait()

    def alone(self, stages: Collection[str], *options: str) -> int:
        """Run these stages, and nothing that is before them."""
        return self(*options, "--single-item", *stages) if stages else 0

    def _note(self, line: str) -> None:
        if match := BEGINS.match(line):
            print(self._plan.begins(match[1], time.monotonic()), flush=True)
        elif match := SKIPPED.match(line):
            self._plan.drop(match[1])
