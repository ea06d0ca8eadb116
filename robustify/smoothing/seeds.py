"""Seeds of noise that anybody may draw again: of measurements, which are no certificates."""

import hashlib
import hmac


def public_seed(purpose: bytes, name: str) -> bytes:
    """32 bytes, the same for the same purpose and name: methods that are compared meet the same noise."""
    return hmac.digest(purpose, name.encode(), hashlib.sha256)
