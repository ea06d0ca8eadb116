"""The verifiable random function: one proof and one seed for a question, and what a hostile key can do."""

import math

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from adapters.certificates.vrf import (
    EMPTY_SALT,
    OF_QUESTION,
    ROOTS,
    NoiseKey,
    PublicNoiseKey,
    encoded,
    root_message,
    seed_of,
)
from tests.keys import NOISE_KEY

QUESTION = b'{"n":100}'
PROOF = NOISE_KEY.proof(QUESTION)
N = int(NOISE_KEY.public.modulus, 16)
MESSAGE = encoded(OF_QUESTION, NOISE_KEY.public.modulus, QUESTION)


def test_proof_when_it_is_made_again() -> None:
    """It is the same, passes with the public key, and its seed is pinned."""
    assert NOISE_KEY.proof(QUESTION) == PROOF
    assert NOISE_KEY.public.is_proof(QUESTION, PROOF)
    assert seed_of(PROOF).hex() == "39e05cfb4c98338513676151f09bfa07aef3630f166a17dca1e5bb2f825e5bc6"


@pytest.mark.parametrize("question", [b"", b'{"n":101}', QUESTION + b" ", QUESTION * 1000])
def test_proof_when_the_question_is_another(question: bytes) -> None:
    """It does not pass, and the other question has another seed."""
    assert not NOISE_KEY.public.is_proof(question, PROOF)
    assert seed_of(NOISE_KEY.proof(question)) != seed_of(PROOF)


def octets(number: int, length: int = len(PROOF)) -> bytes:
    return number.to_bytes(length, "big")


@pytest.mark.parametrize(
    "proof",
    [
        b"",
        PROOF[:-1],
        PROOF + b"\0",
        b"\0" + PROOF,
        octets(N - int.from_bytes(PROOF, "big")),
        octets(int.from_bytes(PROOF, "big") + N, len(PROOF) + 1),
        octets(0),
        octets(1),
        octets(N - 1),
        b"\xff" * len(PROOF),
    ],
    ids=["none", "short", "long", "shifted", "negated", "plus N", "0", "1", "N - 1", "beyond N"],
)
def test_proof_when_it_is_written_otherwise(proof: bytes) -> None:
    """One number in one way of writing passes, and no other."""
    assert not NOISE_KEY.public.is_proof(QUESTION, proof)


@pytest.mark.parametrize(
    "scheme",
    [
        padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=1),
        padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32),
        padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH),
        padding.PSS(padding.MGF1(hashes.SHA512()), salt_length=0),
        padding.PKCS1v15(),
    ],
    ids=["salt of 1", "salt of 32", "longest salt", "another mask", "PKCS #1 v1.5"],
)
def test_proof_when_its_maker_signs_in_another_way(scheme: padding.PSS | padding.PKCS1v15) -> None:
    """Who holds the key can make many signatures of the message, and one proof."""
    signature = NOISE_KEY.private_key.sign(MESSAGE, scheme, hashes.SHA256())

    assert not NOISE_KEY.public.is_proof(QUESTION, signature)


def test_roots_when_the_key_is_well_formed() -> None:
    """They show it; those of another key, in another order or of questions do not."""
    other = NoiseKey(rsa.generate_private_key(65537, 2048))

    assert len(NOISE_KEY.roots) == ROOTS
    assert NOISE_KEY.public.is_well_formed(NOISE_KEY.roots)
    assert not NOISE_KEY.public.is_well_formed(tuple(reversed(NOISE_KEY.roots)))
    assert not NOISE_KEY.public.is_well_formed(NOISE_KEY.roots[:-1])
    assert not NOISE_KEY.public.is_well_formed(other.roots)
    assert not NOISE_KEY.public.is_well_formed(
        tuple(map(NOISE_KEY.proof, (b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7")))
    )


# A key of the primes p and q where 65537 divides p - 1: each number that has a root has 65537 of them.
P = int(
    "ee26c6a589c20c2a0376e01d39cedd0b9b1d93ac9a8b0758c04a0e4dbc1613eb"
    "03ca70c8f01e0ee364f60149cc36c898a0109e3fc973144d073ef31585d16eb8"
    "680ffc481ef26c72ac59646282fc84557af6ffa83af7b68b3aedb849c22a257c"
    "89adef8842bf955571dfb7b9ace0443c6a8e1fc808e26e0f6cf95954c524846f",
    16,
)
Q = int(
    "cd4f6e525479b32d1b6c265ee3d94c7d9cd986d4dba1c999f7c41afd5dc1e8d9"
    "a70e10d05b710aa4264d55922fa64b6103197d519cbc061f964c7cb6afc65377"
    "1a54ff7f9b9baef452a4bf656887775d44f617ff10a8eb6ee71b4e357ecd8066"
    "b258038cb10c5578f17f386095cd3b01874e4bf9fcbcaa4fc07885fbc5c5ea77",
    16,
)


def test_roots_when_the_key_was_made_to_have_many_proofs() -> None:
    """Such a key has no roots of what nobody can choose: whoever made it cannot show that it is well-formed."""
    assert (P - 1) % 65537 == 0
    hostile = PublicNoiseKey(f"{P * Q:x}")
    assert hostile.has_usable_size
    # In the numbers modulo p, x has a 65537th root where x^((p - 1) / 65537) = 1: one in 65537.
    have_roots = [pow(encoding(hostile, number), (P - 1) // 65537, P) == 1 for number in range(ROOTS)]
    assert not any(have_roots)


def test_proofs_of_a_hostile_key_would_be_many() -> None:
    """What the roots guard against: a number with one root modulo p has 65537 of them, each another seed."""
    root = 0x1234567890ABCDEF
    unit = pow(3, (P - 1) // 65537, P)
    assert unit != 1
    roots = {root * pow(unit, power, P) % P for power in range(100)}

    assert len(roots) == 100
    assert {pow(one, 65537, P) for one in roots} == {pow(root, 65537, P)}


def encoding(key: PublicNoiseKey, number: int) -> int:
    """What root `number` is of: the encoding of PSS with an empty salt (RFC 8017, 9.1.1), written out."""
    length = key.bits // 8
    digest = sha256(root_message(key.modulus, number))
    found = sha256(bytes(8) + digest)
    block = bytes(length - 34) + b"\1"
    mask = b"".join(sha256(found + counter.to_bytes(4, "big")) for counter in range(math.ceil(len(block) / 32)))
    masked = bytearray(one ^ other for one, other in zip(block, mask, strict=False))
    masked[0] &= 0x7F
    return int.from_bytes(bytes(masked) + found + b"\xbc", "big")


def sha256(message: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(message)
    return digest.finalize()


def test_encoding_when_a_good_key_has_its_root() -> None:
    """The encoding that is written out here is the one that the library verifies: the root's power is it."""
    for number, root in enumerate(NOISE_KEY.roots):
        assert pow(int.from_bytes(root, "big"), 65537, N) == encoding(NOISE_KEY.public, number)


@pytest.mark.parametrize("bits", [1024, 2040])
def test_key_when_it_is_short(bits: int) -> None:
    """It proves nothing, and none of its proofs pass."""
    key = rsa.generate_private_key(65537, bits)
    public = PublicNoiseKey(f"{key.public_key().public_numbers().n:x}")
    message = encoded(OF_QUESTION, public.modulus, QUESTION)

    assert not public.is_proof(QUESTION, key.sign(message, EMPTY_SALT, hashes.SHA256()))
    with pytest.raises(ValueError, match="bits"):
        NoiseKey(key)
