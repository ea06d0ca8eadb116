"""From the bytes of an uploaded file to the canonical tensor, in which a radius holds; Pillow and numpy, no torch.

Decode, colours to sRGB, EXIF orientation, RGB (alpha composited on white), and a square of it in float with antialias:
by default the shorter side is resized and the centre cut out (`ResizeMode` has the other ways). Nothing is rounded to 8
bits or clamped after decoding and colours.
"""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from adapters.images.decode import decode
from adapters.images.preprocessing import USUAL, Preprocessing, PreprocessingVersion
from adapters.images.resize import operator_norm, padded, resample
from adapters.images.windows import resize_windows
from robustify.smoothing.lattice import from_levels, to_levels
from robustify.types import Noise


@dataclass(frozen=True)
class CanonicalImage:
    """`tensor`: (3, side, side) float32 in [0, 1], C-order. `source_height`, `source_width`: after EXIF orientation.

    `source_norm` is ||W||_2 of resize and crop: a radius R of the tensor is at least R / ||W||_2 for the source pixels.
    Padding adds a constant, which no source pixel moves: then the map is affine, and W its linear part.
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


def canonicalise(data: bytes, side: int, preprocessing: Preprocessing = USUAL) -> CanonicalImage:
    """The canonical tensor of a file; the caller limits its bytes. Raises UnreadableImageError."""
    decoded = decode(data, uses_profile=preprocessing.version is PreprocessingVersion.SRGB)
    image = decoded.image
    rows, columns = resize_windows(image.height, image.width, side, preprocessing.mode)
    return CanonicalImage(
        tensor=padded(resample(image, rows, columns), side),
        source_sha256=hashlib.sha256(data).hexdigest(),
        source_height=image.height,
        source_width=image.width,
        source_norm=operator_norm(rows) * operator_norm(columns),
        reduced_by=decoded.reduced_by,
    )


def canonicalise_for(noise: Noise, data: bytes, side: int, preprocessing: Preprocessing = USUAL) -> CanonicalImage:
    """The same, in whole grey levels where the noise is of whole grey levels: then `source_norm` bounds nothing."""
    image = canonicalise(data, side, preprocessing)
    return replace(image, tensor=from_levels(to_levels(image.tensor))) if noise is Noise.LATTICE else image
