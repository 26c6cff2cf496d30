"""Files and folders that appear whole or not at all."""

import contextlib
import io
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnn_study.base.errors import StudyError

SCRATCH = Path(".work")  # beside the outputs, hence on their file system, where a rename is atomic


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write ``content`` to ``path``; a reader, or a crash, sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole. Raises ValueError for NaN, which JSON does not have."""
    write_whole(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write ``array`` in numpy's format, whole."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_whole(path, buffer.getbuffer())


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write ``arrays`` by their names in numpy's compressed format, whole; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_whole(path, buffer.getbuffer())


def load_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """What ``save_arrays`` has written. Raises StudyError if it is missing or damaged."""
    try:
        content = path.read_bytes()
        if zipfile.ZipFile(io.BytesIO(content)).testzip() is not None:
            raise ValueError("a checksum is wrong")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return dict(file)
    except FileNotFoundError:
        raise StudyError(f"{path}: not found; `dvc repro` makes it") from None
    except (OSError, ValueError, EOFError, RuntimeError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        raise StudyError(f"{path}: found no arrays ({error}); `dvc repro` makes it again") from None


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises StudyError if it is missing or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: not found; `dvc repro` makes it") from None
    except ValueError as error:
        raise StudyError(f"{path}: found no valid JSON ({error}); `dvc repro` makes it again") from None


@contextlib.contextmanager
def whole_folder(path: Path, scratch: Path = SCRATCH) -> Iterator[Path]:
    """A folder to fill, which takes the place of ``path`` when the block ends without an error."""
    with scratch_folder("partial/" + path.as_posix().replace("/", "_"), scratch) as holder:
        partial = holder / "new"
        partial.mkdir()
        yield partial
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.replace(holder / "old")
        partial.replace(path)


@contextlib.contextmanager
def scratch_folder(name: str, scratch: Path = SCRATCH) -> Iterator[Path]:
    """An empty folder, removed at the end. What a killed run left in it is removed at the beginning."""
    folder = scratch / name
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
