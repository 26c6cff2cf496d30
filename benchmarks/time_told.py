"""Whether the time that ``make study`` tells is what is left: the embedded study, from nothing, in a clone.

python -m benchmarks.time_told

At 25, 50 and 75 % of the time that it took: what it had told last, less what had passed since, over what was left.
Writes time_told-bf16.json or time_told-avx2.json, by the kind of processor.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import stages  # noqa: F401  (puts src/ on the path)
from benchmarks.workspace import clone
from cnn_study.base.environment import computes_bf16

TOLD = re.compile(r"^\[\d+/\d+\] .* · about (?:(\d+) h)? ?(?:(\d+) min)?(?:(\d+) s)? left$")
SHARES = (0.25, 0.5, 0.75)


def seconds_told(line: str) -> float | None:
    """What a line tells; None where it is none of those that tell."""
    match = TOLD.match(line.rstrip())
    if match is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def ratios(told: Sequence[tuple[float, float]], whole: float) -> dict[str, float]:
    """Told over left, at each of ``SHARES`` of ``whole``. ``told``: when, and how many seconds, in order."""
    found = {}
    for share in SHARES:
        now = share * whole
        when, seconds = [one for one in told if one[0] <= now][-1]
        found[f"{share:.0%}"] = (seconds - (now - when)) / (whole - now)
    return found


def main() -> None:
    with clone(lambda _: None) as folder:
        started, told = time.monotonic(), []
        command = [sys.executable, "-m", "scripts.study", "fashion_mnist"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                if (seconds := seconds_told(line)) is not None:
                    told.append((time.monotonic() - started, seconds))
                    print(line, end="", flush=True)
        whole = time.monotonic() - started
    if process.returncode:
        sys.exit(f"the study ended with {process.returncode}")
    result: dict[str, Any] = {"seconds": round(whole), "told over left": ratios(told, whole)}
    print(json.dumps(result, indent=2))
    kind = "bf16" if computes_bf16("cpu") else "avx2"
    Path(f"benchmarks/time_told-{kind}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
