"""CIFAR10_ARCHIVE, data/archive/, the network or the embedded data -> data/raw/, checked."""

import os
from pathlib import Path

from cnn_study.base.files import scratch_folder, whole_folder
from cnn_study.base.schema import parse
from cnn_study.base.yaml import read_yaml, section
from cnn_study.sources.datasets import Data, fetch_cifar10, fetch_fashion_mnist, find_cifar10

RAW = Path("data/raw")
ARCHIVE = Path("data/archive")
EMBEDDED = Path("data/fashion_mnist/fashion_mnist.npz")


def local_cifar10() -> Path | None:
    """The copy of CIFAR-10 on this machine, or None."""
    given = os.environ.get("CIFAR10_ARCHIVE")
    return find_cifar10(Path(given) if given else None, ARCHIVE)


def main() -> None:
    data = parse(Data, section(read_yaml(), "data"), "data")
    with whole_folder(RAW) as folder:
        if data.dataset == "cifar10":
            with scratch_folder("download") as scratch:
                fetch_cifar10(local_cifar10(), folder, scratch)
        else:
            fetch_fashion_mnist(EMBEDDED, folder)


if __name__ == "__main__":
    main()
