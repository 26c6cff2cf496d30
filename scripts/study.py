"""Run the study: check the parameters, see what is here, leave the rest to ``dvc repro``.

python -m scripts.study [DATASET] [--quick 1] [--net NAME]
                        [--engine dvc | ray] [--cpus N] [--gpus N] [--memory SIZE]
"""

import argparse
import contextlib
import fcntl
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import stages  # noqa: F401  (puts src/ on the path, and gives errors of the user's one line)
from cnn_study.base.code import loaded_sources
from cnn_study.base.errors import StudyError
from cnn_study.base.yaml import PARAMS, read_yaml
from cnn_study.messages.mistakes import found, nearest
from cnn_study.messages.output import replace_unprintable
from cnn_study.params.study import Params, validate
from cnn_study.sources import cifar10
from cnn_study.sources.datasets import DATASETS
from engine.resources import Resources
from scripts.check import warn_of_memory
from scripts.plan import DVC, belongs_to, foreseen, lost_results, lost_weights, sees_images, status, to_run
from scripts.reduce import EMBEDDED, QUICK, reduce_params
from scripts.repro import Repro
from stages._runs import WANTED
from stages.check import refuse_what_dvc_refuses
from stages.download import RAW


def main(dataset: str, engine: str, resources: Resources, *, quick: bool = False, net: str = "") -> int:
    """Run the study, or a part of it.

    ``quick``: reduced to minutes, in params.yaml. ``net``: this network and its baselines, without an analysis.
    """
    if dataset not in ("", *DATASETS):
        raise StudyError(f"DATASET: found {dataset!r}, allowed: {' or '.join(DATASETS)}")
    if engine not in ("dvc", "ray"):
        raise StudyError(f"ENGINE: found {engine!r}, allowed: dvc or ray")
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        raise StudyError("ENGINE: found 'ray', which is not installed: pip install '.[ray]'")
    if engine == "ray" and net:
        raise StudyError(f"NET: {found(net)} with ENGINE=ray, allowed: ENGINE=dvc")
    requested(dataset, net)  # now, and not after another study's hours
    with one_at_a_time():
        return _run(dataset, resources if engine == "ray" else None, quick=quick, net=net)


def _run(dataset: str, on_ray: Resources | None, *, quick: bool, net: str) -> int:
    """The study, while no other runs in this folder: it may change params.yaml, which every stage reads."""
    params = requested(dataset, net)
    also = [net, *baselines(params, net)] if net else []
    note = ""
    if params.data.dataset == "fashion_mnist":
        note = f"NOT CIFAR-10: {PARAMS} says data.dataset: fashion_mnist, the embedded data."
    elif dataset == "fashion_mnist":
        note = use_embedded_data("as asked", also)
    elif (
        params.data.dataset == "cifar10"
        and not cifar10_is_here()
        and (quick or Needed(params, also).sees_images())
        and (problem := why_no_cifar10())
    ):
        nowhere = f"in CIFAR10_ARCHIVE, data/archive/ or on the network ({problem})"
        if dataset == "cifar10":
            raise StudyError(f"DATASET: found cifar10, but there is none {nowhere}")
        note = use_embedded_data(f"no CIFAR-10 {nowhere}", also)
    if note:
        print(note, flush=True)
    if quick:
        print(f"QUICK: {reduce_params(QUICK, also)}.", flush=True)
    params = validate(read_yaml())
    warn_of_memory(params)
    if on_ray is not None:
        importlib.import_module("engine.driver")  # with all that tasks run; here, since it needs an extra
        loaded_sources()  # now, before any of them can have been edited
        on_ray.check(params)
    code = Needed(params, also).run(on_ray)
    if code == 0 and net:
        from scripts.verdict import verdicts  # here, since it takes seconds to load

        print("\n".join(verdicts(params, net, baselines(params, net))))
    elif code == 0:
        print("Results: plots/report.html, and metrics/ and plots/ for what it rests on.")
    if note:
        print(note)
    return code


def requested(dataset: str, net: str) -> Params:
    """The parameters. Raises StudyError if they have no such network, or are about another data set."""
    refuse_what_dvc_refuses()
    params = validate(read_yaml())
    if net and net not in params.architectures:
        raise StudyError(
            f"NET: {found(net)}, allowed: an entry of architectures{nearest(net, params.architectures)}"
        )
    if dataset not in ("", "fashion_mnist", params.data.dataset):
        raise StudyError(
            f"DATASET: found {dataset}, but {PARAMS} says {params.data.dataset}: "
            "set data.dataset there; `dvc params diff` shows what else was changed"
        )
    return params


