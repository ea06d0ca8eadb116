"""`robustify selftest --operator`: who holds all keys looks for a second noise for one question, and must find none.

The operator has a certificate of an image whose answer is known, and the private keys. What an operator could like is
another seed for the same question, until one gives the wanted votes. So every attempt puts another proof into the
document, signs it again, and asks `verify` with the public keys that were published: no check but that of the proof, or
of the noise key, stands between the attempt and a valid certificate.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle, islice

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import BaseModel, computed_field

from adapters.certificates.checks import verify
from adapters.certificates.document import read_certificate, signed_bytes
from adapters.certificates.key_files import signing_key
from adapters.certificates.keys import sign
from adapters.certificates.public_keys import noise_key, public_keys
from adapters.certificates.signature_checks import TrustedKey
from adapters.certificates.vrf import OF_QUESTION, NoiseKey, encoded, seed_of
from adapters.contract.certificate import Certificate
from adapters.contract.question import Question
from adapters.contract.records import JsonObject
from adapters.settings import Settings

LATE_KEYS = 4
"""Keys that the operator makes after the image is known: each takes some tenths of a second."""
OWN_CHECKS = {"noise_key", "noise_proof"}


@dataclass(frozen=True)
class Attempt:
    """Another proof of the same question, with the key that it is of."""

    kind: str
    modulus: str
    proof: bytes


class OperatorReport(BaseModel):
    """`tried`: attempts by their kind. `accepted`: those that passed every check; `seeds`: the different seeds among
    these and the honest one. `other_failures`: attempts that something else than the noise refused."""

    tried: dict[str, int]
    accepted: int
    seeds: int
    other_failures: int
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        return (self.accepted, self.seeds, self.other_failures) == (0, 1, 0)


def try_secrets(
    settings: Settings, document: JsonObject, picture: bytes, tries: int, on_attempt: Callable[[], None] = lambda: None
) -> OperatorReport:
    """So many attempts, of all kinds in turn, at a certificate that the keys of these settings made."""
    started, certificate = time.monotonic(), read_certificate(document)
    assert isinstance(certificate, Certificate)
    question = certificate.question
    key, private_key = noise_key(settings), signing_key(settings)
    trusted = TrustedKey.of(public_keys(settings), "the published keys")
    assert verify(document, trusted, picture).valid
    tried: Counter[str] = Counter()
    accepted, other_failures = [], 0
    for attempt in islice(attempts(key, question), tries):
        verification = verify(forged(document, private_key, attempt), trusted, picture)
        failed = {check.name for check in verification.checks if not check.passed}
        tried[attempt.kind] += 1
        other_failures += bool(failed - OWN_CHECKS)
        accepted += [seed_of(attempt.proof)] if verification.valid else []
        on_attempt()
    return OperatorReport(
        tried=dict(tried),
        accepted=len(accepted),
        seeds=len({*accepted, seed_of(key.proof(question.text))}),
        other_failures=other_failures,
        seconds=round(time.monotonic() - started, 1),
    )


def forged(certificate: JsonObject, private_key: bytes, attempt: Attempt) -> JsonObject:
    """The certificate with this proof, signed again by who may sign."""
    randomness = certificate["randomness"]
    assert isinstance(randomness, dict)
    changed: JsonObject = {
        **certificate,
        "randomness": {**randomness, "modulus": attempt.modulus, "proof": attempt.proof.hex()},
    }
    return {**changed, "signature": sign(private_key, signed_bytes(changed))}


def attempts(key: NoiseKey, question: Question) -> Iterator[Attempt]:
    """Without end: each kind in turn."""
    kinds = (
        salted(key, question),
        other_questions(key, question),
        changed_bits(key, question),
        rewritten(key, question),
    )
    for sources in zip(*kinds, late_keys(question), strict=True):
        yield from sources


def salted(key: NoiseKey, question: Question) -> Iterator[Attempt]:
    """Signatures of the question with fresh salts: their maker can make any number, each another "seed"."""
    message = encoded(OF_QUESTION, key.public.modulus, question.text)
    for salt in cycle((32, 1, 16, 20)):
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=salt)
        signature = key.private_key.sign(message, scheme, hashes.SHA256())
        yield Attempt("another salt", key.public.modulus, signature)


def other_questions(key: NoiseKey, question: Question) -> Iterator[Attempt]:
    """True proofs of questions that are nearly this one."""
    for more in count(1):
        other = question.model_copy(update={"n": question.n + more})
        yield Attempt("another question", key.public.modulus, key.proof(other.text))


def changed_bits(key: NoiseKey, question: Question) -> Iterator[Attempt]:
    """The honest proof with a bit changed, one after the other."""
    proof = key.proof(question.text)
    for place in cycle(range(8 * len(proof))):
        changed = bytearray(proof)
        changed[place // 8] ^= 1 << (place % 8)
        yield Attempt("a changed bit", key.public.modulus, bytes(changed))


def rewritten(key: NoiseKey, question: Question) -> Iterator[Attempt]:
    """Numbers that are roots of something near: the proof negated, times a power, or signed in an older way."""
    modulus, length = int(key.public.modulus, 16), len(key.public.modulus) // 2
    proof = int.from_bytes(key.proof(question.text), "big")
    message = encoded(OF_QUESTION, key.public.modulus, question.text)
    older = key.private_key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    for factor in count(2):
        yield Attempt("a rewritten root", key.public.modulus, (modulus - proof).to_bytes(length, "big"))
        yield Attempt("a rewritten root", key.public.modulus, older)
        yield Attempt("a rewritten root", key.public.modulus, (proof * factor % modulus).to_bytes(length, "big"))


def late_keys(question: Question) -> Iterator[Attempt]:
    """True proofs of this question by keys that were not published."""
    keys = [NoiseKey(rsa.generate_private_key(65537, 2048)) for _ in range(LATE_KEYS)]
    for key in cycle(keys):
        yield Attempt("a late key", key.public.modulus, key.proof(question.text))
