"""What the service answers, typed: frozen, and tolerant of fields that a later release adds.

What each field means is said in the service's own description (`/openapi.json`); here stand names and types. A field
that this release does not know is kept: `record.model_extra`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, JsonValue


class Record(BaseModel):
    """What all answers are."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class LabelVotes(Record):
    """How many samples voted for a label."""

    label: str
    count: int


class AnsweringModel(Record):
    """What computed the votes; `fingerprint` names everything that decides the answer."""

    profile: str
    fingerprint: str
    task: str | None = None
    version: int | None = None
    adaptation: str | None = None


class AnsweredImage(Record):
    """The image by its digests: of the canonical tensor, and of the uploaded file."""

    sha256: str
    height: int
    width: int
    source_sha256: str
    reduced_by: int = 1


class VotedResult(Record):
    """What all answers about one label set have. `label` is None where none is named."""

    outcome: str
    label: str | None
    index: int | None
    votes: tuple[LabelVotes, ...]
    n: int
    samples_used: int
    alpha: float
    sigma: float
    noise: str = "gaussian"
    model: AnsweringModel
    input: AnsweredImage
    seconds: float

    @property
    def is_abstention(self) -> bool:
        """Whether the votes support no claim: an answer, and no error."""
        return self.outcome not in ("predicted", "certified")


class PredictResult(VotedResult):
    """A label, or an abstention: `outcome` is `predicted` or `abstained`."""

    test: str = "fixed"
    p_value: float
    question: Mapping[str, JsonValue] | None = None
    randomness: Mapping[str, JsonValue] | None = None


class CertifyResult(VotedResult):
    """A label with an L2 radius: `outcome` is `certified`, `abstained`, `not_certified` or `undecided`.

    `radius` is of the canonical tensor, `radius_source_pixels` of the decoded pixels of the file, both for pixels in
    [0, 1] and None unless certified. `certificate` is the signed document; as JSON in a file it can be verified.
    """

    radius: float | None
    radius_source_pixels: float | None = None
    target_radius: float | None = None
    tolerance: float | None = None
    bound: str
    n0: int
    selection_samples: int
    p_lower: float
    p_upper: float | None = None
    selection_votes: tuple[LabelVotes, ...]
    certificate: Mapping[str, JsonValue] | None = None


class SetAnswer(Record):
    """What a certificate says in one of its label sets."""

    outcome: str
    label: str | None
    index: int | None
    radius: float | None
    radius_source_pixels: float | None = None
    p_lower: float
    p_upper: float | None = None
    selection_votes: tuple[LabelVotes, ...]
    votes: tuple[LabelVotes, ...]


class CertifySetsResult(Record):
    """An answer for each label set, all of which hold together, except with probability `alpha`."""

    outcome: str
    sets: tuple[SetAnswer, ...]
    bound: str
    n0: int
    n: int
    selection_samples: int
    samples_used: int
    alpha: float
    alpha_each: float
    sigma: float
    noise: str
    model: AnsweringModel
    input: AnsweredImage
    seconds: float
    certificate: Mapping[str, JsonValue] | None = None

    @property
    def is_abstention(self) -> bool:
        """Whether no set has a radius."""
        return self.outcome != "certified"


class SigmaAnswer(SetAnswer):
    """What a certificate says at one of its sigmas."""

    sigma: float


class CertifySigmasResult(Record):
    """The answer at the sigma with the largest radius, and those at all sigmas, which hold together."""

    outcome: str
    label: str | None
    index: int | None
    radius: float | None
    radius_source_pixels: float | None = None
    sigma: float
    sigmas: tuple[SigmaAnswer, ...]
    bound: str
    n0: int
    n: int
    selection_samples: int
    samples_used: int
    alpha: float
    alpha_each: float
    noise: str
    model: AnsweringModel
    input: AnsweredImage
    seconds: float
    certificate: Mapping[str, JsonValue] | None = None

    @property
    def is_abstention(self) -> bool:
        """Whether there is a radius at no sigma."""
        return self.outcome != "certified"


class Seen(Record):
    """What the classifier says of the image without noise, of a noisy copy, and of that copy denoised, if anything."""

    plain: str | None
    noisy: str | None
    denoised: str | None


