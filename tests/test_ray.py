"""The stages of networks on Ray give what ``dvc repro`` gives, whatever happens to nodes and to the driver."""

import contextlib
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install '.[ray]'")

import ray
from dvc.repo import Repo
from ray.cluster_utils import Cluster
from ray.exceptions import WorkerCrashedError

from cnn_study.base.environment import usable_cores
from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import read_yaml
from cnn_study.params.study import validate
from engine import driver, node
from engine.cluster import connected, machine_for, room_for
from engine.driver import Job, params_of
from engine.given_params import GivenParams
from engine.pipeline import Pipeline
from engine.progress import ProgressLines
from engine.resources import Resources
from scripts.study import main
from tests.conftest import REPOSITORY, LongerRun, Project, kill, lines_until, longer, rest_of
from tests.test_interruption import results

CORES = usable_cores()
STUDY = (sys.executable, "-m", "scripts.study", "--engine", "ray", "--cpus", str(CORES))
LOOPBACK = "127.0.0.1"
LOST = " was lost and goes on from the last whole epoch"


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder for temporary files of all that these tests have Ray start, which tells its processes as well."""
    folder = tmp_path_factory.mktemp("temporary")
    # Ray's own folder, which holds what `ray` takes for the machine's cluster, has a short name: of its sockets'
    # paths Linux takes 107 characters.
    short = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
    with short as rays, pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_TMPDIR", rays)
        environment.setenv("TMPDIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def head(temporary: Path) -> Iterator[Cluster]:
    """A cluster whose head takes no task."""
    cluster = Cluster()
    try:
        cluster.add_node(num_cpus=0, include_dashboard=False, node_ip_address=LOOPBACK)
        yield cluster
    finally:
        cluster.shutdown()


@pytest.fixture
def cluster(head: Cluster) -> Cluster:
    """The head and one node, whatever the test before has left."""
    for one in head.worker_nodes.copy():
        head.remove_node(one)
    add_node(head)
    return head


def add_node(cluster: Cluster, **more: Any) -> Any:
    """A node with room for one task at a time."""
    return cluster.add_node(num_cpus=CORES, node_ip_address=LOOPBACK, **more)


# A training says which process it is, and which worker has started it, so that no other has to be looked at.
NOTED = """
import os, pathlib, sys, tempfile
if sys.argv[0].endswith("train.py"):
    pathlib.Path(tempfile.gettempdir(), f"training-{os.getpid()}").write_text(str(os.getppid()))
