"""The body and the answer of zero-shot image classification as Hugging Face has them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from adapters.contract.bounds import (
    DEFAULT_PREDICT_SAMPLES,
    MAX_ALPHA,
    MAX_PREDICT_SAMPLES,
    MAX_SIGMA,
    MIN_ALPHA,
    MIN_SIGMA,
)
from adapters.contract.example import LABELS, SMALL_PICTURE_BASE64
from adapters.contract.labels import Labels, Template
from robustify.types import DEFAULT_TEMPLATE
from service.body.json_bodies import BASE64

Picture = Annotated[
    str,
    Field(
        description="A JPEG, PNG or WebP file in base64.",
        examples=[SMALL_PICTURE_BASE64],
        json_schema_extra={"format": "byte", "contentEncoding": "base64", "minLength": 1, "pattern": BASE64},
    ),
]


class ZeroShotParameters(BaseModel):
    """The first two are Hugging Face's, the others those of /predict."""

    model_config = ConfigDict(extra="forbid")

    candidate_labels: Labels = Field(description="As `labels` of /predict.", examples=[LABELS])
    hypothesis_template: Template | None = Field(
        None, description="As `template` of /predict, which has the default.", examples=[DEFAULT_TEMPLATE]
    )
    n: Annotated[int, Field(ge=1, le=MAX_PREDICT_SAMPLES)] | None = Field(
        None, description=f"Samples, at most; by default {DEFAULT_PREDICT_SAMPLES}.", examples=[100]
    )
    sigma: Annotated[float, Field(ge=MIN_SIGMA, le=MAX_SIGMA)] | None = Field(
        None, description="Standard deviation of the noise; by default the profile's.", examples=[0.25]
    )
    alpha: Annotated[float, Field(ge=MIN_ALPHA, le=MAX_ALPHA)] | None = Field(
        None, description="Accepted probability of a wrong answer.", examples=[0.001]
    )
    test: Literal["sequential", "fixed"] | None = Field(
        None, description="`fixed` always takes n samples, so that scores are finer.", examples=["sequential"]
    )


class ZeroShotImage(BaseModel):
    """An image as the JavaScript client sends it."""

    model_config = ConfigDict(extra="forbid")

    image: Picture


class ZeroShotRequest(BaseModel):
    """What the clients of Hugging Face send."""

    model_config = ConfigDict(extra="forbid")

    inputs: Picture | ZeroShotImage = Field(description="The image.", examples=[SMALL_PICTURE_BASE64])
    parameters: ZeroShotParameters


class ZeroShotScore(BaseModel):
    """One label of the answer, which has the highest score first."""

    label: str = Field(description="As it was asked about.", examples=["horse"])
    score: float = Field(
        description="The share of the noisy samples that voted for it, of those that were looked at.", examples=[0.96]
    )
