"""Ed25519 keys and signatures, as bytes and hexadecimal text."""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALGORITHM: Final = "Ed25519"


def public_key_of(private_key: bytes) -> str:
    """The public key, in hexadecimal, of a private one (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw().hex()


def sign(private_key: bytes, message: bytes) -> str:
    """The signature in hexadecimal; the same message and key give the same one."""
    return Ed25519PrivateKey.from_private_bytes(private_key).sign(message).hex()


def is_signed(public_key: str, signature: str, message: bytes) -> bool:
    """Whether the signature is of this message and by the owner of this key, both in hexadecimal."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True
