"""The structure of a PNG and of a WebP: what no pixel needs does not count, however large or broken it is."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from adapters.images import canonicalise
from adapters.images.png import read_png
from adapters.images.refusals import MAX_PROFILE_BYTES
from adapters.images.webp import read_webp
from robustify.errors import UnreadableImageError, UnsupportedImageError
from tests.icc_profiles import SWAPPED, rgb_profile
from tests.pictures import PNG_HEADER_END, chunk, encoded, pixels, riff, with_chunks

SOURCE = pixels(48, 64)
PNG, WEBP = encoded(SOURCE), encoded(SOURCE, "WEBP", lossless=True)
LARGE = zlib.compress(bytes(8 << 20))
FRAME_CONTROL = struct.pack(">IIIIIHHBB", 0, 64, 48, 0, 0, 1, 10, 0, 0)
SIZE = struct.pack("<I", 63)[:3] + struct.pack("<I", 47)[:3]
NOT_NEEDED: dict[str, bytes] = {
    "zTXt": chunk(b"zTXt", b"x\0\0" + LARGE),
    "iTXt": chunk(b"iTXt", b"x\0\1\0\0\0" + LARGE),
    "tEXt": chunk(b"tEXt", b"Comment\0" + b"x" * (2 << 20)),
    "many texts": chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(900_000))) * 100,
    "text of another method": chunk(b"zTXt", b"x\0\7broken"),
    "large profile": chunk(b"iCCP", b"x\0\0" + LARGE),
    "profile that is no zlib": chunk(b"iCCP", b"x\0\0broken"),
    "profile of another method": chunk(b"iCCP", b"x\0\1" + zlib.compress(b"x")),
    "profile without content": chunk(b"iCCP", b""),
    "wrong checksum": chunk(b"zTXt", b"x\0\0" + LARGE)[:-4] + b"\0\0\0\0",
    "short gamma": chunk(b"gAMA", b"\0"),
    "unknown": chunk(b"abCd", b"x" * 100),
    "exif": chunk(b"eXIf", b"broken"),
    "animation of no frame": chunk(b"acTL", bytes(8)),
    "animation of this frame": chunk(b"acTL", b"\0\0\0\1" + bytes(4)) + chunk(b"fcTL", FRAME_CONTROL),
}


@pytest.mark.parametrize("name", NOT_NEEDED)
def test_png_when_a_chunk_is_not_needed(name: str) -> None:
    """The picture is what it is without."""
    data = with_chunks(PNG, NOT_NEEDED[name])
    np.testing.assert_array_equal(canonicalise(data, 32).tensor, canonicalise(PNG, 32).tensor)


@pytest.mark.parametrize("tail", [b"", b"\0" * 100, PNG, chunk(b"acTL", b"\0\0\0\2" + bytes(4)), b"\xff\xd8\xff"])
def test_png_when_something_is_behind_it(tail: bytes) -> None:
    """What comes behind the end does not count; nor does an end that is missing."""
    expected = canonicalise(PNG, 32).tensor
    np.testing.assert_array_equal(canonicalise(PNG + tail, 32).tensor, expected)
    np.testing.assert_array_equal(canonicalise(PNG[:-12], 32).tensor, expected)


def test_png_when_it_is_an_animation_beside_its_picture() -> None:
    """One frame that is not the picture makes two."""
    with pytest.raises(UnsupportedImageError, match="more than one frame"):
        canonicalise(with_chunks(PNG, chunk(b"acTL", b"\0\0\0\1" + bytes(4))), 32)


def test_png_when_its_data_are_in_pieces() -> None:
    """Data in thousands of chunks are put together."""
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in SOURCE))
    pieces = b"".join(chunk(b"IDAT", data[place : place + 2]) for place in range(0, len(data), 2))
    png = PNG[:PNG_HEADER_END] + pieces + chunk(b"IEND", b"")
    np.testing.assert_array_equal(canonicalise(png, 32).tensor, canonicalise(PNG, 32).tensor)


@pytest.mark.parametrize("size", [MAX_PROFILE_BYTES, MAX_PROFILE_BYTES + 1])
def test_profile_when_it_is_large(size: int) -> None:
    """A profile of up to 1 MiB is read, and a larger one is not."""
    png = with_chunks(PNG, chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(size))))
    webp = riff([(b"VP8X", b"\x20\0\0\0" + SIZE), (b"ICCP", bytes(size)), (b"VP8L", WEBP[20:])])
    expected = bytes(size) if size == MAX_PROFILE_BYTES else None
    assert read_png(png).profile == read_webp(webp).profile == expected


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "byte behind the file": lambda webp: webp + b"\0" * 50,
    "unknown chunk": lambda webp: riff([(b"VP8L", webp[20:]), (b"abcd", b"123")]),
    "large metadata": lambda webp: riff(
        [(b"VP8X", b"\4\0\0\0" + SIZE), (b"VP8L", webp[20:]), (b"XMP ", bytes(2 << 20))]
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_webp_when_a_chunk_is_not_needed(name: str) -> None:
    """The picture is what it is without."""
    expected = canonicalise(WEBP, 32).tensor
    np.testing.assert_array_equal(canonicalise(DAMAGES[name](WEBP), 32).tensor, expected)


def test_webp_when_its_header_says_another_size() -> None:
    """A header that does not fit its picture is not believed."""
    other = riff([(b"VP8X", bytes(4) + b"\7\0\0" * 2), (b"VP8L", WEBP[20:])])
    with pytest.raises(UnreadableImageError, match="damaged"):
        canonicalise(other, 32)


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_when_it_has_alpha_and_a_profile(lossless: bool) -> None:
    """Both are seen in the structure."""
    source = np.dstack([SOURCE, SOURCE[..., 0]])
    structure = read_webp(encoded(source, "WEBP", lossless=lossless, icc_profile=rgb_profile(SWAPPED)))
    assert (structure.has_alpha, structure.profile) == (True, rgb_profile(SWAPPED))
    assert read_webp(encoded(source, "WEBP", lossless=lossless)).has_alpha
    assert not read_webp(encoded(SOURCE, "WEBP", lossless=lossless)).has_alpha
    assert (structure.width, structure.height) == (64, 48)
