"""What the routes about the service itself answer."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from adapters.contract.effective import AdaptationValues
from adapters.images import ResizeMode
from adapters.profiles.licences import Business, PartLicence


class ModelDescription(BaseModel):
    """A named set of models."""

    name: str = Field(examples=["mini"])
    description: str = Field(
        description="What it is, in a sentence.",
        examples=["Bundled diffusion denoiser and CLIP for 32 x 32 images; runs on a CPU."],
    )
    licence: str = Field(
        description="Of its code and its weights.",
        examples=["Code Apache-2.0; weights trained on CIFAR-10 and Tiny-ImageNet (non-commercial research)."],
    )
    business: Business = Field(
        description="Whether all of its parts may be used in business; unclear where a licence does not say.",
        examples=["unclear"],
    )
    licences: Sequence[PartLicence] = Field(
        description="Of each part.",
        examples=[[{"part": "denoiser", "name": "MIT", "business": "yes", "url": None, "read": None}]],
    )
    served: bool = Field(description="Whether requests to this service may ask it.", examples=[True])
    workers: int | None = Field(
        description="Live workers that can answer; null where it is not served, or the queue does not tell.",
        examples=[1, None],
    )
    samples_per_second: float | None = Field(
        description="What they count together; null where none has measured it.", examples=[180.5, None]
    )
    available: bool = Field(description="Whether its files are on this machine.", examples=[True])
    side: int = Field(description="Height and width of the canonical tensor, in pixels.", examples=[32])
    preprocessing: ResizeMode = Field(
        description="How a picture becomes square: shorter-side (resized, and the centre cut out), resize-256-crop-224 "
        "(a smaller centre), squash (whatever its aspect) or pad (the rest is grey).",
        examples=["shorter-side"],
    )
    default_sigma: float = Field(description="The `sigma` of a request that has none.", examples=[0.25])
    classes: int | None = Field(description="How many labels it needs; null for any number.", examples=[None, 2])
    class_names: Sequence[str] | None = Field(
        description="Of a served one: what labels have to be among; null where they are free.",
        examples=[None, ["tench", "goldfish"]],
    )
    can_adapt: bool = Field(description="Whether it has a text-to-image model to make references.", examples=[True])
    adaptation: AdaptationValues | None = Field(
        description="What /adapt takes where the request says nothing; null where `can_adapt` is false."
    )


class Models(BaseModel):
    """The served ones first, and of these the one that answers where a request names none."""

    models: Sequence[ModelDescription]


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Requests can be answered."""

    status: Literal["ready"] = "ready"
    profile: str = Field(description="Which was asked about; by default the usual one.", examples=["mini"])
    workers: int = Field(description="Live workers that can answer for it.", examples=[1])
    profiles: Mapping[str, int] = Field(
        description="Live workers for each of the served profiles.", examples=[{"mini": 1}]
    )
    queued: Mapping[str, int] = Field(
        description="Parts of jobs that wait for a worker, by kind.",
        examples=[{"predict": 0, "adapt": 0, "certify": 0}],
    )
