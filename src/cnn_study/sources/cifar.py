"""CIFAR-10 and CIFAR-100: from a local copy or the network, each file checked against torchvision's MD5s."""

import hashlib
import http.client
import os
import pickle
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnn_study.base.errors import StudyError
from cnn_study.sources.archives import ALLOWED, read_members
from cnn_study.sources.copies import copies_in, expanded, of_the_working_tree
from cnn_study.sources.source import Part, Raw

DOCUMENTED = Path("data/archive")
CHANNELS, SIZE = 3, 32  # of an image, one channel after the other
MOST_BYTES = 200 * 2**20
NETWORK_SECONDS = 8.0


@dataclass(frozen=True)
class Cifar:
    """One of the two, as its authors packed it.

    ``torchvision``: its class there. ``variable``: of the environment, where a local copy is. ``folder``: that of
    its files, ``train``, ``test`` and, with the names of the classes, ``names``. ``labels_key``, ``names_key``:
    where these stand in the files. ``sibling``: how names of the other one's archives begin.
    """

    title: str
    torchvision: str
    variable: str
    folder: str
    train: tuple[str, ...]
    test: str
    names: str
    labels_key: bytes
    names_key: bytes
    sibling: str

    @property
    def files(self) -> tuple[str, ...]:
        """All of them, by name."""
        return (*self.train, self.test, self.names)

    @property
    def original(self) -> Any:
        """Torchvision's class, which knows the address and the MD5s."""
        import torchvision.datasets  # slow to import

        return getattr(torchvision.datasets, self.torchvision)

    def local_copies(self) -> list[Path]:
        """What may be a copy on this machine, the likeliest first.

        Raises StudyError if the environment names something that is none.
        """
        return self.find(os.environ.get(self.variable, ""), DOCUMENTED)

    def find(self, given: str, documented: Path) -> list[Path]:
        """What may be a copy, a folder or an archive, the likeliest first: at ``given``, else in ``documented``.

        Raises StudyError if ``given`` holds none: what a user asks for is not passed over.
        """
        if not given:
            there = copies_in(of_the_working_tree(documented), self.folder, self.files)
            return [copy for copy in there if not copy.name.startswith(self.sibling)]
        path = of_the_working_tree(expanded(given))
        if copies := copies_in(path, self.folder, self.files):
            return copies
        kind = "a folder that holds none of them" if path.is_dir() else "which is not there"
        shown = f"{given!r} ({path})" if str(path) != given else repr(given)
        raise StudyError(
            f"{self.variable}: found {shown}, {kind}, allowed: the folder {self.folder}, "
            f"an archive of it ({ALLOWED}), or a folder that holds one of these"
        )

    def fetch(self, folder: Path, scratch: Path) -> None:
        """Put the checked files into ``folder``, from a local copy or else from the network. Raises StudyError."""
        self.fetch_from(self.local_copies(), folder, scratch)

    def fetch_from(self, copies: Sequence[Path], folder: Path, scratch: Path) -> None:
        """Put the checked files of the first whole one of ``copies``, or else of the network, into ``folder``.

        Raises StudyError if there is no network, or no copy is whole: what is wrong with the likeliest.
        """
        mistakes = []
        for copy in copies or [self._downloaded(scratch)]:
            try:
                contents = self._checked_files(copy)
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
        raise StudyError(f"{line}; nor is {self.folder} whole in {names}, beside it")

    def _checked_files(self, copy: Path) -> dict[str, bytes]:
        """All files by their names, out of a folder or an archive."""
        if copy.is_file():
            members = read_members(copy, [f"{self.folder}/{name}" for name in self.files], MOST_BYTES)
            contents = {name: members.get(f"{self.folder}/{name}") for name in self.files}
        else:
            contents = {name: self._content(copy / name) for name in self.files}
        return {name: self._checked(content, name, f"{copy}: {name}") for name, content in contents.items()}

    @staticmethod
    def _content(path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def _checked(self, content: bytes | None, name: str, shown: str) -> bytes:
        """``content``, of the file ``name``, if it is the original's."""
        # A pickle runs what its author wrote, so none is read whose checksum is not the known one.
        if content is None:
            raise StudyError(f"{shown}: not found, but needed in {self.folder}")
        md5, known = hashlib.md5(content, usedforsecurity=False).hexdigest(), self._known_md5(name)
        if md5 != known:
            raise StudyError(f"{shown}: found MD5 {md5}, allowed: {known}, the original's")
        return content

    def _known_md5(self, name: str) -> str:
        original = self.original
        lists = [*original.train_list, *original.test_list, (original.meta["filename"], original.meta["md5"])]
        return str(dict(lists)[name])

    def unreachable(self) -> str:
        """Empty if the data set's host answers within 8 s, else what it said."""
        answer = [f"no answer within {NETWORK_SECONDS:.0f} s"]

        def ask() -> None:
            request = urllib.request.Request(self.original.url, method="HEAD")
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

    def _downloaded(self, scratch: Path) -> Path:
        from torchvision.datasets.utils import download_url

        if problem := self.unreachable():
            documented = of_the_working_tree(DOCUMENTED)
            raise StudyError(
                f"{self.title}: not found in {self.variable} (not set), nor in {documented}/, nor at "
                f"{self.original.url} ({problem}). Three ways on: set {self.variable} to a copy, "
                f"put one into {documented}/, or run on the embedded data with `make study DATASET=fashion_mnist`"
            )
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(60)  # for each read: torchvision sets none
        try:
            download_url(self.original.url, str(scratch), md5=self.original.tgz_md5)
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            raise StudyError(f"{self.title}: download from {self.original.url} failed: {error}") from None
        finally:
            socket.setdefaulttimeout(before)
        return scratch / Path(self.original.url).name

    def read(self, folder: Path) -> Raw:
        """The images of the files in ``folder``. Raises StudyError if one is missing or is not the original."""
        batches = {}
        for name in self.files:
            content = self._checked(self._content(folder / name), name, str(folder / name))
            batches[name] = pickle.loads(content, encoding="bytes")
        train, test = [batches[name] for name in self.train], batches[self.test]
        shape = (-1, CHANNELS, SIZE, SIZE)
        return Raw(
            Part(
                np.concatenate([batch[b"data"] for batch in train]).reshape(shape),
                np.concatenate([batch[self.labels_key] for batch in train]),
            ),
            Part(test[b"data"].reshape(shape), np.asarray(test[self.labels_key])),
            tuple(name.decode() for name in batches[self.names][self.names_key]),
        )
