"""Ed25519 keys and signatures, as bytes and hexadecimal text."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PRIME = 2**255 - 19
SIGN_BIT = 1 << 255
OF_ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL_ORDERS = frozenset({0, 1, PRIME - 1, OF_ORDER_8, PRIME - OF_ORDER_8})
"""The y coordinates of the eight points whose order divides 8: with such a key, one signature fits many messages."""


def public_key_of(private_key: bytes) -> str:
    """The public key, in hexadecimal, of a private one (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw().hex()


def sign(private_key: bytes, message: bytes) -> str:
    """The signature in hexadecimal; the same message and key give the same one."""
    return Ed25519PrivateKey.from_private_bytes(private_key).sign(message).hex()


def is_signed(public_key: str, signature: str, message: bytes) -> bool:
    """Whether the signature is of this message and by the owner of this key, both in hexadecimal; never with a key of
    small order, which nobody needs to own."""
    if has_small_order(public_key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def has_small_order(public_key: str) -> bool:
    """Whether the point of this key (RFC 8032, 5.1.3) has an order that divides 8, however it is written."""
    y = int.from_bytes(bytes.fromhex(public_key), "little") & ~SIGN_BIT
    return y % PRIME in SMALL_ORDERS
