"""What every record that crosses the queue is made of."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

JsonObject = dict[str, JsonValue]
"""A JSON document that is passed on as it is, and parsed by nobody here."""


class JobKind(StrEnum):
    PREDICT = "predict"
    CERTIFY = "certify"
    ADAPT = "adapt"
    PREVIEW = "preview"


VoteKind = Literal[JobKind.PREDICT, JobKind.CERTIFY]
"""Of a job that counts votes."""
ImageKind = Literal[JobKind.PREDICT, JobKind.CERTIFY, JobKind.PREVIEW]
"""Of a job that is about an image."""


class Direction(StrEnum):
    """Where a preview changes the image to."""

    RANDOM = "random"
    WORST = "worst"
    """The worst that a short attack finds."""


class Record(BaseModel):
    """Constructed with known fields only; who reads one that a newer release wrote ignores what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
