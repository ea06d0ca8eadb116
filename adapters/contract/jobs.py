"""What crosses the queue: plain records that print as JSON. Images and models travel by digest."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from adapters.contract.access import KEYLESS
from adapters.contract.label_sets import WrittenLabelSets
from adapters.contract.question import PlannedLooks, Question
from adapters.contract.records import Direction, JobKind, Record, VoteKind
from adapters.contract.results import Result
from adapters.contract.sigmas import WrittenSigmas
from adapters.contract.templates import WrittenTemplates
from robustify.smoothing.lattice import slack_of
from robustify.smoothing.looks import Looks
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


@dataclass(frozen=True)
class PlannedPhase:
    """So many samples at most, and when their votes may settle what the phase is for: None for at the end."""

    phase: Phase
    samples: int
    looks: Looks | None = None

    def cut(self, shard_samples: int) -> Looks:
        """Its shards: they end where it is looked at, so that a look needs no part of one."""
        return self.looks or Looks(shard_samples)


class InputImage(Record):
    """The canonical tensor by its digest, its size, the digest of the uploaded file, and the norm between the two."""

    sha256: str
    height: int
    width: int
    source_sha256: str
    source_norm: float
    """||W||_2 of resize and crop: a radius R of the tensor is R / ||W||_2 for the pixels of the file."""
    reduced_by: int = 1
    """How many stored pixels of an axis were decoded as one; the pixels of the file are the decoded ones."""


class JobRequest(Record):
    """Everything that decides a job's answer. `n0` is 0 for a prediction."""

    kind: VoteKind
    image: InputImage
    labels: tuple[str, ...]
    """Empty where there are label sets."""
    label_sets: WrittenLabelSets = ()
    template: str
    templates: WrittenTemplates = ()
    sigma: float
    """Of several the largest."""
    sigmas: WrittenSigmas = ()
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
    looks: Looks | None = None
    """When the votes of the last phase are looked at, fixed at submission; None for once, at n."""
    selection_looks: Looks | None = None
    """When the selection votes are; None for once, at n0."""
    profile: str
    engine: str
    """Names the workers that can answer: those that compute f alike, whatever the labels and sigma."""
    fingerprint: str
    task: str | None = None
    """The name that the client gave; version and adaptation are pinned when the job is submitted."""
    version: int | None = None
    adaptation: str | None = None

    @property
    def question(self) -> Question:
        """What decides the noise, and names the outcome."""
        is_certificate = self.kind is JobKind.CERTIFY
        return Question(
            kind=self.kind,
            image=self.image.sha256,
            fingerprint=self.fingerprint,
            noise=self.noise,
            n0=self.n0,
            n=self.n,
            alpha=self.alpha,
            bound=self.bound if is_certificate else None,
            target_radius=self.target_radius,
            tolerance=self.tolerance,
            test=None if is_certificate else self.test,
            selection_looks=PlannedLooks.of(self.selection_looks),
            looks=PlannedLooks.of(self.looks),
        )

    @property
    def smoothing(self) -> SmoothingParameters:
        return self.smoothing_at(self.sigma)

    def smoothing_at(self, sigma: float) -> SmoothingParameters:
        """With the alpha of the whole; Gaussian noise is taken to be exact, other has a slack that goes by sigma."""
        slack = slack_of(self.noise, sigma, self.image.height, self.image.width)
        return SmoothingParameters(sigma, self.n0, self.n, self.alpha, slack)

    @property
    def slack(self) -> float:
        """See `SmoothingParameters`."""
        return self.smoothing.slack

    @property
    def copies(self) -> int:
        """Noisy copies of each sample: one at every sigma."""
        return len(self.sigmas) or 1

    @property
    def has_sets(self) -> bool:
        """Whether a sample has several votes, each in a set of its own: of a label set, or of a sigma."""
        return bool(self.label_sets or self.sigmas)

    @property
    def label_task(self) -> Task:
        if self.label_sets:
            return Task.of_sets(self.label_sets, self.templates or (self.template,))
        return Task(self.labels, self.template, self.adaptation, self.templates)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of labels of each set of votes, of which there is one or more."""
        return tuple(map(len, self.label_sets)) or (len(self.labels),) * self.copies

    @property
    def phases(self) -> tuple[PlannedPhase, ...]:
        """In their order."""
        if self.kind is JobKind.PREDICT:
            return (PlannedPhase(Phase.PREDICT, self.n, self.looks),)
        return (
            PlannedPhase(Phase.SELECT, self.n0, self.selection_looks),
            PlannedPhase(Phase.ESTIMATE, self.n, self.looks),
        )


class PreviewRequest(Record):
    """Everything that decides what a preview shows."""

    kind: Literal[JobKind.PREVIEW] = JobKind.PREVIEW
    image: InputImage
    labels: tuple[str, ...]
    template: str
    templates: WrittenTemplates = ()
    sigma: float
    draw: int = 0
    """Which noisy copy."""
    radius: float | None = None
    """L2 length of the change; None where nothing is changed."""
    direction: Direction | None = None
    profile: str
    engine: str
    fingerprint: str
    task: str | None = None
    version: int | None = None
    adaptation: str | None = None

    @property
    def label_task(self) -> Task:
        return Task(self.labels, self.template, self.adaptation, self.templates)


class AdaptRequest(Record):
    """Everything that decides what an adaptation makes: the same request with the same models makes the same files.

    Without `steps` and `fine_tuning_steps` the labels are registered as a task and nothing is adapted.
    """

    kind: Literal[JobKind.ADAPT] = JobKind.ADAPT
    owner: str = KEYLESS
    """Whose task it is: a name stands for another one with another key."""
    name: str
    labels: tuple[str, ...]
    template: str
    templates: WrittenTemplates = ()
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
        return Task(self.labels, self.template, templates=self.templates)

    @property
    def adapts(self) -> bool:
        return self.steps + self.fine_tuning_steps > 0


AnyRequest = JobRequest | PreviewRequest | AdaptRequest


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
    """The state of a job; times are seconds since the epoch.

    What an owner sees of one has the id of a ticket, which holds the job whose id is `job`.
    """

    id: str
    job: str = ""
    owner: str = KEYLESS
    trace: str | None = None
    """What follows the job through the processes (a W3C traceparent)."""
    request: Annotated[AnyRequest, Field(discriminator="kind")]
    status: JobStatus
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    samples_done: int = 0
    samples_total: int
    stage: str | None = None
    """Of an adaptation, which counts steps instead of samples, and of a preview."""
    result: Result | None = None
    error: JobError | None = None

    @property
    def vote_request(self) -> JobRequest:
        """The request of a job that counts votes; ValueError for any other."""
        if not isinstance(self.request, JobRequest):
            raise ValueError(f"a job of kind {self.request.kind} counts no votes")
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
    seen_at: float | None = None
    """When it gave this sign."""
