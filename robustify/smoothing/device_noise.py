"""Gaussian samples drawn on a torch device, with the bits of `stream`, `normal` and `samples`.

The same integers and the same float64 operations in the same order, one at a time: torch rounds +, * and conversions as
numpy does, on a CPU and on CUDA. (Not compiled: a compiler may fuse a product and a sum, which rounds once.)

ChaCha20 (RFC 8439, section 2.3) in int32, whose sums wrap: the 4 x 4 state of each block is a column of 16 integers,
and the four quarter rounds of a round are computed at once, on its rows of four.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from robustify.smoothing.beside import given
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.normal import DEGREE, FIRST_ROW, ROW_SHIFT, WITHOUT_SIGN, coefficient_table
from robustify.smoothing.samples import GaussianSamples, SampleSource
from robustify.smoothing.stream import nonce

CONSTANTS = b"expand 32-byte k"
STATE_INTEGERS = 16
WORDS_PER_BLOCK = 8
COUNTER = 12
"""Where the state has the number of its block."""
DOUBLE_ROUNDS = 10
INTEGER_BITS = 32
BLOCK_VALUES = 1 << 22
"""Of samples drawn at a time, if there are so many in one: some 250 MB on the device."""


@dataclass(frozen=True, eq=False)
class DeviceSamples:
    """Draws on the device of `image`, float64 (3, H, W), what `GaussianSamples` draws on the CPU."""

    image: torch.Tensor
    sigma: float
    seed: bytes

    def __call__(self, phase: str, first: int, count: int) -> torch.Tensor:
        """float32 (count, 3, H, W)."""
        values, device = self.image.numel(), self.image.device
        samples = torch.empty((count, values), dtype=torch.float32, device=device)
        step = max(1, BLOCK_VALUES // values)
        for start in range(0, count, step):
            size = min(step, count - start)
            noise = standard_normal(words(self.seed, phase, first + start, size, values, device))
            samples[start : start + size] = noise.mul_(self.sigma).add_(self.image.reshape(-1))
        return samples.reshape(count, *self.image.shape)


def device_samples(samples: SampleSource, device: torch.device) -> DeviceSamples | None:
    """What draws these samples on a device; None if they are not Gaussian with the noise of a seed."""
    if not (isinstance(samples, GaussianSamples) and isinstance(samples.noise, SeededNoise)):
        return None
    image = torch.from_numpy(samples.image.astype(np.float64)).to(device)
    return DeviceSamples(image, samples.sigma, samples.noise.seed)


def standard_normal(words: torch.Tensor) -> torch.Tensor:
    """float64 N(0, 1) values, one for each int64 word: `normal.quantiles`."""
    f = (words & WITHOUT_SIGN).to(torch.float64).add_(0.5)
    rows = (f.view(torch.int64) >> ROW_SHIFT).sub_(FIRST_ROW)
    coefficients = device_table(words.device)
    z = coefficients[DEGREE][rows].mul_(f)
    for power in range(DEGREE - 1, 0, -1):
        z.add_(coefficients[power][rows]).mul_(f)
    return z.add_(coefficients[0][rows]).copysign_(words.view(torch.float64))


@cache
def device_table(device: torch.device) -> torch.Tensor:
    """The coefficients (4, ROWS) on a device; 262 kB."""
    return torch.from_numpy(coefficient_table().T.copy()).to(device)


def words(seed: bytes, phase: str, first: int, count: int, length: int, device: torch.device) -> torch.Tensor:
    """int64 (count, length) on the device: the words of `stream.words`, read as signed integers."""
    blocks = -(-length // WORDS_PER_BLOCK)
    state = given(device, initial_state(seed, phase, first, count))[:, :, None].repeat(1, 1, blocks)
    state[COUNTER] += torch.arange(blocks, dtype=torch.int32, device=device)
    keystream = chacha_block(state).permute(1, 2, 0).contiguous().reshape(count, blocks * STATE_INTEGERS)
    return keystream.view(torch.int64)[:, :length]


def initial_state(seed: bytes, phase: str, first: int, count: int) -> torch.Tensor:
    """int32 (16, count): the state of the first block of each sample: constants, key, counter, nonce."""
    states = (CONSTANTS + seed + bytes(4) + nonce(phase, first + row) for row in range(count))
    integers = np.frombuffer(b"".join(states), dtype="<i4").astype(np.int32)
    return torch.from_numpy(integers).reshape(count, STATE_INTEGERS).T


def chacha_block(state: torch.Tensor) -> torch.Tensor:
    """The block function of each state: int32 (16, ...), the same shape."""
    a, b, c, d = state.clone().reshape(4, 4, -1)
    for _ in range(DOUBLE_ROUNDS):
        quarter_rounds(a, b, c, d)
        b, c, d = b.roll(-1, 0), c.roll(-2, 0), d.roll(-3, 0)
        quarter_rounds(a, b, c, d)
        b, c, d = b.roll(1, 0), c.roll(2, 0), d.roll(3, 0)
    return torch.cat((a, b, c, d)).reshape(state.shape).add_(state)


def quarter_rounds(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> None:
    """Four at once, in place: RFC 8439, section 2.1."""
    for left, right in ((16, 12), (8, 7)):
        a += b
        d ^= a
        rotate(d, left)
        c += d
        b ^= c
        rotate(b, right)


def rotate(x: torch.Tensor, bits: int) -> None:
    """To the left, in place. The mask takes away the copies of the sign, which a shift to the right brings."""
    low = (x >> (INTEGER_BITS - bits)).bitwise_and_((1 << bits) - 1)
    x <<= bits
    x |= low
