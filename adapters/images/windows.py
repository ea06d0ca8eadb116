"""Which part of each axis of a picture becomes how many pixels, for every resize mode."""

from dataclasses import dataclass

import numpy as np

from adapters.images.preprocessing import ResizeMode

RESIZED, CROPPED = 256, 224
"""Of the paper's code: the shorter side after the resize, and what the crop leaves of it."""


@dataclass(frozen=True)
class Window:
    """The part of an axis of `length` source pixels that becomes `size` pixels; edges are float32 numbers."""

    length: int
    start: float
    stop: float
    size: int

    @property
    def is_copy(self) -> bool:
        """Whether pixels are taken over as they are."""
        return self.stop - self.start == self.size and self.start.is_integer()


def resize_windows(
    height: int, width: int, side: int, mode: ResizeMode = ResizeMode.SHORTER_SIDE
) -> tuple[Window, Window]:
    """Of the rows and of the columns; each becomes `side` pixels, or fewer where the rest is padded."""
    match mode:
        case ResizeMode.SHORTER_SIDE:
            return crop_windows(height, width, side, side)
        case ResizeMode.RESIZE_256_CROP_224:
            return crop_windows(height, width, side, round(side * RESIZED / CROPPED))
        case ResizeMode.SQUASH:
            return whole(height, side), whole(width, side)
        case ResizeMode.PAD:
            longer = max(height, width)
            return whole(height, fitted(height, longer, side)), whole(width, fitted(width, longer, side))


def crop_windows(height: int, width: int, side: int, resized_shorter: int) -> tuple[Window, Window]:
    """What is left when the shorter side is resized and the centre cut out, as torchvision does both."""
    shorter = min(height, width)
    return crop_window(height, shorter, side, resized_shorter), crop_window(width, shorter, side, resized_shorter)


def crop_window(length: int, shorter: int, side: int, resized_shorter: int) -> Window:
    resized = resized_shorter if length == shorter else int(resized_shorter * length / shorter)
    first = round((resized - side) / 2)
    scale = length / resized
    start = float(np.float32(first * scale))
    stop = min(float(np.float32((first + side) * scale)), float(length))
    return Window(length, start, stop, side)


def whole(length: int, size: int) -> Window:
    return Window(length, 0.0, float(length), size)


def fitted(length: int, longer: int, side: int) -> int:
    """What an axis becomes when the longer one becomes `side`, as open_clip rounds it; at least one pixel."""
    return max(1, round(side * length / longer))
