"""Who signed a certificate, and with which key of the noise."""

from dataclasses import dataclass

from adapters.certificates.check import Check
from adapters.certificates.document import signed_bytes
from adapters.certificates.keys import has_small_order, is_signed
from adapters.certificates.vrf import PublicNoiseKey
from adapters.contract.certificate import AnyCertificate
from adapters.contract.keys import PublicKeys
from adapters.contract.records import JsonObject

NAME = "signature"


@dataclass(frozen=True)
class TrustedKey:
    """A public key, in hexadecimal, that is known from elsewhere, with the key of the noise if that is known too;
    `owner` is whose it is, as a sentence has it. `has_one_seed`: the noise key showed that it is well-formed."""

    public_key: str
    owner: str
    noise_key: PublicNoiseKey | None = None
    has_one_seed: bool = False

    @classmethod
    def of(cls, keys: PublicKeys, owner: str) -> "TrustedKey":
        """Raises ValueError where the key of the noise does not show that it is well-formed."""
        noise_key = PublicNoiseKey(keys.noise_key.modulus)
        if not noise_key.is_well_formed(tuple(map(bytes.fromhex, keys.noise_key.roots))):
            raise ValueError("the roots of the noise key do not show that it gives each question one seed")
        return cls(keys.public_key, owner, noise_key, has_one_seed=True)


def check_signature(document: JsonObject, certificate: AnyCertificate, trusted: TrustedKey | None) -> Check:
    if has_small_order(certificate.public_key):
        return Check(NAME, False, "Its key has a small order: a signature with it shows nothing.")
    if not is_signed(certificate.public_key, certificate.signature, signed_bytes(document)):
        return Check(NAME, False, "It is not signed with the key that it names: something in it was changed.")
    if trusted is None:
        return Check(
            NAME, True, "It is unchanged since it was signed, with the key in it: this says nothing on whose key it is."
        )
    if certificate.public_key != trusted.public_key:
        return Check(NAME, False, f"It is signed, but with another key than {trusted.owner}.")
    return Check(NAME, True, f"It is unchanged since it was signed, with {trusted.owner}.")
