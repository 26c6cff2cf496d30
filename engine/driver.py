"""Hands out tune@* and train@* to Ray, and has what comes back recorded as if the stages had run here.

Every checkpoint comes here as soon as it is written. That is all the state there is: a task whose node was
lost, and a study whose driver was, go on from them, as a stage does.
"""

import json
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cnn_study.checkpoint import loaded_sources
from cnn_study.files import write_whole
from cnn_study.params import Params
from cnn_study.schema import PARAMS, StudyError, read_yaml
from engine import node
from engine.board import Board
from engine.ledger import Ledger
from engine.outputs import write_search, write_training
from engine.resources import Resources
from stages import tune  # noqa: F401  (one of the sources that must not be edited meanwhile)

SOURCES = ("engine/__init__.py", "engine/child.py", "src/cnn_study/**/*.py", "stages/*.py")
IMAGES = ("data/prepared/train/*", "data/prepared/validation/*")
LOSSES = 3  # of one task in a row, with no checkpoint between, after which it is not handed out again


@dataclass
class Job:
    """The search of an architecture, or its training with one seed."""

    stage: str
    architecture: str
    seed: int | None = None
    losses: int = 0

    @property
    def title(self) -> str:
        """What people read."""
        seed = "" if self.seed is None else f" seed {self.seed}"
        return f"{self.stage}@{self.architecture}{seed}"

    def checkpoints(self) -> list[Path]:
        """Those that are here."""
        pattern = "*.safetensors" if self.seed is None else f"seed-{self.seed}.safetensors"
        return list((node.CHECKPOINTS / self.stage / self.architecture).glob(pattern))


def run(params: Params, resources: Resources) -> None:
    """Do what is out of date of tune@* and train@*. The stages before them have to be up to date.

    Raises StudyError.
    """
    resources.check(params)
    loaded_sources()  # now, before any of them can have been edited
    ledger = Ledger()
    names = list(params.architectures)
    stages = [f"{stage}@{name}" for name in names for stage in ("tune", "train")]
    with ledger.claim(stages):
        if not any(ledger.out_of_date(stage) for stage in stages):
            return
        with cluster(), Board() as board:
            check_nodes(nodes_for(resources))
            study = Study(params, resources, ledger, board)
            searches = [name for name in names if ledger.begin(f"tune@{name}")]
            trainings = [name for name in names if name not in searches and ledger.begin(f"train@{name}")]
            study.run(searches, trainings)


