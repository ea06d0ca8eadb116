"""Pictures whose exact margin is known, as close to a wanted one as 8 bits allow, and their neighbours."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from adapters.models.oracles import exact_margin, linear_weights

SHAPE = (3, 32, 32)
LEVELS = 255
DARKEST, BRIGHTEST = 64, 192
"""Of random pictures: moved to any margin that n can certify, none is cut off at black or white."""
TUNING_STEPS = 100


@dataclass(frozen=True)
class Picture:
    """A PNG file and the exact margin of its canonical tensor."""

    png: bytes
    margin: float


def neighbours(margin: float, rng: np.random.Generator) -> Iterator[Picture]:
    """Without end: pictures that differ by one grey level in one value, and whose margins lie just below this one."""
    normal = linear_weights(SHAPE)
    farthest = float(np.abs(normal).max()) / LEVELS
    while True:
        middle = levels_near(margin - farthest, rng)
        for index in rng.permutation(2 * middle.size):
            neighbour = middle.copy()
            neighbour.flat[index // 2] += 1 if index % 2 else -1
            yield picture(neighbour)


def picture_near(margin: float, rng: np.random.Generator) -> Picture:
    """Of a random picture, with some 1e-6 of this margin."""
    return picture(levels_near(margin, rng))


def levels_near(margin: float, rng: np.random.Generator) -> np.ndarray:
    """A random picture (3, H, W) of whole levels, moved along the boundary's normal and then level by level."""
    normal = linear_weights(SHAPE)
    # Not whole yet: of whole ones, a small move would round to none.
    drawn = rng.uniform(DARKEST, BRIGHTEST, SHAPE)
    levels = np.rint(drawn + (margin - margin_of(drawn)) * normal * LEVELS).astype(np.int64)
    steps = np.concatenate([normal.ravel(), -normal.ravel()]) / LEVELS
    for _ in range(TUNING_STEPS):
        missing = margin - margin_of(levels)
        best = int(np.abs(missing - steps).argmin())
        if abs(missing - steps[best]) >= abs(missing):
            break
        levels.flat[best % levels.size] += 1 if best < levels.size else -1
    return levels


def picture(levels: np.ndarray) -> Picture:
    pixels = Image.fromarray(levels.astype(np.uint8).transpose(1, 2, 0))
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG", compress_level=1)
    return Picture(buffer.getvalue(), margin_of(levels))


def margin_of(levels: np.ndarray) -> float:
    """Of the canonical tensor, which is float32."""
    return exact_margin(levels.astype(np.float32) / np.float32(LEVELS))
