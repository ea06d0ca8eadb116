"""The ledger: how many outcomes were given out, and the probability that one of them is wrong.

Counts are kept for each alpha by itself and summed as fractions: a running sum of floats would drift.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


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
