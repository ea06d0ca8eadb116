"""Certificates, their checks and the ledger as the API documents them."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from adapters.certificates.keys import ALGORITHM
from adapters.contract.certificate import Digest, SignedDocument
from adapters.contract.example import PUBLIC_KEY, SMALL_PICTURE_BASE64
from adapters.contract.ledger import Account
from service.body.json_bodies import BASE64


class PublicKey(BaseModel):
    """What the certificates of this service are signed with."""

    algorithm: Literal["Ed25519"] = ALGORITHM
    public_key: str = Field(description="In hexadecimal.", examples=[PUBLIC_KEY])


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


class LedgerDescription(BaseModel):
    """Outcomes that were given out, each counted once however often it was asked for; abstentions count too."""

    certificates: AccountDescription = Field(description="Of /certify.")
    predictions: AccountDescription = Field(description="Of /predict.")


def describe_account(account: Account) -> AccountDescription:
    counts = [AlphaCount(alpha=float(alpha), issued=issued) for alpha, issued in account.counts.items()]
    return AccountDescription(issued=account.issued, alpha=account.alpha, by_alpha=counts)
