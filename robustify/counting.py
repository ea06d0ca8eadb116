"""The seams of counting: numbers only, so that PREDICT and CERTIFY need no torch. `interfaces` names them too."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class NoiseSource(Protocol):
    """Standard normal noise of one sample: the same (phase, index, shape) always gives the same float32 array."""

    def __call__(self, phase: str, index: int, shape: tuple[int, ...]) -> np.ndarray: ...


class VoteCounter(Protocol):
    """Votes of the samples first .. first + count - 1, one number a class; lost or non-finite samples have no vote."""

    def __call__(self, first: int, count: int) -> Sequence[int]: ...
