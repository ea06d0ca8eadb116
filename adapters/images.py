"""From the bytes of an uploaded file to the canonical tensor, in which a radius holds; Pillow and numpy, no torch.

Decode, EXIF orientation, RGB (alpha composited on white), resize of the shorter side and centre crop as torchvision's
`Resize` and `CenterCrop` do them, in float with antialias: nothing is rounded to 8 bits or clamped after decoding.
Colour profiles are ignored. Messages are fixed texts: what a decoder says may hold addresses.
"""

import hashlib
import io
import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import ExifTags, Image, ImageFile

from robustify.errors import UnreadableImageError, UnsupportedImageError
from robustify.smoothing.lattice import from_levels, to_levels
from robustify.types import Noise

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 25_000_000
MAX_SIDE = 8192
MIN_SIDE = 2
MAX_SCANS = 64
"""Each scan of a progressive JPEG costs a pass over the whole image but only a few bytes; usual files have ten."""
NORM_MARGIN = 1e-6
WHITE = 255.0

NOT_AN_IMAGE = "The file is not a JPEG, PNG or WebP image: send one of these."
ANIMATED = "The image has more than one frame: send a single still frame."
NOT_8_BITS = "The image does not have 8 bits per channel: convert it to 8 bits."
CMYK = "The image has CMYK colours: convert it to RGB."
DAMAGED = "The image is truncated or damaged: send the complete file, or save it again."
TOO_LARGE = f"The image has over {MAX_PIXELS // 10**6} megapixels or a side over {MAX_SIDE} pixels: scale it down."
TOO_SMALL = f"The image is smaller than {MIN_SIDE} x {MIN_SIDE} pixels: send a larger one."
TOO_MANY_SCANS = f"The JPEG has over {MAX_SCANS} scans: save it again as a baseline JPEG."

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


@dataclass(frozen=True)
class CanonicalImage:
    """`tensor`: (3, side, side) float32 in [0, 1], C-order. `source_height`, `source_width`: after EXIF orientation.

    `source_norm` is ||W||_2 of resize and crop: a radius R of the tensor is at least R / ||W||_2 for the source pixels.
    The source pixels are the decoded, upright RGB pixels of the file in [0, 1], the three channels counted apart. One
    grey source pixel is three of them. Where there is alpha, they are those on white; as colours enter these with a
    factor of at most 1, the radius holds for the colours under the alpha too. Decoding itself is not covered.
    """

    tensor: np.ndarray
    source_sha256: str
    source_height: int
    source_width: int
    source_norm: float


@dataclass(frozen=True)
class Window:
    """The part of an axis of `length` source pixels that becomes `side` pixels; edges are float32 numbers."""

    length: int
    start: float
    stop: float
    side: int

    @property
    def is_copy(self) -> bool:
        """Whether pixels are taken over as they are."""
        return self.stop - self.start == self.side and self.start.is_integer()


def canonicalise(data: bytes, side: int) -> CanonicalImage:
    """The canonical tensor of a file; the caller limits its bytes. Raises UnreadableImageError."""
    image = decode(data)
    rows, columns = crop_windows(image.height, image.width, side)
    return CanonicalImage(
        tensor=resample(image, rows, columns),
        source_sha256=hashlib.sha256(data).hexdigest(),
        source_height=image.height,
        source_width=image.width,
        source_norm=operator_norm(rows) * operator_norm(columns),
    )


def canonicalise_for(noise: Noise, data: bytes, side: int) -> CanonicalImage:
    """The same, in whole grey levels where the noise is of whole grey levels: then `source_norm` bounds nothing."""
    image = canonicalise(data, side)
    return replace(image, tensor=from_levels(to_levels(image.tensor))) if noise is Noise.LATTICE else image


def decode(data: bytes) -> Image.Image:
    """The upright image, RGB or, where it has transparency, RGBA; its header is checked before its pixels are read."""
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_SCANS:
        raise UnreadableImageError(TOO_MANY_SCANS)
    image = open_header(data)
    check_header(image)
    try:
        image.load()
        mode = "RGBA" if image.has_transparency_data else "RGB"
        return upright(image if image.mode == mode else image.convert(mode), orientation(image))
    except Exception:
        # Decoders raise errors of many kinds for hostile bytes; all mean the same to the client.
        raise UnreadableImageError(DAMAGED) from None


