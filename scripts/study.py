"""Run the study: check the parameters, see what is here, leave the rest to ``dvc repro``.

python -m scripts.study [cifar10 | fashion_mnist] [--engine dvc | ray] [--cpus N] [--gpus N] [--memory SIZE]
"""

import argparse
import contextlib
import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

import stages  # noqa: F401  (puts src/ on the path, and gives errors of the user's one line)
from cnn_study.base.code import loaded_sources
from cnn_study.base.errors import StudyError
from cnn_study.base.files import write_whole
from cnn_study.base.yaml import PARAMS, read_yaml
from cnn_study.messages.mistakes import dotted
from cnn_study.params.study import validate
from cnn_study.sources import cifar10
from cnn_study.sources.datasets import DATASETS
from engine.resources import Resources
from scripts.check import warn_of_memory
from scripts.plan import lost_results, lost_weights, sees_images, status, to_run
from stages._runs import WANTED
from stages.download import RAW

# The embedded data, and a study of it that takes minutes.
EMBEDDED = {
    ("data", "dataset"): "fashion_mnist",
    ("data", "train_images"): 5000,
    ("training", "budgets"): [1, 2],
    ("tune", "images"): 2000,  # judged on 500: within one standard error, 2 points, lie rather low rates
    ("replay", "runs", "images"): 1000,
}


def main(dataset: str, engine: str, resources: Resources) -> int:
    if dataset not in ("", *DATASETS):
        raise StudyError(f"DATASET: found {dataset!r}, allowed: {' or '.join(DATASETS)}")
    if engine not in ("dvc", "ray"):
        raise StudyError(f"ENGINE: found {engine!r}, allowed: dvc or ray")
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        raise StudyError("ENGINE: found 'ray', which is not installed: pip install '.[ray]'")
    params = validate(read_yaml())
    if dataset not in ("", "fashion_mnist", params.data.dataset):
        raise StudyError(
            f"DATASET: found {dataset}, but {PARAMS} says {params.data.dataset}: "
            "set data.dataset there; `dvc params diff` shows what else was changed"
        )
    note = ""
    if params.data.dataset == "fashion_mnist":
        note = f"NOT CIFAR-10: {PARAMS} says data.dataset: fashion_mnist, the embedded data."
    elif dataset == "fashion_mnist":
        note = use_embedded_data("as asked")
    elif params.data.dataset == "cifar10" and (problem := why_no_cifar10()):
        nowhere = f"in CIFAR10_ARCHIVE, data/archive/ or on the network ({problem})"
        if dataset == "cifar10":
            raise StudyError(f"DATASET: found cifar10, but there is none {nowhere}")
        note = use_embedded_data(f"no CIFAR-10 {nowhere}")
    if note:
        print(note, flush=True)
    warn_of_memory(validate(read_yaml()))
    code = repro_what_is_needed(engine, resources)
    if code == 0:
        print("Results: plots/report.html, and metrics/ and plots/ for what it rests on.")
    if note:
        print(note)
    return code


def repro_what_is_needed(engine: str, resources: Resources) -> int:
    """Run what is out of date, and nothing because its data or weights are not here, but its results are."""
    params = validate(read_yaml())
    if engine == "ray":
        loaded_sources()  # now, before any of them can have been edited
        resources.check(params)
    names, changes = list(params.architectures), status()
    if sees_images(to_run(changes, names)):
        if code := repro("prepare"):
            return code
        changes = status()  # by other images, perhaps
    if code := make_what_is_lost(changes, names):
        return code
    if engine == "ray" and (code := run_on_ray(resources)):
        return code
    return repro("--allow-missing") or repro_alone(lost_results(changes, names, "analyze"))


def make_what_is_lost(changes: Mapping[str, Any], names: Sequence[str]) -> int:
    """Make results that are gone, and weights that are not here and that an evaluation needs."""
    os.environ[WANTED] = ""
    for kind in ("tune", "train"):
        if code := repro_alone(lost_results(changes, names, kind)):
            return code
    lost = lost_weights(to_run(changes, names), names)
    os.environ[WANTED] = " ".join(fingerprint for of_one in lost.values() for fingerprint in of_one)
    # By name and by force: what DVC notes of runs/ may be that these weights are not there.
    if code := repro_alone([f"train@{name}" for name in lost], "--force"):
        return code
    return repro_alone(lost_results(changes, names, "evaluate", "replay", "profile"))


def repro_alone(names: Sequence[str], *options: str) -> int:
    """Run these stages, and nothing that is before them."""
    return repro(*options, "--single-item", *names) if names else 0


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


def repro(*arguments: str) -> int:
    """Run ``dvc repro`` and give its exit code. An interrupt reaches DVC as well, which is left to end itself."""
    with subprocess.Popen([sys.executable, "-m", "dvc", "repro", *arguments]) as process:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return process.wait()


def why_no_cifar10() -> str:
    """Empty if CIFAR-10 is here or can be fetched, else what stands in the way."""
    if all((RAW / name).is_file() for name in cifar10.FILES) or cifar10.local_copies():
        return ""
    return cifar10.unreachable()


def use_embedded_data(reason: str) -> str:
    """Change params.yaml, visibly, and say so."""
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 1000
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(PARAMS)
    changes = []
    for (*sections, key), value in EMBEDDED.items():
        place = content
        for section in sections:
            place = place[section]
        before = place[key]
        if before != value and not is_smaller(before, value):
            changes.append(f"{dotted((*sections, key))}: {value} (was {before})")
            place[key] = value
    validate(content)  # the rest of the file may ask for more images than the embedded data has
    buffer = io.BytesIO()
    yaml.dump(content, buffer)
    write_whole(PARAMS, buffer.getbuffer())
    return (
        f"NOT CIFAR-10: the study runs on the embedded Fashion-MNIST, {reason}. {PARAMS} now says "
        f"{', '.join(changes)}: `dvc params diff` shows it."
    )


def is_smaller(before: Any, value: Any) -> bool:
    """Whether a number, or the largest of a list, is smaller than ``value``; "all" is not."""
    if isinstance(before, list) and isinstance(value, list):
        return bool(max(before) < max(value))
    return isinstance(before, int) and isinstance(value, int) and before < value


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.study", allow_abbrev=False)
    parser.add_argument("dataset", nargs="?", default="")
    parser.add_argument("--engine", default="dvc")
    for option in ("--cpus", "--gpus", "--memory"):
        parser.add_argument(option, default="")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        given = arguments()
        sys.exit(main(given.dataset, given.engine, Resources.parse(given.cpus, given.gpus, given.memory)))
    except KeyboardInterrupt:
        sys.exit("interrupted: `make study` goes on from the last whole epoch")
