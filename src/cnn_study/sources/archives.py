"""Reading files out of an archive that nobody vouches for. Nothing of it is written anywhere."""

import bz2
import errno
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, cast

from cnn_study.base.errors import StudyError

ALLOWED = "a tar archive, plain or compressed by gzip, xz or bzip2, or a zip archive"
# How the names of such archives end, in a folder where one is looked for.
SUFFIXES = (".tar", ".tgz", ".gz", ".txz", ".xz", ".tbz", ".tbz2", ".bz2", ".zip")
CHUNK = 2**20  # bytes of a zip archive that are read at once
DAMAGE = (  # what Python's readers of archives raise
    tarfile.TarError, zipfile.BadZipFile, EOFError, lzma.LZMAError, zlib.error, ValueError, gzip.BadGzipFile,
    NotImplementedError, RuntimeError, IndexError, OverflowError, struct.error,
)  # fmt: skip


class _Limited:
    """A stream that ends in an error after so many bytes: headers can be bombs as well as contents."""

    def __init__(self, stream: IO[bytes], most: int, archive: Path) -> None:
        self._stream = stream
        self._most = most
        self._left = most
        self._archive = archive

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise StudyError(
                f"{self._archive}: found more than {self._most} bytes, allowed: the data set's own files"
            )
        return data


class _SmallReads:
    """A file of which little is read at once. A zip archive's list of members is one read, and can be a bomb."""

    def __init__(self, file: IO[bytes], archive: Path) -> None:
        self.seek, self.tell = file.seek, file.tell
        self._file = file
        self._archive = archive

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if size > CHUNK:
            raise StudyError(
                f"{self._archive}: found a list of members of {size} bytes, allowed: the data set's own files"
            )
        return self._file.read(size)


def read_members(
    archive: Path, paths: Collection[str], most_bytes: int, most_members: int = 100
) -> dict[str, bytes]:
    """Those files of a tar or zip archive that ``paths`` names and it has, with their contents.

    The folder that ``paths`` begin with may lie in others, or be the archive's root. Raises StudyError if the
    archive is damaged, holds anything but ordinary files and folders below its root, more of them or of bytes than
    the limits allow, or nothing that ``paths`` names.
    """
    contents: dict[str, bytes] = {}
    others: list[str] = []
    total = 0
    try:
        with archive.open("rb") as file:
            for count, (name, size, content) in enumerate(_members(file, archive, most_bytes), start=1):
                total += size
                if count > most_members or total > most_bytes:
                    raise StudyError(
                        f"{archive}: found more than {most_members} members or {most_bytes} bytes, "
                        "allowed: the data set's own files"
                    )
                path = PurePosixPath(name)
                if path.is_absolute() or ".." in path.parts:
                    raise StudyError(f"{archive}: found {name!r}, allowed: files below its root")
                wanted = _wanted(path, paths)
                if content is not None and wanted is not None and wanted not in contents:
                    contents[wanted] = b"".join(iter(partial(content.read, CHUNK), b""))
                elif content is not None:
                    others.append(name)
    except (*DAMAGE, OSError) as error:
        # bz2's has no number, and a seek to a place that cannot be, which a damaged zip archive names, is invalid.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise StudyError(f"{archive}: found no whole archive ({reason}), allowed: {ALLOWED}") from None
    if not contents:
        instead = f"{', '.join(map(repr, others[:3]))}{' and others' * (len(others) > 3)}" if others else "no file"
        raise StudyError(f"{archive}: found {instead}, allowed: {', '.join(paths)}")
    return contents


def _wanted(path: PurePosixPath, paths: Collection[str]) -> str | None:
    """That of ``paths`` which the member ``path`` is."""
    for wanted in map(PurePosixPath, paths):
        if path.parts[-len(wanted.parts) :] == wanted.parts or path.parts == (wanted.name,):
            return str(wanted)
    return None


Member = tuple[str, int, IO[bytes] | None]  # its name, its size, and a file's content


def _members(file: IO[bytes], archive: Path, most_bytes: int) -> Iterator[Member]:
    start = file.read(4)
    file.seek(0)
    return _members_of_zip(file, archive) if start == b"PK\3\4" else _members_of_tar(file, archive, most_bytes)


def _members_of_tar(file: IO[bytes], archive: Path, most_bytes: int) -> Iterator[Member]:
    limited = cast(IO[bytes], _Limited(_decompressed(file), most_bytes, archive))
    with tarfile.open(mode="r|", fileobj=limited) as tar:
        for member in tar:
            if not (member.isreg() or member.isdir()):
                raise StudyError(
                    f"{archive}: found {member.name!r}, which is a link or a device, "
                    "allowed: ordinary files and folders"
                )
            yield member.name, member.size, tar.extractfile(member)


def _members_of_zip(file: IO[bytes], archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(cast(IO[bytes], _SmallReads(file, archive))) as whole:
        for member in whole.infolist():
            # Of the other ways to compress, zipfile does not limit what a few bytes may become.
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise NotImplementedError(f"{member.filename!r} is compressed by method {member.compress_type}")
            if member.is_dir():
                yield member.filename, 0, None
            else:
                with whole.open(member) as content:  # it has no more bytes than it says
                    yield member.filename, member.file_size, content


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(file))
    if start.startswith(b"\xfd7zXZ\0"):
        return cast(IO[bytes], lzma.open(file))
    if start.startswith(b"BZh"):
        return cast(IO[bytes], bz2.open(file))
    return file
