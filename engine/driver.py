"""Hands out the stages of networks to Ray, and has what comes back recorded as if they had run here.

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

from cnn_study.base.code import source_files
from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import PARAMS
from cnn_study.params.study import Params
from engine import node
from engine.cluster import connected, in_a_line, machine_for, room_for
from engine.given_params import GivenParams
from engine.outputs import finished_runs, keep, write_outputs
from engine.pipeline import Pipeline
from engine.progress import ProgressLines
from engine.resources import Resources
from stages import evaluate, profile, replay, train, tune  # noqa: F401  (what tasks run: see loaded_sources)
from stages._runs import Plan, known, missing

SOURCES = (Path("engine/__init__.py"), Path("engine/child.py"), Path("src/cnn_study"), Path("stages"))
TRAINING_IMAGES = ("data/prepared/train/*", "data/prepared/validation/*")
EVALUATION_IMAGES = (
    "data/prepared/test/*",  # which no other tasks than those of evaluate receive
    "data/prepared/validation/*",
)
# What a task reads besides, of its architecture.
INPUTS = {
    "profile": ("results/data/shape.json",),
    "train": ("results/tune/{}.json", "results/train/{}/*", "results/timing/train/{}.json"),
    "evaluate": (
        "results/train/{}/*", "results/evaluate/{}/*",
        "runs/train/{}/seed-*[0-9].safetensors",
    ),
}  # fmt: skip
RECORD_SECONDS = 60  # at most so long, and while there is more to receive, what has ended is not recorded
LOSSES = 3  # of a task in a row, with no checkpoint between them, after which it is given up


@dataclass
class Job:
    """A task: a stage of one architecture, or of train what a seed needs for ``budgets``."""

    stage: str
    architecture: str
    seed: int | None = None
    budgets: tuple[int, ...] = ()
    losses: int = 0

    def __str__(self) -> str:
        seed = "" if self.seed is None else f" seed {self.seed}"
        return f"{self.stage}@{self.architecture}{seed}"

    def checkpoints(self) -> list[Path]:
        """Those that are here."""
        folder = "*" if self.seed is None else f"seed-{self.seed}"
        return list((node.CHECKPOINTS / self.stage / self.architecture).glob(f"{folder}/*.safetensors"))


def run(resources: Resources, allow_missing: bool) -> None:
    """Do all that is out of date of the stages of networks; what is before them has to be up to date.

    ``allow_missing``: as for ``dvc repro``, data that are not here are no reason to make them. Raises StudyError.
    """
    study = GivenParams.read()
    resources.check(study.params)
    later = [f"{stage}@{name}" for stage in ("train", "evaluate") for name in study.params.architectures]
    stages = [*first_stages(study.params), *later]
    with Repo(_wait_for_lock=True) as repo:  # which a `dvc status`, say, has for a moment
        pipeline = Pipeline(repo, allow_missing)
        with pipeline.lock(stages):
            if any(pipeline.changed(stage) for stage in stages):
                with connected(), ProgressLines() as progress:
                    machine = machine_for(resources)
                    Scheduler(study, resources, machine, pipeline, progress).run()


def first_stages(params: Params) -> Iterator[str]:
    """Those that wait for no other. Searches first: train waits for them."""
    yield from (f"tune@{name}" for name in params.architectures)
    yield from (f"replay@{name}" for name in params.replay.architectures)
    yield from (f"profile@{name}" for name in params.architectures)


def params_of(job: Job, content: dict[str, Any]) -> dict[str, Any]:
    """``content``, params.yaml, with one architecture and, for train, one seed and its budgets."""
    entry = content["architectures"][job.architecture]
    if job.seed is not None:
        wanted = {"seeds": [job.seed], "budgets": list(job.budgets)}
        entry = entry | {"training": entry.get("training", {}) | wanted}
    return content | {"architectures": {job.architecture: entry}}


def files_at(*patterns: str) -> node.Files:
    """The contents of the files whose paths fit one of the patterns."""
    return {path.as_posix(): node.read(path) for pattern in patterns for path in sorted(Path().glob(pattern))}


class Scheduler:
    """A run of what is out of date."""

    def __init__(
        self,
        study: GivenParams,
        resources: Resources,
        machine: dict[str, str],
        pipeline: Pipeline,
        progress: ProgressLines,
    ) -> None:
        self._study, self._resources, self._machine = study, resources, machine
        self._pipeline, self._progress = pipeline, progress
        self._sources, training, evaluation, none = (
            ray.put(files)
            for files in (
                {file.as_posix(): node.read(file) for path in SOURCES for file in source_files(path)},
                files_at(*TRAINING_IMAGES),
                files_at(*EVALUATION_IMAGES),
                {},
            )
        )
        self._images = {
            "tune": training, "replay": training, "train": training, "evaluate": evaluation, "profile": none,
        }  # fmt: skip
        options = resources.options() | {"num_returns": "streaming", "max_retries": 0}
        self._start = ray.remote(node.run).options(**options).remote
        self._to_begin = deque(first_stages(self._study.params))
        self._waiting: deque[Job] = deque()
        self._running: dict[Any, Job] = {}  # by the stream of what the task sends
        self._training: dict[str, tuple[Plan, set[int]]] = {}  # by architecture, with the seeds in training
        self._ended: list[str] = []

    def run(self) -> None:
        """Until nothing is out of date."""
        try:
            self._hand_out()
            while self._running:
                ray.wait(list(self._running), num_returns=1)
                self._receive_what_is_there()
                self._record()
        except StudyError as error:
            # Another task has failed; what has ended has ended.
            try:
                self._record()
            except StudyError as further:
                raise StudyError(f"{error}\n{further}") from error
            raise
        finally:
            self._record()

    def _record(self) -> None:
        """Have DVC note what has ended."""
        if self._ended:
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
            self._follow(kind, name)
            return
        self._study.check_unchanged(name)
        if kind == "train":
            plan = Plan.read(name)
            todo = missing(plan, known(plan))
            self._training[name] = plan, set(todo)
            self._waiting.extend(Job(kind, name, seed, tuple(budgets)) for seed, budgets in todo.items())
            self._end_training(name)
        else:
            self._waiting.append(Job(kind, name))

    def _hand_out(self) -> None:
        """More than there is room for, so that no worker waits; not all, since each brings its checkpoints."""
        room = room_for(self._resources)
        while len(self._running) < 2 * max(room, 1) and (job := self._next()):
            images = self._images[job.stage]
            self._running[self._start(self._sources, images, self._task(job))] = job
        if self._running and not room:
            self._progress.say("no node has room for a task: waiting for one that has")

    def _next(self) -> Job | None:
        while self._to_begin and not self._waiting:
            self._begin(self._to_begin.popleft())
        return self._waiting.popleft() if self._waiting else None

    def _task(self, job: Job) -> node.Task:
        inputs = [pattern.format(job.architecture) for pattern in INPUTS.get(job.stage, ())]
        files = files_at(f"{node.LAYERS}/*.json", *inputs)
        files |= {path.as_posix(): node.read(path) for path in job.checkpoints()}
        if job.seed is not None:
            plan, _ = self._training[job.architecture]
            files |= files_at(plan.trunk(job.seed).as_posix())
            files |= {place: node.read(path) for place, path in finished_runs(plan, job.seed).items()}
        content = json.dumps(params_of(job, self._study.content))  # JSON is YAML
        files[PARAMS.as_posix()] = np.frombuffer(content.encode(), np.uint8)
        resources = self._resources
        returns: tuple[str, ...] = (f"{node.FINISHED}/[!.]*.safetensors", f"{node.LAYERS}/*.json")
        if job.stage != "train":  # whose outputs the driver makes, from all finished runs and the ends of trunks
            returns = (*returns, "results/**/*")
        return node.Task(
            job.stage, job.architecture, files, returns, self._machine, resources.cpus, resources.gpus
        )

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
                keep(path, content.data)
                job.losses = 0
            case node.Failed(text):
                raise StudyError(f"{job} failed:\n{text}")
            case node.Killed(text):
                self._lost(stream, text)
            case node.Done(files):
                self._remove(stream)
                write_outputs(files)
                self._done(job)

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

    def _done(self, job: Job) -> None:
        name = job.architecture
        if job.seed is None:
            self._ended.append(str(job))
            self._follow(job.stage, name)
            return
        _, seeds = self._training[name]
        seeds.discard(job.seed)
        self._end_training(name)

    def _end_training(self, name: str) -> None:
        """Write the outputs of train, if no seed of the architecture is in training any more."""
        plan, seeds = self._training[name]
        if not seeds:
            train.write(plan)
            del self._training[name]
            self._ended.append(f"train@{name}")
            self._follow("train", name)

    def _follow(self, stage: str, name: str) -> None:
        """What can begin now that this stage of the architecture is up to date."""
        if following := {"tune": "train", "train": "evaluate"}.get(stage):
            self._to_begin.append(f"{following}@{name}")
