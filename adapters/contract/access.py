"""Who may ask for what: keys, what each may do, and how much of it."""

from enum import StrEnum

from pydantic import Field

from adapters.contract.records import Record

KEYLESS = ""
"""The owner of what is asked for without a key, where that is allowed."""


class Scope(StrEnum):
    """What a key may do; each route asks for one, or for any of some."""

    PREDICT = "predict"
    CERTIFY = "certify"
    ADAPT = "adapt"
    READ = "read"
    """Read what is there: one's own jobs and usage, tasks, models, the ledger."""
    ADMIN = "admin"
    """What concerns everybody: metrics, and every route that no list names."""


EVERY_SCOPE = frozenset(Scope)
USER_SCOPES = frozenset(Scope) - {Scope.ADMIN}


class Allowance(Record):
    """How much an owner may ask for; None where the settings hold, and they may say "any"."""

    samples_per_day: int | None = Field(None, ge=1, description="Noisy samples of one day in UTC.")
    requests_per_minute: int | None = Field(None, ge=1, description="Requests of any kind.")
    queued_jobs: int | None = Field(None, ge=1, description="Jobs that wait at once.")
    stored_bytes: int | None = Field(None, ge=1, description="Bytes of images that are stored at once.")


class Caller(Record):
    """Who asks: the owner of what comes of it, and what that owner may do."""

    owner: str = KEYLESS
    """The id of a key, or KEYLESS."""
    name: str = "without a key"
    """What the operator calls the key."""
    scopes: frozenset[Scope] = USER_SCOPES
    allowance: Allowance = Allowance()
    profiles: frozenset[str] | None = None
    """Whose models may be asked; None for all that are served."""

    def may_ask(self, profile: str) -> bool:
        return self.profiles is None or profile in self.profiles

    @property
    def has_key(self) -> bool:
        return self.owner != KEYLESS
