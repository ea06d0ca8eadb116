"""Noise drawn by torch: the block of RFC 8439, and the bits of the CPU's words, normal values and samples."""

import numpy as np
import pytest
import torch

from robustify.smoothing import device_noise, normal, stream
from robustify.smoothing.device_noise import chacha_block, device_samples
from robustify.smoothing.lattice import SeededLatticeNoise, to_levels
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.samples import GaussianSamples, LatticeSamples

SEED = bytes(range(32))
IMAGE = np.random.default_rng(0).random((3, 20, 21), dtype=np.float32)
pytestmark = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])


def test_block_when_it_is_compared_with_the_rfc(device: str) -> None:
    """Section 2.3.2: the state after the block function."""
    key = [int.from_bytes(SEED[at : at + 4], "little") for at in range(0, 32, 4)]
    constants = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574]
    state = np.array([*constants, *key, 1, 0x09000000, 0x4A000000, 0], dtype=np.uint32).view(np.int32)
    expected = [
        *(0xE4E7F110, 0x15593BD1, 0x1FDD0F50, 0xC47120A3, 0xC7F4D1C7, 0x0368C033, 0x9AAA2204, 0x4E6CD4C3),
        *(0x466482D2, 0x09AA9F07, 0x05D7C214, 0xA2028BD9, 0xD19C12B5, 0xB94E16DE, 0xE883D0CB, 0x4E3C50A2),
    ]
    found = chacha_block(torch.from_numpy(state)[:, None].to(device)).cpu()

    assert found.numpy().view(np.uint32).ravel().tolist() == expected


@pytest.mark.parametrize("length", [1, 7, 8, 9, 3072])
@pytest.mark.parametrize("first", [0, 2**31 - 1, 2**32 - 1, 2**40])
def test_words_when_they_are_compared_with_the_cpu(device: str, first: int, length: int) -> None:
    """They have the same bits, for one sample and for three, wherever the index needs more than 32 bits."""
    for count in (1, 3):
        found = device_noise.words(SEED, "select", first, count, length, torch.device(device)).cpu().numpy()
        assert np.array_equal(found.view(np.uint64), stream.words(SEED, "select", first, count, length))


def test_normal_values_when_they_are_compared_with_the_cpu(device: str) -> None:
    """They have the same bits, the sign of zero too, for a million words, uniform and of the tails."""
    random = np.random.default_rng(0)
    uniform = random.integers(0, 2**64, 500_000, dtype=np.uint64)
    tails = (uniform >> random.integers(1, 64, uniform.size, dtype=np.uint64)) | (uniform << np.uint64(63))
    special = np.array([0, 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1], dtype=np.uint64)
    words = np.concatenate([uniform, tails, special])
    found = device_noise.standard_normal(torch.from_numpy(words.view(np.int64)).to(device)).cpu().numpy()

    assert np.array_equal(found.view(np.int64), normal.standard_normal(words).view(np.int64))


@pytest.mark.parametrize("values", [1 << 22, 3000, 1])
def test_samples_when_they_are_compared_with_the_cpu(device: str, values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have the same bits, in blocks of any size."""
    monkeypatch.setattr(device_noise, "BLOCK_VALUES", values)
    samples = GaussianSamples(IMAGE, 0.12, SeededNoise(SEED))
    draw = device_samples(samples, torch.device(device))

    assert draw is not None
    found = draw("estimate", 7, 10)
    assert (found.dtype, found.device.type) == (torch.float32, device)
    assert np.array_equal(found.cpu().numpy(), samples("estimate", 7, 10))


def test_samples_when_a_device_cannot_draw_them(device: str) -> None:
    """Those with noise of levels, or of another source, are left to the CPU."""
    others = (
        LatticeSamples(to_levels(IMAGE), SeededLatticeNoise(SEED, 0.25)),
        GaussianSamples(IMAGE, 0.25, lambda phase, first, count, shape: np.zeros((count, *shape))),
    )

    assert [device_samples(samples, torch.device(device)) for samples in others] == [None, None]
