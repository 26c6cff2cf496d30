"""What DVC takes for a study of many architectures: prints a table and writes scale.json.

``python -m benchmarks.scale [ARCHITECTURES ...]``, 12, 40, 100 and 200 if not said: with a file of some bytes
for each output that a stage would write, recorded as if the stages had run, in a clone of this repository.
Nothing is trained.
"""

import copy
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from dvc.repo import Repo

import stages  # noqa: F401  (puts src/ on the path)
from benchmarks.workspace import clone, run
from cnn_study.base.environment import set_up
from engine.pipeline import Pipeline

RESULTS = Path("benchmarks/scale.json")
DVC = ("-m", "dvc")
RUNS = Path("runs")
SEEDS, BUDGETS = 5, 4


def many(count: int) -> Callable[[Any], None]:
    """Change params.yaml to one of ``count`` architectures."""

    def change(params: Any) -> None:
        entry = params["architectures"]["kernel_3x3"]
        names = [f"network_{number:04}" for number in range(count)]
        params["training"].update(seeds=list(range(SEEDS)))
        params["replay"].update(architectures=names[:1])
        params["architectures"] = {name: copy.deepcopy(entry) for name in names}
        study = {"title": "All", "question": "How long?", "baseline": names[0], "members": {n: n for n in names}}
        params["studies"] = {"all": study}

    return change


def pretend(outs: Iterable[str]) -> None:
    """Make these outputs."""
    for out in outs:
        path = Path(out)
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{path}\n")
            continue
        path.mkdir(parents=True, exist_ok=True)
        # Weights of each budget and of the trunk, of each seed; folders of results have up to four files.
        for number in range(SEEDS * (BUDGETS + 1) if path.is_relative_to(RUNS) else 4):
            (path / str(number)).write_text(f"{path} {number}\n")


def outputs() -> dict[str, list[str]]:
    """By stage, those of the repository in the current folder, and what other stages read within them."""
    with Repo() as repo:
        known = repo.index.stages
        read = {os.path.relpath(dep.fs_path) for stage in known for dep in stage.deps}
    made = {stage.addressing: [os.path.relpath(out.fs_path) for out in stage.outs] for stage in known}
    return {
        name: outs + sorted(path for path in read for out in outs if Path(out) in Path(path).parents)
        for name, outs in made.items()
    }


def seconds_of(call: Callable[[], object]) -> float:
    """Of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def measure(count: int) -> dict[str, float]:
    """The figures of a study of ``count`` architectures, printed."""
    figures: dict[str, float] = {"architectures": count}
    here = Path.cwd()
    with clone(many(count)) as folder:
        os.chdir(folder)
        try:
            made = outputs()
            pretend(out for outs in made.values() for out in outs)
            figures["stages"] = len(made)
            figures["dvc commit of all, the first time, s"] = seconds_of(lambda: run(folder, *DVC, "commit", "-f"))
            figures["lines of dvc.lock"] = len((folder / "dvc.lock").read_text().splitlines())
            figures["dvc status with nothing changed, s"] = seconds_of(lambda: run(folder, *DVC, "status"))
            figures["dvc repro with nothing changed, s"] = seconds_of(lambda: run(folder, *DVC, "repro"))
            with Repo() as repo:
                pipelines: list[Pipeline] = []
                figures["the engine reads the graph, s"] = seconds_of(
                    lambda: pipelines.append(Pipeline(repo, allow_missing=False))
                )
                (pipeline,) = pipelines
                trainings = [name for name in made if name.startswith("train@")][:21]
                looks = seconds_of(lambda: [pipeline.changed(name) for name in trainings])
                figures["the engine looks at a stage, s"] = looks / len(trainings)
                with Path("stages/train.py").open("a") as file:
                    file.write("# edited\n")
                begins = seconds_of(lambda: [pipeline.begin(name) for name in trainings])
                figures["the engine begins a stage, s"] = begins / len(trainings)
                pretend(out for name in trainings for out in made[name])
                for some in (trainings[:1], trainings[1:]):
                    seconds = seconds_of(partial(pipeline.commit, some))
                    figures[f"the engine records {len(some)} of train, s"] = seconds
        finally:
            os.chdir(here)
    for what, value in figures.items():
        print(f"{what:45} {value:10.3g}" if isinstance(value, float) else f"{what:45} {value:10}")
    return figures


if __name__ == "__main__":
    measured = [measure(int(count)) for count in sys.argv[1:] or (12, 40, 100, 200)]
    results = {"environment": set_up("cpu").as_dict(), "studies": measured}
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
