"""Reading files out of an archive that nobody vouches for. Nothing of it is written anywhere."""

import gzip
import lzma
import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import IO, cast

from cnn_study.base.errors import StudyError


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


def read_members(
    archive: Path, paths: Collection[str], most_bytes: int, most_members: int = 100
) -> dict[str, bytes]:
    """Those files of a tar archive, compressed or not, that ``paths`` names and it has, with their contents.

    Raises StudyError if the archive is damaged, holds anything but ordinary files and folders below its root, or
    more of them or of bytes than the limits allow.
    """
    contents = {}
    total = 0
    try:
        with archive.open("rb") as file:
            limited = cast(IO[bytes], _Limited(_decompressed(file), most_bytes, archive))
            with tarfile.open(mode="r|", fileobj=limited) as tar:
                for count, member in enumerate(tar, start=1):
                    total += member.size
                    if not (member.isreg() or member.isdir()):
                        raise StudyError(
                            f"{archive}: found {member.name!r}, which is a link or a device, "
                            "allowed: ordinary files and folders"
                        )
                    if count > most_members or total > most_bytes:
                        raise StudyError(
                            f"{archive}: found more than {most_members} members or {most_bytes} bytes, "
                            "allowed: the data set's own files"
                        )
                    path = PurePosixPath(member.name)
                    if path.is_absolute() or ".." in path.parts:
                        raise StudyError(f"{archive}: found {member.name!r}, allowed: files below its root")
                    if str(path) in paths and (content := tar.extractfile(member)) is not None:
                        contents[str(path)] = content.read()
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, ValueError, gzip.BadGzipFile) as error:
        reason = " ".join(str(error).split())
        raise StudyError(f"{archive}: found no whole tar archive: {reason}") from None
    return contents


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(file))
    if start.startswith(b"\xfd7zXZ\0"):
        return cast(IO[bytes], lzma.open(file))
    return file
