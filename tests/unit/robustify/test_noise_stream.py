"""The random words: the vectors of RFC 8439, those of this project, and one stream for each sample."""

from itertools import product

import numpy as np
import pytest

from robustify.smoothing import stream
from robustify.smoothing.stream import PHASE_CODES, nonce, words
from robustify.types import Phase

COUNTING_SEED = bytes(range(32))
A1_KEYSTREAM = """
76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7
da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"""
"""RFC 8439, appendix A.1, first vector: key, nonce and counter are 0."""
BLOCK_KEYSTREAM = """
10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e
d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"""
"""RFC 8439, section 2.3.2: key 00 01 .. 1f, counter 1, nonce 00000009 0000004a 00000000."""
VECTORS = {
    ("predict", 0): [0x3A2E6E5309FB38D8, 0xA67362483FF2E810, 0xED81D740E6D8429F],
    ("select", 0): [0x0847F33220191028, 0x640DD7B77A7AD93A, 0x0DC3029EFB8DEA01],
    ("estimate", 0): [0xFE3BC2CD44D85FE3, 0xA46C8197D8211E21, 0x2D083B4A835D9390],
    ("estimate", 1): [0x55011673546A6B96, 0xA18CB1C71ABB5E32, 0x17B9DBAA54510F2B],
    ("estimate", 2**32 + 5): [0xE1D6F97A6FBDFF2D, 0x5A6E862C030BE3B7, 0xBB8A8A9F50B39794],
}
"""The first words of samples under `COUNTING_SEED`."""


@pytest.fixture
def _phases_of_the_rfc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two more phases, whose codes are the first four bytes of the nonces of RFC 8439."""
    codes = {"zero": 0, "block": int.from_bytes(bytes.fromhex("00000009"), "little")}
    monkeypatch.setattr(stream, "PHASE_CODES", codes)


@pytest.mark.usefixtures("_phases_of_the_rfc")
def test_words_when_they_are_compared_with_the_rfc() -> None:
    """They are the keystream of its vectors, block 0 and block 1, as little-endian integers."""
    index = int.from_bytes(bytes.fromhex("0000004a00000000"), "little")

    assert words(bytes(32), "zero", 0, 1, 8).astype("<u8").tobytes() == bytes.fromhex(A1_KEYSTREAM)
    assert words(COUNTING_SEED, "block", index, 1, 16)[0, 8:].astype("<u8").tobytes() == bytes.fromhex(BLOCK_KEYSTREAM)


@pytest.mark.parametrize(("phase", "index"), VECTORS)
def test_words_when_they_are_compared_with_those_of_this_project(phase: str, index: int) -> None:
    """They are what they have always been: a certificate is replayed with them."""
    assert words(COUNTING_SEED, phase, index, 1, 3).tolist() == [VECTORS[phase, index]]


def test_codes_of_the_phases() -> None:
    """They are what they have always been, and no two phases have one."""
    assert PHASE_CODES == {"predict": 1, "select": 2, "estimate": 3, "attack": 4, "preview": 5}
    assert set(PHASE_CODES) == set(Phase) - {Phase.ADAPT}


def test_nonce_of_a_sample() -> None:
    """Code and index, both little-endian, so that others can make it."""
    assert nonce("estimate", 258) == bytes([3, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("length", [1, 7, 8, 9, 3072])
def test_words_when_samples_are_drawn_together(length: int) -> None:
    """Sample i has the same words in any block, and a longer sample begins like a shorter one."""
    block = words(COUNTING_SEED, "select", 10, 5, length)
    longer = words(COUNTING_SEED, "select", 10, 5, length + 5)

    assert block.dtype == np.uint64
    assert np.array_equal(longer[:, :length], block)
    for row in range(5):
        assert np.array_equal(words(COUNTING_SEED, "select", 10 + row, 1, length)[0], block[row])


def test_words_when_seeds_phases_and_indices_differ() -> None:
    """Of 30,000 samples no two begin with the same word, nor does one begin with the second of another."""
    seeds = [bytes([number]) + bytes(31) for number in range(3)] + [bytes(31) + bytes([1])]
    drawn = [words(seed, phase, 0, 1500, 2) for seed, phase in product(seeds, PHASE_CODES)]

    assert len(set(np.concatenate(drawn).ravel().tolist())) == 2 * 1500 * len(drawn)


@pytest.mark.parametrize("seed", [b"", b"short", bytes(31), bytes(33)])
def test_seed_when_it_has_not_32_bytes(seed: bytes) -> None:
    """It is refused: nothing is filled up."""
    with pytest.raises(ValueError, match="key"):
        words(seed, "select", 0, 1, 1)


@pytest.mark.parametrize(("phase", "index", "error"), [("adapt", 0, KeyError), ("select", -1, OverflowError)])
def test_sample_when_there_is_none_of_that_name(phase: str, index: int, error: type[Exception]) -> None:
    """It has no words."""
    with pytest.raises(error):
        words(COUNTING_SEED, phase, index, 1, 1)
