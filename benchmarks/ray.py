"""What handing out the stages to Ray costs and gives: prints a table and writes ray.json.

``python -m benchmarks.ray`` runs the stages of all networks of a reduced study of CIFAR-10, from nothing, in
clones of this repository: by ``dvc repro`` with two threads and with one, and on a Ray cluster, that runs already,
with one and with two workers of one core each. It needs two cores, idle otherwise, and takes up to
20 minutes.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.cluster_utils import Cluster

import stages  # noqa: F401  (puts src/ on the path)
from benchmarks.workspace import clone, run
from cnn_study.base.code import source_files
from cnn_study.base.environment import set_up, usable_cores
from cnn_study.base.files import write_whole
from cnn_study.training.records import Clocks
from engine import driver, node
from engine.cluster import connected
from engine.resources import Resources

RESULTS = Path("benchmarks/ray.json")
ARCHITECTURES = ("kernel_3x3", "kernel_5x5", "depth_4", "residual")
SEEDS = (0, 1)
PART = ("-m", "benchmarks.ray")
TRAINING = ("tune", "train", "replay")  # the stages that train
CHECKPOINT_BYTES = 12_800_000  # that of kernel_3x3

IMAGE_BYTES = 154_000_000  # data/prepared/train and validation, of the whole study
ONE_CORE = "os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])"
DVC_ON_ONE_CORE = f"import os, runpy; {ONE_CORE}; runpy.run_module('dvc', run_name='__main__')"


def engine() -> None:
    """As ``make study ENGINE=ray`` does it, up to what is left to ``dvc repro``."""
    driver.run(Resources(cpus=1), allow_missing=False)


def empty_tasks() -> None:
    """Print the seconds of a task whose stage does nothing, with the images, of 20 on one worker."""
    count = 20
    with connected():
        sources = {file.as_posix(): node.read(file) for path in driver.SOURCES for file in source_files(path)}
        shared = ray.put(sources), ray.put({"data/prepared/images": np.zeros(IMAGE_BYTES, np.uint8)})
        task = node.Task("nothing", "", {"stages/nothing.py": np.zeros(0, np.uint8)}, (), node.describe(0), 1, 0)
        start = ray.remote(node.run).options(num_cpus=1, num_returns="streaming").remote
        seconds = 0.0
        for some in (1, count):  # the first one starts the worker
            started = time.perf_counter()
            streams = [start(*shared, task) for _ in range(some)]
            sent = [ray.get(one) for stream in streams for one in stream]
            seconds = time.perf_counter() - started
            if sent[1::2] != [node.Done({})] * some:
                sys.exit(f"found {sent}, allowed: tasks that begin and end")
        print(seconds / count)


def checkpoints() -> None:
    """Print the seconds from a task that sends a checkpoint to the driver's disk, of all but the first of 51."""
    count = 51

    def send() -> Iterator[node.Saved]:
        for _ in range(count):
            yield node.Saved("checkpoint", np.zeros(CHECKPOINT_BYTES, np.uint8))

    with connected():
        sent = ray.remote(send).options(num_returns="streaming").remote()
        ray.get(next(sent))
        started = time.perf_counter()
        for one in sent:
            saved = ray.get(one)
            write_whole(Path(".work") / saved.path, saved.content.data)
        print((time.perf_counter() - started) / (count - 1))


PARTS = {"engine": engine, "empty_tasks": empty_tasks, "checkpoints": checkpoints}  # each in a process of its own


def reduce(params: Any) -> None:
    """Four architectures, two seeds, 4,050 images to train with."""
    params["data"].update(train_images=4500)
    params["training"].update(budgets=[2], seeds=list(SEEDS))
    params["tune"].update(beyond=0, epochs=1, images=1000)
    params["tune"]["range"]["muon"] = [0.1, 0.2]
    params["replay"].update(architectures=["kernel_3x3"])
    params["replay"]["runs"].update(learning_rates=[0.001], images=100, seeds=[0])
    params["architectures"] = {name: params["architectures"][name] for name in ARCHITECTURES}
    names = {name: name for name in ARCHITECTURES}
    study = {"title": "All", "question": "How long?", "baseline": ARCHITECTURES[0], "members": names}
    params["studies"] = {"all": study}


