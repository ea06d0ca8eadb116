"""What an owner has, as the API documents it: a page of jobs, and what was used."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from adapters.contract.access import Scope
from adapters.contract.example import JOB_ID
from adapters.contract.jobs import JobError
from adapters.contract.usage import DayUsage, Limits
from service.jobs.schemas import JobState, Links


class JobSummary(JobState):
    """A job without its votes, its parameters and its certificate: `links.self` has all of it."""

    outcome: str | None = Field(description="Of its result; null unless it succeeded.", examples=["certified"])
    label: str | None = Field(description="Of its result; null where that names none.", examples=["horse"])
    radius: float | None = Field(description="Of a certificate that has one.", examples=[0.44300])
    error: JobError | None = Field(description="Why it failed; null unless it did.", examples=[None])
    links: Links


class JobPage(BaseModel):
    """The latest jobs first."""

    data: Sequence[JobSummary]
    has_more: bool = Field(
        description="Whether to ask on with `after`; where few jobs of many are asked for, a page may have none and "
        "more may come.",
        examples=[False],
    )
    first_id: str | None = Field(description="The first of the page; null where it has none.", examples=[JOB_ID])
    last_id: str | None = Field(description="What to give as `after` for the next page.", examples=[JOB_ID])


class UsageLimits(Limits):
    """How much the caller may have; null for any number."""

    samples_left_today: int | None = Field(description="Until midnight in UTC.", examples=[979_800, None])


class StoredImages(BaseModel):
    """Canonical tensors that are stored for the caller."""

    images: int = Field(examples=[2])
    bytes: int = Field(description="That they take, as they count against the limit.", examples=[24_576])


class Lifetimes(BaseModel):
    """Seconds for which things are kept."""

    jobs: int = Field(description="A job and its result, after its end.", examples=[86_400])
    images: int = Field(
        description="An image, after the end of the last job about it, and at most as much more as a job may wait.",
        examples=[86_400],
    )
    outcomes: int = Field(description="The outcome of a question.", examples=[2_592_000])


class UsageDescription(BaseModel):
    """What the caller is, may, and has used."""

    id: str = Field(description="Of the key; empty without one.", examples=["k3v9x2m7q4d1"])
    name: str = Field(description="What the operator calls it.", examples=["inspection line 4"])
    scopes: Sequence[Scope] = Field(description="What it may do.", examples=[["certify", "predict", "read"]])
    profiles: Sequence[str] = Field(description="Of those that are served, which it may ask.", examples=[["mini"]])
    limits: UsageLimits
    stored: StoredImages
    waiting: Mapping[str, int] = Field(
        description="Jobs that nobody has begun, by kind.", examples=[{"predict": 0, "adapt": 0, "certify": 1}]
    )
    days: Sequence[DayUsage] = Field(description="Today first.")
    lifetimes: Lifetimes
