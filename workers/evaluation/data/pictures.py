"""From the bytes of a file of a data set to its canonical tensor: as the service does it, and some kinds more.

A laboratory takes what people's folders hold. A JPEG in CMYK, a BMP and a TIFF are made a PNG of 8 bits first; Pillow's
formula makes RGB of CMYK, whatever its profile. All else is taken or refused as the service would.
"""

import io
import warnings
from collections.abc import Callable

import numpy as np
from PIL import BmpImagePlugin, Image, ImageFile, ImageOps, JpegImagePlugin, TiffImagePlugin

from adapters.images import Preprocessing, canonicalise
from adapters.images.decode import fits
from adapters.images.refusals import ANIMATED, CMYK, DAMAGED, NOT_8_BITS, TOO_LARGE
from robustify.errors import UnreadableImageError

IMAGE_SUFFIXES = frozenset({".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
OPENERS: tuple[tuple[bytes, Callable[[io.BytesIO], ImageFile.ImageFile]], ...] = (
    (b"BM", BmpImagePlugin.BmpImageFile),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
)
EIGHT_BITS = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB"})


def canonical_tensor(data: bytes, side: int, preprocessing: Preprocessing) -> np.ndarray:
    """(3, side, side) float32 in [0, 1]. Raises UnreadableImageError."""
    for signature, opener in OPENERS:
        if data.startswith(signature):
            return canonicalise(as_png(data, opener), side, preprocessing).tensor
    try:
        return canonicalise(data, side, preprocessing).tensor
    except UnreadableImageError as error:
        if str(error) != CMYK:
            raise
    return canonicalise(as_png(data, JpegImagePlugin.JpegImageFile), side, preprocessing).tensor


def as_png(data: bytes, opener: Callable[[io.BytesIO], ImageFile.ImageFile]) -> bytes:
    """The upright picture of a file of another kind. Raises UnreadableImageError."""
    try:
        with warnings.catch_warnings():  # What is wrong with a file is told in its row.
            warnings.simplefilter("ignore")
            return encoded(decoded(data, opener))
    except (MemoryError, UnreadableImageError):
        raise
    except Exception:
        # Decoders raise errors of many kinds for damaged bytes.
        raise UnreadableImageError(DAMAGED) from None


def decoded(data: bytes, opener: Callable[[io.BytesIO], ImageFile.ImageFile]) -> Image.Image:
    """By the one decoder for its kind; its size is looked at before its pixels."""
    image = opener(io.BytesIO(data))
    if not fits(*image.size):
        raise UnreadableImageError(TOO_LARGE)
    if getattr(image, "n_frames", 1) > 1:
        raise UnreadableImageError(ANIMATED)
    if image.mode not in EIGHT_BITS:
        raise UnreadableImageError(NOT_8_BITS)
    image.load()
    return ImageOps.exif_transpose(image)


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGBA" if image.has_transparency_data else "RGB").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
