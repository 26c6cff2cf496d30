"""The raw data sets: where their files come from, that they are the right ones, what they hold."""

import hashlib
import http.client
import io
import pickle
import socket
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from cnn_study.base.errors import StudyError
from cnn_study.base.schema import Model, or_word
from cnn_study.data.shape import CLASSES, IMAGE_SIZE
from cnn_study.sources.archives import unpack

CIFAR10_FOLDER = "cifar-10-batches-py"
CIFAR10_MD5 = {  # the values that torchvision.datasets.CIFAR10 checks
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
CIFAR10_CLASSES = (  # as batches.meta names them
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR10_MOST_BYTES = 200 * 2**20
FASHION_MNIST_FILE = "fashion_mnist.npz"
FASHION_MNIST_CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
CLASSES_OF = {"cifar10": CIFAR10_CLASSES, "fashion_mnist": FASHION_MNIST_CLASSES}
FASHION_MNIST_SHA256 = "efefbe05b9d7eaf04f28ae39025070e3f555b25bf705ff9319bf8a7a4784fc6b"
SIZES = {"cifar10": (50_000, 10_000), "fashion_mnist": (10_000, 2_000)}  # train, test
NETWORK_SECONDS = 8.0

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Count = Annotated[Literal["all"] | int, or_word("all", Annotated[int, Field(ge=CLASSES, le=1_000_000)])]


class Data(Model):
    """Which images, and how they are split."""

    dataset: Literal["cifar10", "fashion_mnist"]
    split_seed: Annotated[int, Field(ge=0, lt=2**31)]
    validation_fraction: Annotated[float, Field(gt=0, lt=1)]
    train_images: Count  # before validation images are taken out
    test_images: Count


@dataclass(frozen=True)
class Raw:
    """A data set as it came: images (N, 3, 32, 32) uint8, labels (N,), names of the classes."""

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    classes: tuple[str, ...]


def find_cifar10(given: Path | None, documented: Path) -> Path | None:
    """The local copy, a folder or an archive: at ``given``, else in ``documented``, else None.

    Raises StudyError if ``given`` is set and holds none: what a user asks for is not passed over.
    """
    if given is not None:
        local = _copy_in(given)
        if local is None:
            raise StudyError(
                f"CIFAR10_ARCHIVE: found {str(given)!r}, allowed: the folder {CIFAR10_FOLDER}, "
                "a .tar.gz or .tar.xz of it, or a folder that holds one of these"
            )
        return local
    return _copy_in(documented)


def _copy_in(path: Path) -> Path | None:
    if path.is_file():
        return path
    if (path / "batches.meta").is_file():
        return path
    if (path / CIFAR10_FOLDER).is_dir():
        return path / CIFAR10_FOLDER
    archives = [*path.glob("*.tar.gz"), *path.glob("*.tar.xz")]
    # The usual name first: there may be other archives beside it.
    return min(archives, key=lambda archive: (not archive.name.startswith("cifar-10"), archive), default=None)


def fetch_cifar10(local: Path | None, folder: Path, scratch: Path) -> None:
    """Put the checked files of CIFAR-10 into ``folder``, from ``local`` or else from the network.

    Raises StudyError if there is no network, or a file is missing or is not the original.
    """
    if local is None:
        local = _downloaded(scratch)
    source = local
    if local.is_file():
        unpack(local, scratch / "unpacked", CIFAR10_MOST_BYTES)
        source = scratch / "unpacked" / CIFAR10_FOLDER
    contents = {name: _checked(source / name, f"{local}: {name}") for name in CIFAR10_MD5}
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def _checked(path: Path, shown: str) -> bytes:
    # A pickle runs what its author wrote, so none is read whose checksum is not the known one.
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise StudyError(f"{shown}: not found, but needed in {CIFAR10_FOLDER}") from None
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != CIFAR10_MD5[path.name]:
        raise StudyError(f"{shown}: found MD5 {md5}, allowed: {CIFAR10_MD5[path.name]}, the original's")
    return content


def cifar10_is_reachable() -> str:
    """Empty if the data set's host answers within 8 s, else what it said."""
    from torchvision.datasets import CIFAR10  # slow to import, and needed for its address only

    answer = [f"no answer within {NETWORK_SECONDS:.0f} s"]

    def ask() -> None:
        request = urllib.request.Request(CIFAR10.url, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=NETWORK_SECONDS):
                answer[0] = ""
        except (OSError, ValueError, http.client.HTTPException) as error:
            answer[0] = " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__

    # In a thread, since looking a name up has no time limit of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(NETWORK_SECONDS)
    return answer[0]


def _downloaded(scratch: Path) -> Path:
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import download_url

    if problem := cifar10_is_reachable():
        raise StudyError(
            f"CIFAR-10: not found in CIFAR10_ARCHIVE (not set), nor in data/archive/, nor at {CIFAR10.url} "
            f"({problem}). Three ways on: set CIFAR10_ARCHIVE to a copy, put one into data/archive/, "
            "or run on the embedded data with `make study DATASET=fashion_mnist`"
        )
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(60)  # for each read: torchvision sets none
    try:
        download_url(CIFAR10.url, str(scratch), md5=CIFAR10.tgz_md5)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise StudyError(f"CIFAR-10: download from {CIFAR10.url} failed: {error}") from None
    finally:
        socket.setdefaulttimeout(before)
    return scratch / Path(CIFAR10.url).name


def fetch_fashion_mnist(embedded: Path, folder: Path) -> None:
    """Put the embedded data into ``folder``. Raises StudyError if it is not there or is damaged."""
    (folder / FASHION_MNIST_FILE).write_bytes(_checked_embedded(embedded))


def read_raw(dataset: str, folder: Path) -> Raw:
    """The data set in ``folder``. Raises StudyError if its files are not those of ``dataset``."""
    return _read_cifar10(folder) if dataset == "cifar10" else _read_fashion_mnist(folder)


def _read_cifar10(folder: Path) -> Raw:
    batches = {
        name: pickle.loads(_checked(folder / name, str(folder / name)), encoding="bytes") for name in CIFAR10_MD5
    }
    train = [batches[f"data_batch_{number}"] for number in range(1, 6)]
    test = batches["test_batch"]
    shape = (-1, 3, IMAGE_SIZE, IMAGE_SIZE)
    return Raw(
        np.concatenate([batch[b"data"] for batch in train]).reshape(shape),
        np.concatenate([batch[b"labels"] for batch in train]),
        test[b"data"].reshape(shape),
        np.asarray(test[b"labels"]),
        tuple(name.decode() for name in batches["batches.meta"][b"label_names"]),
    )


def _read_fashion_mnist(folder: Path) -> Raw:
    content = _checked_embedded(folder / FASHION_MNIST_FILE)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        parts = {name: arrays[name] for name in arrays.files}
    return Raw(
        _as_colour(parts["train_images"]),
        parts["train_labels"].astype(np.int64),
        _as_colour(parts["test_images"]),
        parts["test_labels"].astype(np.int64),
        FASHION_MNIST_CLASSES,
    )


def _checked_embedded(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"{path}: not found; `git checkout data` brings the embedded data back") from None
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != FASHION_MNIST_SHA256:
        raise StudyError(f"{path}: found SHA-256 {sha256}, allowed: {FASHION_MNIST_SHA256}, the embedded data's")
    return content


def _as_colour(images: Images) -> Images:
    """(N, 28, 28) in grey as (N, 3, 32, 32), with a black margin of two pixels."""
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    return np.repeat(padded[:, None], 3, axis=1)
