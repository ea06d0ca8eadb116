"""The seeds behind the noise, on two levels: one secret for all certificates, one seed for each.

The seed of a certificate may be revealed, so that others can draw its noise again. It tells nothing about the secret or
the seed of another certificate: each is an HMAC-SHA256 under the secret.
"""

import hashlib
import hmac

PHILOX_KEY_BYTES = 16


def certificate_seed(secret: bytes, certificate_id: str) -> bytes:
    """The seed of all noise of a certificate, 32 bytes."""
    return hmac.digest(secret, certificate_id.encode(), hashlib.sha256)


def commitment(seed: bytes) -> str:
    """What a certificate says of its seed beforehand: sha256 in hexadecimal."""
    return hashlib.sha256(seed).hexdigest()


def sample_key(seed: bytes, *parts: object) -> int:
    """The 128-bit key of Philox for the sample that these parts name; none of them contains a NUL."""
    message = "\0".join(map(str, parts)).encode()
    return int.from_bytes(hmac.digest(seed, message, hashlib.sha256)[:PHILOX_KEY_BYTES], "little")