def open_header(data: bytes) -> ImageFile.ImageFile:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableImageError(TOO_LARGE) from None
    except Exception:
        # As in `decode`.
        raise UnsupportedImageError(NOT_AN_IMAGE) from None


def check_header(image: ImageFile.ImageFile) -> None:
    # A MPO is a JPEG photo with previews or depth behind it; its first frame is the photo.
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise UnsupportedImageError(ANIMATED)
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
        raise UnreadableImageError(TOO_LARGE)
    if min(image.size) < MIN_SIDE:
        raise UnreadableImageError(TOO_SMALL)
    if image.mode == "CMYK":
        raise UnsupportedImageError(CMYK)
    if image.mode.startswith(("I", "F")) or has_deep_pixels(image):
        raise UnsupportedImageError(NOT_8_BITS)


def has_deep_pixels(image: ImageFile.ImageFile) -> bool:
    """Whether the file has 16 bits per channel; Pillow opens such a PNG as plain RGB and drops the lower 8."""
    return any("16" in str(tile.args) for tile in image.tile)


def orientation(image: Image.Image) -> int | None:
    """The EXIF orientation of a decoded image; None where there is none that can be read."""
    try:
        stored = image.getexif().get(ExifTags.Base.Orientation)
        return stored if isinstance(stored, int) else None
    except Exception:
        # Broken metadata is common in whole images, and viewers show these as they are stored.
        return None


def upright(image: Image.Image, exif_orientation: int | None) -> Image.Image:
    transposition = TRANSPOSITIONS.get(exif_orientation or 1)
    return image if transposition is None else image.transpose(transposition)


def crop_windows(height: int, width: int, side: int) -> tuple[Window, Window]:
    """What part of the rows and of the columns is left by resize and centre crop, in source pixels."""
    shorter = min(height, width)
    return _crop_window(height, shorter, side), _crop_window(width, shorter, side)


def resample(image: Image.Image, rows: Window, columns: Window) -> np.ndarray:
    """The windows of an RGB or RGBA image as (3, side, side) float32 in [0, 1]."""
    size = (columns.side, rows.side)
    box = (columns.start, rows.start, columns.stop, rows.stop)
    alpha = None if image.mode == "RGB" else np.asarray(image.getchannel("A"), dtype=np.float32) / np.float32(WHITE)
    tensor = np.empty((3, rows.side, columns.side), dtype=np.float32)
    for index, name in enumerate("RGB"):
        channel = image.getchannel(name).convert("F") if alpha is None else on_white(image.getchannel(name), alpha)
        tensor[index] = np.asarray(channel.resize(size, Image.Resampling.BILINEAR, box=box))
    return tensor / np.float32(WHITE)


def on_white(channel: Image.Image, alpha: np.ndarray) -> Image.Image:
    """One channel over white, in float: alpha (H, W) in [0, 1]."""
    pixels = np.subtract(WHITE, np.asarray(channel), dtype=np.float32)
    pixels *= alpha
    return Image.fromarray(np.subtract(WHITE, pixels, out=pixels))


def resize_matrix(window: Window) -> np.ndarray:
    """The (side, length) matrix, float64, that Pillow's bilinear resize applies to one axis: a triangle filter whose
    support grows with the reduction, cut at the edges of the image, each row of sum 1."""
    scale = float(np.float32(window.stop) - np.float32(window.start)) / window.side
    centres = window.start + (np.arange(window.side) + 0.5) * scale
    distances = np.abs(np.arange(window.length) + 0.5 - centres[:, None])
    weights = np.maximum(0.0, 1.0 - distances / max(scale, 1.0))
    matrix: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return matrix


@lru_cache(maxsize=256)
def operator_norm(window: Window) -> float:
    """||W||_2 of one axis, rounded up; exactly 1 where pixels are only copied."""
    if window.is_copy:
        return 1.0
    matrix = resize_matrix(window)
    return math.sqrt(float(np.linalg.eigvalsh(matrix @ matrix.T)[-1])) * (1 + NORM_MARGIN)


def _crop_window(length: int, shorter: int, side: int) -> Window:
    resized = side if length == shorter else int(side * length / shorter)
    first = round((resized - side) / 2)
    scale = length / resized
    start = float(np.float32(first * scale))
    stop = min(float(np.float32((first + side) * scale)), float(length))
    return Window(length, start, stop, side)
