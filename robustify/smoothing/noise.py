"""Keyed noise: sample i of a phase has the same noise on every worker, in every batch, after every retry."""

import hashlib
import hmac
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class KeyedNoise:
    """Standard normal noise as a function of (secret, certificate id, phase, sample index) alone.

    Philox is counter-based; its 128-bit key is an HMAC that nobody can guess or choose without the secret.
    """

    secret: bytes
    certificate_id: str

    def __call__(self, phase: str, index: int, shape: tuple[int, ...]) -> np.ndarray:
        message = f"{self.certificate_id}\0{phase}\0{index}".encode()
        key = int.from_bytes(hmac.digest(self.secret, message, hashlib.sha256)[:16], "little")
        noise: np.ndarray = np.random.Generator(np.random.Philox(key=key)).standard_normal(shape, dtype=np.float32)
        return noise
