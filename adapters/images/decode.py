"""From the bytes of a file to its upright image in sRGB; its structure is checked before any pixel is read."""

import io
from dataclasses import dataclass

from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from adapters.images import jpeg
from adapters.images.colours import to_srgb
from adapters.images.exif import upright
from adapters.images.jpeg import read_jpeg
from adapters.images.kinds import Kind, kind_of
from adapters.images.png import read_png
from adapters.images.refusals import (
    DAMAGED,
    MAX_COEFFICIENT_BYTES,
    MAX_PIXELS,
    MAX_REDUCED_PIXELS,
    MAX_REDUCED_SIDE,
    MAX_SCANS,
    MAX_SIDE,
    MIN_SIDE,
    TOO_LARGE,
    TOO_LARGE_JPEG,
    TOO_LARGE_PROGRESSIVE,
    TOO_MANY_SCANS,
    TOO_SMALL,
    TOO_THIN,
    TRUNCATED,
)
from adapters.images.structure import Structure
from adapters.images.webp import read_webp
from robustify.errors import UnreadableImageError

READERS = {Kind.JPEG: read_jpeg, Kind.PNG: read_png, Kind.WEBP: read_webp}
DECODERS: dict[Kind, type[ImageFile.ImageFile]] = {
    Kind.JPEG: JpegImagePlugin.JpegImageFile,
    Kind.PNG: PngImagePlugin.PngImageFile,
    Kind.WEBP: WebPImagePlugin.WebPImageFile,
}
"""Called by name: `Image.open` has limits of its own, which warn, and takes a JPEG with previews for another kind."""
GREY_MODES = ("1", "L", "LA")
FACTORS = (1, 2, 4, 8)
"""By which libjpeg can reduce while it decodes."""


@dataclass(frozen=True)
class Decoded:
    """RGB or, where it has transparency, RGBA. `reduced_by`: how many stored pixels of an axis became one."""

    image: Image.Image
    reduced_by: int


def decode(data: bytes, uses_profile: bool = True) -> Decoded:
    """Raises UnreadableImageError. `uses_profile`: whether colours become sRGB."""
    structure = read_structure(data)
    reduced_by = reduction(structure)
    check_size(structure, reduced_by)
    try:
        stored = decoded(structure, data, reduced_by)
        mode = "RGBA" if stored.has_transparency_data else "RGB"
        image = stored if stored.mode == mode else stored.convert(mode)
        shown = to_srgb(image, structure.profile, stored.mode in GREY_MODES) if uses_profile else image
        return Decoded(upright(shown, structure.exif), reduced_by)
    except MemoryError:
        # Says nothing of the file.
        raise
    except Exception:
        # Decoders raise errors of many kinds for hostile bytes; all mean the same to the client.
        raise UnreadableImageError(DAMAGED if is_whole(structure, data) else TRUNCATED) from None


def read_structure(data: bytes) -> Structure:
    """Raises UnreadableImageError, UnsupportedImageError for a kind that is not taken."""
    return READERS[kind_of(data)](data)


def reduction(structure: Structure) -> int:
    """The smallest factor that brings a JPEG into the limits, if one does."""
    if structure.kind is not Kind.JPEG:
        return 1
    return next((factor for factor in FACTORS if fits(*reduced(structure, factor))), FACTORS[-1])


def reduced(structure: Structure, factor: int) -> tuple[int, int]:
    """Width and height, as libjpeg rounds them."""
    return -(-structure.width // factor), -(-structure.height // factor)


def fits(width: int, height: int) -> bool:
    return width * height <= MAX_PIXELS and max(width, height) <= MAX_SIDE


def check_size(structure: Structure, reduced_by: int) -> None:
    """Raises UnreadableImageError for a picture that is too large or too small, or too much work for its size."""
    if min(structure.width, structure.height) < MIN_SIDE:
        raise UnreadableImageError(TOO_SMALL)
    if structure.kind is Kind.JPEG:
        check_jpeg(structure, reduced_by)
    elif not fits(structure.width, structure.height):
        raise UnreadableImageError(TOO_LARGE)


def check_jpeg(structure: Structure, reduced_by: int) -> None:
    if structure.pixels > MAX_REDUCED_PIXELS or max(structure.width, structure.height) > MAX_REDUCED_SIDE:
        raise UnreadableImageError(TOO_LARGE_JPEG)
    if min(reduced(structure, reduced_by)) < MIN_SIDE:
        raise UnreadableImageError(TOO_THIN)
    if structure.scans > MAX_SCANS:
        raise UnreadableImageError(TOO_MANY_SCANS)
    if (
        structure.coefficient_bytes > MAX_COEFFICIENT_BYTES
        or structure.scans * structure.pixels > MAX_SCANS * MAX_PIXELS
    ):
        raise UnreadableImageError(TOO_LARGE_PROGRESSIVE)


def decoded(structure: Structure, data: bytes, reduced_by: int) -> Image.Image:
    """By a decoder that sees the pixels of the file alone; it may raise anything."""
    image = DECODERS[structure.kind](io.BytesIO(structure.stripped(data)))
    expected = reduced(structure, reduced_by)
    if reduced_by > 1:
        image.draft(None, (structure.width // reduced_by, structure.height // reduced_by))
    if image.size != expected:
        raise ValueError("the decoder reads another size in the header than we do")
    image.load()
    # The decoder of a WebP keeps two canvases and a frame, three times what a copy takes.
    return image.copy() if structure.kind is Kind.WEBP else image


def is_whole(structure: Structure, data: bytes) -> bool:
    return jpeg.reaches_its_end(data) if structure.kind is Kind.JPEG else structure.is_whole
