"""What crosses the queue: plain records that print as JSON. Images and models travel by digest."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from adapters.canonical_json import json_digest
from adapters.contract.records import JobKind, Record, VoteKind
from adapters.contract.results import Result
from robustify.smoothing.lattice import slack_of
from robustify.types import Bound, Noise, Phase, PredictTest, SmoothingParameters, Task


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

    kind: VoteKind
    image: InputImage
    labels: tuple[str, ...]
    template: str
    sigma: float
    n0: int
    n: int
    alpha: float
    noise: Noise = Noise.GAUSSIAN
    """With lattice noise the image is in whole levels, and the fingerprint says so."""
    bound: Bound = Bound.CLOPPER_PEARSON
    """Of a certificate; an anytime bound has a target radius or a tolerance."""
    target_radius: float | None = None
    tolerance: float | None = None
    test: PredictTest = PredictTest.FIXED
    """Of a prediction."""
    step: int | None = None
    """Samples from one look to the next of a request that may stop before n, fixed at submission; None without."""
    profile: str
    engine: str
    """Names the workers that can answer: those that compute f alike, whatever the labels and sigma."""
    fingerprint: str
    task: str | None = None
    """The name that the client gave; version and adaptation are pinned when the job is submitted."""
    version: int | None = None
    adaptation: str | None = None

    @property
    def certificate_id(self) -> str:
        """Keys the noise: the same image and the same function always meet the same noise, so that asking again, or
        with another n, is no new draw."""
        return certificate_id_of(self.image.sha256, self.fingerprint)

    @property
    def outcome_key(self) -> str:
        """One outcome for each (canonical image, configuration)."""
        samples = (self.n0, self.n, self.alpha)
        method = (self.bound, self.target_radius, self.tolerance, self.test, self.step)
        return json_digest((self.kind, self.image.sha256, self.fingerprint, *samples, *method))

    @property
    def may_stop_early(self) -> bool:
        """Whether the first samples of the last phase may settle the answer."""
        return self.step is not None

    @property
    def smoothing(self) -> SmoothingParameters:
        return SmoothingParameters(self.sigma, self.n0, self.n, self.alpha, self.slack)

    @property
    def slack(self) -> float:
        """See `SmoothingParameters`; Gaussian noise is taken to be exact."""
        return slack_of(self.noise, self.sigma, self.image.height, self.image.width)

    @property
    def label_task(self) -> Task:
        return Task(self.labels, self.template, self.adaptation)

    @property
    def phases(self) -> tuple[tuple[Phase, int], ...]:
        """(phase, samples) in their order."""
        if self.kind is JobKind.PREDICT:
            return ((Phase.PREDICT, self.n),)
        return ((Phase.SELECT, self.n0), (Phase.ESTIMATE, self.n))


class AdaptRequest(Record):
    """Everything that decides what an adaptation makes: the same request with the same models makes the same files.

    Without `steps` and `fine_tuning_steps` the labels are registered as a task and nothing is adapted.
    """

    kind: Literal[JobKind.ADAPT] = JobKind.ADAPT
    name: str
    labels: tuple[str, ...]
    template: str
    shots: int
    held_back: int
    seed: int
    steps: int
    batch_size: int
    learning_rate: float
    guidance_weight: float
    """lambda of Eq. 12."""
    rank: int
    fine_tuning_steps: int
    fine_tuning_batch_size: int
    fine_tuning_learning_rate: float
    fine_tuning_mix: float
    """Share of the fine-tuned weights in those that serve."""
    publish: Literal["if-no-worse", "always"]
    profile: str
    engine: str
    models: str
    """The digest of the models that are adapted."""

    @property
    def label_task(self) -> Task:
        return Task(self.labels, self.template)

    @property
    def adapts(self) -> bool:
        return self.steps + self.fine_tuning_steps > 0


class Shard(Record):
    """Samples first .. first + count - 1 of one phase."""

    phase: Phase
    first: int
    count: int

    @property
    def key(self) -> str:
        return f"{self.phase}:{self.first}"


class JobError(Record):
    """Why a job failed, as a problem."""

    type: str = Field(description="One of a fixed list.", examples=["/problems/model-changed"])
    title: str = Field(description="Its name.", examples=["The model has changed"])
    detail: str = Field(
        description="What was wrong, and what to do.",
        examples=["The workers have another model or other settings than when the job was submitted: submit it again."],
    )


class JobRecord(Record):
    """The state of a job, owned by the service; times are seconds since the epoch."""

    id: str
    request: Annotated[JobRequest | AdaptRequest, Field(discriminator="kind")]
    status: JobStatus
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    samples_done: int = 0
    samples_total: int
    stage: str | None = None
    """Of an adaptation, which counts steps instead of samples."""
    result: Result | None = None
    error: JobError | None = None

    @property
    def vote_request(self) -> JobRequest:
        """The request of a job that counts votes; ValueError for an adaptation."""
        if isinstance(self.request, AdaptRequest):
            raise ValueError("an adaptation counts no votes")
        return self.request


class WorkerRecord(Record):
    """What a live worker says of itself every few seconds; `host` is the name of its machine or container."""

    name: str
    host: str = ""
    kinds: tuple[JobKind, ...] = tuple(JobKind)
    profile: str
    engine: str
    started_at: float
    shards_done: int
    samples_per_second: float | None = None
    """While it counts votes; None before the first shard."""


def certificate_id_of(image_sha256: str, fingerprint: str) -> str:
    """What keys the noise of a canonical tensor under a function, together with the server's secret."""
    return json_digest((image_sha256, fingerprint))
