"""Hands out the training stages to Ray, and has what comes back recorded as if they had run here.

Every checkpoint comes here as soon as it is written, and is all the state that there is: a task that lost its
node, and a study that lost its driver, go on from them as a stage does.
"""

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
from dvc.repo import Repo
from ray.exceptions import RayError, RayTaskError

from cnn_study.base.errors import StudyError
from cnn_study.base.files import write_whole
from cnn_study.base.yaml import PARAMS, read_yaml
from cnn_study.params.study import Params, validate
from engine import node
from engine.cluster import connected, in_a_line, machine_for, room_for
from engine.outputs import write_outputs, write_training
from engine.pipeline import Pipeline
from engine.progress import ProgressLines
from engine.resources import Resources
from stages import replay, tune  # noqa: F401  (with outputs' train, the sources that the tasks run: see loaded_sources)

SOURCES = ("engine/__init__.py", "engine/child.py", "src/cnn_study/**/*.py", "stages/*.py")
IMAGES = ("data/prepared/train/*", "data/prepared/validation/*")
RECORD_SECONDS = 60  # at most so long, and while there is more to receive, what has ended is not recorded
LOSSES = 3  # of a task in a row, with no checkpoint between them, after which it is given up


@dataclass
class Job:
    """A task: a stage of one architecture, or of train what one seed needs."""

    stage: str
    architecture: str
    seed: int | None = None
    losses: int = 0

    def __str__(self) -> str:
        seed = "" if self.seed is None else f" seed {self.seed}"
        return f"{self.stage}@{self.architecture}{seed}"

    def checkpoints(self) -> list[Path]:
        """Those that are here."""
        pattern = "*.safetensors" if self.seed is None else f"seed-{self.seed}.safetensors"
        return list((node.CHECKPOINTS / self.stage / self.architecture).glob(pattern))


@dataclass(frozen=True)
class Study:
    """params.yaml, as it stood when the study began: its bytes, what they say, and what that means."""

    text: bytes
    content: dict[str, Any]
    params: Params

    @classmethod
    def read(cls) -> "Study":
        """Raises StudyError."""
        text, content = PARAMS.read_bytes(), read_yaml()
        return cls(text, content, validate(content))


def run(resources: Resources) -> None:
    """Do all that is out of date of tune@*, replay@* and train@*; what is before them has to be up to date.

    Raises StudyError.
    """
    study = Study.read()
    resources.check(study.params)
    stages = [*first_stages(study.params), *(f"train@{name}" for name in study.params.architectures)]
    with Repo(_wait_for_lock=True) as repo:  # which a `dvc status`, say, has for a moment
        pipeline = Pipeline(repo)
        with pipeline.lock(stages):
            if any(pipeline.changed(stage) for stage in stages):
                with connected(), ProgressLines() as progress:
                    machine = machine_for(resources)
                    Scheduler(study, resources, machine, pipeline, progress).run()


def first_stages(params: Params) -> Iterator[str]:
    """Those that wait for no other. Searches first: train waits for them."""
    yield from (f"tune@{name}" for name in params.architectures)
    yield from (f"replay@{name}" for name in params.replay.architectures)


def read_by_tasks(name: str, content: dict[str, Any]) -> list[Any]:
    """What the tasks of an architecture read of ``content``, params.yaml."""
    return [content.get(part) for part in ("training", "tune", "replay")] + [content["architectures"].get(name)]


def params_of(job: Job, content: dict[str, Any], params: Params, resources: Resources) -> dict[str, Any]:
    """``content``, params.yaml, with one architecture, one seed and as many threads as the task has CPUs."""
    threads = {"threads": resources.cpus}
    training, replays = content["training"], content["replay"]
    entry = content["architectures"][job.architecture]
    if job.seed is not None:
        training = training | {"seeds": [job.seed]}
    if params.recipes[job.architecture].threads == "auto":
        entry = entry | {"training": entry.get("training", {}) | threads}
    if params.replay.training.threads == "auto":
        replays = replays | {"training": replays["training"] | threads}
    return content | {"training": training, "replay": replays, "architectures": {job.architecture: entry}}


