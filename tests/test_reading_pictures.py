"""Files as pixels, for predict and for a folder of pictures: what is turned, what is white, what is refused."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from cnn_study.base.errors import StudyError
from cnn_study.sources.pictures import ORIENTATION, read_pictures

Pixels = npt.NDArray[np.uint8]
NOISE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
GREY = NOISE[..., 0]
# What each EXIF orientation says of how the picture lies, in numpy's words: the way back to it.
LYING: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.T,
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright.T, 2),
    8: lambda upright: np.rot90(upright, -1),
}


def read(content: bytes, folder: Path, channels: int = 3, size: int = 16) -> Pixels:
    path = folder / "picture"
    path.write_bytes(content)
    (pixels,) = read_pictures([path], channels, size)
    if isinstance(pixels, StudyError):
        raise pixels
    return pixels


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(bits: int, colour: int, rows: npt.NDArray[np.uint8], side: int, *chunks: bytes) -> bytes:
    """A PNG with ``rows`` (side, bytes) of raw data and more chunks before them, which Pillow would not write."""
    header = struct.pack(">IIBBBBB", side, side, bits, colour, 0, 0, 0)
    data = zlib.compress(np.insert(rows, 0, 0, axis=1).tobytes())
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), *chunks, chunk(b"IDAT", data), chunk(b"IEND", b""))
    )


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_a_picture_is_turned_upright_in_8_bits_and_in_16(tmp_path: Path, orientation: int, deep: bool) -> None:
    lying = np.ascontiguousarray(LYING[orientation](GREY))
    image = Image.fromarray(lying.astype(np.uint16) << 8 if deep else lying)
    pixels = read(saved(image, exif=exif(orientation)), tmp_path)
    np.testing.assert_array_equal(pixels, np.repeat(GREY[None], 3, axis=0))


def test_grey_of_16_bits_keeps_its_shades(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 32).astype(np.uint16)
    image = Image.fromarray(np.tile(ramp, (32, 1)))
    for kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(read(saved(image, kind), tmp_path, 1, 32)[0, 5], ramp >> 8)


def test_deeper_grey_is_refused_and_not_cut_off(tmp_path: Path) -> None:
    for kind, says in ((np.int32, "grey of 32 bits"), (np.float32, "floating point")):
        image = Image.fromarray(np.full((16, 16), 100_000, kind))
        with pytest.raises(StudyError, match=f"picture: found a picture that cannot be read: .*{says}"):
            read(saved(image, "TIFF"), tmp_path)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_shade_of_grey_is_white(tmp_path: Path, bits: int) -> None:
    shades = 2 ** min(bits, 8)
    grey = np.resize(np.arange(shades), (16, 16))
    binary = (grey[..., None] >> np.arange(min(bits, 8))[::-1]) & 1
    rows = np.packbits(binary.reshape(16, -1), axis=1)
    transparent = shades - 2
    # In 16 bits, each byte twice: 257 times the shade.
    rows, key = (np.repeat(rows, 2, axis=1), 257 * transparent) if bits == 16 else (rows, transparent)
    expected = np.where(grey == transparent, 255, grey * (255 // (shades - 1)))
    content = png(bits, 0, rows, 16, chunk(b"tRNS", struct.pack(">H", key)))
    np.testing.assert_array_equal(read(content, tmp_path, 1)[0], expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_transparent_colour_is_white(tmp_path: Path, bits: int) -> None:
    rows = np.repeat(NOISE.reshape(16, 48), bits // 8, axis=1)
    key = NOISE[3, 4].astype(np.uint16) * (257 if bits == 16 else 1)
    expected = NOISE.copy()
    expected[3, 4] = 255
    content = png(bits, 2, rows, 16, chunk(b"tRNS", struct.pack(">HHH", *key)))
    np.testing.assert_array_equal(read(content, tmp_path), expected.transpose(2, 0, 1))


def test_what_is_transparent_is_white_in_part_or_in_whole(tmp_path: Path) -> None:
    layers = np.zeros((16, 16, 4), np.uint8)
    layers[8:, :, 3] = 128
    for mode in ("RGBA", "LA"):
        pixels = read(saved(Image.fromarray(layers).convert(mode)), tmp_path)
        assert (pixels[:, :8] == 255).all()
        assert (np.abs(pixels[:, 8:].astype(int) - 127) <= 1).all()
    palette = Image.fromarray(GREY).convert("P")
    assert (read(saved(palette, "GIF", transparency=int(GREY[0, 0])), tmp_path)[:, 0, 0] == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
def test_every_mode_that_a_format_has_is_read(tmp_path: Path, mode: str, kind: str) -> None:
    red = Image.new("RGB", (40, 30), (200, 0, 0))
    try:
        content = saved(red.convert(mode), kind)
    except (OSError, ValueError):
        return  # the format has none of this mode
    pixels = read(content, tmp_path, size=8)
    if mode in ("1", "L", "LA"):
        assert (np.abs(pixels[0].astype(int) - pixels[1]) < 3).all()
    else:
        assert (np.abs(pixels.astype(int) - np.array([200, 0, 0])[:, None, None]) < 12).all()


def test_the_middle_square_is_taken_and_one_of_the_right_size_is_as_it_was(tmp_path: Path) -> None:
    wide = Image.new("RGB", (30, 10), (255, 0, 0))
    wide.paste((0, 255, 0), (10, 0, 20, 10))
    assert (read(saved(wide), tmp_path, size=10) == np.array([0, 255, 0])[:, None, None]).all()
    np.testing.assert_array_equal(read(saved(Image.fromarray(NOISE)), tmp_path), NOISE.transpose(2, 0, 1))


def with_exif(block: bytes) -> dict[str, bytes]:
    """The same picture with this EXIF block, by format."""
    image = Image.fromarray(NOISE)
    return {
        "PNG": saved(image, "PNG", exif=block),
        "JPEG": saved(image, "JPEG", exif=b"Exif\0\0" + block, quality=95),
    }


def block(*entries: tuple[int, int, int, bytes], after: bytes = b"") -> bytes:
    """An EXIF block, big endian, of (tag, type, count, four bytes) and what these may point to."""
    rows = b"".join(struct.pack(">HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + rows + bytes(4) + after


TURNED = (ORIENTATION, 3, 1, b"\0\x03\0\0")
NAN = struct.pack(">d", float("nan"))


@pytest.mark.parametrize(
    "entries",
    [
        block(TURNED, (0x011A, 12, 1, struct.pack(">I", 38)), after=NAN),
        block(TURNED, (0x0128, 3, 1, b"\xff\xff\0\0"), (0x011A, 5, 1, struct.pack(">I", 38)), after=bytes(8)),
        block((0x0110, 2, 4, b"\xff\xfe\xfd\xfc"), TURNED, (0x8769, 2, 4, b"text")),
        block(TURNED, (0x8769, 4, 1, struct.pack(">I", 2**31))),
        block((0x0100, 12, 1, b"\xff\xff\xff\xff"), TURNED, (0x0132, 7, 2**31, b"\xff\xff\xff\xff")),
    ],
    ids=["not a number", "out of range", "another type", "points nowhere", "longer than the file"],
)
def test_an_odd_tag_beside_the_orientation_does_not_matter(tmp_path: Path, entries: bytes) -> None:
    for kind, content in with_exif(entries).items():
        expected = read(with_exif(block(TURNED))[kind], tmp_path)
        np.testing.assert_array_equal(read(content, tmp_path), expected, err_msg=kind)


@pytest.mark.parametrize(
    "entries",
    [
        b"",
        b"MM",
        b"no EXIF at all" * 3,
        block((ORIENTATION, 3, 1, b"\0\x09\0\0")),
        block((ORIENTATION, 2, 4, b"six\0")),
        block((ORIENTATION, 12, 1, struct.pack(">I", 26)), after=NAN),
        block((ORIENTATION, 5, 1, struct.pack(">I", 26)), after=bytes(8)),
        block(TURNED)[:15],
    ],
)
def test_an_orientation_that_cannot_be_read_leaves_the_picture_as_it_lies(tmp_path: Path, entries: bytes) -> None:
    for kind, content in with_exif(entries).items():
        expected = read(with_exif(block())[kind], tmp_path)
        np.testing.assert_array_equal(read(content, tmp_path), expected, err_msg=kind)


def test_a_mutated_file_is_a_picture_or_one_line(tmp_path: Path) -> None:
    dice = random.Random(0)
    image, tags = Image.fromarray(NOISE), exif(6)
    tags[0x011A], tags[0x0110] = 72.0, "a camera"
    originals = [saved(image, kind, exif=tags) for kind in ("PNG", "JPEG")]
    originals.append(saved(Image.fromarray(GREY.astype(np.uint16) << 8), exif=tags))
    read_ones = 0
    for number in range(1500):
        content = bytearray(originals[number % 3])
        # Half of them in the header, where EXIF lies.
        reach = 160 if number % 2 else len(content)
        for _ in range(dice.choice((1, 1, 2, 4))):
            content[dice.randrange(reach)] = dice.randrange(256)
        if content.startswith(b"\x89PNG"):
            content = bytearray(with_right_checksums(bytes(content)))
        try:
            pixels = read(bytes(content), tmp_path)
        except StudyError as error:
            assert "\n" not in str(error)
        else:
            assert pixels.shape == (3, 16, 16)
            read_ones += 1
    assert 300 < read_ones < 1400


def with_right_checksums(content: bytes) -> bytes:
    """The chunks of a PNG with the checksums of what they hold, so that what is wrong in them is read."""
    start, parts = 8, [content[:8]]
    while start + 12 <= len(content):
        (length,) = struct.unpack(">I", content[start : start + 4])
        if start + 12 + length > len(content):
            break
        parts.append(chunk(content[start + 4 : start + 8], content[start + 8 : start + 8 + length]))
        start += 12 + length
    return b"".join(parts) + content[start:]
