"""Resize in float with antialias, as Pillow does it, padding, and the norm of that map."""

import math
from functools import lru_cache

import numpy as np
from PIL import Image

from adapters.images.windows import Window

NORM_MARGIN = 1e-6
WHITE = 255.0
GREY = 0.5
"""Of what is padded: a constant in the middle of the range, which no pixel of a picture moves."""
STRIP_ROWS = 256


def resample(image: Image.Image, rows: Window, columns: Window) -> np.ndarray:
    """The windows of an RGB or RGBA image as (3, rows, columns) float32 in [0, 1]."""
    size = (columns.size, rows.size)
    box = (columns.start, rows.start, columns.stop, rows.stop)
    alpha = None if image.mode == "RGB" else np.asarray(image.getchannel("A"))
    tensor = np.empty((3, rows.size, columns.size), dtype=np.float32)
    for index, name in enumerate("RGB"):
        channel = image.getchannel(name).convert("F") if alpha is None else on_white(image.getchannel(name), alpha)
        tensor[index] = np.asarray(channel.resize(size, Image.Resampling.BILINEAR, box=box))
    return tensor / np.float32(WHITE)


def padded(tensor: np.ndarray, side: int) -> np.ndarray:
    """(3, side, side) with a smaller one in the middle of grey; one of that size as it is."""
    _, height, width = tensor.shape
    if height == width == side:
        return tensor
    top, left = (side - height) // 2, (side - width) // 2
    square = np.full((3, side, side), GREY, dtype=np.float32)
    square[:, top : top + height, left : left + width] = tensor
    return square


def on_white(channel: Image.Image, alpha: np.ndarray) -> Image.Image:
    """One channel over white, in float: alpha (H, W) in [0, 255]."""
    pixels = np.subtract(WHITE, np.asarray(channel), dtype=np.float32)
    for first in range(0, len(alpha), STRIP_ROWS):  # A whole alpha in float would take as much memory again.
        strip = slice(first, first + STRIP_ROWS)
        pixels[strip] *= alpha[strip].astype(np.float32) / np.float32(WHITE)
    return Image.fromarray(np.subtract(WHITE, pixels, out=pixels))


def resize_matrix(window: Window) -> np.ndarray:
    """The (size, length) matrix, float64, that Pillow's bilinear resize applies to one axis: a triangle filter whose
    support grows with the reduction, cut at the edges of the image, each row of sum 1."""
    scale = float(np.float32(window.stop) - np.float32(window.start)) / window.size
    centres = window.start + (np.arange(window.size) + 0.5) * scale
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
