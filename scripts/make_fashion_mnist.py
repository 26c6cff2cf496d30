"""Make data/fashion_mnist/fashion_mnist.npz from Debian's package dataset-fashion-mnist.

apt-get install dataset-fashion-mnist && python scripts/make_fashion_mnist.py
"""

import gzip
from pathlib import Path

import numpy as np
import numpy.typing as npt

SOURCE = Path("/usr/share/datasets/fashion-mnist")
TARGET = Path("data/fashion_mnist/fashion_mnist.npz")
PER_CLASS = {"train": 1000, "test": 200}
PREFIX = {"train": "train", "test": "t10k"}


def read_idx(path: Path, header: int) -> npt.NDArray[np.uint8]:
    """The bytes of an IDX file behind its header."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def main() -> None:
    arrays = {}
    for split, per_class in PER_CLASS.items():
        images = read_idx(SOURCE / f"{PREFIX[split]}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
        labels = read_idx(SOURCE / f"{PREFIX[split]}-labels-idx1-ubyte.gz", 8)
        # The first of each class, in the original order: nothing here to choose or to seed.
        chosen = np.sort(np.concatenate([np.flatnonzero(labels == k)[:per_class] for k in range(10)]))
        arrays[f"{split}_images"] = images[chosen]
        arrays[f"{split}_labels"] = labels[chosen]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(TARGET, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