@dataclass(frozen=True)
class Measured:
    """A run of all stages of the networks. ``tasks``: how often one was started; on Ray, train for each seed.

    ``training_seconds``: of all epochs, by the clocks of the stages; the rest of the time of all workers is
    ``other_seconds_per_task``: to evaluate, profile, start processes, read, save, record and, with two workers,
    wait.
    """

    what: str
    seconds: float
    training_seconds: float
    workers: int
    tasks: int

    @property
    def other_seconds_per_task(self) -> float:
        """Beside the training of epochs."""
        return (self.workers * self.seconds - self.training_seconds) / self.tasks


def measure(what: str, prepared: Path, workers: int, tasks: int, *command: str, **environment: str) -> Measured:
    """Run ``command`` in a copy of ``prepared``."""
    folder = prepared.with_name("copy")
    shutil.copytree(prepared, folder, symlinks=True)
    started = time.perf_counter()
    run(folder, *command, **environment)
    seconds = time.perf_counter() - started
    clocks = [path for stage in TRAINING for path in folder.glob(f"results/timing/{stage}/*.json")]
    training = sum(run.train_seconds + run.evaluation_seconds for path in clocks for run in Clocks.read(path).runs)
    shutil.rmtree(folder)
    return Measured(what, seconds, training, workers, tasks)


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """The address of one with so many nodes of one core."""
    nodes = Cluster()
    try:
        for _ in range(workers):
            nodes.add_node(num_cpus=1, include_dashboard=False)
        yield nodes.address
    finally:
        nodes.shutdown()


def main() -> None:
    if usable_cores() < 2:
        sys.exit("two cores are needed")
    targets = [f"{stage}@{name}" for name in ARCHITECTURES for stage in ("tune", "train", "evaluate", "profile")]
    plain = ("-m", "dvc", "repro", "replay@kernel_3x3", *targets)
    measured = []
    with clone(reduce) as folder:
        run(folder, "-m", "dvc", "repro", "prepare")
        stages_of_dvc, tasks = len(targets) + 1, len(targets) + len(ARCHITECTURES) * (len(SEEDS) - 1) + 1
        one_core = ("-c", DVC_ON_ONE_CORE, *plain[2:])
        for what, command in (("dvc repro, two threads", plain), ("dvc repro, one thread", one_core)):
            measured.append(measure(what, folder, 1, stages_of_dvc, *command))
        for workers in (1, 2):
            with cluster(workers) as address:
                what = f"Ray, {workers} worker{'s' * (workers > 1)} of one core"
                measured.append(measure(what, folder, workers, tasks, *PART, "engine", RAY_ADDRESS=address))
        with cluster(1) as address:
            empty, checkpoint = (
                float(run(folder, *PART, part, RAY_ADDRESS=address).split()[-1])
                for part in ("empty_tasks", "checkpoints")
            )
    columns = ("s", "× the first", "s of epochs", "other s per task")
    print(f"{'all stages of the networks by':28}", *(f"{column:>16}" for column in columns))
    for one in measured:
        row = (one.seconds, one.seconds / measured[0].seconds, one.training_seconds, one.other_seconds_per_task)
        print(f"{one.what:28}", *(f"{value:16.2f}" for value in row))
    print(f"the engine's own, a task: {empty:.2f} s, with {IMAGE_BYTES:,} bytes of images")
    print(f"a checkpoint of {CHECKPOINT_BYTES:,} bytes, from a worker to the disk: {checkpoint:.3f} s")
    results = {
        "checkpoint": {"bytes": CHECKPOINT_BYTES, "seconds": checkpoint},
        "empty_task": {"bytes": IMAGE_BYTES, "seconds": empty},
        "environment": set_up("cpu").as_dict(),
        "runs": [asdict(one) | {"other_seconds_per_task": one.other_seconds_per_task} for one in measured],
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    PARTS[sys.argv[1]]() if sys.argv[1:] else main()
