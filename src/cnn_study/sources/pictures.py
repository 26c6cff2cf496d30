"""A picture file as one of a data set's images: the one way in which pictures become pixels here."""

import struct
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from cnn_study.base.errors import StudyError
from cnn_study.messages.mistakes import one_line

Pixels = npt.NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # of several frames the first
MODES = {1: "L", 3: "RGB"}  # Pillow's names of grey and colour, by the number of channels
DEEP = 2**16  # shades of grey of 16 bits
ORIENTATION, SHORT = 0x0112, 3  # the tag of EXIF, and the type that it has
BLOCK = 256  # pictures that are read before the first of them is given
UPRIGHT = {  # what turns a picture of this orientation upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SCALES = {
    "L;2": 85,
    "L;4": 17,
}  # by which Pillow multiplies grey of 2 and of 4 bits, but not its transparent shade


def read_pictures(paths: Sequence[Path], channels: int, size: int) -> Iterator[Pixels | StudyError]:
    """Each picture in turn as (channels, size, size) uint8, ``channels`` 1 or 3.

    Turned upright by its EXIF orientation, on white where it is transparent, its middle square, resized by
    Lanczos' filter. Of 16 bits the upper 8 are taken. For a picture that cannot be read: the error that says why
    in one line.
    """

    def read(path: Path) -> Pixels | StudyError:
        try:
            return _read(path, channels, size)
        except StudyError as error:
            return error

    with ThreadPoolExecutor() as threads:
        for first in range(0, len(paths), BLOCK):
            with warnings.catch_warnings(action="ignore"):  # of all threads
                block = list(threads.map(read, paths[first : first + BLOCK]))
            yield from block


def _read(path: Path, channels: int, size: int) -> Pixels:
    try:
        with Image.open(path, formats=FORMATS) as file:
            picture = _upright(_on_white(file), _orientation(file)).convert(MODES[channels])
    except UnidentifiedImageError:
        raise StudyError(f"{path}: found no picture, allowed: {', '.join(FORMATS)}") from None
    except Exception as error:  # Pillow's readers raise whatever a damaged file makes them run into
        if isinstance(error, OSError) and error.errno is not None:
            raise StudyError(f"{path}: {error.strerror}") from None
        reason = one_line(str(error)) or type(error).__name__
        raise StudyError(f"{path}: found a picture that cannot be read: {reason}") from None
    square = ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(square, dtype=np.uint8).reshape(size, size, channels).transpose(2, 0, 1)


def _on_white(file: Image.Image) -> Image.Image:
    """In grey or colour of 8 bits."""
    scale = SCALES.get(_raw_mode(file), 1)
    file.load()
    transparent = file.info.get("transparency")
    if file.mode.startswith("I"):  # which Pillow would cut off at 255
        deep = np.asarray(file)
        if deep.min() < 0 or deep.max() >= DEEP:
            raise ValueError("found grey of 32 bits, allowed: 8 or 16")
        grey = (deep >> 8).astype(np.uint8)
        if transparent is not None:
            grey[deep == transparent] = 255
        return Image.fromarray(grey)
    if file.mode == "F":
        raise ValueError("found grey in floating point, allowed: 8 or 16 bits")
    if not file.has_transparency_data:
        return file.convert("RGB")
    if file.mode == "L" and transparent is not None:
        file.info["transparency"] = scale * transparent
    elif (
        file.mode == "RGB" and transparent is not None and max(transparent) > 255
    ):  # of 16 bits, of which the pixels have the upper 8
        file.info["transparency"] = tuple(shade >> 8 for shade in transparent)
    picture = file.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)


def _raw_mode(file: Image.Image) -> str:
    """How pixels lie in the file, as Pillow says it."""
    tiles = getattr(file, "tile", None)
    return str(tiles[0].args) if tiles else ""


def _orientation(file: Image.Image) -> object:
    """What the file says of it; None where that cannot be read: it is no reason to do without the picture."""
    try:
        found = file.getexif().get(ORIENTATION)
    except Exception:  # Pillow's reader of EXIF too
        found = None
    return _in_block(file.info.get("exif", b"")) if found is None else found


def _in_block(block: bytes) -> int | None:
    """The orientation in an EXIF block by its own entry: Pillow gives up at an earlier one that is damaged."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, start)
        for place in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", block, start + 2 + 12 * place)
            if (tag, kind) == (ORIENTATION, SHORT):
                return int(value)
    except struct.error:  # the block ends before
        pass
    return None


def _upright(picture: Image.Image, orientation: object) -> Image.Image:
    for known, method in UPRIGHT.items():
        if orientation == known:
            return picture.transpose(method)
    return picture
