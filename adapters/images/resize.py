"""Resize and centre crop as torchvision's `Resize` and `CenterCrop` do them, in float, and the norm of both."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

NORM_MARGIN = 1e-6
WHITE = 255.0
STRIP_ROWS = 256


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


def crop_windows(height: int, width: int, side: int) -> tuple[Window, Window]:
    """What part of the rows and of the columns is left by resize and centre crop, in source pixels."""
    shorter = min(height, width)
    return _crop_window(height, shorter, side), _crop_window(width, shorter, side)


def resample(image: Image.Image, rows: Window, columns: Window) -> np.ndarray:
    """The windows of an RGB or RGBA image as (3, side, side) float32 in [0, 1]."""
    size = (columns.side, rows.side)
    box = (columns.start, rows.start, columns.stop, rows.stop)
    alpha = None if image.mode == "RGB" else np.asarray(image.getchannel("A"))
    tensor = np.empty((3, rows.side, columns.side), dtype=np.float32)
    for index, name in enumerate("RGB"):
        channel = image.getchannel(name).convert("F") if alpha is None else on_white(image.getchannel(name), alpha)
        tensor[index] = np.asarray(channel.resize(size, Image.Resampling.BILINEAR, box=box))
    return tensor / np.float32(WHITE)


def on_white(channel: Image.Image, alpha: np.ndarray) -> Image.Image:
    """One channel over white, in float: alpha (H, W) in [0, 255]."""
    pixels = np.subtract(WHITE, np.asarray(channel), dtype=np.float32)
    for first in range(0, len(alpha), STRIP_ROWS):  # A whole alpha in float would take as much memory again.
        strip = slice(first, first + STRIP_ROWS)
        pixels[strip] *= alpha[strip].astype(np.float32) / np.float32(WHITE)
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
