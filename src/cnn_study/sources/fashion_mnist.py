"""A part of Fashion-MNIST, embedded in this repository: for where there is no CIFAR-10."""

import hashlib
import io
from pathlib import Path

import numpy as np

from cnn_study.base.errors import StudyError
from cnn_study.sources.source import Images, Part, Raw, Source

FILE = "fashion_mnist.npz"
EMBEDDED = Path("data/fashion_mnist") / FILE
SHA256 = "efefbe05b9d7eaf04f28ae39025070e3f555b25bf705ff9319bf8a7a4784fc6b"
CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
CHANNELS, SIZE = 3, 32  # of the images that are made of the file's, which are grey and 28×28


def fetch(folder: Path, scratch: Path) -> None:
    """Put the embedded file into ``folder``. Raises StudyError if it is not there or is damaged."""
    del scratch
    (folder / FILE).write_bytes(_checked(EMBEDDED))


def read(folder: Path) -> Raw:
    """The images of the file in ``folder``. Raises StudyError if it is another or damaged."""
    with np.load(io.BytesIO(_checked(folder / FILE)), allow_pickle=False) as arrays:
        parts = {name: arrays[name] for name in arrays.files}
    train, test = (
        Part(_as_colour(parts[f"{name}_images"]), parts[f"{name}_labels"].astype(np.int64))
        for name in ("train", "test")
    )
    return Raw(train, test, CLASSES)


def _checked(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"{path}: not found; `git checkout data` brings the embedded data back") from None
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != SHA256:
        raise StudyError(f"{path}: found SHA-256 {sha256}, allowed: {SHA256}, the embedded data's")
    return content


def _as_colour(images: Images) -> Images:
    """(N, 28, 28) in grey as (N, 3, 32, 32), with a black margin of two pixels."""
    margin = (SIZE - images.shape[1]) // 2
    padded = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
    return np.repeat(padded[:, None], CHANNELS, axis=1)


SOURCE = Source(10_000, 2_000, CHANNELS, SIZE, CLASSES, fetch, read)
