"""Run the study: check the parameters, see where the data is, leave the rest to ``dvc repro``.

python -m scripts.study [fashion_mnist]
"""

import subprocess
import sys

from ruamel.yaml import YAML

import stages  # noqa: F401  (puts src/ on the path, and gives errors of the user's one line)
from cnn_study.datasets import CIFAR10_MD5, cifar10_is_reachable
from cnn_study.params import validate
from cnn_study.schema import PARAMS, StudyError, read_yaml
from stages.download import RAW, local_cifar10

# The embedded data, and a study of it that takes minutes.
EMBEDDED = {
    ("data", "dataset"): "fashion_mnist",
    ("training", "epochs"): 3,
    ("tune", "images"): 2000,
}


def main(dataset: str) -> int:
    if dataset not in ("", "cifar10", "fashion_mnist"):
        raise StudyError(f"DATASET: found {dataset!r}, allowed: cifar10 or fashion_mnist")
    params = validate(read_yaml())
    note = ""
    if dataset == "cifar10" and params.data.dataset != "cifar10":
        raise StudyError(
            f"DATASET: found cifar10, but {PARAMS} says {params.data.dataset}: "
            f"`git checkout {PARAMS}` brings the study of CIFAR-10 back"
        )
    if dataset == "fashion_mnist" and params.data.dataset != "fashion_mnist":
        note = use_embedded_data("as asked")
    elif params.data.dataset == "cifar10" and (problem := why_no_cifar10()):
        note = use_embedded_data(f"no CIFAR-10 in CIFAR10_ARCHIVE, data/archive/ or on the network ({problem})")
    if note:
        print(note, flush=True)
    code = subprocess.run([sys.executable, "-m", "dvc", "repro"], check=False).returncode
    if code == 0:
        print("Results: metrics/summary.json, metrics/timing.json, and `dvc plots show` for the figures.")
    if note:
        print(note)
    return code


def why_no_cifar10() -> str:
    """Empty if CIFAR-10 is here or can be fetched, else what stands in the way."""
    if all((RAW / name).is_file() for name in CIFAR10_MD5) or local_cifar10() is not None:
        return ""
    return cifar10_is_reachable()


def use_embedded_data(reason: str) -> str:
    """Change params.yaml, visibly, and say so."""
    yaml = YAML()
    yaml.width = 1000
    content = yaml.load(PARAMS)
    for (section, key), value in EMBEDDED.items():
        content[section][key] = value
    yaml.dump(content, PARAMS)
    changes = ", ".join(f"{section}.{key}: {value}" for (section, key), value in EMBEDDED.items())
    return (
        f"NOT CIFAR-10: the study runs on the embedded Fashion-MNIST, {reason}. {PARAMS} now says {changes} "
        f"(`dvc params diff` shows it, `git checkout {PARAMS}` takes it back)."
    )


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:2] or [""]))
    except KeyboardInterrupt:
        sys.exit("interrupted: `make study` goes on from the last whole epoch")