class PreviewPicture(Record):
    """A picture of a preview; `Job.picture(name)` is its file."""

    name: str
    width: int
    height: int
    href: str = ""


class Change(Record):
    """A change of the image of exactly the L2 length `radius`, for pixels in [0, 1], and what it does to a noisy copy.

    The picture `difference` has 127.5 + `scale` x change in each channel, rounded. `largest`: the largest of a channel.
    """

    radius: float
    direction: str
    steps: int
    seen_before: str | None
    seen_after: str | None
    largest: float
    scale: float


class PreviewResult(Record):
    """What the models see of an image: no answer, and counted nowhere."""

    outcome: str
    sigma: float
    seen: Seen
    pictures: tuple[PreviewPicture, ...]
    change: Change | None = None
    model: AnsweringModel
    input: AnsweredImage
    seconds: float


class JudgedAt(Record):
    """How held-back references are classified and certified at one sigma; `certified_accuracy` is by radius."""

    sigma: float
    images: int
    accuracy: float
    certified_accuracy: Mapping[str, float]
    acr: float


class Figures(Record):
    """What an adaptation brought, at each sigma."""

    before: tuple[JudgedAt, ...]
    after: tuple[JudgedAt, ...]
    no_worse: bool


class MadeTask(Record):
    """The task as it was when its adaptation ended; `current` is the version that answers."""

    id: str
    name: str
    version: int
    current: int


class AdaptedFrom(Record):
    """What was adapted."""

    profile: str
    models: str


class AdaptResult(Record):
    """`outcome` is `published`, `not_published` (it did worse, and does not answer) or `registered` (labels alone)."""

    outcome: str
    task: MadeTask
    adaptation: str | None
    figures: Figures | None
    model: AdaptedFrom
    seconds: float


AnyCertifyResult = CertifyResult | CertifySetsResult | CertifySigmasResult
AnyResult = PredictResult | AnyCertifyResult | AdaptResult | PreviewResult


class Progress(Record):
    """How far a job is, in samples, steps or images.

    `place`: in the line of those that wait, from 1. `stage`: of an adaptation. `votes`: so far, where looking at them
    before the end is sound.
    """

    done: int
    total: int
    unit: str = ""
    place: int | None = None
    stage: str | None = None
    seconds_left: float | None = None
    votes: tuple[LabelVotes, ...] | None = None


class JobProblem(Record):
    """Why a job failed, or why an image of a batch was refused."""

    type: str | None = None
    title: str = ""
    detail: str


class JobState(Record):
    """Which job it is, and how far."""

    id: str
    kind: str = ""
    status: str
    done: bool
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    progress: Progress
    error: JobProblem | None = None


class JobRecord(JobState):
    """A job as it was when the service was asked. `result` is as the service wrote it: `Job.result` is typed.

    `advice`: why there is no answer, and what would help, in a sentence.
    """

    params: Mapping[str, JsonValue] | None = None
    result: JsonValue = None
    advice: str | None = None


class JobSummary(JobState):
    """A job in a list: of its result there is the outcome, the label and the radius."""

    outcome: str | None = None
    label: str | None = None
    radius: float | None = None


class JobPage(Record):
    """A page of a list of jobs."""

    data: tuple[JobSummary, ...]
    has_more: bool
    last_id: str | None


class JobEvent(Record):
    """Something moved: `job` is there once it is done."""

    status: str
    progress: Progress
    job: JobRecord | None = None


class FixedCost(Record):
    """Of a certificate without a target: how likely it has the radius, and the samples that it takes."""

    certified: float
    samples: int
    seconds: float | None


class AdaptiveCost(Record):
    """Of a certificate with the target: how likely each end is, and the samples on average."""

    certified: float
    not_certified: float
    undecided: float
    samples: float
    seconds: float | None


class Cost(Record):
    """For a class that a noisy copy gets with probability `p`."""

    p: float
    fixed: FixedCost
    adaptive: AdaptiveCost | None


class Fewest(Record):
    """Samples below which not even unanimous votes certify the radius."""

    fixed: int | None = None
    adaptive: int | None = None


