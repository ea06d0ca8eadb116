"""Seeds of noise that are made of others, or of nothing that is secret."""

import hashlib
import hmac

AT_A_SIGMA = b"robustify/one of several sigmas/"


def public_seed(purpose: bytes, name: str) -> bytes:
    """32 bytes, the same for the same purpose and name, which anybody may draw again: methods that are compared meet
    the same noise. Of measurements, which are no certificates."""
    return hmac.digest(purpose, name.encode(), hashlib.sha256)


def seed_at(seed: bytes, place: int) -> bytes:
    """32 bytes: the seed of the noise at one of several sigmas, by its place from 0, made of that of the question."""
    return hmac.digest(seed, AT_A_SIGMA + str(place).encode(), hashlib.sha256)
