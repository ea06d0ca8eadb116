"""The public keys of a service, as one document: what its certificates are signed with, and how its noise is proven."""

from typing import Annotated, Final, Literal

from pydantic import Field

from adapters.contract.certificate_parts import Digest, Modulus, Proof
from adapters.contract.example import NOISE_MODULUS, NOISE_ROOTS, PUBLIC_KEY
from adapters.contract.records import Record

VRF_SUITE: Final = "robustify-vrf-1"
"""Names the verifiable random function of the noise (`adapters/certificates/vrf.py`)."""


class PublicNoiseKeyDocument(Record):
    """The RSA key (exponent 65537) that proves the seed of each question."""

    algorithm: Literal["robustify-vrf-1"] = VRF_SUITE
    modulus: Modulus = Field(description="In hexadecimal.", examples=[NOISE_MODULUS])
    roots: Annotated[tuple[Proof, ...], Field(max_length=8)] = Field(
        description="What shows that with this key every question has one seed, whoever made it.",
        examples=[NOISE_ROOTS],
    )


class PublicKeys(Record):
    """What certificates are checked with; keep it where a forger of certificates cannot change it."""

    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: Digest = Field(description="That signs certificates, in hexadecimal.", examples=[PUBLIC_KEY])
    noise_key: PublicNoiseKeyDocument
