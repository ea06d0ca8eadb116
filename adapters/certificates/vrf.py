"""The verifiable random function of the noise: one seed for each question, which its proof lets anybody check.

RSA-FDH-VRF as RFC 9381 has it, section 4, but that the hash onto the domain of the key is the encoding of RSASSA-PSS
with an empty salt (RFC 8017, section 9.1), which libraries have; and that a key shows that it is well-formed. Why a
question has one proof, and so one seed, also where whoever made the key is not to be trusted (decision 19):

1. An encoding with an empty salt is a function of the message: its hash H, and H's mask over a constant. Only that one
   is accepted.
2. A proof s is a number below the modulus N, in as many bytes as N has, with s^e = the encoding (mod N). It is the only
   one if x -> x^e permutes the numbers modulo N, which it does if the prime e = 65537 does not divide the order of the
   group.
3. Where e divides the order, at most one number of e has a root at all. So a key comes with the roots of `ROOTS`
   encodings that nobody can choose, since the modulus is part of what is encoded: with a probability of e^-8 = 2^-128
   a bad key has them all.
4. The seed is a hash of the proof. Without the private key nobody can tell it from a random number.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from adapters.certificates.key_files import BYTE_BITS, RSA_EXPONENT, is_usable_size
from adapters.contract.keys import VRF_SUITE

ROOTS: Final = 8
REMEMBERED = 1024
EMPTY_SALT = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=0)
OF_QUESTION, OF_SEED, OF_KEY = b"\x01", b"\x02", b"\x03"
"""What is hashed, as octets apart."""


@dataclass(frozen=True)
class PublicNoiseKey:
    """The modulus of an RSA key with exponent 65537, in hexadecimal without leading zeros."""

    modulus: str

    @property
    def bits(self) -> int:
        return int(self.modulus, 16).bit_length()

    @property
    def has_usable_size(self) -> bool:
        """2,048 to 4,096 bits in whole octets, written without leading zeros."""
        return is_usable_size(self.bits) and len(self.modulus) == 2 * self.bits // BYTE_BITS

    def is_proof(self, question: bytes, proof: bytes) -> bool:
        """Whether this is the proof of the question; never with a key of another size."""
        return self.has_usable_size and self._has_signed(encoded(OF_QUESTION, self.modulus, question), proof)

    def is_well_formed(self, roots: tuple[bytes, ...]) -> bool:
        """Whether these roots show that with this key every question has one proof (step 3)."""
        return (
            self.has_usable_size
            and len(roots) == ROOTS
            and all(self._has_signed(root_message(self.modulus, number), root) for number, root in enumerate(roots))
        )

    def _has_signed(self, message: bytes, signature: bytes) -> bool:
        try:
            key = rsa.RSAPublicNumbers(RSA_EXPONENT, int(self.modulus, 16)).public_key()
            key.verify(signature, message, EMPTY_SALT, hashes.SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, eq=False)
class NoiseKey:
    """The private key; ValueError where its modulus has no whole octets."""

    private_key: rsa.RSAPrivateKey

    def __post_init__(self) -> None:
        if not self.public.has_usable_size:
            raise ValueError(f"a key of {self.public.bits} bits proves no noise")

    @cached_property
    def public(self) -> PublicNoiseKey:
        return PublicNoiseKey(f"{self.private_key.public_key().public_numbers().n:x}")

    @cached_property
    def roots(self) -> tuple[bytes, ...]:
        """What shows that the key is well-formed."""
        return tuple(self._sign(root_message(self.public.modulus, number)) for number in range(ROOTS))

    def proof(self, question: bytes) -> bytes:
        """The only proof of the question, in as many octets as the modulus has; a millisecond, but for the last ones,
        which are remembered from shard to shard."""
        return self._proofs(question)

    @cached_property
    def _proofs(self) -> Callable[[bytes], bytes]:
        return lru_cache(REMEMBERED)(lambda question: self._sign(encoded(OF_QUESTION, self.public.modulus, question)))

    def _sign(self, message: bytes) -> bytes:
        return self.private_key.sign(message, EMPTY_SALT, hashes.SHA256())


def seed_of(proof: bytes) -> bytes:
    """The seed of all noise of a question (32 bytes), from its proof (step 4)."""
    return hashlib.sha256(VRF_SUITE.encode() + OF_SEED + proof).digest()


def encoded(domain: bytes, modulus: str, message: bytes) -> bytes:
    """The suite, the domain, the modulus and the message, none of which can be taken for a part of another."""
    number = bytes.fromhex(modulus)
    return VRF_SUITE.encode() + domain + len(number).to_bytes(4, "big") + number + message


def root_message(modulus: str, number: int) -> bytes:
    return encoded(OF_KEY, modulus, number.to_bytes(4, "big"))
