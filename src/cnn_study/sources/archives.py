"""Unpacking an archive that nobody vouches for."""

import errno
import gzip
import lzma
import tarfile
import zlib
from pathlib import Path
from typing import IO, cast

from cnn_study.base.errors import StudyError

# What names that are too long, or that stand for a file and a folder at once, end in.
_OF_NAMES = (None, errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST)


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


def unpack(archive: Path, folder: Path, most_bytes: int, most_members: int = 100) -> None:
    """Unpack a tar archive, compressed or not, into ``folder``.

    Raises StudyError, with nothing written outside ``folder``, if the archive is damaged, holds anything
    but ordinary files and folders below its root, or more of them or of bytes than the limits allow.
    """
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
                    tar.extract(member, folder, filter="data")
    except tarfile.FilterError as error:
        raise StudyError(f"{archive}: found an unsafe member: {error}") from None
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
        raise _damaged(archive, error) from None
    except OSError as error:
        if error.errno not in _OF_NAMES:  # a full disk, say: not the archive's fault
            raise
        raise _damaged(archive, error) from None


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(file))
    if start.startswith(b"\xfd7zXZ\0"):
        return cast(IO[bytes], lzma.open(file))
    return file


def _damaged(archive: Path, error: Exception) -> StudyError:
    return StudyError(f"{archive}: found no whole tar archive: {' '.join(str(error).split())}")
