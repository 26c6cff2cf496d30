"""The training stages on Ray give what ``dvc repro`` gives, whatever happens to nodes and to the driver."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnn_study.environment import usable_cores
from cnn_study.params import validate
from cnn_study.schema import StudyError, read_yaml
from engine import node
from engine.resources import Resources
from tests.conftest import REPOSITORY, LongerRun, Project, longer
from tests.test_interruption import results, start

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install '.[ray]'")
CPUS = str(usable_cores())
STUDY = (sys.executable, "-m", "scripts.study", "--engine", "ray", "--cpus", CPUS)
# Makes a node look as if it had another numpy.
OTHER_NUMPY = "Metadata-Version: 2.1\nName: numpy\nVersion: 0.1\n"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    two = Cluster()
    try:
        two.add_node(num_cpus=usable_cores(), include_dashboard=False)
        yield two
    finally:
        two.shutdown()


def lines_until(process: "subprocess.Popen[str]", *texts: str) -> list[str]:
    """What the process prints until each of the texts has been in a line."""
    missing, printed = set(texts), []
    assert process.stdout is not None
    for line in process.stdout:
        printed.append(line.rstrip())
        missing -= {text for text in missing if text in line}
        if not missing:
            return printed
    raise AssertionError(f"{missing} not found in:\n" + "\n".join(printed))


T0 = [time.monotonic()]
def lap(what):
    t = time.monotonic(); print("LAP", what, round(t - T0[0], 1)); T0[0] = t


def end(process: "subprocess.Popen[str]", how: signal.Signals) -> list[str]:
    """End the process group and give what it still prints."""
    os.killpg(process.pid, how)
    printed, _ = process.communicate(timeout=30)
    return printed.splitlines()


def test_lost_nodes_and_drivers_change_no_bit_and_nothing_is_done_twice(
    cluster: Any, longer_run: LongerRun, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(params: Any) -> None:
        longer(params)
        broken = {"learning_rate": 100.0, "weight_decay": 10.0, "schedule": "constant", "epochs": 5}
        params["architectures"]["other"].update(training=broken)

    project.edit_params(change)
    with (project.folder / "src/cnn_study/progress.py").open("a") as file:  # tune and train are out of date
        file.write("\nimport time\nProgress.resumed = lambda *_: None\n")
        file.write("_print = Progress.epoch_ended\n")
        file.write("Progress.epoch_ended = lambda *row: (_print(*row), time.sleep(0.1))[0]\n")
    (project.folder / "stages/analyze.py").write_text("print('analyzed')\n")  # another test's business

    # Interrupted, on a Ray of its own.
    process = start(project, *STUDY)
    printed = lines_until(process, "tune small rate 0.1 epoch 1/1") + end(process, signal.SIGINT)
    assert printed[-1] == "interrupted: the same command goes on from the last whole epoch"
    assert "Traceback" not in "\n".join(printed)

    lap('interrupted')
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    (tmp_path / "numpy-0.1.dist-info").mkdir()
    (tmp_path / "numpy-0.1.dist-info/METADATA").write_text(OTHER_NUMPY)
    other = cluster.add_node(num_cpus=usable_cores(), env_vars={"PYTHONPATH": str(tmp_path)})
    refused = project.run(*STUDY, ok=False).splitlines()
    assert re.fullmatch(rf"node \S+: found numpy 0.1, allowed: {np.__version__}, as here", refused[-1])
    assert not any(" epoch " in line for line in refused)
    cluster.remove_node(other)
    lap('versions')

    # A node is lost in mid-run, and then the driver is killed.
    second = cluster.add_node(num_cpus=usable_cores())
    process = start(project, *STUDY)
    printed += lines_until(process, "train small seed 0 epoch 2/30", "train small seed 1 epoch 2/30")
    lap('trains')
    busy = project.run(*STUDY, ok=False).splitlines()
    assert "is busy, it is being blocked by" in "\n".join(busy)
    lap('busy')
    cluster.remove_node(second)
    printed += lines_until(process, "its worker was lost")
    printed += lines_until(process, "train small seed")
    printed += end(process, signal.SIGKILL)

    lap('killed')
    printed += project.run(*STUDY).splitlines()
    lap('end')

    epochs = [line for line in printed if " epoch " in line]
    assert len(epochs) == len(set(epochs))
    assert sum(line.startswith("train small") for line in epochs) == 2 * 30
    expected, found = results(longer_run.project), results(project)
    small = [path for path in expected if path.startswith("small/")]
    assert len(small) == 7
    assert [path for path in small if found[path] != expected[path]] == []
    for name in ("small", "other"):
        tuned = json.loads((project.folder / f"runs/tune/{name}.json").read_text())
        assert tuned["environment"]["threads"] == int(CPUS)
    # (The other has its rate in params.yaml.)
    tuned = "runs/tune/small.json"
    assert (project.folder / tuned).read_bytes() == (longer_run.project.folder / tuned).read_bytes()
    assert [seed["status"] for seed in json.loads(found["other/run.json"])["seeds"]] == ["diverged", "diverged"]
    assert "up to date" in project.run("dvc", "status")
    locks = [read_yaml(one.folder / "dvc.lock")["stages"]["train@small"] for one in (project, longer_run.project)]
    for lock in locks:
        del lock["deps"]  # of which one was edited
        lock["outs"] = [out for out in lock["outs"] if "timing" not in out["path"]]
    assert locks[0] == locks[1]
