"""The structure of a JPEG: its segments are walked as libjpeg walks them, so that no scan can be hidden from us.

A marker is FF and a byte that is neither 00 (a stuffed FF of the picture data) nor FF (a fill byte). RST0 to RST7 and
TEM have no segment; what has one is skipped by its length, so that bytes in metadata count for nothing. Between
segments, in picture data as elsewhere, libjpeg too goes to the next marker; it ends at EOI, and what comes behind is
not of the picture: the video of a motion photo, the further images of a multi-picture file.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.images.kinds import Kind
from adapters.images.refusals import (
    CMYK,
    DAMAGED_HEADER,
    MAX_PARTS,
    MAX_PROFILE_BYTES,
    MAX_TABLE_BYTES,
    NOT_8_BITS,
    RARE_JPEG,
    TOO_MANY_PARTS,
    TRUNCATED,
)
from adapters.images.structure import Span, Structure
from robustify.errors import UnreadableImageError, UnsupportedImageError

MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
SOI, EOI, SOS, APP0, APP1, APP2, APP14, COMMENT = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
METADATA = frozenset({*range(APP0, APP0 + 16), COMMENT})
EXIF_NAME, PROFILE_NAME, JFIF_NAME, ADOBE_NAME = b"Exif\0\0", b"ICC_PROFILE\0", b"JFIF\0", b"Adobe"
JFIF_BYTES, ADOBE_BYTES = 14, 12
"""What libjpeg needs of these two, which tell the colours: it ignores shorter ones."""
BLOCK_BYTES = 64 * 2


@dataclass(frozen=True)
class Segment:
    """From its marker to its end, which may lie beyond the file's; `body` is where its content begins."""

    code: int
    start: int
    body: int
    end: int


@dataclass(frozen=True)
class Frame:
    """What the picture is: `sampling` has the horizontal and vertical factor of each component."""

    code: int
    width: int
    height: int
    sampling: tuple[tuple[int, int], ...]


def read_jpeg(data: bytes) -> Structure:
    """Reads no further than to the first scan unless there are more. Raises UnreadableImageError."""
    header, scan = read_header(data)
    frame = frame_of(data, [part for part in header if part.code in FRAMES])
    has_more_scans = frame.code == PROGRESSIVE or data[scan.body] < len(frame.sampling)
    kept = [part for part in header if part.code not in METADATA or tells_colours(data, part)]
    if sum(part.end - part.start for part in kept) > MAX_TABLE_BYTES:
        raise UnreadableImageError(DAMAGED_HEADER)
    spans: list[Span] = [(0, 2), *((part.start, part.end) for part in kept), (scan.start, len(data))]
    return Structure(
        Kind.JPEG,
        frame.width,
        frame.height,
        tuple(spans),
        profile=profile_of([content(data, part) for part in header if part.code == APP2]),
        exif=exif_of(data, header),
        scans=count_scans(data, scan.start) if has_more_scans else 1,
        coefficient_bytes=coefficient_bytes(frame) if has_more_scans else 0,
    )


def read_header(data: bytes) -> tuple[list[Segment], Segment]:
    """The segments in front of the first scan, and its own. Raises UnreadableImageError."""
    header: list[Segment] = []
    for part in segments(data):
        if part.code in (EOI, SOI):
            raise UnreadableImageError(DAMAGED_HEADER)
        if part.end >= len(data):
            break
        if part.code == SOS:
            return header, part
        header.append(part)
    raise UnreadableImageError(TRUNCATED)


def segments(data: bytes, position: int = 2) -> Iterator[Segment]:
    """To the end of the image, its EOI included if there is one. Raises UnreadableImageError if they are too many."""
    for _ in range(MAX_PARTS):
        marker = MARKER.search(data, position)
        if marker is None:
            return
        code = data[marker.end() - 1]
        body, end = marker.end() + 2, marker.end()
        if code in (EOI, SOI):
            yield Segment(code, marker.start(), end, end)
            return
        # libjpeg takes the two bytes of a length that is too small, and goes on behind them.
        position = max(end + int.from_bytes(data[end:body]), body)
        yield Segment(code, marker.start(), body, position)
    raise UnreadableImageError(TOO_MANY_PARTS)


def count_scans(data: bytes, position: int) -> int:
    return sum(part.code == SOS for part in segments(data, position))


def reaches_its_end(data: bytes) -> bool:
    """Whether the image has an end, and so was not cut before it."""
    return any(part.code == EOI for part in segments(data))


def frame_of(data: bytes, frames: Sequence[Segment]) -> Frame:
    """Of the only segment that says it. Raises UnreadableImageError, UnsupportedImageError for a kind not taken."""
    if len(frames) != 1:
        raise UnreadableImageError(DAMAGED_HEADER)
    body = content(data, frames[0])
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise UnreadableImageError(DAMAGED_HEADER)
    precision, height, width, components = struct.unpack_from(">BHHB", body)
    check_frame(frames[0].code, precision, components)
    sampling = tuple((body[place] >> 4, body[place] & 15) for place in range(7, len(body), 3))
    # A height of 0 is one that is told behind the first scan, which libjpeg does not read.
    if not (width and height and all(1 <= factor <= 4 for factors in sampling for factor in factors)):
        raise UnreadableImageError(DAMAGED_HEADER)
    return Frame(frames[0].code, width, height, sampling)


def check_frame(code: int, precision: int, components: int) -> None:
    if precision != 8:
        raise UnsupportedImageError(NOT_8_BITS)
    if components == 4:
        raise UnsupportedImageError(CMYK)
    if code not in (BASELINE, EXTENDED, PROGRESSIVE) or components not in (1, 3):
        raise UnsupportedImageError(RARE_JPEG)


def coefficient_bytes(frame: Frame) -> int:
    """What all coefficients take, in whole blocks of 8 x 8 and whole units of them."""
    across, down = (max(factors) for factors in zip(*frame.sampling, strict=True))
    units = -(-frame.width // (8 * across)) * -(-frame.height // (8 * down))
    blocks: int = units * sum(horizontal * vertical for horizontal, vertical in frame.sampling)
    return blocks * BLOCK_BYTES


def content(data: bytes, part: Segment) -> bytes:
    return data[part.body : part.end]


def tells_colours(data: bytes, part: Segment) -> bool:
    """Whether libjpeg reads in it how colours are stored."""
    body = data[part.body : min(part.end, part.body + JFIF_BYTES)]
    if part.code == APP0:
        return body.startswith(JFIF_NAME) and len(body) >= JFIF_BYTES
    return part.code == APP14 and body.startswith(ADOBE_NAME) and len(body) >= ADOBE_BYTES


def exif_of(data: bytes, header: Sequence[Segment]) -> bytes:
    """The first, as viewers read it."""
    parts = (part for part in header if part.code == APP1 and data.startswith(EXIF_NAME, part.body))
    return next((content(data, part)[len(EXIF_NAME) :] for part in parts), b"")


def profile_of(bodies: Sequence[bytes]) -> bytes | None:
    """Of its numbered parts; None where they are not all there, or are too large."""
    parts = [body[len(PROFILE_NAME) :] for body in bodies if body.startswith(PROFILE_NAME)]
    numbers = sorted(part[:2] for part in parts)
    if not parts or numbers != [bytes((number, len(parts))) for number in range(1, min(len(parts), 255) + 1)]:
        return None
    profile = b"".join(part[2:] for part in sorted(parts))
    return profile if len(profile) <= MAX_PROFILE_BYTES else None
