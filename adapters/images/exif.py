"""The orientation of a picture, as its EXIF tells it; nothing else of the metadata is looked at.

Read here and not by the decoder, which keeps what each of thousands of entries points at: gigabytes of a small file.
"""

import struct

from PIL import Image

ORIENTATION = 0x0112
MAX_ENTRIES = 1000
ENTRY_BYTES = 12
INTEGERS = {1: "B", 3: "H", 4: "I"}
"""The types of a number, as TIFF counts them: one that is smaller than its field begins it."""

TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation."""


def upright(image: Image.Image, exif: bytes) -> Image.Image:
    """The image as viewers show it. Broken metadata are common in whole images: these are taken as they are stored."""
    transposition = TRANSPOSITIONS.get(orientation(exif))
    return image if transposition is None else image.transpose(transposition)


def orientation(exif: bytes) -> int:
    """Of a TIFF structure; 1, upright, where there is none that can be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, first)
        for place in range(first + 2, first + 2 + min(count, MAX_ENTRIES) * ENTRY_BYTES, ENTRY_BYTES):
            tag, number_type, length = struct.unpack_from(f"{order}HHI", exif, place)
            if tag == ORIENTATION and number_type in INTEGERS and length == 1:
                value: int = struct.unpack_from(order + INTEGERS[number_type], exif, place + 8)[0]
                return value
    except struct.error:
        pass
    return 1
