"""Certificates, their checks and the ledger as the API documents them."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from adapters.contract.certificate import SignedDocument
from adapters.contract.certificate_parts import Digest, Modulus
from adapters.contract.example import IMAGE_DIGEST, NOISE_MODULUS, PUBLIC_KEY, SMALL_PICTURE_BASE64
from adapters.contract.ledger import Account
from service.body.json_bodies import BASE64


class VerifyRequest(BaseModel):
    """A certificate to check, and what may be checked with it; a field that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: SignedDocument = Field(description="As `result.certificate` of a job has it.")
    image: str | None = Field(
        None,
        description="The image file in base64; without it, its digests are not checked.",
        examples=[None, SMALL_PICTURE_BASE64],
        json_schema_extra={"format": "byte", "pattern": BASE64},
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


class AlphaCount(BaseModel):
    """Outcomes with the same alpha."""

    alpha: float = Field(description="Each is wrong with at most this probability.", examples=[0.001])
    issued: int = Field(description="How many.", examples=[12])


class AccountDescription(BaseModel):
    """Outcomes of one kind."""

    issued: int = Field(description="How many.", examples=[12])
    alpha: float = Field(
        description="With at most this probability any of them is wrong: the sum of their alphas, at most 1.",
        examples=[0.012],
    )
    by_alpha: Sequence[AlphaCount] = Field(description="The smallest alpha first.")


class AskedOfImage(BaseModel):
    """How often one image was asked about."""

    sha256: str = Field(description="Of its canonical tensor.", examples=[IMAGE_DIGEST])
    questions: int = Field(
        description="Different questions, each with noise of its own; the same one again is not counted.", examples=[3]
    )
    allowed: int | None = Field(description="How many may be asked; null for any number.", examples=[None, 100])


class LedgerDescription(BaseModel):
    """Answers that were given out, abstentions too. The stored answer of a question is counted once however often it is
    asked for; one that lacked votes, and was not stored, each time."""

    certificates: AccountDescription = Field(description="Of /certify.")
    predictions: AccountDescription = Field(description="Of /predict.")
    image: AskedOfImage | None = Field(None, description="Of the image that was asked for.")


def describe_account(account: Account) -> AccountDescription:
    counts = [AlphaCount(alpha=float(alpha), issued=issued) for alpha, issued in account.counts.items()]
    return AccountDescription(issued=account.issued, alpha=account.alpha, by_alpha=counts)