@contextmanager
def cluster() -> Iterator[None]:
    """A connection to the cluster that RAY_ADDRESS names, or to a new Ray on this machine alone.

    When it ends, so do all tasks.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.cloudpickle.register_pickle_by_value(node)
    address = os.environ.get("RAY_ADDRESS")
    alone: dict[str, Any] = {} if address else {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        ray.init(address or "local", log_to_driver=False, logging_level="error", **alone)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise StudyError(f"RAY_ADDRESS: {address or 'none'}: {' '.join(str(error).split())}") from None
    try:
        yield
    finally:
        ray.shutdown()


def nodes_for(resources: Resources) -> list[dict[str, Any]]:
    """The nodes of the cluster that have room for a task. Raises StudyError if there is none."""
    alive = [one for one in ray.nodes() if one["Alive"]]
    fitting = [one for one in alive if resources.fit(one["Resources"])]
    if not fitting:
        most = "; ".join(Resources.told(one["Resources"]) for one in alive)
        raise StudyError(f"found a task with {resources}, allowed: what a node has room for ({most})")
    return fitting


def check_nodes(nodes: list[dict[str, Any]]) -> None:
    """Raises StudyError, one line for each, for what differs between these nodes and this machine."""
    asked = {}
    for one in nodes:
        there = NodeAffinitySchedulingStrategy(one["NodeID"], soft=False)
        asked[one["NodeManagerHostname"]] = ray.remote(node.describe).options(num_cpus=0, scheduling_strategy=there)
    try:
        found = {name: ray.get(task.remote()) for name, task in asked.items()}
    except RayError as error:
        raise StudyError(f"a node does not answer: {' '.join(str(error).split())}") from None
    if mistakes := differences(node.describe(), found):
        raise StudyError("\n".join(mistakes))


def differences(here: dict[str, str], nodes: dict[str, dict[str, str]]) -> list[str]:
    """What keeps ``nodes`` from giving the same bits: other versions than ``here``, or processors that differ.

    The processor here does not train, and may be another.
    """
    expected = here | {"processor": next(iter(nodes.values()))["processor"]}
    return [
        f"node {name}: found {what} {found[what]}, allowed: {value}, as "
        f"{'the other nodes have' if what == 'processor' else 'here'}"
        for name, found in nodes.items()
        for what, value in expected.items()
        if found[what] != value
    ]


def params_of(job: Job, content: dict[str, Any], params: Params, resources: Resources) -> dict[str, Any]:
    """``content`` with one architecture, one seed and as many threads as the task has CPUs."""
    entry, training = content["architectures"][job.architecture], content["training"]
    if job.seed is not None:
        training = training | {"seeds": [job.seed]}
    if params.recipes[job.architecture].threads == "auto":
        entry = entry | {"training": entry.get("training", {}) | {"threads": resources.cpus}}
    return content | {"training": training, "architectures": {job.architecture: entry}}


class Study:
    """One run of the tasks that are out of date."""

    def __init__(self, params: Params, resources: Resources, ledger: Ledger, board: Board) -> None:
        self._params, self._resources, self._ledger, self._board = params, resources, ledger, board
        self._content = read_yaml()
        patterns = (path for pattern in (*SOURCES, *IMAGES) for path in sorted(Path().glob(pattern)))
        self._shared = ray.put({path.as_posix(): node.read(path) for path in patterns})
        options = resources.options() | {"num_returns": "streaming", "max_retries": 0}
        self._remote = ray.remote(node.run).options(**options)
        self._waiting: deque[Job] = deque()
        self._running: dict[Any, Job] = {}
        self._outputs: dict[str, dict[int, node.Files]] = {}
        self._ended: list[str] = []

    def run(self, searches: list[str], trainings: list[str]) -> None:
        """The searches first: trainings wait for them."""
        self._waiting.extend(Job("tune", name) for name in searches)
        for name in trainings:
            self._train(name)
        self._fill()
        while self._running:
            streams = list(self._running)
            ray.wait(streams, num_returns=1)
            for stream in ray.wait(streams, num_returns=len(streams), timeout=0)[0]:
                self._receive(stream)
            self._fill()  # first, since recording takes its time
            self._ledger.record(self._ended)
            self._ended.clear()

    def _train(self, name: str) -> None:
        self._outputs[name] = {}
        self._waiting.extend(Job("train", name, seed) for seed in self._params.training.seeds)

    def _fill(self) -> None:
        """Hand out more than there is room for, so that no worker waits, but not all: their checkpoints are large."""
        room = sum(self._resources.fit(one["Resources"]) for one in nodes_for(self._resources))
        while self._waiting and len(self._running) < 2 * room:
            job = self._waiting.popleft()
            self._running[self._remote.remote(self._shared, self._task(job))] = job

    def _task(self, job: Job) -> node.Task:
        files = {path.as_posix(): node.read(path) for path in job.checkpoints()}
        if job.stage == "train":
            tuned = Path("runs/tune") / f"{job.architecture}.json"
            files[tuned.as_posix()] = node.read(tuned)
        content = params_of(job, self._content, self._params, self._resources)
        files[PARAMS.as_posix()] = np.frombuffer(json.dumps(content).encode(), np.uint8)  # JSON is YAML
        return node.Task(job.stage, job.architecture, files, self._resources.gpus)

    def _receive(self, stream: Any) -> None:
        job = self._running[stream]
        try:
            event = ray.get(next(stream))
        except RayTaskError as error:
            raise StudyError(f"{job.title} failed: {error}") from None
        except RayError as error:
            self._lost(stream, job, " ".join(str(error).split()))
            return
        match event:
            case node.Line(text):
                self._board.show(job.title, text)
            case node.Saved(path, content):
                job.losses = 0
                write_whole(Path(path), memoryview(content))
            case node.Failed(text):
                raise StudyError(f"{job.title} failed:\n{text}")
            case node.Done(files):
                del self._running[stream]
                self._board.remove(job.title)
                self._done(job, files)

    def _lost(self, stream: Any, job: Job, reason: str) -> None:
        del self._running[stream]
        self._board.remove(job.title)
        job.losses += 1
        if job.losses == LOSSES:
            raise StudyError(f"{job.title} failed: lost {LOSSES} times with no epoch between: {reason}")
        self._board.say(f"{job.title}: its worker was lost; it goes on elsewhere from the last whole epoch")
        self._waiting.appendleft(job)

    def _done(self, job: Job, files: node.Files) -> None:
        name = job.architecture
        if job.seed is None:
            write_search(files)
            self._ended.append(f"tune@{name}")
            if self._ledger.begin(f"train@{name}"):
                self._train(name)
            return
        outputs = self._outputs[name]
        outputs[job.seed] = files
        if len(outputs) == len(self._params.training.seeds):
            ordered = {seed: outputs[seed] for seed in self._params.training.seeds}
            write_training(name, self._params.architectures[name], ordered)
            self._ended.append(f"train@{name}")