"""


def trainings(temporary: Path) -> dict[int, int]:
    """The processes that have ``NOTED`` themselves and still run, each with the worker that started it."""
    found = {}
    for note in temporary.glob("training-*"):
        process = note.name.removeprefix("training-")
        with contextlib.suppress(OSError):  # it has ended
            # Nor may another have its number meanwhile.
            if os.fsencode(f"TMPDIR={temporary}") in Path(f"/proc/{process}/environ").read_bytes().split(b"\0"):
                found[int(process)] = int(note.read_text())
    return found


def wait_until(holds: Callable[[], bool]) -> None:
    """However long it takes; pytest ends a test that hangs."""
    while not holds():
        time.sleep(0.1)


@pytest.mark.long
@pytest.mark.thorough
def test_interrupts_lost_nodes_and_killed_drivers_change_no_bit_and_nothing_is_done_twice(
    cluster: Cluster,
    temporary: Path,
    longer_run: LongerRun,
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def change(params: Any) -> None:
        longer(params)
        del params["architectures"]["other"]
        del params["studies"]["kernel_size"]["members"]["other"]
        params["studies"]["kernel_size"]["controls"] = []

    project.edit_params(change)
    (project.folder / "stages/analyze.py").write_text("")  # the analysis is no matter of the engine's
    with (project.folder / "src/cnn_study/profiling/complexity.py").open("a") as file:
        file.write("\n# edited\n")
    with (project.folder / "src/cnn_study/messages/progress.py").open("a") as file:
        file.write(NOTED)
    # Whatever is to meet a training finds it: none is at its end before that.
    go_on = {epoch: tmp_path / f"after epoch {epoch}" for epoch in (10, 20, 25)}
    for epoch, held_until in go_on.items():
        project.hold(held_until, epoch)

    # On two nodes. A training is lost, and a worker with the other; then both nodes, and at last the driver.
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    add_node(cluster)
    both = ("train small seed 0 epoch", "train small seed 1 epoch")
    with project.started(*STUDY) as process:
        printed = lines_until(process, *(f"{one} 2/30" for one in both))
        folders = list(temporary.glob("cnn-study-*/data/prepared"))
        assert len(folders) == 2
        for folder in folders:  # of a task that trains
            assert {path.name for path in folder.iterdir()} == {"train", "validation"}
        (first, _), (_, worker) = trainings(temporary).items()
        os.kill(first, signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        printed += lines_until(process, f"{LOST}: its process was killed by signal 9", f"{LOST}: The worker died")
        go_on[10].touch()
        printed += lines_until(process, *both)
        for one in cluster.worker_nodes.copy():
            cluster.remove_node(one)
        printed += lines_until(process, LOST, "no node has room for a task: waiting for one that has")
        go_on[20].touch()
        add_node(cluster)
        printed += lines_until(process, " epoch ")
        assert "is busy, it is being blocked by" in project.run("dvc", "repro", "tune@small", ok=False)
        assert kill(process)
        printed += rest_of(process)

    # There again, and interrupted.
    with project.started(*STUDY) as process:
        printed += lines_until(process, "train small seed")
        os.killpg(process.pid, signal.SIGINT)
        printed += rest_of(process)
    assert "interrupted: the same command goes on from the last whole epoch" in printed[-2:]
    assert "Traceback" not in "\n".join(printed)
    wait_until(lambda: not trainings(temporary))
    wait_until(lambda: not list(temporary.glob("cnn-study-*")))

    # On a Ray of its own.
    go_on[25].touch()
    monkeypatch.delenv("RAY_ADDRESS")
    printed += project.run(*STUDY).splitlines()
    epochs = [line for line in printed if " epoch " in line]
    assert len(epochs) == len(set(epochs))
    # A checkpoint can have arrived from which the line did not: with the node, with the driver, at the interrupt.
    assert len([line for line in epochs if line.startswith("train small ")]) >= 2 * 30 - 4

    expected, found = results(longer_run.project), results(project)
    small = [path for path in expected if path.startswith("small/")]
    assert len(small) == 7
    assert [path for path in small if found[path] != expected[path]] == []
    for path in ("results/tune/small.json", "results/replay/small.json", "results/profile/small.json"):
        assert (project.folder / path).read_bytes() == (longer_run.project.folder / path).read_bytes()
    assert "up to date" in project.run("dvc", "status")
    for stage in ("tune@small", "replay@small", "train@small"):
        assert noted(project, stage) == noted(longer_run.project, stage)


def test_a_node_with_other_versions_is_refused(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    (tmp_path / "numpy-0.1.dist-info").mkdir()
    (tmp_path / "numpy-0.1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.1\n")
    with connected():
        assert machine_for(Resources()) == node.describe(0)
        unlike = add_node(cluster, env_vars={"PYTHONPATH": str(tmp_path)})
        with pytest.raises(StudyError) as refused:
            machine_for(Resources())
        found = f"found numpy 0.1, allowed: {np.__version__}"
        assert str(refused.value) == f"node {platform.node()} ({LOOPBACK}): {found}"
        cluster.remove_node(unlike)


NEIGHBOUR = """
import contextlib, socket
import stages
from engine.cluster import connected
import ray
with connected():
    (node,) = ray.nodes()
    for port in (node["NodeManagerPort"], node["ObjectManagerPort"]):
        socket.create_connection(("127.0.0.1", port), 5).close()
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), 5)
            print("reached at another address")
    print("done")
