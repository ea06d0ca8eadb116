"""Certificates, their checks and the ledger as the API documents them."""

from pydantic import BaseModel, ConfigDict, Field

from adapters.contract.certificate import AnySignedDocument
from adapters.contract.certificate_parts import Digest, Modulus
from adapters.contract.example import NOISE_MODULUS, PUBLIC_KEY, SMALL_PICTURE_BASE64
from service.body.json_bodies import BASE64


class VerifyRequest(BaseModel):
    """A certificate to check, and what may be checked with it; a field that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: AnySignedDocument = Field(description="As `result.certificate` of a job has it.")
    image: str | None = Field(
        None,
        description="The image file in base64; without it, its digests are not checked.",
        examples=[None, SMALL_PICTURE_BASE64],
        json_schema_extra={"format": "byte", "contentEncoding": "base64", "pattern": BASE64},
    )
    key: Digest | None = Field(
        None,
        description="The public key that must have signed it, in hexadecimal; by default that of this service.",
        examples=[PUBLIC_KEY],
    )
    noise_key: Modulus | None = Field(
        None,
        description="The modulus of the noise key that must have proven its noise, in hexadecimal; by default that of "
        "this service, unless `key` is given.",
        examples=[None, NOISE_MODULUS],
    )
