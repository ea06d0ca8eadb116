"""From the bytes of an uploaded file to the canonical tensor, in which a radius holds; Pillow and numpy, no torch.

Decode, colours to sRGB, EXIF orientation, RGB (alpha composited on white), resize of the shorter side and centre crop
in float with antialias: nothing is rounded to 8 bits or clamped after decoding and colours.
"""

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from adapters.images.decode import decode
from adapters.images.resize import crop_windows, operator_norm, resample
from robustify.smoothing.lattice import from_levels, to_levels
from robustify.types import Noise


class Preprocessing(StrEnum):
    """How a file becomes a tensor: a new version whenever one file gets another tensor."""

    WITHOUT_PROFILES = "1"
    """Colours as they are stored: of certificates of before decision 21, which can still be checked."""
    SRGB = "2"


CURRENT = Preprocessing.SRGB


@dataclass(frozen=True)
class CanonicalImage:
    """`tensor`: (3, side, side) float32 in [0, 1], C-order. `source_height`, `source_width`: after EXIF orientation.

    `source_norm` is ||W||_2 of resize and crop: a radius R of the tensor is at least R / ||W||_2 for the source pixels.
    The source pixels are the decoded, upright RGB pixels of the file in [0, 1], as sRGB, the three channels counted
    apart. One grey source pixel is three of them. Where there is alpha, they are those on white; as colours enter these
    with a factor of at most 1, the radius holds for the colours under the alpha too. Decoding itself is not covered,
    nor is the conversion of colours. Where `reduced_by` is over 1, that many stored pixels of each axis were decoded as
    one, and the source pixels are the decoded, reduced ones: height, width and norm are theirs.
    """

    tensor: np.ndarray
    source_sha256: str
    source_height: int
    source_width: int
    source_norm: float
    reduced_by: int = 1


def canonicalise(data: bytes, side: int, version: Preprocessing = CURRENT) -> CanonicalImage:
    """The canonical tensor of a file; the caller limits its bytes. Raises UnreadableImageError."""
    decoded = decode(data, uses_profile=version is Preprocessing.SRGB)
    image = decoded.image
    rows, columns = crop_windows(image.height, image.width, side)
    return CanonicalImage(
        tensor=resample(image, rows, columns),
        source_sha256=hashlib.sha256(data).hexdigest(),
        source_height=image.height,
        source_width=image.width,
        source_norm=operator_norm(rows) * operator_norm(columns),
        reduced_by=decoded.reduced_by,
    )


def canonicalise_for(noise: Noise, data: bytes, side: int, version: Preprocessing = CURRENT) -> CanonicalImage:
    """The same, in whole grey levels where the noise is of whole grey levels: then `source_norm` bounds nothing."""
    image = canonicalise(data, side, version)
    return replace(image, tensor=from_levels(to_levels(image.tensor))) if noise is Noise.LATTICE else image
