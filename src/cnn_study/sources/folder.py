"""A folder of pictures: train/CLASS/ and test/CLASS/, perhaps validation/CLASS/; or CLASS/ alone.

Images are in the order of their classes' names, and within a class of their files' names.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cnn_study.base.errors import StudyError
from cnn_study.base.records import Record
from cnn_study.messages.mistakes import found, one_line
from cnn_study.sources.pictures import read_pictures
from cnn_study.sources.source import Part, Raw, Source

PARTS = ("train", "validation", "test")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
CHANNELS = 3
MOST_CLASSES = 1000
LONGEST_NAME = 100  # bytes of a class: a file of weights holds the names of all
NAMED = 10  # mistakes of a kind, before they are only counted
INDEX = "index.json"


class Pictures(Record):
    """What a folder holds: names of classes by label, and the files (CLASS/NAME) of each part.

    ``size``: the side of the images that are made of them. ``files``: by ``train``, ``validation`` and ``test``,
    with ``train`` alone where the folder is not divided.
    """

    size: int
    classes: tuple[str, ...]
    files: dict[str, tuple[str, ...]]

    def labels(self, part: str) -> list[int]:
        """By image."""
        label = {name: number for number, name in enumerate(self.classes)}
        return [label[file.partition("/")[0]] for file in self.files[part]]


def source_of(path: Path, size: int) -> Source:
    """The pictures in the folder ``path`` as a data set of images of this size."""
    return Source(None, None, CHANNELS, size, None, partial(fetch, path, size), partial(read, size))


def look_into(path: Path, size: int) -> Pictures:
    """What the folder holds, without opening a picture. Raises StudyError with a line for each mistake."""
    top = _folders(path)
    if not top:
        raise StudyError(
            f"{path}: found no folder of pictures, allowed: train/CLASS/ and test/CLASS/, or CLASS/ alone. "
            "`dvc exp run --temp` and the queue see only what DVC or git tracks: `dvc add` the folders in it, "
            "`git add` what that makes"
        )
    divided = "train" in top or "test" in top
    others = sorted(set(top) - set(PARTS)) if divided else []
    missing = [part for part in ("train", "test") if divided and part not in top]
    _refuse(f"{path}: {found(name)} beside train or test, allowed: {', '.join(PARTS)}" for name in others)
    _refuse(f"{path}: found no folder {part}, allowed: train and test, or classes alone" for part in missing)
    places = {part: path / part for part in PARTS if part in top} if divided else {"train": path}
    classes = {part: _folders(place) for part, place in places.items()}
    known = sorted({name for names in classes.values() for name in names})
    _refuse(
        f"{path}: class {name!r}: found none in {part}, allowed: the same classes in {', '.join(places)}"
        for part, names in classes.items()
        for name in known
        if name not in names
    )
    _refuse(
        f"{path}: class: {found(name)}, allowed: a printable name of at most {LONGEST_NAME} bytes"
        for name in known
        if not name.isprintable() or len(name.encode()) > LONGEST_NAME
    )
    if not 2 <= len(known) <= MOST_CLASSES:
        raise StudyError(f"{path}: classes: found {len(known)}, allowed: 2 to {MOST_CLASSES}, a folder each")
    listed = {part: [_files(place / name) for name in known] for part, place in places.items()}
    files = {part: tuple(file for of_class in listed[part] for file in of_class) for part in places}
    return Pictures(size=size, classes=tuple(known), files=files)


def _folders(path: Path) -> list[str]:
    if not path.is_dir():
        return []
    return sorted(one.name for one in path.iterdir() if one.is_dir() and not one.name.startswith("."))


def _files(folder: Path) -> list[str]:
    """The pictures of a class, by name as CLASS/NAME."""
    files, others = _entries(folder)
    _refuse(f"{folder}: {found(name)}, allowed: pictures alone" for name in others if (folder / name).is_dir())
    _refuse(f"{folder}: {found(name)}, allowed: printable names" for name in files if not name.isprintable())
    if not files:
        raise StudyError(f"{folder}: found no picture, allowed: at least one ({', '.join(SUFFIXES)})")
    return [f"{folder.name}/{name}" for name in files]


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """The names of its pictures, and all others but hidden ones."""
    names = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    files = [name for name in names if name.lower().endswith(SUFFIXES)]
    return files, [name for name in names if not name.lower().endswith(SUFFIXES)]


def _say_what_is_left_out(folder: Path) -> None:
    _, others = _entries(folder)
    if others:
        files = "1 file that does" if len(others) == 1 else f"{len(others):,} files that do"
        names = one_line(", ".join(others), 80)
        print(f"{folder}: left out {files} not end as a picture does: {names}", file=sys.stderr)


def _refuse(mistakes: Iterable[str]) -> None:
    """Raise StudyError if there are any: the first ten, and how many more."""
    lines = list(mistakes)
    if lines:
        more = [f"... and {len(lines) - NAMED:,} more"] if len(lines) > NAMED else []
        raise StudyError("\n".join(lines[:NAMED] + more))


def fetch(path: Path, size: int, folder: Path, scratch: Path) -> None:
    """Read the pictures in ``path`` and put their pixels, part by part, into ``folder``.

    Raises StudyError if a picture cannot be read: ten are named, then they are counted.
    """
    del scratch
    pictures = look_into(path, size)
    pictures.write(folder / INDEX)
    divided = len(pictures.files) > 1
    files = [(path / part if divided else path) / file for part in pictures.files for file in pictures.files[part]]
    for of_class in sorted({file.parent for file in files}):
        _say_what_is_left_out(of_class)
    begun, mistakes = time.monotonic(), []
    each = iter(
        tqdm(read_pictures(files, CHANNELS, size), desc=str(path), total=len(files), disable=None, unit="picture")
    )
    for part, of_part in pictures.files.items():
        with (folder / f"{part}.npy").open("wb") as target:
            shape = (len(of_part), CHANNELS, size, size)
            np.lib.format.write_array_header_1_0(target, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for _ in of_part:
                pixels = next(each)
                if isinstance(pixels, StudyError):
                    mistakes.append(str(pixels))
                else:
                    target.write(pixels.tobytes())
    _refuse(mistakes)
    seconds = time.monotonic() - begun
    print(f"{path}: {len(files):,} pictures read, {len(files) / seconds:,.0f} a second", file=sys.stderr)


def read(size: int, folder: Path) -> Raw:
    """What ``fetch`` has put there, memory-mapped. Raises StudyError if it is of another size or damaged."""
    pictures = Pictures.read(folder / INDEX)
    if pictures.size != size or "train" not in pictures.files:
        raise StudyError(
            f"{folder}: found images of {pictures.size} pixels; `dvc repro download` makes them again"
        )
    parts = dict(_parts(pictures, folder))
    return Raw(parts["train"], parts.get("test"), pictures.classes, parts.get("validation"))


def _parts(pictures: Pictures, folder: Path) -> Iterator[tuple[str, Part]]:
    for part, files in pictures.files.items():
        path = folder / f"{part}.npy"
        try:
            images = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise StudyError(f"{path}: found no images ({error}); `dvc repro download` makes them again") from None
        if images.dtype != np.uint8 or images.shape != (len(files), CHANNELS, pictures.size, pictures.size):
            raise StudyError(f"{path}: found an array {images.shape}; `dvc repro download` makes it again")
        names = tuple(f"{part}/{file}" if len(pictures.files) > 1 else file for file in files)
        yield part, Part(images, np.array(pictures.labels(part), np.int64), names)
