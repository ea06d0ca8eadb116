"""The random words behind all noise: the ChaCha20 keystream (RFC 8439), so that the stream depends on no library.

The words of sample i of a phase are the keystream under

    key      the seed of the question, 32 bytes,
    counter  0, of 32 bits: one more for every block of 64 bytes,
    nonce    the code of the phase in 4 bytes, then i in 8 bytes, both little-endian,

read as little-endian 64-bit integers, one for each value of the sample in C order. One seed answers one question, and
the kind of noise is part of a question: Gaussian and lattice noise need no domains of their own.
"""

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from robustify.types import Phase

WORD_BYTES = 8
FIRST_COUNTER = bytes(4)
PHASE_CODES: dict[str, int] = {
    Phase.PREDICT: 1, Phase.SELECT: 2, Phase.ESTIMATE: 3, Phase.ATTACK: 4, Phase.PREVIEW: 5,
}  # fmt: skip
"""Part of every certificate's noise: a code is never changed, and never given to another phase."""


def words(seed: bytes, phase: str, first: int, count: int, length: int) -> np.ndarray:
    """uint64 (count, length): the words of the samples first .. first + count - 1.

    ValueError for a seed that is not of 32 bytes.
    """
    keystream = np.empty((count, length * WORD_BYTES), dtype=np.uint8)
    zeros = bytes(length * WORD_BYTES)
    for row in range(count):
        cipher = Cipher(ChaCha20(seed, FIRST_COUNTER + nonce(phase, first + row)), mode=None)
        cipher.encryptor().update_into(zeros, keystream[row])
    return keystream.view("<u8").astype(np.uint64, copy=False)


def nonce(phase: str, index: int) -> bytes:
    """What tells the samples under one seed apart, 12 bytes."""
    return PHASE_CODES[phase].to_bytes(4, "little") + index.to_bytes(8, "little")
