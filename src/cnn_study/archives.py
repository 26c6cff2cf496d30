"""Unpacking an archive that nobody vouches for."""

import lzma
import tarfile
import zlib
from pathlib import Path

from cnn_study.schema import StudyError


def unpack(archive: Path, folder: Path, most_bytes: int, most_members: int = 100) -> None:
    """Unpack a tar archive, compressed or not, into ``folder``.

    Raises StudyError, with nothing written outside ``folder``, if the archive is damaged, holds anything
    but ordinary files and folders below its root, or more of them than the limits allow.
    """
    total = 0
    try:
        with tarfile.open(archive, mode="r:*") as tar:
            for count, member in enumerate(tar, start=1):
                # Judged by its header before its content is read, so that a bomb never goes off.
                total += member.size
                if not (member.isreg() or member.isdir()):
                    raise StudyError(
                        f"{archive}: found {member.name!r}, which is a link or a device, "
                        "allowed: ordinary files and folders"
                    )
                if total > most_bytes or count > most_members:
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
        if error.errno is not None:  # a full disk, say: not the archive's fault
            raise
        raise _damaged(archive, error) from None


def _damaged(archive: Path, error: Exception) -> StudyError:
    return StudyError(f"{archive}: found no whole tar archive: {' '.join(str(error).split())}")
