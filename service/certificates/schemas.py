"""Certificates, their checks and the ledger as the API documents them."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from adapters.certificates.keys import ALGORITHM
from adapters.contract.certificate import SignedDocument
from adapters.contract.ledger import Account


class PublicKey(BaseModel):
    """What the certificates of this service are signed with."""

    algorithm: Literal["Ed25519"] = ALGORITHM
    public_key: str


class VerifyRequest(BaseModel):
    """A certificate to check, and what may be checked with it; a field that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: SignedDocument = Field(description="As `result.certificate` of a job has it.")
    image: str | None = Field(None, description="The image file in base64; without it, its digests are not checked.")
    key: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(
        None, description="The public key that must have signed it, in hexadecimal; by default that of this service."
    )


class AlphaCount(BaseModel):
    """Outcomes with the same alpha."""

    alpha: float
    issued: int


class AccountDescription(BaseModel):
    """`alpha`: with at most this probability any of those issued is wrong: the sum of their alphas, at most 1."""

    issued: int
    alpha: float
    by_alpha: Sequence[AlphaCount]


class LedgerDescription(BaseModel):
    """Outcomes that were given out, each counted once however often it was asked for; abstentions count too."""

    certificates: AccountDescription
    predictions: AccountDescription


def describe_account(account: Account) -> AccountDescription:
    counts = [AlphaCount(alpha=float(alpha), issued=issued) for alpha, issued in account.counts.items()]
    return AccountDescription(issued=account.issued, alpha=account.alpha, by_alpha=counts)
