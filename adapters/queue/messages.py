"""What crosses the queue: plain records that print as JSON. Images and models travel by digest."""

import hashlib
import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from robustify.types import Phase, SmoothingParameters, Task


class JobKind(StrEnum):
    PREDICT = "predict"
    CERTIFY = "certify"


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def done(self) -> bool:
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


class Record(BaseModel):
    """Constructed with known fields only; who reads one that a newer release wrote ignores what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class InputImage(Record):
    """The canonical tensor by its digest, its size, the digest of the uploaded file, and the norm between the two."""

    sha256: str
    height: int
    width: int
    source_sha256: str
    source_norm: float
    """||W||_2 of resize and crop: a radius R of the tensor is R / ||W||_2 for the pixels of the file."""


class JobRequest(Record):
    """Everything that decides a job's answer. `n0` is 0 for a prediction."""

    kind: JobKind
    image: InputImage
    labels: tuple[str, ...]
    template: str
    sigma: float
    n0: int
    n: int
    alpha: float
    target_radius: float | None = None
    profile: str
    engine: str
    """Names the workers that can answer: those that compute f alike, whatever the labels and sigma."""
    fingerprint: str
    task: str | None = None

    @property
    def certificate_id(self) -> str:
        """Keys the noise: the same image and the same function always meet the same noise, so that asking again, or
        with another n, is no new draw."""
        return _digest(self.image.sha256, self.fingerprint)

    @property
    def outcome_key(self) -> str:
        """One outcome for each (canonical image, configuration)."""
        return _digest(self.kind, self.image.sha256, self.fingerprint, self.n0, self.n, self.alpha)

    @property
    def smoothing(self) -> SmoothingParameters:
        return SmoothingParameters(self.sigma, self.n0, self.n, self.alpha)

    @property
    def label_task(self) -> Task:
        return Task(self.labels, self.template)

    @property
    def phases(self) -> tuple[tuple[Phase, int], ...]:
        """(phase, samples) in their order."""
        if self.kind is JobKind.PREDICT:
            return ((Phase.PREDICT, self.n),)
        return ((Phase.SELECT, self.n0), (Phase.ESTIMATE, self.n))


class Shard(Record):
    """Samples first .. first + count - 1 of one phase."""

    phase: Phase
    first: int
    count: int

    @property
    def key(self) -> str:
        return f"{self.phase}:{self.first}"


def shards_of(phase: Phase, samples: int, shard_samples: int) -> Iterator[Shard]:
    for first in range(0, samples, shard_samples):
        yield Shard(phase=phase, first=first, count=min(shard_samples, samples - first))


class JobError(Record):
    """A problem: `type` is one of a fixed list, `title` its name, `detail` what was wrong and what to do."""

    type: str
    title: str
    detail: str


class JobRecord(Record):
    """The state of a job, owned by the service; times are seconds since the epoch."""

    id: str
    request: JobRequest
    status: JobStatus
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    samples_done: int = 0
    samples_total: int
    result: dict[str, Any] | None = None
    error: JobError | None = None


class WorkerRecord(Record):
    """What a live worker says of itself every few seconds."""

    name: str
    profile: str
    engine: str
    started_at: float
    shards_done: int


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, allow_nan=False).encode()).hexdigest()
