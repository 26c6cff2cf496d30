"""CIFAR-10: from a local copy or the network, every file checked against torchvision's list of MD5s."""

import hashlib
import http.client
import os
import pickle
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cnn_study.base.errors import StudyError
from cnn_study.sources.archives import ALLOWED, read_members
from cnn_study.sources.copies import copies_in, expanded, of_the_working_tree
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


def local_copies() -> list[Path]:
    """What may be a copy on this machine, the likeliest first.

    Raises StudyError if the environment names something that is none.
    """
    return find(os.environ.get(VARIABLE, ""), DOCUMENTED)


def find(given: str, documented: Path) -> list[Path]:
    """What may be a copy, a folder or an archive, the likeliest first: at ``given``, else in ``documented``.

    Raises StudyError if ``given`` holds none: what a user asks for is not passed over.
    """
    if not given:
        return copies_in(of_the_working_tree(documented), FOLDER, FILES)
    path = of_the_working_tree(expanded(given))
    if copies := copies_in(path, FOLDER, FILES):
        return copies
    kind = "a folder that holds none of them" if path.is_dir() else "which is not there"
    shown = f"{given!r} ({path})" if str(path) != given else repr(given)
    raise StudyError(
        f"{VARIABLE}: found {shown}, {kind}, allowed: the folder {FOLDER}, "
        f"an archive of it ({ALLOWED}), or a folder that holds one of these"
    )


def fetch(folder: Path, scratch: Path) -> None:
    """Put the checked files into ``folder``, from a local copy or else from the network. Raises StudyError."""
    fetch_from(local_copies(), folder, scratch)


def fetch_from(copies: Sequence[Path], folder: Path, scratch: Path) -> None:
    """Put the checked files of the first whole one of ``copies``, or else of the network, into ``folder``.

    Raises StudyError if there is no network, or no copy is whole: what is wrong with the likeliest.
    """
    mistakes = []
    for copy in copies or [_downloaded(scratch)]:
        try:
            contents = _checked_files(copy)
        except (StudyError, OSError) as error:
            mistakes.append(error)
            continue
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        return
    first, *others = mistakes
    if not others:
        raise first
    names = ", ".join(copy.name for copy in copies[1:4]) + " and others" * (len(copies) > 4)
    line = first if isinstance(first, StudyError) else f"{first.filename or copies[0]}: {first.strerror}"
    raise StudyError(f"{line}; nor is {FOLDER} whole in {names}, beside it")


def _checked_files(copy: Path) -> dict[str, bytes]:
    """All files by their names, out of a folder or an archive."""
    if copy.is_file():
        members = read_members(copy, [f"{FOLDER}/{name}" for name in FILES], MOST_BYTES)
        contents = {name: members.get(f"{FOLDER}/{name}") for name in FILES}
    else:
        contents = {name: _content(copy / name) for name in FILES}
    return {name: _checked(content, name, f"{copy}: {name}") for name, content in contents.items()}


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
        documented = of_the_working_tree(DOCUMENTED)
        raise StudyError(
            f"CIFAR-10: not found in {VARIABLE} (not set), nor in {documented}/, nor at {CIFAR10.url} "
            f"({problem}). Three ways on: set {VARIABLE} to a copy, put one into {documented}/, "
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