"""


def test_a_ray_of_this_machine_listens_at_no_other_address_than_127_0_0_1(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")  # which the import in conftest.py has set
    told = subprocess.run([sys.executable, "-c", NEIGHBOUR], cwd=REPOSITORY, capture_output=True, check=True)
    assert told.stdout == b"done\n"


def test_tasks_for_which_no_node_has_room_are_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    with connected():
        assert room_for(Resources(cpus=CORES)) == 1
        with pytest.raises(StudyError) as refused:
            machine_for(Resources(gpus=1))
    found, _, allowed = str(refused.value).partition(", allowed: what a node has (")
    assert found == "ENGINE=ray: found tasks of CPUS=1 GPUS=1"
    assert [offer.split(" MEMORY=")[0] for offer in allowed.split("; ")] == [
        "CPUS=0 GPUS=0",
        f"CPUS={CORES} GPUS=0",
    ]


def noted(project: Project, stage: str) -> Any:
    """What dvc.lock says of a stage, without what was edited here and what a clock measured."""
    entry = read_yaml(project.folder / "dvc.lock")["stages"][stage]
    entry["deps"] = [one for one in entry["deps"] if one["path"] != "src/cnn_study/messages/progress.py"]
    entry["outs"] = [one for one in entry["outs"] if "timing" not in one["path"]]
    return entry


def task(code: str, tmp_path: Path) -> tuple[node.Files, node.Files, node.Task]:
    """A task whose stage is ``code``."""
    sources = {name: node.read(REPOSITORY / name) for name in ("engine/__init__.py", "engine/child.py")}
    (tmp_path / "stage.py").write_text(code)
    files = {"stages/toy.py": node.read(tmp_path / "stage.py")}
    return sources, {}, node.Task("toy", "small", files, (), node.describe(0), 1, 0)


def test_a_failed_task_says_what_its_stage_said(tmp_path: Path) -> None:
    code = "import sys\nprint('toy small epoch 1/2: fine', flush=True)\nsys.exit('params.yaml: wrong')"
    begun, *sent = node.run(*task(code, tmp_path))
    assert begun == node.Begun(platform.node())
    assert sent == [node.Line("toy small epoch 1/2: fine"), node.Failed("params.yaml: wrong")]


def test_a_task_that_was_killed_may_go_on(tmp_path: Path) -> None:
    _, *sent = node.run(*task("import os\nos.kill(os.getpid(), 9)", tmp_path))
    assert sent == [node.Killed("its process was killed by signal 9; is its memory enough? (MEMORY=...)")]


def test_a_task_that_crashed_says_what_it_said_and_how(tmp_path: Path) -> None:
    code = "import os\nprint('terminate called', flush=True)\nos.abort()"
    _, *sent = node.run(*task(code, tmp_path))
    assert sent == [node.Failed("terminate called\nended by signal 6")]


def test_a_task_on_a_full_disk_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources, images, one = task("raise SystemExit('it ran')", tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nothing here"))
    _, failed = node.run(sources, images, one)
    assert isinstance(failed, node.Failed)
    assert failed.text.startswith(f"node {platform.node()}: [Errno ")


def test_nodes_have_the_driver_s_versions_and_one_kind_of_hardware() -> None:
    def machine(**different: str) -> dict[str, str]:
        alike = {"numpy": "2.0", "torch": "2.14.1", "torch for": "cu130", "processor": "a", "GPU": "L4"}
        return alike | {key.replace("_", " "): value for key, value in different.items()}

    here = machine(processor="b", GPU="none", torch_for="cpu")
    assert node.shared_by([("one", machine()), ("two", machine())], here) == (machine(), [])
    for unlike, said in (
        (machine(numpy="1.0"), "found numpy 1.0, allowed: 2.0"),
        (machine(torch_for="cpu"), "found torch for cpu, allowed: cu130"),
        (machine(processor="b"), "found processor b, allowed: a"),
        (machine(GPU="A10"), "found GPU A10, allowed: L4"),
    ):
        assert node.shared_by([("one", machine()), ("two", unlike)], here)[1] == [f"node two: {said}"]
    both = machine(GPU="A10, L4")
    assert node.shared_by([("one", both)], here)[1] == ["node one: found GPU A10, L4, allowed: one kind"]


def test_each_running_task_has_a_line_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with ProgressLines() as progress:
        for task, text in (("a", "a begins"), ("b", "b begins"), ("a", "a: epoch 1")):
            progress.show(task, text)
        progress.remove("b")
        progress.say("b was lost")
    printed = capsys.readouterr().err
    # The line of b is below that of a: one down, and up again; what stays has a line of its own.
    assert re.search(r"\ra begins.*\n\rb begins.*\x1b\[A.*\ra: epoch 1.*b was lost\n", printed, re.DOTALL)


def test_a_node_says_its_build_of_torch_and_its_kinds_of_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, model in enumerate(("NVIDIA L4", "NVIDIA A10", "NVIDIA L4")):
        (tmp_path / f"gpus/{number}").mkdir(parents=True)
        (tmp_path / f"gpus/{number}/information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 65\n")
    (tmp_path / "torch-2.14.1+cpu.dist-info").mkdir()
    (tmp_path / "torch-2.14.1+cpu.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: torch\nVersion: 2.14.1+cpu\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(node, "GPUS", tmp_path / "gpus")
    assert node.describe(0)["GPU"] == "none"
    said = node.describe(0.25)
    assert (said["torch"], said["torch for"], said["GPU"]) == ("2.14.1", "cpu", "NVIDIA A10, NVIDIA L4")


def test_a_task_does_nothing_where_versions_differ(tmp_path: Path) -> None:
    sources, images, one = task("raise SystemExit('it ran')", tmp_path)
    (failed,) = node.run(sources, images, replace(one, machine=one.machine | {"scipy": "0.1"}))
    assert isinstance(failed, node.Failed)
    assert re.fullmatch(r"node \S+: found scipy [\d.]+, allowed: 0.1", failed.text)


def test_a_stage_ends_with_the_worker_that_started_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    sources, _, one = task("import time\nprint('begun', flush=True)\ntime.sleep(600)", tmp_path)
    scratch = tmp_path / "scratch"
    for path, content in (sources | one.files).items():
        (scratch / path).parent.mkdir(parents=True, exist_ok=True)
        content.tofile(scratch / path)
    command = [sys.executable, "-m", "engine.child", str(scratch), "stages.toy"]
    with subprocess.Popen(command, cwd=scratch, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == b"begun\n"
        child.stdin.close()  # as when the worker is killed
        try:
            child.wait()
        finally:
            child.kill()
    wait_until(lambda: not scratch.exists())


class Script:
    """In place of Ray and of DVC: what a task sends each time it is started, if that is not only its end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int, **sends: list[list[Any]]) -> None:
        self.sends, self.recorded, self.commits = sends, list[str](), 0
        self.images: dict[str, set[str]] = {}  # by stage, those that its tasks receive
        monkeypatch.setattr(driver, "ray", self)
        monkeypatch.setattr(driver, "room_for", lambda _: room)
        monkeypatch.setattr(driver, "write_outputs", lambda _: None)
        monkeypatch.setattr(driver, "keep", lambda *_: None)
        plan = SimpleNamespace(trunk=lambda seed: Path(f"no trunk of {seed}"), budgets=())
        monkeypatch.setattr(driver, "finished_runs", lambda *_: {})
        monkeypatch.setattr(driver, "Plan", SimpleNamespace(read=lambda _: plan))
        monkeypatch.setattr(driver, "known", lambda _: None)
        monkeypatch.setattr(driver, "missing", lambda *_: {0: [1]})
        monkeypatch.setattr(driver, "train", SimpleNamespace(write=lambda _: None))

    def run(self) -> list[str]:
        """All stages; those that were recorded, in this order."""
        pipeline: Any = SimpleNamespace(begin=lambda _: True, commit=self.commit)
        driver.Scheduler(GivenParams.read(), Resources(), {}, pipeline, ProgressLines()).run()
        return self.recorded

    def commit(self, stages: list[str]) -> None:
        self.recorded += stages
        self.commits += 1

    def start(self, _: Any, images: node.Files, task: node.Task) -> Iterator[Any]:
        self.images[task.stage] = {Path(path).parent.name for path in images}
        sends = self.sends.get(f"{task.stage}_{task.architecture}")
        return iter(sends.pop(0) if sends else [node.Done({})])

    def put(self, content: Any) -> Any:
        return content

    def remote(self, _: Any) -> Any:
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self.start))

    def wait(self, streams: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
        return streams, []

    def get(self, sent: Any) -> Any:
        if isinstance(sent, Exception):
            raise sent
        return sent


FIRST = ["tune@small", "tune@other", "replay@small", "profile@small", "profile@other"]
NAMES = ("small", "other")
KILLED = [node.Killed("its process was killed")]
SAVED = node.Saved(".work/checkpoints/tune/small/some.safetensors", np.zeros(1, np.uint8))


@pytest.mark.parametrize("room", [0, 1, 9])
def test_all_is_done_with_any_room_a_training_after_its_search_and_an_evaluation_after_that(
    room: int, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.folder)
    script = Script(monkeypatch, room, tune_other=[KILLED, [WorkerCrashedError()]])
    recorded = script.run()
    assert sorted(recorded) == sorted([*FIRST, *(f"{s}@{n}" for s in ("train", "evaluate") for n in NAMES)])
    for name in NAMES:
        places = [recorded.index(f"{stage}@{name}") for stage in ("tune", "train", "evaluate")]
        assert places == sorted(places)
    assert ("no node has room for a task" in capsys.readouterr().err) == (room == 0)


def test_a_task_is_given_up_when_it_is_lost_three_times_with_no_epoch_between(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    Script(monkeypatch, 1, tune_small=[KILLED, KILLED, [SAVED, *KILLED], KILLED, [node.Done({})]]).run()
    script = Script(monkeypatch, 1, tune_small=[[SAVED, *KILLED], KILLED, KILLED, [node.Done({})]])
    with pytest.raises(StudyError, match=r"^tune@small failed: lost 3 times .*: its process was killed$"):
        script.run()


def test_what_has_ended_is_recorded_though_another_task_fails(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    script = Script(monkeypatch, 9, tune_other=[[node.Failed("params.yaml: wrong")]])
    with pytest.raises(StudyError, match=r"^tune@other failed:\nparams.yaml: wrong$"):
        script.run()
    assert script.recorded == [stage for stage in FIRST if stage != "tune@other"]


def test_of_a_task_that_failed_and_a_record_that_cannot_be_made_both_are_said(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: list[str]) -> None:
        raise StudyError("stages/profile.py: edited")

    monkeypatch.chdir(project.folder)
    script = Script(monkeypatch, 9, tune_other=[[node.Failed("params.yaml: wrong")]])
    monkeypatch.setattr(script, "commit", refuse)
    with pytest.raises(StudyError, match=r"^tune@other failed:\nparams.yaml: wrong\nstages/profile.py: edited$"):
        script.run()


def test_only_an_evaluation_receives_test_images(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    script = Script(monkeypatch, 9)
    script.run()
    training = {"train", "validation"}
    assert script.images == {
        "tune": training,
        "replay": training,
        "train": training,
        "profile": set(),
        "evaluate": {"test", "validation"},
    }


def test_all_that_is_there_is_received_before_something_is_recorded(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    script = Script(monkeypatch, 9, tune_other=[[node.Line("tune other")] * 20 + [node.Done({})]])
    script.run()
    assert script.commits == 1


def test_a_stage_that_another_command_has_cannot_be_claimed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    other = {"pid": os.getpid(), "cmd": "another command"}
    lock = {"write": {str(project.folder / "results/tune/small.json"): other}}
    (project.folder / ".dvc/tmp/rwlock").write_text(json.dumps(lock))
    with Repo() as repo, pytest.raises(StudyError, match="is busy, it is being blocked by"):  # noqa: SIM117
        with Pipeline(repo, allow_missing=False).lock(["tune@small"]):
            pass


def test_what_changed_while_a_stage_ran_is_not_recorded(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    lock = (project.folder / "dvc.lock").read_bytes()
    project.edit_params(lambda params: params["tune"].update(seed=1001))
    with Repo() as repo:
        pipeline = Pipeline(repo, allow_missing=False)
        assert pipeline.begin("tune@small")
        project.edit_params(lambda params: params["tune"].update(seed=1002))
        with pytest.raises(StudyError, match=r"^params\.yaml: changed while tune@small ran"):
            pipeline.commit(["tune@small"])
    assert (project.folder / "dvc.lock").read_bytes() == lock


@pytest.mark.parametrize(
    ("words", "resources"),
    [
        (("", "", ""), Resources(1, 0.0, 0)),
        (("4", "0.25", "2GiB"), Resources(4, 0.25, 2 * 2**30)),
        (("2", "2", "1.5MiB"), Resources(2, 2.0, 3 * 2**19)),
        (("1", ".5", "1000"), Resources(1, 0.5, 1000)),
    ],
)
def test_resources_are_read(words: tuple[str, str, str], resources: Resources) -> None:
    assert Resources.parse(*words) == resources


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("0", "", ""), "CPUS: found '0', allowed: a whole number, at least 1"),
        (("0.5", "", ""), "CPUS: found '0.5', allowed: a whole number, at least 1"),
        (("", "1.5", ""), "GPUS: found '1.5', allowed: a whole number, or a fraction such as 0.25"),
        (("", "", "2GB"), "MEMORY: found '2GB', allowed: a size as 2GiB, or a number of bytes"),
    ],
)
def test_a_mistake_in_the_resources_is_a_line(words: tuple[str, str, str], error: str) -> None:
    with pytest.raises(StudyError, match=f"^{re.escape(error)}$"):
        Resources.parse(*words)


def test_as_many_tasks_go_into_a_node_as_all_its_resources_allow() -> None:
    big = {"CPU": 8.0, "GPU": 1.0, "memory": 10.0 * 2**30}
    assert Resources(cpus=1).room_in(big) == 8
    assert Resources(cpus=1, gpus=0.25).room_in(big) == 4
    assert Resources(cpus=3).room_in(big) == 2
    assert Resources(cpus=1, memory=4 * 2**30).room_in(big) == 2
    assert Resources(cpus=1, gpus=1).room_in({"CPU": 8.0}) == 0


def test_more_threads_than_a_task_has_cpus_are_refused() -> None:
    content = read_yaml(REPOSITORY / "params.yaml")
    content["architectures"]["depth_4"]["training"] = {"recipe": {"threads": 2}}
    params = validate(content)
    with pytest.raises(StudyError) as refused:
        Resources(cpus=1).check(params)
    where = "params.yaml: architectures.depth_4.training.recipe.threads"
    assert str(refused.value) == f"{where}: found 2, allowed with CPUS=1: auto, or at most 1"
    Resources(cpus=2).check(params)


def test_of_threads_that_all_networks_share_there_is_one_line() -> None:
    content = read_yaml(REPOSITORY / "params.yaml")
    content["training"]["recipe"]["threads"] = 2
    content["architectures"]["depth_4"]["training"] = {"recipe": {"device": "cpu"}}
    with pytest.raises(StudyError) as refused:
        Resources(cpus=1).check(validate(content))
    (line,) = str(refused.value).splitlines()
    assert line.startswith("params.yaml: training.recipe.threads: found 2")


PRINT_SOURCES = """
from scripts import study
from cnn_study.base.code import loaded_sources
from engine.resources import Resources


class Needed:
    def __init__(self, *_):
        pass

    def run(self, on_ray):
        print(*(path.as_posix() for path in loaded_sources()), sep="\\n")
        return 0


study.Needed, study.cifar10_is_here, study.warn_of_memory = Needed, lambda: True, lambda params: None
study._run("", Resources(), quick=False, net="")
"""


def test_what_tasks_run_is_among_the_sources_that_must_not_be_edited_meanwhile() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINT_SOURCES], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    stages = {str(REPOSITORY / f"stages/{name}.py") for name in ("tune", "train", "replay", "profile", "evaluate")}
    assert stages <= set(done.stdout.splitlines())


def test_a_task_computes_with_as_many_threads_as_it_has_cpus(tmp_path: Path) -> None:
    code = f"import sys\nsys.path.insert(0, {str(REPOSITORY / 'src')!r})\n"
    code += "from cnn_study.base.environment import set_up\nsys.exit('threads: ' + set_up().threads * '+')"
    sources, images, one = task(code, tmp_path)
    for cpus in range(1, CORES + 1):
        *_, failed = node.run(sources, images, replace(one, cpus=cpus))
        assert failed == node.Failed("threads: " + "+" * cpus)


def test_a_task_reads_of_params_its_own_architecture_and_seed() -> None:
    content = read_yaml(REPOSITORY / "params.yaml")
    own = content["architectures"]["depth_4"]
    own["training"] = {"learning_rate": 0.1, "budgets": [8]}
    mine = params_of(Job("train", "depth_4", 1, (2, 4)), content)
    assert list(mine["architectures"]) == ["depth_4"]
    assert mine["training"] == content["training"]
    assert mine["architectures"]["depth_4"]["training"] == {"seeds": [1], "budgets": [2, 4], "learning_rate": 0.1}
    assert params_of(Job("tune", "depth_4"), content)["architectures"] == {"depth_4": own}


def test_only_a_change_of_what_its_tasks_read_stops_an_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (REPOSITORY / "params.yaml").read_text()
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(text)
    given = GivenParams.read()
    content = read_yaml()
    content["architectures"]["depth_4"]["head"]["dropout"] = 0.1
    content["analysis"] = {}
    Path("params.yaml").write_text(json.dumps(content))  # JSON is YAML
    given.check_unchanged("kernel_3x3")
    with pytest.raises(StudyError, match="changed while the study ran"):
        given.check_unchanged("depth_4")


def test_a_gpu_that_params_ask_for_has_to_be_given() -> None:
    content = read_yaml(REPOSITORY / "params.yaml")
    content["training"]["recipe"]["device"] = "cuda"
    with pytest.raises(
        StudyError, match=r"^params.yaml: training.recipe.device: found 'cuda', allowed with GPUS=0: "
    ):
        Resources().check(validate(content))
    Resources(gpus=0.5).check(validate(content))


@pytest.mark.parametrize("address", ["{}", "ray://{}"])
def test_a_cluster_where_nobody_answers_is_a_line_at_once(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "init", lambda *_, **__: pytest.fail("Ray was asked, which waits"))
    with socket.socket() as taken:  # a port of this machine at which nobody listens
        taken.bind((LOOPBACK, 0))
        address = address.format(f"{LOOPBACK}:{taken.getsockname()[1]}")
        monkeypatch.setenv("RAY_ADDRESS", address)
        with (
            pytest.raises(StudyError, match=rf"^RAY_ADDRESS: found {address}: nobody answers there \("),
            connected(),
        ):
            pass


@pytest.mark.parametrize(
    ("option", "line"),
    [
        (("--cpus", "4"), "CPUS: found '4', allowed with ENGINE=ray alone"),
        (("--gpus", "1"), "GPUS: found '1', allowed with ENGINE=ray alone"),
        (("--memory", "2GiB"), "MEMORY: found '2GiB', allowed with ENGINE=ray alone"),
        (("--quick", "yes"), "QUICK: found 'yes', allowed: 1"),
        (("--net", "kernel_3x4"), "NET: found 'kernel_3x4', allowed: an entry of architectures; did you mean "),
        (("--net", "depth_4", "--engine", "ray"), "NET: found 'depth_4' with ENGINE=ray, allowed: ENGINE=dvc"),
    ],
)
def test_an_option_that_would_have_no_effect_is_a_line(option: tuple[str, ...], line: str) -> None:
    command = [sys.executable, "-m", "scripts.study", *option]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(line)
    assert done.stdout == ""


def test_an_engine_that_there_is_not_is_a_line() -> None:
    with pytest.raises(StudyError, match=r"^ENGINE: found 'spark', allowed: dvc or ray$"):
        main("", "spark", Resources())