@contextlib.contextmanager
def one_at_a_time(lock: Path = Path(".dvc/tmp/study.lock")) -> Iterator[None]:
    """Wait until no other study runs in this folder: DVC would end with paths that the other one is writing."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another `make study` is running in this folder: waiting for its end.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def baselines(params: Params, net: str) -> list[str]:
    """What a network is compared with: the baselines of its studies, or of the first where it is in none."""
    studies = [study for study in params.studies.values() if net in study.members] or [*params.studies.values()][
        :1
    ]
    return [name for name in dict.fromkeys(study.baseline for study in studies) if name != net]


class Needed:
    """What is out of date, of all or of some networks, and nothing because its data or weights are not here."""

    def __init__(self, params: Params, only: Sequence[str]) -> None:
        self._params, self._only, self._repro = params, only, Repro()
        self._names = list(only or params.architectures)
        # An evaluation needs all that is before it.
        self._targets = [f"{kind}@{name}" for name in only for kind in ("evaluate", "profile")]

    def run(self, on_ray: Resources | None) -> int:
        """Run it, the stages of networks on Ray where asked for, and give an exit code."""
        os.environ[WANTED] = ""  # no weights, as far as is known
        changes = self._changes()
        self._repro.announce(self._foreseen(changes), self._params)
        if sees_images(to_run(changes, self._names)):
            if code := self._repro("prepare"):
                return code
            changes = self._changes()  # by other images, perhaps
            self._repro.keep(self._foreseen(changes))
        if code := self._make_what_is_lost(changes):
            return code
        if on_ray is not None and (code := run_on_ray(on_ray)):
            return code
        return self._repro("--allow-missing", *self._targets) or self._repro.alone(
            lost_results(changes, self._names, "analyze")
        )

    def sees_images(self) -> bool:
        """Whether anything of it needs the data set, as far as can be said without it."""
        return sees_images(self._foreseen(self._changes()))

    def _make_what_is_lost(self, changes: Mapping[str, Any]) -> int:
        """Make results that are gone, and weights that are not here and that an evaluation needs."""
        for kind in ("tune", "train"):
            if code := self._repro.alone(lost_results(changes, self._names, kind)):
                return code
        lost = lost_weights(to_run(changes, self._names), self._names)
        os.environ[WANTED] = " ".join(fingerprint for of_one in lost.values() for fingerprint in of_one)
        # By name and by force: what DVC notes of runs/ may be that these weights are not there.
        if code := self._repro.alone([f"train@{name}" for name in lost], "--force"):
            return code
        return self._repro.alone(lost_results(changes, self._names, "evaluate", "replay", "profile", "cost"))

    def _changes(self) -> dict[str, Any]:
        changes = status()
        if not self._only:
            return changes
        return {stage: reasons for stage, reasons in changes.items() if belongs_to(stage, self._only)}

    def _foreseen(self, changes: Mapping[str, Any]) -> set[str]:
        all_of_it = foreseen(changes, self._names, self._params.replay.architectures)
        return {stage for stage in all_of_it if not self._only or belongs_to(stage, self._only)}


def use_embedded_data(reason: str, also: Sequence[str]) -> str:
    """Change params.yaml to a small study of the embedded data, visibly, and say so."""
    changed = reduce_params(EMBEDDED, also)
    return f"NOT CIFAR-10: the study runs on the embedded Fashion-MNIST, {reason}. {changed}."


def run_on_ray(resources: Resources) -> int:
    """Run the stages of networks on Ray, and give an exit code."""
    from engine import driver  # here, since it needs an extra

    try:
        driver.run(resources, allow_missing=True)
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on from the last whole epoch", file=sys.stderr)
        return 1
    return 0


def why_no_cifar10() -> str:
    """Empty if DVC's cache has it, which clones can share, or it can be fetched; else what stands in the way."""
    subprocess.run([*DVC, "checkout", "--quiet", str(RAW)], capture_output=True, check=False)
    return "" if cifar10_is_here() else cifar10.unreachable()


def cifar10_is_here() -> bool:
    """Whether its files are where the stage download puts them, or a copy is where that looks."""
    return all((RAW / name).is_file() for name in cifar10.FILES) or bool(cifar10.local_copies())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.study", allow_abbrev=False)
    parser.add_argument("dataset", nargs="?", default="")
    parser.add_argument("--engine", default="dvc")
    for option in ("--quick", "--net", "--cpus", "--gpus", "--memory"):
        parser.add_argument(option, default="")
    return parser.parse_args()


def checked(given: argparse.Namespace) -> Resources:
    """What tasks may use. Raises StudyError where an option would have no effect."""
    if given.quick not in ("", "0", "1"):
        raise StudyError(f"QUICK: {found(given.quick)}, allowed: 1")
    for option in ("cpus", "gpus", "memory"):
        if given.engine != "ray" and (value := getattr(given, option)):
            raise StudyError(f"{option.upper()}: {found(value)}, allowed with ENGINE=ray alone")
    return Resources.parse(given.cpus, given.gpus, given.memory)


if __name__ == "__main__":
    replace_unprintable()
    try:
        given = arguments()
        resources = checked(given)
        sys.exit(main(given.dataset, given.engine, resources, quick=given.quick == "1", net=given.net))
    except KeyboardInterrupt:
        sys.exit("interrupted: `make study` goes on from the last whole epoch")
