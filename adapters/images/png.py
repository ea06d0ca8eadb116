"""The structure of a PNG: chunks by their length; what no pixel needs is left out, however large or broken it is."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.images.kinds import Kind
from adapters.images.refusals import (
    ANIMATED,
    DAMAGED,
    DAMAGED_HEADER,
    MAX_PARTS,
    MAX_PROFILE_BYTES,
    NOT_8_BITS,
    TOO_MANY_PARTS,
    TRUNCATED,
)
from adapters.images.structure import Span, Structure
from robustify.errors import UnreadableImageError, UnsupportedImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_BYTES = 13
FRAME = 12
"""Bytes of a chunk beside its content: length, name, checksum."""
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
"""By the type of colour."""
NEEDED_BEFORE_DATA = (b"PLTE", b"tRNS")


@dataclass(frozen=True)
class Header:
    width: int
    height: int
    colour: int


@dataclass(frozen=True)
class Chunk:
    """From its length to its checksum, which may lie beyond the end of the file."""

    name: bytes
    start: int
    end: int

    @property
    def span(self) -> Span:
        return self.start, self.end

    def content(self, data: bytes) -> bytes:
        return data[self.start + 8 : self.end - 4]


def read_png(data: bytes) -> Structure:
    """Raises UnreadableImageError, UnsupportedImageError for a kind that is not taken."""
    header = read_header(data)
    found = list(chunks(data))[1:]
    first: dict[bytes, Chunk] = {}
    for chunk in found:
        first.setdefault(chunk.name, chunk)
    begin = first.get(b"IDAT")
    if begin is None:
        raise UnreadableImageError(DAMAGED if b"IEND" in first else TRUNCATED)
    check_still(data, first, begin)
    before = [first[name] for name in NEEDED_BEFORE_DATA if name in first and first[name].start < begin.start]
    if header.colour == PALETTE and b"PLTE" not in [chunk.name for chunk in before]:
        raise UnreadableImageError(DAMAGED_HEADER)
    pixels = [chunk for chunk in found if chunk.name in (b"IDAT", b"IEND")]
    return Structure(
        Kind.PNG,
        header.width,
        header.height,
        ((0, len(SIGNATURE) + FRAME + HEADER_BYTES), *(chunk.span for chunk in (*before, *pixels))),
        profile=inflated_profile(first[b"iCCP"].content(data)) if b"iCCP" in first else None,
        exif=first[b"eXIf"].content(data) if b"eXIf" in first else b"",
        is_whole=found[-1].name == b"IEND" or found[-1].end <= len(data),
        has_alpha=header.colour in (GREY_ALPHA, RGB_ALPHA) or b"tRNS" in [chunk.name for chunk in before],
    )


def read_header(data: bytes) -> Header:
    body = len(SIGNATURE) + 8
    if len(data) < body + HEADER_BYTES + 4:
        raise UnreadableImageError(TRUNCATED if SIGNATURE.startswith(data[: len(SIGNATURE)]) else DAMAGED_HEADER)
    chunk = data[len(SIGNATURE) + 4 : body + HEADER_BYTES]
    width, height, depth, colour, compression, filters, interlaced = struct.unpack(">IIBBBBB", chunk[4:])
    is_sound = (
        data.startswith(SIGNATURE + struct.pack(">I", HEADER_BYTES) + b"IHDR")
        and zlib.crc32(chunk) == int.from_bytes(data[body + HEADER_BYTES : body + HEADER_BYTES + 4])
        and depth in DEPTHS.get(colour, ())
        and (compression, filters) == (0, 0)
        and interlaced <= 1
        and width > 0
        and height > 0
    )
    if not is_sound:
        raise UnreadableImageError(DAMAGED_HEADER)
    if depth == 16:
        raise UnsupportedImageError(NOT_8_BITS)
    return Header(width, height, colour)


def chunks(data: bytes) -> Iterator[Chunk]:
    """To the end of the picture or of the file, or to what is no chunk. Raises UnreadableImageError if too many."""
    position = len(SIGNATURE)
    for _ in range(MAX_PARTS):
        name = data[position + 4 : position + 8]
        if len(name) < 4 or not name.isalpha():
            return
        end = position + int.from_bytes(data[position : position + 4]) + FRAME
        yield Chunk(name, position, end)
        if name == b"IEND" or end > len(data):
            return
        position = end
    raise UnreadableImageError(TOO_MANY_PARTS)


def check_still(data: bytes, first: dict[bytes, Chunk], begin: Chunk) -> None:
    """An animation of one frame is a still picture, if that frame is the picture."""
    animation = first.get(b"acTL")
    if animation is None or animation.start > begin.start:
        return
    frames = int.from_bytes(animation.content(data)[:4])
    is_picture = b"fcTL" in first and first[b"fcTL"].start < begin.start
    if frames > 1 or (frames == 1 and not is_picture):
        raise UnsupportedImageError(ANIMATED)


def inflated_profile(content: bytes) -> bytes | None:
    """Of the chunk: a name, the method 0, and the compressed profile; None where it is broken or too large."""
    _, _, rest = content.partition(b"\0")
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(rest[1:], MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return None
    return profile if rest[:1] == b"\0" and inflater.eof and len(profile) <= MAX_PROFILE_BYTES else None
