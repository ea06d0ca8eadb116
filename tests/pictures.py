"""Pictures for tests, as files of each kind: whole ones, and parts of which broken ones are made."""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER_END = 33


def pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(image: Image.Image | np.ndarray, format_name: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture.save(buffer, format_name, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def raw_png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def png_16_bits(colour: int) -> bytes:
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    return raw_png(8, 8, 16, colour, (b"\0" + b"\x12\x34" * channels * 8) * 8)


def frames(format_name: str) -> bytes:
    first, second = (Image.fromarray(pixels(8, 8, seed)) for seed in (0, 1))
    return encoded(first, format_name, save_all=True, append_images=[second])


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """With these chunks in front of the others, behind the header."""
    return png[:PNG_HEADER_END] + b"".join(chunks) + png[PNG_HEADER_END:]


def segment(code: int, body: bytes) -> bytes:
    """Of a JPEG, with its marker."""
    return bytes((0xFF, code)) + struct.pack(">H", len(body) + 2) + body


def with_segments(jpeg: bytes, *parts: bytes) -> bytes:
    """With these bytes in front of the first segment."""
    return jpeg[:2] + b"".join(parts) + jpeg[2:]


def riff(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A WebP of these chunks."""
    body = b"".join(name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2) for name, part in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
