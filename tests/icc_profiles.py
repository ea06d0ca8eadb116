"""ICC profiles for tests, made by hand: three primaries or a white and a gamma, as in ICC.1:2001-04."""

import struct
from collections.abc import Sequence

HEADER_BYTES = 128
D50 = (0.9642, 1.0, 0.8249)
SRGB_PRIMARIES = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
P3_PRIMARIES = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
"""XYZ of red, green and blue, adapted to D50."""
SWAPPED = (SRGB_PRIMARIES[2], SRGB_PRIMARIES[1], SRGB_PRIMARIES[0])
"""A display whose red shines blue: what it does cannot be overlooked."""


def rgb_profile(primaries: Sequence[tuple[float, float, float]], gamma: float = 2.2) -> bytes:
    colours = {name: xyz(value) for name, value in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)}
    return profile(b"RGB ", {**colours, **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(gamma))})


def grey_profile(gamma: float) -> bytes:
    return profile(b"GRAY", {b"kTRC": curve(gamma)})


def profile(colours: bytes, tags: dict[bytes, bytes], device_class: bytes = b"mntr") -> bytes:
    """One of version 2.1 over XYZ, with these tags and those that every profile has."""
    parts = {b"desc": text_description(), b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz(D50), **tags}
    table, bodies = struct.pack(">I", len(parts)), b""
    for name, body in parts.items():
        place = HEADER_BYTES + 4 + 12 * len(parts) + len(bodies)
        table += struct.pack(">4sII", name, place, len(body))
        bodies += body + b"\0" * (-len(body) % 4)
    size = HEADER_BYTES + len(table) + len(bodies)
    start = struct.pack(">I4s4s4s4s4s", size, b"none", b"\x02\x10\0\0", device_class, colours, b"XYZ ")
    header = start + b"\0" * 12 + b"acsp" + b"\0" * 28 + xyz(D50)[8:]
    return header.ljust(HEADER_BYTES, b"\0") + table + bodies


def xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def text_description() -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + b"\0" * 78
