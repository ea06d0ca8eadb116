"""What is answered: `result` of a job, by its kind. Workers make it, the board carries it, the API declares it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, NamedTuple

from pydantic import Field, TypeAdapter, model_validator

from adapters.contract.certificate import SignedDocument, SignedSetsDocument, SignedSigmasDocument
from adapters.contract.certificate_parts import Randomness
from adapters.contract.example import (
    ADAPTATION_DIGEST,
    FILE_DIGEST,
    FINGERPRINT,
    IMAGE_DIGEST,
    MODELS_DIGEST,
    TASK_ID,
    TASK_NAME,
)
from adapters.contract.question import Question
from adapters.contract.records import Direction, JobKind, Record
from robustify.smoothing.rules import Outcome
from robustify.types import Bound, Noise, Phase, PredictTest


class LabelVotes(Record):
    """The samples of a phase that voted for a label."""

    label: str = Field(description="As the request has it.", examples=["horse"])
    count: int = Field(ge=0, description="Samples that voted for it.", examples=[9677])


class AnsweringModel(Record):
    """What computed the votes."""

    profile: str = Field(description="The set of models.", examples=["mini"])
    fingerprint: str = Field(description="sha256 over everything that decides f.", examples=[FINGERPRINT])
    task: str | None = Field(None, description="The task that was named, if one was.", examples=[None, TASK_NAME])
    version: int | None = Field(None, description="Its version.", examples=[None, 2])
    adaptation: str | None = Field(
        None, description="The digest of its adaptation.", examples=[None, ADAPTATION_DIGEST]
    )


class AnsweredImage(Record):
    """The image that the answer is about, by its digests: the canonical tensor's, and the uploaded file's."""

    sha256: str = Field(description="Of the canonical tensor.", examples=[IMAGE_DIGEST])
    height: int = Field(description="Of the canonical tensor, in pixels.", examples=[32])
    width: int = Field(description="Of the canonical tensor, in pixels.", examples=[32])
    source_sha256: str = Field(description="Of the uploaded file.", examples=[FILE_DIGEST])
    reduced_by: int = Field(
        1,
        description="How many pixels of an axis of the file were decoded as one: 1, or 2, 4 or 8 for a JPEG of over 25 "
        "megapixels. `radius_source_pixels` is about the decoded pixels.",
        examples=[1],
    )


class VotedResult(Record):
    """What both answers that rest on votes have."""

    outcome: str = Field(description="What the answer is.", examples=["certified"])
    label: str | None = Field(description="The class that is answered; null where none is.", examples=["horse"])
    index: int | None = Field(description="Its place in the labels.", examples=[1])
    votes: tuple[LabelVotes, ...] = Field(
        description="Of the samples that were looked at, in the order of the labels.",
        examples=[[{"label": "cat", "count": 323}, {"label": "horse", "count": 9677}]],
    )
    n: int = Field(description="Samples planned for the vote that decides.", examples=[10000])
    samples_used: int = Field(description="Samples that were drawn, those of selection included.", examples=[10025])
    alpha: float = Field(description="The answer is wrong with at most this probability.", examples=[0.001])
    sigma: float = Field(description="Standard deviation of the noise, for pixels in [0, 1].", examples=[0.25])
    noise: Noise = Field(Noise.GAUSSIAN, description="What was added to the image.", examples=["gaussian"])
    model: AnsweringModel
    input: AnsweredImage
    seconds: float = Field(description="From the first shard to the answer.", examples=[58.2])

    @property
    def copies_used(self) -> int:
        """Noisy copies that were classified."""
        return self.samples_used

    @property
    def counts(self) -> tuple[int, ...]:
        """The votes (K,) that decide."""
        return tuple(vote.count for vote in self.votes)

    @property
    def chosen(self) -> str | None:
        """The class that it names, as the board has it; None where it names none."""
        return None if self.index is None else str(self.index)


class PredictResult(VotedResult):
    """A label, or an abstention."""

    outcome: Literal["predicted", "abstained"] = Field(description="Whether there is a label.", examples=["predicted"])
    votes: tuple[LabelVotes, ...] = Field(
        description="Of the samples that were looked at, in the order of the labels.",
        examples=[[{"label": "cat", "count": 0}, {"label": "horse", "count": 25}]],
    )
    n: int = Field(description="Samples planned.", examples=[100])
    samples_used: int = Field(description="Samples that were drawn.", examples=[25])
    test: PredictTest = Field(PredictTest.FIXED, description="When the votes were looked at.", examples=["sequential"])
    p_value: float = Field(description="At most alpha exactly where there is a label.", examples=[3.58e-07])
    seconds: float = Field(description="From the first shard to the answer.", examples=[0.3])
    question: Question | None = Field(
        None, description="All that was asked; null in answers of before questions had noise of their own."
    )
    randomness: Randomness | None = Field(None, description="What the noise was made of; null likewise.")

    @property
    def deciding_samples(self) -> int:
        """The samples whose votes decide: the first so many of the phase."""
        return self.samples_used

    @property
    def phase_counts(self) -> Mapping[Phase, tuple[int, ...]]:
        """The votes that it was made of."""
        return {Phase.PREDICT: self.counts}

    @model_validator(mode="before")
    @classmethod
    def _of_a_release_that_took_all_samples(cls, values: object) -> object:
        return {"samples_used": values["n"], **values} if isinstance(values, dict) and "n" in values else values


class CertifyResult(VotedResult):
    """A label with a radius, or an outcome without one that still names the label that was chosen.

    No label is named when not one selection sample voted.
    """

    outcome: Outcome = Field(description="What became of the certificate.", examples=["certified"])
    radius: float | None = Field(
        description="L2 radius of the canonical tensor, for pixels in [0, 1]; null unless certified.",
        examples=[0.44300],
    )
    radius_source_pixels: float | None = Field(
        None, description="The same for the decoded pixels of the file; null with lattice noise.", examples=[0.44300]
    )
    target_radius: float | None = Field(None, description="The radius that was asked for.", examples=[None, 0.25])
    tolerance: float | None = Field(
        None, description="How much more radius was not worth a sample.", examples=[None, 0.01]
    )
    bound: Bound = Field(description="What the radius rests on.", examples=["multiclass"])
    n0: int = Field(description="Selection samples that were planned.", examples=[100])
    selection_samples: int = Field(description="Those that were drawn, and chose the class.", examples=[25])
    p_lower: float = Field(description="Lower bound of the class's probability.", examples=[0.961804])
    p_upper: float | None = Field(
        None, description="Upper bound of any rival's; null where none is used.", examples=[0.038196]
    )
    selection_votes: tuple[LabelVotes, ...] = Field(
        description="Of the samples that chose the class.",
        examples=[[{"label": "cat", "count": 2}, {"label": "horse", "count": 23}]],
    )
    certificate: SignedDocument | None = Field(None, description="The signed document.")

    @property
    def selection_counts(self) -> tuple[int, ...]:
        """The votes (K,) that chose the class."""
        return tuple(vote.count for vote in self.selection_votes)

    @property
    def deciding_samples(self) -> int:
        """The samples whose votes decide: the first so many of the estimation."""
        return self.samples_used - self.selection_samples

    @property
    def phase_counts(self) -> Mapping[Phase, tuple[int, ...]]:
        """The votes that it was made of."""
        return {Phase.SELECT: self.selection_counts, Phase.ESTIMATE: self.counts}

    @model_validator(mode="before")
    @classmethod
    def _of_a_release_that_took_all_samples(cls, values: object) -> object:
        if not isinstance(values, dict) or not {"n", "n0"} <= values.keys():
            return values
        return {"samples_used": values["n0"] + values["n"], "selection_samples": values["n0"], **values}


class SetAnswer(Record):
    """What a certificate says in one of its label sets: a label with a radius, or why there is none."""

    outcome: Outcome = Field(description="What became of it.", examples=["certified"])
    label: str | None = Field(
        description="The class of this set; null where not one selection sample voted.", examples=["horse"]
    )
    index: int | None = Field(description="Its place in the labels of this set.", examples=[1])
    radius: float | None = Field(
        description="L2 radius of the canonical tensor, for pixels in [0, 1]; null unless certified.",
        examples=[0.44300],
    )
    radius_source_pixels: float | None = Field(
        None, description="The same for the decoded pixels of the file; null with lattice noise.", examples=[0.44300]
    )
    p_lower: float = Field(description="Lower bound of the class's probability.", examples=[0.961804])
    p_upper: float | None = Field(
        None, description="Upper bound of any rival's in this set; null where none is used.", examples=[0.038196]
    )
    selection_votes: tuple[LabelVotes, ...] = Field(
        description="Of the samples that chose the class, in the order of the labels of this set.",
        examples=[[{"label": "cat", "count": 2}, {"label": "horse", "count": 23}]],
    )
    votes: tuple[LabelVotes, ...] = Field(
        description="Of the estimation samples, likewise.",
        examples=[[{"label": "cat", "count": 323}, {"label": "horse", "count": 9677}]],
    )


class CertifySetsResult(Record):
    """What a certificate of several label sets says: an answer for each set, all of which hold together."""

    outcome: Literal[Outcome.CERTIFIED, Outcome.ABSTAINED] = Field(
        description="Whether any set has a radius.", examples=["certified"]
    )
    sets: tuple[SetAnswer, ...] = Field(description="An answer for each label set, in the order of the request.")
    bound: Bound = Field(description="What the radii rest on.", examples=["multiclass"])
    n0: int = Field(description="Selection samples that were planned.", examples=[100])
    n: int = Field(description="Estimation samples.", examples=[10000])
    selection_samples: int = Field(description="Those that were drawn, and chose the classes.", examples=[25])
    samples_used: int = Field(description="Samples that were drawn, those of selection included.", examples=[10025])
    alpha: float = Field(description="Any of the answers is wrong with at most this probability.", examples=[0.001])
    alpha_each: float = Field(description="Each of them is, by itself.", examples=[0.0005])
    sigma: float = Field(description="Standard deviation of the noise, for pixels in [0, 1].", examples=[0.25])
    noise: Noise = Field(description="What was added to the image.", examples=["gaussian"])
    model: AnsweringModel
    input: AnsweredImage
    seconds: float = Field(description="From the first shard to the answer.", examples=[59.6])
    certificate: SignedSetsDocument | None = Field(None, description="The signed document.")

    @property
    def copies_used(self) -> int:
        """Noisy copies that were classified, each in every set."""
        return self.samples_used

    @property
    def deciding_samples(self) -> int:
        """The samples whose votes decide: the first so many of the estimation."""
        return self.samples_used - self.selection_samples

    @property
    def phase_counts(self) -> Mapping[Phase, tuple[int, ...]]:
        """The votes that it was made of, one set after the other."""
        return {
            Phase.SELECT: tuple(vote.count for answer in self.sets for vote in answer.selection_votes),
            Phase.ESTIMATE: tuple(vote.count for answer in self.sets for vote in answer.votes),
        }

    @property
    def chosen(self) -> str | None:
        """The classes that it names, as the board has them; None unless it names one in each set."""
        named = [str(answer.index) for answer in self.sets if answer.index is not None]
        return ",".join(named) if len(named) == len(self.sets) else None


class SigmaAnswer(SetAnswer):
    """What a certificate says at one of its sigmas; a set is here the votes at this sigma, of all labels."""

    sigma: float = Field(description="Standard deviation of the noise, for pixels in [0, 1].", examples=[0.5])


class CertifySigmasResult(Record):
    """What a certificate at several sigmas says: the answer of the sigma that has the largest radius, or where none has
    one of the smallest; and those of all, which hold together."""

    outcome: Outcome = Field(description="What became of the certificate.", examples=["certified"])
    label: str | None = Field(description="The class at the sigma that answers.", examples=["horse"])
    index: int | None = Field(description="Its place in the labels.", examples=[1])
    radius: float | None = Field(
        description="The largest L2 radius of the canonical tensor, for pixels in [0, 1]; null unless certified.",
        examples=[0.44300],
    )
    radius_source_pixels: float | None = Field(
        None, description="The same for the decoded pixels of the file; null with lattice noise.", examples=[0.44300]
    )
    sigma: float = Field(
        description="The sigma that answers: the claim is about its smoothed classifier.", examples=[0.5]
    )
    sigmas: tuple[SigmaAnswer, ...] = Field(description="An answer at each sigma, the smallest first.")
    bound: Bound = Field(description="What the radii rest on.", examples=["multiclass"])
    n0: int = Field(description="Selection samples that were planned, at each sigma.", examples=[100])
    n: int = Field(description="Estimation samples, at each sigma.", examples=[10000])
    selection_samples: int = Field(
        description="Those that were drawn at each sigma, and chose its class.", examples=[25]
    )
    samples_used: int = Field(
        description="Samples that were drawn at each sigma, those of selection included.", examples=[10025]
    )
    alpha: float = Field(description="Any of the answers is wrong with at most this probability.", examples=[0.001])
    alpha_each: float = Field(description="Each of them is, by itself.", examples=[0.0005])
    noise: Noise = Field(description="What was added to the image.", examples=["gaussian"])
    model: AnsweringModel
    input: AnsweredImage
    seconds: float = Field(description="From the first shard to the answer.", examples=[119.2])
    certificate: SignedSigmasDocument | None = Field(None, description="The signed document.")

    @property
    def copies_used(self) -> int:
        """Noisy copies that were classified: of each sample one at every sigma."""
        return len(self.sigmas) * self.samples_used

    @property
    def deciding_samples(self) -> int:
        """The samples whose votes decide: the first so many of the estimation."""
        return self.samples_used - self.selection_samples

    @property
    def phase_counts(self) -> Mapping[Phase, tuple[int, ...]]:
        """The votes that it was made of, at one sigma after the other."""
        return {
            Phase.SELECT: tuple(vote.count for answer in self.sigmas for vote in answer.selection_votes),
            Phase.ESTIMATE: tuple(vote.count for answer in self.sigmas for vote in answer.votes),
        }

    @property
    def chosen(self) -> str | None:
        """The classes that it names, as the board has them; None unless it names one at each sigma."""
        named = [str(answer.index) for answer in self.sigmas if answer.index is not None]
        return ",".join(named) if len(named) == len(self.sigmas) else None


class JudgedAt(Record):
    """How well held-back references are classified and certified at one sigma; see `Evidence` of the method."""

    sigma: float = Field(description="Standard deviation of the noise, for pixels in [0, 1].", examples=[0.25])
    images: int = Field(description="How many were judged.", examples=[40])
    accuracy: float = Field(description="Share of the noisy samples that get the label.", examples=[0.61])
    certified_accuracy: Mapping[str, float] = Field(
        description="Share of the images that get the label with at least this radius, by radius.",
        examples=[{"0.0": 0.6, "0.25": 0.4}],
    )
    acr: float = Field(description="Average certified radius.", examples=[0.19])


class Figures(Record):
    """What an adaptation brought, on references that nothing was trained on."""

    before: tuple[JudgedAt, ...] = Field(description="With the models as they were, at each sigma.")
    after: tuple[JudgedAt, ...] = Field(description="With the adapted models, at each sigma.")
    no_worse: bool = Field(description="Whether the mean accuracy did not fall.", examples=[True])


class MadeTask(Record):
    """The task as it was when the adaptation ended."""

    id: str = Field(examples=[TASK_ID])
    name: str = Field(examples=[TASK_NAME])
    version: int = Field(description="The one that this job made or found.", examples=[2])
    current: int = Field(description="The one that answers.", examples=[2])


class AdaptedFrom(Record):
    """What was adapted."""

    profile: str = Field(examples=["mini"])
    models: str = Field(description="The digest of the models.", examples=[MODELS_DIGEST])


class AdaptResult(Record):
    """A task that has a version more, or labels that were registered."""

    outcome: Literal["registered", "published", "not_published"] = Field(
        description="`not_published`: it did worse than the models before, and does not answer.", examples=["published"]
    )
    task: MadeTask
    adaptation: str | None = Field(
        description="The digest of what was made; null for labels alone.", examples=[ADAPTATION_DIGEST]
    )
    figures: Figures | None = Field(description="Null for labels alone.")
    model: AdaptedFrom
    seconds: float = Field(description="From the first step to the answer.", examples=[310.5])


class PictureName(StrEnum):
    """The pictures that a preview may have."""

    CANONICAL = "canonical"
    NOISY = "noisy"
    DENOISED = "denoised"
    DIFFERENCE = "difference"


class Picture(Record):
    """One of them, as it is stored: a PNG file of 8 bits per channel."""

    name: PictureName = Field(description="What it shows.", examples=["canonical"])
    width: int = Field(description="In pixels.", examples=[32])
    height: int = Field(description="In pixels.", examples=[32])


class Seen(Record):
    """What the classifier says of one picture each; null where it gives no finite answer."""

    plain: str | None = Field(description="Of the image without noise, not denoised.", examples=["horse"])
    noisy: str | None = Field(description="Of the noisy copy, not denoised.", examples=["cat"])
    denoised: str | None = Field(description="Of the noisy copy, denoised: one vote.", examples=["horse"])


class Change(Record):
    """A change of the image of exactly one length, and what it does to the noisy copy."""

    radius: float = Field(
        description="Its L2 length, for pixels in [0, 1]. The changed image is not clipped to [0, 1]: a certificate "
        "holds for it all the same.",
        examples=[0.443],
    )
    direction: Direction = Field(description="Random, or the worst that a short attack finds.", examples=["worst"])
    steps: int = Field(description="Of the attack; 0 of a random change.", examples=[10])
    seen_before: str | None = Field(description="Of the noisy copy, denoised.", examples=["horse"])
    seen_after: str | None = Field(description="Likewise, of the changed image with the same noise.", examples=["cat"])
    largest: float = Field(description="The largest change of a channel.", examples=[0.041])
    scale: float = Field(
        description="The picture `difference` has 127.5 + scale x change in each channel, rounded.", examples=[3109.8]
    )


class PreviewResult(Record):
    """What the models see of an image. It is no answer: it was counted nowhere, and no certificate rests on it."""

    outcome: Literal["previewed"] = Field("previewed", description="Always this.", examples=["previewed"])
    sigma: float = Field(description="Standard deviation of the noise, for pixels in [0, 1].", examples=[0.25])
    seen: Seen
    pictures: tuple[Picture, ...] = Field(description="Those that can be read.")
    change: Change | None = Field(None, description="Null where nothing was changed.")
    model: AnsweringModel
    input: AnsweredImage
    seconds: float = Field(description="From the beginning to the answer.", examples=[0.2])


TogetherResult = CertifySetsResult | CertifySigmasResult
"""Of several label sets, or at several sigmas."""
AnyCertifyResult = CertifyResult | TogetherResult
Voted = PredictResult | CertifyResult
"""About one label set, at one sigma."""
AnyVoted = Voted | TogetherResult
Result = AnyVoted | AdaptResult | PreviewResult
CERTIFIED: TypeAdapter[AnyCertifyResult] = TypeAdapter(AnyCertifyResult)
"""None has all the fields that another must have."""


class Brief(NamedTuple):
    """The little of a result that stands in lists and messages; all None where there is no result."""

    outcome: str | None = None
    label: str | None = None
    radius: float | None = None


def brief(result: Result | None) -> Brief:
    match result:
        case None:
            return Brief()
        case AdaptResult() | PreviewResult():
            return Brief(result.outcome)
        case CertifyResult() | CertifySigmasResult():
            return Brief(result.outcome, result.label, result.radius)
        case CertifySetsResult():
            return Brief(result.outcome)
        case PredictResult():
            return Brief(result.outcome, result.label)


def read_result(kind: JobKind, text: str) -> Result:
    """The result that a worker wrote, of this release, an earlier one or a later one."""
    match kind:
        case JobKind.PREDICT:
            return PredictResult.model_validate_json(text, extra="ignore")
        case JobKind.CERTIFY:
            return CERTIFIED.validate_json(text, extra="ignore")
        case JobKind.PREVIEW:
            return PreviewResult.model_validate_json(text, extra="ignore")
        case JobKind.ADAPT:
            return AdaptResult.model_validate_json(text, extra="ignore")
