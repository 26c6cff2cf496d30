"""CIFAR-10: from a local copy or the network, every file checked against torchvision's list of MD5s."""

import hashlib
import http.client
import os
import pickle
import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

from cnn_study.base.errors import StudyError
from cnn_study.sources.archives import read_members
from cnn_study.sources.source import Part, Raw, Source

VARIABLE = "CIFAR10_ARCHIVE"  # of the environment: where a local copy is
DOCUMENTED = Path("data/archive")
FOLDER = "cifar-10-batches-py"
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
NAMES = "batches.meta"  # of the classes
FILES = (*TRAIN, TEST, NAMES)
CLASSES = (  # as that file has them
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CHANNELS, SIZE = 3, 32  # of an image, one channel after the other
MOST_BYTES = 200 * 2**20
NETWORK_SECONDS = 8.0


def local_copy() -> Path | None:
    """The copy on this machine, or None. Raises StudyError if the environment names one that is none."""
    given = os.environ.get(VARIABLE)
    return find(Path(given) if given else None, DOCUMENTED)


def find(given: Path | None, documented: Path) -> Path | None:
    """The local copy, a folder or an archive: at ``given``, else in ``documented``, else None.

    Raises StudyError if ``given`` is set and holds none: what a user asks for is not passed over.
    """
    if given is not None:
        local = _copy_in(given)
        if local is None:
            raise StudyError(
                f"{VARIABLE}: found {str(given)!r}, allowed: the folder {FOLDER}, "
                "a .tar.gz or .tar.xz of it, or a folder that holds one of these"
            )
        return local
    return _copy_in(documented)


def _copy_in(path: Path) -> Path | None:
    if path.is_file():
        return path
    if (path / NAMES).is_file():
        return path
    if (path / FOLDER).is_dir():
        return path / FOLDER
    archives = [*path.glob("*.tar.gz"), *path.glob("*.tar.xz")]
    # The usual name first: there may be other archives beside it.
    return min(archives, key=lambda archive: (not archive.name.startswith("cifar-10"), archive), default=None)


def fetch(folder: Path, scratch: Path) -> None:
    """Put the checked files into ``folder``, from a local copy or else from the network. Raises StudyError."""
    fetch_from(local_copy(), folder, scratch)


def fetch_from(local: Path | None, folder: Path, scratch: Path) -> None:
    """Put the checked files of ``local``, a folder or an archive, or else of the network into ``folder``.

    Raises StudyError if there is no network, or a file is missing or is not the original.
    """
    copy = local or _downloaded(scratch)
    if copy.is_file():
        members = read_members(copy, [f"{FOLDER}/{name}" for name in FILES], MOST_BYTES)
        contents = {name: members.get(f"{FOLDER}/{name}") for name in FILES}
    else:
        contents = {name: _content(copy / name) for name in FILES}
    checked = {name: _checked(content, name, f"{copy}: {name}") for name, content in contents.items()}
    for name, content in checked.items():
        (folder / name).write_bytes(content)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def _checked(content: bytes | None, name: str, shown: str) -> bytes:
    """``content``, of the file ``name``, if it is the original's."""
    # A pickle runs what its author wrote, so none is read whose checksum is not the known one.
    if content is None:
        raise StudyError(f"{shown}: not found, but needed in {FOLDER}")
    md5, known = hashlib.md5(content, usedforsecurity=False).hexdigest(), _known_md5(name)
    if md5 != known:
        raise StudyError(f"{shown}: found MD5 {md5}, allowed: {known}, the original's")
    return content


def _known_md5(name: str) -> str:
    from torchvision.datasets import CIFAR10  # slow to import

    lists = [*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])]
    return str(dict(lists)[name])


def unreachable() -> str:
    """Empty if the data set's host answers within 8 s, else what it said."""
    from torchvision.datasets import CIFAR10

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

    if problem := unreachable():
        raise StudyError(
            f"CIFAR-10: not found in {VARIABLE} (not set), nor in {DOCUMENTED}/, nor at {CIFAR10.url} "
            f"({problem}). Three ways on: set {VARIABLE} to a copy, put one into {DOCUMENTED}/, "
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


def read(folder: Path) -> Raw:
    """The images of the files in ``folder``. Raises StudyError if one is missing or is not the original."""
    batches = {
        name: pickle.loads(_checked(_content(folder / name), name, str(folder / name)), encoding="bytes")
        for name in FILES
    }
    train, test = [batches[name] for name in TRAIN], batches[TEST]
    shape = (-1, CHANNELS, SIZE, SIZE)
    return Raw(
        Part(
            np.concatenate([batch[b"data"] for batch in train]).reshape(shape),
            np.concatenate([batch[b"labels"] for batch in train]),
        ),
        Part(test[b"data"].reshape(shape), np.asarray(test[b"labels"])),
        tuple(name.decode() for name in batches[NAMES][b"label_names"]),
    )


SOURCE = Source(50_000, 10_000, CHANNELS, SIZE, CLASSES, fetch, read)