class Plan(Record):
    """What a radius costs."""

    target_radius: float
    sigma: float
    n: int
    n0: int
    alpha: float
    label_sets: int = 1
    sigmas: int = 1
    p_needed: float
    fewest: Fewest
    samples_per_second: float | None
    costs: tuple[Cost, ...]


class Task(Record):
    """A label set under a name; `current` is the version that answers, `versions` how many there are."""

    id: str
    name: str
    labels: tuple[str, ...]
    template: str
    templates: tuple[str, ...] = ()
    created_at: datetime
    current: int
    versions: int


class Tasks(Record):
    """By name."""

    tasks: tuple[Task, ...]


class TaskVersion(Record):
    """A version of a task; `answers`: it is the current one, `served`: it fits the models that are served."""

    number: int
    adaptation: str | None
    models: str | None
    parent: int | None
    created_at: datetime
    answers: bool
    served: bool
    figures: Figures | None


class TaskVersions(Record):
    """In the order in which they were made."""

    versions: tuple[TaskVersion, ...]


class BatchRecord(Record):
    """Images that were asked about at once; `counts` says how many stand how."""

    id: str
    kind: str
    status: str
    done: bool
    created_at: datetime
    ended_at: datetime | None
    progress: Progress
    counts: Mapping[str, int]
    refused: int


class BatchPage(Record):
    """A page of a list of batches."""

    data: tuple[BatchRecord, ...]
    has_more: bool
    last_id: str | None


class BatchLine(Record):
    """What became of one image; `result` is as the service wrote it, `error` is there where there is none."""

    index: int
    name: str | None = None
    sha256: str | None = None
    job: str | None = None
    status: str
    result: JsonValue = None
    error: JobProblem | None = None


class Licence(Record):
    """Of a part of the models; `business` is `yes`, `no` or `unclear`."""

    part: str
    name: str
    business: str
    url: str | None = None
    read: str | None = None


class Model(Record):
    """A named set of models, and whether this service answers with it."""

    name: str
    description: str
    licence: str
    business: str = "unclear"
    licences: tuple[Licence, ...] = ()
    served: bool = True
    workers: int | None = None
    samples_per_second: float | None = None
    available: bool
    side: int
    preprocessing: str = "shorter-side"
    default_sigma: float
    classes: int | None
    class_names: tuple[str, ...] | None = None
    can_adapt: bool = False
    adaptation: Mapping[str, JsonValue] | None = None


class Models(Record):
    """The served ones first."""

    models: tuple[Model, ...]


class DayUsage(Record):
    """One day of UTC."""

    date: str
    samples: int
    jobs: Mapping[str, int]


class UsageLimits(Record):
    """How much the key may have; None for any number."""

    samples_per_day: int | None
    samples_left_today: int | None
    requests_per_minute: int | None
    queued_jobs: int | None
    stored_bytes: int | None


class StoredImages(Record):
    """What is stored for the key."""

    images: int
    bytes: int


class Lifetimes(Record):
    """Seconds for which things are kept."""

    jobs: int
    images: int
    outcomes: int


class Usage(Record):
    """What the key is, may, and has used."""

    id: str
    name: str
    scopes: tuple[str, ...]
    profiles: tuple[str, ...] = ()
    limits: UsageLimits
    stored: StoredImages
    waiting: Mapping[str, int]
    days: tuple[DayUsage, ...]
    lifetimes: Lifetimes


class Readiness(Record):
    """Requests can be answered by so many workers."""

    status: str
    profile: str
    workers: int
    profiles: Mapping[str, int] = {}
    queued: Mapping[str, int] = {}


class NoiseKey(Record):
    """What proves the noise of certificates."""

    algorithm: str
    modulus: str
    roots: tuple[str, ...]


class PublicKeys(Record):
    """What certificates are checked with: keep them where a forger of certificates cannot change them."""

    algorithm: str
    public_key: str
    noise_key: NoiseKey


class CheckFound(Record):
    """One check of a certificate, and a sentence that says what was found."""

    name: str
    passed: bool
    detail: str


class Verification(Record):
    """What all checks say together: `valid`, `not valid` or, without keys, `consistent, signer unknown`."""

    valid: bool
    verdict: str
    checks: tuple[CheckFound, ...]
    issuers_word: tuple[str, ...] = ()
