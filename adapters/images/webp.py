"""The structure of a WebP: the chunks of a RIFF file by their length, and the size that its header tells."""

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.images.kinds import Kind
from adapters.images.refusals import (
    ANIMATED,
    DAMAGED_HEADER,
    MAX_PARTS,
    MAX_PROFILE_BYTES,
    TOO_MANY_PARTS,
    TRUNCATED,
)
from adapters.images.structure import Structure
from robustify.errors import UnreadableImageError, UnsupportedImageError

FIRST_CHUNK = 12
LOSSY, LOSSLESS, EXTENDED = b"VP8 ", b"VP8L", b"VP8X"
HEADER_BYTES = {LOSSY: 10, LOSSLESS: 5, EXTENDED: 10}
"""Of the content that tells the size, by the name of the first chunk."""
LOSSY_START, LOSSLESS_START = b"\x9d\x01\x2a", b"\x2f"
EXIF_NAME = b"Exif\0\0"
ALPHA_FLAG, LOSSLESS_ALPHA_FLAG = 0x10, 0x10
"""In the first byte of the one header, and in the last of the other."""


@dataclass(frozen=True)
class Chunk:
    name: bytes
    content: memoryview


def read_webp(data: bytes) -> Structure:
    """Raises UnreadableImageError, UnsupportedImageError for an animation."""
    end = 8 + int.from_bytes(data[4:8], "little")
    header = data[FIRST_CHUNK + 8 : FIRST_CHUNK + 8 + 10]
    name = data[FIRST_CHUNK : FIRST_CHUNK + 4]
    if end > len(data) or len(header) < HEADER_BYTES.get(name, 0):
        raise UnreadableImageError(TRUNCATED)
    width, height = size_of(name, header)
    found = list(chunks(memoryview(data)[:end]))
    if sum(chunk.name == b"ANMF" for chunk in found) > 1:
        raise UnsupportedImageError(ANIMATED)
    first = {chunk.name: chunk.content for chunk in reversed(found)}
    return Structure(
        Kind.WEBP,
        width,
        height,
        ((0, end),),
        profile=bytes(first[b"ICCP"]) if len(first.get(b"ICCP", b"")) in range(1, MAX_PROFILE_BYTES + 1) else None,
        exif=bytes(first.get(b"EXIF", b"")).removeprefix(EXIF_NAME),
        has_alpha=bool({EXTENDED: header[0] & ALPHA_FLAG, LOSSLESS: header[4] & LOSSLESS_ALPHA_FLAG}.get(name, 0)),
    )


def size_of(name: bytes, header: bytes) -> tuple[int, int]:
    """Width and height."""
    if name == EXTENDED:
        return int.from_bytes(header[4:7], "little") + 1, int.from_bytes(header[7:10], "little") + 1
    if name == LOSSLESS and header.startswith(LOSSLESS_START):
        sizes = int.from_bytes(header[1:5], "little")
        return (sizes & 0x3FFF) + 1, (sizes >> 14 & 0x3FFF) + 1
    if name == LOSSY and header[3:6] == LOSSY_START:
        return int.from_bytes(header[6:8], "little") & 0x3FFF, int.from_bytes(header[8:10], "little") & 0x3FFF
    raise UnreadableImageError(DAMAGED_HEADER)


def chunks(file: memoryview) -> Iterator[Chunk]:
    """Of the whole RIFF file; an uneven one is followed by a byte that is not its own."""
    position = FIRST_CHUNK
    for _ in range(MAX_PARTS):
        if position + 8 > len(file):
            return
        length = int.from_bytes(file[position + 4 : position + 8], "little")
        yield Chunk(bytes(file[position : position + 4]), file[position + 8 : position + 8 + length])
        position += 8 + length + length % 2
    raise UnreadableImageError(TOO_MANY_PARTS)
