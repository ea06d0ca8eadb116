"""What became of the clients' attempts, held against the ledger's own bound."""

from enum import StrEnum

from pydantic import BaseModel, computed_field
from scipy.stats import poisson

FALSE_ALARM = 0.001
"""How often a sound service fails a client at most."""


class ClientName(StrEnum):
    """What a client chooses after it has looked, or what else it tries."""

    NEIGHBOURS = "neighbours"
    SAMPLES = "samples"
    LEVELS = "levels"
    BOUNDS = "bounds"
    TARGETS = "targets"
    SPELLINGS = "spellings"
    RESUBMISSION = "resubmission"
    DUPLICATES = "duplicates"
    PREDICTIONS = "predictions"


class ClientReport(BaseModel):
    """`questions` differ from each other, `dear` ones are no looks; `answers` count repetitions too.

    `false`: different answers that are not true. `disputed`: questions that got different answers. `issued` and
    `charged`: outcomes and their alphas by which the ledger grew. `allowed`: the 99.9 % quantile of Poisson(`charged`).
    """

    client: ClientName
    questions: int
    dear: int
    answers: int
    false: int
    disputed: int
    issued: int
    charged: float
    allowed: int
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Every question must be charged, and once however often it was asked."""
        return self.false <= self.allowed and not self.disputed and self.issued == self.questions


class AdversaryReport(BaseModel):
    """What each client attained with looks of hardly any alpha, and dear questions of up to this one."""

    looks: int
    alpha: float
    clients: tuple[ClientReport, ...]
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        return all(client.passed for client in self.clients)


def most_false(charged: float) -> int:
    """What the number of false answers exceeds with probability at most `FALSE_ALARM`."""
    return int(poisson.ppf(1 - FALSE_ALARM, charged)) if charged else 0