class Scheduler:
    """A run of what is out of date."""

    def __init__(
        self,
        study: Study,
        resources: Resources,
        machine: dict[str, str],
        pipeline: Pipeline,
        progress: ProgressLines,
    ) -> None:
        self._study, self._resources, self._machine = study, resources, machine
        self._pipeline, self._progress = pipeline, progress
        paths = [path for pattern in (*SOURCES, *IMAGES) for path in sorted(Path().glob(pattern))]
        self._shared = ray.put({path.as_posix(): node.read(path) for path in paths})
        options = resources.options() | {"num_returns": "streaming", "max_retries": 0}
        self._start = ray.remote(node.run).options(**options).remote
        self._to_begin = deque(first_stages(self._study.params))
        self._waiting: deque[Job] = deque()
        self._running: dict[Any, Job] = {}  # by the stream of what the task sends
        self._outputs: dict[str, dict[int, node.Files]] = {}  # of train, by architecture and seed
        self._ended: list[str] = []

    def run(self) -> None:
        """Until nothing is out of date."""
        self._hand_out()
        while self._running:
            ray.wait(list(self._running), num_returns=1)
            try:
                self._receive_what_is_there()
            finally:
                if self._ended:  # though another task may have failed
                    ended, self._ended = self._ended, []
                    self._pipeline.commit(ended)

    def _receive_what_is_there(self) -> None:
        """All that tasks have sent, before what has ended is recorded, which takes its time."""
        latest = time.monotonic() + RECORD_SECONDS
        while self._running and time.monotonic() < latest:
            streams = list(self._running)
            ready, _ = ray.wait(streams, num_returns=len(streams), timeout=0)
            if not ready:
                return
            mistakes = []
            for stream in ready:
                try:
                    self._receive(stream)
                except StudyError as error:
                    mistakes.append(str(error))
            if mistakes:
                raise StudyError("\n".join(mistakes))
            self._hand_out()

    def _begin(self, stage: str) -> None:
        """Have its tasks wait, if it has to run: with the parameters of when the study began, or an error."""
        kind, name = stage.split("@")
        if not self._pipeline.begin(stage):
            if kind == "tune":
                self._to_begin.append(f"train@{name}")
            return
        # Read anew only where needed, since it takes seconds for hundreds of architectures.
        now = self._study.content if PARAMS.read_bytes() == self._study.text else read_yaml()
        if read_by_tasks(name, now) != read_by_tasks(name, self._study.content):
            raise StudyError(f"{PARAMS}: changed while the study ran; the same command goes on with what it says")
        if kind == "train":
            self._outputs[name] = {}
            self._waiting.extend(Job(kind, name, seed) for seed in self._study.params.training.seeds)
        else:
            self._waiting.append(Job(kind, name))

    def _hand_out(self) -> None:
        """More than there is room for, so that no worker waits; not all, since each brings its checkpoints."""
        room = room_for(self._resources)
        while len(self._running) < 2 * max(room, 1) and (job := self._next()):
            self._running[self._start(self._shared, self._task(job))] = job
        if self._running and not room:
            self._progress.say("no node has room for a task: waiting for one that has")

    def _next(self) -> Job | None:
        while self._to_begin and not self._waiting:
            self._begin(self._to_begin.popleft())
        return self._waiting.popleft() if self._waiting else None

    def _task(self, job: Job) -> node.Task:
        paths = job.checkpoints()
        if job.stage == "train":
            paths.append(Path("runs/tune") / f"{job.architecture}.json")
        paths += node.LAYERS.glob("*.json")
        files = {path.as_posix(): node.read(path) for path in paths}
        content = params_of(job, self._study.content, self._study.params, self._resources)
        files[PARAMS.as_posix()] = np.frombuffer(json.dumps(content).encode(), np.uint8)  # JSON is YAML
        return node.Task(job.stage, job.architecture, files, self._machine, self._resources.gpus)

    def _receive(self, stream: Any) -> None:
        """The next thing that a task sends."""
        job = self._running[stream]
        try:
            sent = ray.get(next(stream))
        except RayTaskError as error:
            raise StudyError(f"{job} failed:\n{error}") from None
        except RayError as error:
            self._lost(stream, in_a_line(error))
            return
        match sent:
            case node.Begun(where):
                self._progress.show(str(job), f"{job} begins on {where}")
            case node.Line(text):
                self._progress.show(str(job), text)
            case node.Saved(path, content):
                write_whole(Path(path), content.data)
                job.losses = 0
            case node.Failed(text):
                raise StudyError(f"{job} failed:\n{text}")
            case node.Killed(text):
                self._lost(stream, text)
            case node.Done(files):
                self._remove(stream)
                found = {path: content for path, content in files.items() if Path(path).parent == node.LAYERS}
                write_outputs(found)
                self._done(job, {path: content for path, content in files.items() if path not in found})

    def _lost(self, stream: Any, why: str) -> None:
        job = self._running[stream]
        self._remove(stream)
        job.losses += 1
        if job.losses == LOSSES:
            raise StudyError(f"{job} failed: lost {LOSSES} times with no epoch between: {why}")
        self._progress.say(f"{job} was lost and goes on from the last whole epoch: {why}")
        self._waiting.appendleft(job)

    def _remove(self, stream: Any) -> None:
        self._progress.remove(str(self._running.pop(stream)))

    def _done(self, job: Job, files: node.Files) -> None:
        name = job.architecture
        if job.seed is None:
            write_outputs(files)
            self._ended.append(str(job))
            if job.stage == "tune":
                self._to_begin.append(f"train@{name}")
            return
        params, outputs = self._study.params, self._outputs[name]
        seeds = params.training.seeds
        outputs[job.seed] = files
        if len(outputs) == len(seeds):
            by_seed = {seed: outputs[seed] for seed in seeds}
            write_training(name, params.architectures[name], params.data.source.shape, by_seed)
            del self._outputs[name]
            self._ended.append(f"train@{name}")
