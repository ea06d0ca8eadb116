"""The seams of counting: numbers only, so that PREDICT and CERTIFY need no torch. `interfaces` names them too."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class NoiseSource(Protocol):
    """Noise of the samples first .. first + count - 1 of a phase, (count, *shape): that of a sample is always the same,
    whatever is drawn with it. Standard normal in float64, or whole levels in int16.
    """

    def __call__(self, phase: str, first: int, count: int, shape: tuple[int, ...]) -> np.ndarray: ...


class VoteCounter(Protocol):
    """Votes of the samples first .. first + count - 1, one number a class; lost or non-finite samples have no vote."""

    def __call__(self, first: int, count: int) -> Sequence[int]: ...
