"""`params` of a job: what was asked, with every default filled in and the task's version pinned."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from adapters.contract.example import ADAPTATION_DIGEST, LABELS, TASK_NAME
from adapters.contract.jobs import AnyRequest
from adapters.contract.label_sets import WrittenLabelSets
from adapters.contract.records import Direction, JobKind, Record
from adapters.contract.sigmas import WrittenSigmas
from adapters.contract.templates import WrittenTemplates
from robustify.types import DEFAULT_TEMPLATE, Bound, Noise, PredictTest


class EffectiveAsked(Record):
    """What all requests about an image have."""

    labels: tuple[str, ...] = Field(description="The classes, in order.", examples=[LABELS])
    task: str | None = Field(description="The task that was named, if one was.", examples=[None, TASK_NAME])
    version: int | None = Field(description="Its version, which answers from here on.", examples=[None, 2])
    adaptation: str | None = Field(description="The digest of its adaptation.", examples=[None, ADAPTATION_DIGEST])
    template: str = Field(description="Prompt; {} stands for the label.", examples=[DEFAULT_TEMPLATE])
    templates: WrittenTemplates = ()
    classifier: Literal["default"] = Field("default", description="The classifier behind the denoiser.")
    sigma: float = Field(description="Standard deviation of the noise, for pixels in [0, 1].", examples=[0.25])


class EffectiveVote(EffectiveAsked):
    """What both requests that rest on votes have."""

    noise: Noise = Field(description="What is added to the image.", examples=["gaussian"])
    n: int = Field(description="Samples planned for the vote that decides.", examples=[10000])
    alpha: float = Field(description="The answer is wrong with at most this probability.", examples=[0.001])


class EffectivePredict(EffectiveVote):
    """Of a prediction."""

    n: int = Field(description="Samples planned.", examples=[100])
    test: PredictTest = Field(description="When the votes are looked at.", examples=["sequential"])


class EffectiveCertify(EffectiveVote):
    """Of a certificate."""

    labels: tuple[str, ...] = Field(
        description="The classes, in order; empty where there are label sets.", examples=[LABELS]
    )
    label_sets: WrittenLabelSets = ()
    sigma: float = Field(
        description="Standard deviation of the noise, for pixels in [0, 1]; of several the largest.", examples=[0.25]
    )
    sigmas: WrittenSigmas = ()
    n0: int = Field(description="Selection samples.", examples=[100])
    target_radius: float | None = Field(description="The radius that is wanted.", examples=[None, 0.25])
    tolerance: float | None = Field(description="How much more radius is not worth a sample.", examples=[None, 0.01])
    bound: Bound = Field(description="What the radius rests on.", examples=["multiclass"])


class EffectivePreview(EffectiveAsked):
    """Of a preview."""

    draw: int = Field(description="Which noisy copy.", examples=[0])
    radius: float | None = Field(description="L2 length of the change.", examples=[None, 0.443])
    direction: Direction | None = Field(description="Of the change.", examples=[None, "worst"])


class AdaptationValues(Record):
    """What an adaptation takes of its profile where the request says nothing."""

    shots: int = Field(description="Reference images of each label to adapt with.", examples=[4])
    held_back: int = Field(description="Reference images of each label to judge by.", examples=[4])
    steps: int = Field(description="Of personalising the denoiser.", examples=[120])
    batch_size: int = Field(description="Images of one such step.", examples=[24])
    learning_rate: float = Field(description="Of the denoiser.", examples=[3e-4])
    guidance_weight: float = Field(description="Weight of the classifier's loss (lambda of Eq. 12).", examples=[0.01])
    rank: int = Field(description="Of the denoiser's LoRA.", examples=[4])
    fine_tuning_steps: int = Field(description="Of fine-tuning the classifier.", examples=[60])
    fine_tuning_batch_size: int = Field(description="Images of one such step.", examples=[40])
    fine_tuning_learning_rate: float = Field(description="Of the classifier.", examples=[5e-4])
    fine_tuning_mix: float = Field(description="Share of the fine-tuned weights that serve.", examples=[0.3])


class NamedTask(Record):
    """What is adapted to."""

    name: str = Field(description="Of the task.", examples=[TASK_NAME])
    labels: tuple[str, ...] = Field(description="The classes, in order.", examples=[LABELS])
    template: str = Field(description="Prompt; {} stands for the label.", examples=[DEFAULT_TEMPLATE])
    templates: WrittenTemplates = ()


class EffectiveAdapt(AdaptationValues, NamedTask):
    """Of an adaptation."""

    seed: int = Field(description="The same request with the same seed makes the same models.", examples=[0])
    publish: Literal["if-no-worse", "always"] = Field(
        description="Whether a version that did worse on held-back references answers all the same.",
        examples=["if-no-worse"],
    )


Effective = EffectivePredict | EffectiveCertify | EffectivePreview | EffectiveAdapt
EFFECTIVE: Mapping[JobKind, type[Effective]] = MappingProxyType(
    {
        JobKind.PREDICT: EffectivePredict,
        JobKind.CERTIFY: EffectiveCertify,
        JobKind.PREVIEW: EffectivePreview,
        JobKind.ADAPT: EffectiveAdapt,
    }
)


def effective(request: AnyRequest) -> Effective:
    """Those of a request."""
    shown = EFFECTIVE[request.kind]
    return shown.model_validate(request.model_dump(include=set(shown.model_fields)))
