"""Whether the noise of a certificate was the only one that its question could have."""

from collections.abc import Iterator

from adapters.certificates.check import Check
from adapters.certificates.key_files import MAX_RSA_BITS, MIN_RSA_BITS
from adapters.certificates.signature_checks import TrustedKey
from adapters.certificates.vrf import PublicNoiseKey
from adapters.contract.certificate import AnyCertificate, CertificateOfVersion1, Replayable

PROOF, KEY = "noise_proof", "noise_key"


def noise_checks(certificate: AnyCertificate, trusted: TrustedKey | None) -> Iterator[Check]:
    """None of a certificate of version 1, which has no proof."""
    if isinstance(certificate, CertificateOfVersion1):
        return
    key = PublicNoiseKey(certificate.randomness.modulus)
    yield check_key(key, trusted)
    yield check_proof(certificate, key)


def check_key(key: PublicNoiseKey, trusted: TrustedKey | None) -> Check:
    if not key.has_usable_size:
        return Check(KEY, False, f"The noise key has {key.bits} bits: {MIN_RSA_BITS} to {MAX_RSA_BITS} are asked for.")
    if trusted is None or trusted.noise_key is None:
        return Check(KEY, True, "The noise key is the one in it: this says nothing on whose it is, or how it was made.")
    if key != trusted.noise_key:
        return Check(KEY, False, f"The noise key is another than the one that came with {trusted.owner}.")
    seeds = ", and gives each question one seed" if trusted.has_one_seed else ""
    return Check(KEY, True, f"The noise key is the one that came with {trusted.owner}{seeds}.")


def check_proof(certificate: Replayable, key: PublicNoiseKey) -> Check:
    try:
        passed = key.is_proof(certificate.question.text, bytes.fromhex(certificate.randomness.proof))
    except ValueError as error:
        return Check(PROOF, False, f"No question has these fields: {error}.")
    detail = "is the one of this question" if passed else "is not that of this question with this key"
    return Check(PROOF, passed, f"The proof of the noise {detail}.")
