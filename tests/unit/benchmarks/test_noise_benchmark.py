"""The ways that are compared draw the same batch, as far as they can."""

import numpy as np
import torch

from benchmarks.noise import LATTICE, NUMPY, OURS, measured, on_device, ways

SHAPE = (3, 32, 32)


def test_ways_when_they_draw_a_batch() -> None:
    """Each gives float32 samples of one shape, with the mean and the deviation of the others."""
    for draw in ways(40, SHAPE, 0.25).values():
        samples = draw()
        assert isinstance(samples, np.ndarray)
        assert (samples.shape, samples.dtype) == ((40, *SHAPE), np.float32)
        assert abs(samples.mean() - 0.5) < 0.005
        assert abs(samples.std() - 0.25) < 0.005


def test_ways_when_they_are_measured() -> None:
    """All of them, and the device's bits are compared."""
    found = measured(ways(2, SHAPE, 0.25), 1)

    assert set(found) == {NUMPY, OURS, LATTICE}
    assert min(found.values()) > 0
    assert on_device(2, SHAPE, 0.25, 1, torch.device("cpu"))["device_is_bit_equal"] is True
