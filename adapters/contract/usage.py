"""What an owner has used."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pydantic import Field

from adapters.contract.access import Caller
from adapters.contract.records import JobKind, Record
from adapters.settings import Settings

DAY_SECONDS = 86400


class DayUsage(Record):
    """One day of UTC."""

    date: str = Field(description="Of UTC.", examples=["2026-11-29"])
    samples: int = Field(
        description="Noisy samples that were charged; those of jobs under way are charged as planned, and what they do "
        "not use is given back.",
        examples=[20200],
    )
    jobs: Mapping[str, int] = Field(description="Jobs that were accepted, by kind.", examples=[{"certify": 2}])


class Limits(Record):
    """How much an owner may have; null for any number."""

    samples_per_day: int | None = Field(description="Noisy samples of one day in UTC.", examples=[1_000_000, None])
    requests_per_minute: int | None = Field(description="Requests of any kind.", examples=[600])
    queued_jobs: int = Field(description="Jobs of one kind that wait at once.", examples=[250])
    stored_bytes: int | None = Field(description="Bytes of images that are stored at once.", examples=[1 << 30, None])

    @classmethod
    def of(cls, caller: Caller, settings: Settings) -> "Limits":
        """Those of a key; who needs none is bounded as all are together."""
        allowance = caller.allowance
        if not caller.has_key:
            queued = settings.max_queued_jobs
            return cls(samples_per_day=None, requests_per_minute=None, queued_jobs=queued, stored_bytes=None)
        return cls(
            samples_per_day=allowance.samples_per_day or settings.samples_per_day,
            requests_per_minute=allowance.requests_per_minute or settings.requests_per_minute,
            queued_jobs=allowance.queued_jobs or settings.max_queued_jobs_per_key,
            stored_bytes=allowance.stored_bytes or settings.max_stored_bytes_per_key,
        )


class Usage(Record):
    """Of one owner."""

    images: int
    waiting: Mapping[JobKind, int]
    days: tuple[DayUsage, ...]

    @classmethod
    def of(cls, images: int, waiting: Mapping[JobKind, int], days: Sequence[tuple[int, Mapping[str, str]]]) -> "Usage":
        """From what the board has; a day is its number since the epoch."""
        return cls(images=images, waiting=waiting, days=tuple(_day(number, fields) for number, fields in days))


def _day(number: int, fields: Mapping[str, str]) -> DayUsage:
    kinds = {kind.value for kind in JobKind}
    return DayUsage(
        date=datetime.fromtimestamp(number * DAY_SECONDS, UTC).date().isoformat(),
        samples=int(fields.get("samples", 0)),
        jobs={name: int(times) for name, times in fields.items() if name in kinds},
    )
