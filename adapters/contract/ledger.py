"""The ledger: how many outcomes were given out, and the probability that one of them is wrong.

Counts are kept for each alpha by itself and summed as fractions: a running sum of floats would drift.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pydantic import BaseModel, Field

from adapters.contract.example import IMAGE_DIGEST


@dataclass(frozen=True)
class Account:
    """Outcomes of one kind: alpha, as text in its shortest form, to the number of outcomes with it."""

    counts: Mapping[str, int]

    @property
    def issued(self) -> int:
        return sum(self.counts.values())

    @property
    def alpha(self) -> float:
        """The family-wise alpha: with at most this probability any of them is wrong (union bound)."""
        return float(
            min(Fraction(1), sum((Fraction(alpha) * count for alpha, count in self.counts.items()), Fraction()))
        )


@dataclass(frozen=True)
class Ledger:
    """Certificates and predictions, each outcome counted once however often it was asked for; abstentions too."""

    certificates: Account
    predictions: Account

    @classmethod
    def of(cls, entries: Mapping[str, str | int]) -> "Ledger":
        """From the entries of the board."""
        return cls(account(entries, "certify"), account(entries, "predict"))


def ledger_entry(kind: str, alpha: float) -> str:
    """The name under which outcomes of this kind and alpha are counted."""
    return f"{kind}:{alpha!r}"


def account(entries: Mapping[str, str | int], kind: str) -> Account:
    own = {name.partition(":")[2]: int(count) for name, count in entries.items() if name.startswith(f"{kind}:")}
    return Account(dict(sorted(own.items(), key=lambda item: float(item[0]))))


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
