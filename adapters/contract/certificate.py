"""The certificate: every field of the signed document, and what each may be."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, JsonValue
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from adapters.contract.bounds import MAX_ESTIMATION_SAMPLES, MAX_LABELS, MAX_SELECTION_SAMPLES, MAX_SIGMA, MIN_SIGMA
from robustify.smoothing.lattice import slack_of
from robustify.types import Noise, SmoothingParameters, Task

MAX_TENSOR_SIDE = 1024
"""Of a canonical tensor: what is checked against a certificate is made as large as it says."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Votes = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=MAX_LABELS)]
Side = Annotated[int, Field(ge=1, le=MAX_TENSOR_SIDE)]
Radius = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """Nothing but the fields named here, each of its own type, and no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class CertifiedImage(Part):
    """The canonical tensor (see `adapters/store/tensors.py` for its bytes), and the uploaded file that it was made of.

    `source_norm` is ||W||_2 of resize and crop: a radius R of the tensor is R / ||W||_2 for the pixels of the file.
    """

    sha256: Digest
    height: Side
    width: Side
    source_sha256: Digest
    source_norm: Annotated[float, Field(gt=0)]


class CertifiedModel(Part):
    """What computed the votes. `engine` is what decides f besides labels, template, adaptation and sigma; `fingerprint`
    is the digest over all of it (`function_digest` in `adapters/profiles/fingerprint.py`)."""

    profile: str
    task: str | None
    version: int | None
    adaptation: Digest | None
    engine: dict[str, str | bool | int | float | None]
    fingerprint: Digest


class CertifiedSmoothing(Part):
    """sigma in [0, 1] pixel units; `samples_used` of n0 + n planned samples, whose answer is wrong with probability at
    most alpha."""

    noise: Literal["gaussian", "lattice"]
    sigma: Annotated[float, Field(ge=MIN_SIGMA, le=MAX_SIGMA)]
    n0: Annotated[int, Field(ge=1, le=MAX_SELECTION_SAMPLES)]
    n: Annotated[int, Field(ge=1, le=MAX_ESTIMATION_SAMPLES)]
    alpha: Annotated[float, Field(gt=0, lt=1)]
    samples_used: Annotated[int, Field(ge=1)]
    target_radius: Radius | None
    tolerance: Radius | None


class CertifiedBound(Part):
    """Which bound was used (`robustify/smoothing/claims.py`), and what it gave."""

    name: str
    p_lower: Probability
    p_upper: Probability | None


class CertificateClaim(Part):
    """Everything that is needed to compute the claim again, and who says so.

    Votes are in the order of the labels. `radius` holds for the canonical tensor, `radius_source_pixels` for the pixels
    of the file. `seed_commitment` is the sha256 of the seed of the noise, which may be revealed later.
    """

    format: Literal["robustify-certificate"]
    format_version: Literal[1]
    statement: str
    kind: Literal["certify"]
    outcome: str
    label: str | None
    index: Annotated[int, Field(ge=0)] | None
    radius: Radius | None
    radius_source_pixels: Radius | None
    labels: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_LABELS)]
    template: str
    image: CertifiedImage
    model: CertifiedModel
    smoothing: CertifiedSmoothing
    bound: CertifiedBound
    selection_votes: Votes
    votes: Votes
    seed_commitment: Digest
    software: dict[str, str | None]
    issued_at: str
    public_key: Digest

    @property
    def parameters(self) -> SmoothingParameters:
        smoothing, image = self.smoothing, self.image
        slack = slack_of(self.noise, smoothing.sigma, image.height, image.width)
        return SmoothingParameters(smoothing.sigma, smoothing.n0, smoothing.n, smoothing.alpha, slack)

    @property
    def noise(self) -> Noise:
        return Noise(self.smoothing.noise)

    @property
    def task(self) -> Task:
        return Task(self.labels, self.template, self.model.adaptation)

    @property
    def estimation_samples(self) -> int:
        return self.smoothing.samples_used - self.smoothing.n0


class Certificate(CertificateClaim):
    """A claim that is signed: Ed25519, hexadecimal, over the canonical JSON (RFC 8785) of all other fields."""

    signature: Annotated[str, Field(pattern="^[0-9a-f]{128}$")]


@dataclass(frozen=True)
class DescribedBy:
    """Lends its schema to JSON that is not parsed into its fields."""

    model: type[BaseModel]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self.model.__pydantic_core_schema__)


Document = dict[str, JsonValue]
SignedDocument = Annotated[Document, DescribedBy(Certificate)]
"""A certificate as it was signed. It is passed on as it is: who parses it into fields and writes it again may change
what the signature is over."""


class CheckResult(BaseModel):
    """One property of a certificate."""

    name: str = Field(description="What was checked.", examples=["signature"])
    passed: bool = Field(description="Whether it holds.", examples=[True])
    detail: str = Field(
        description="What was found, in a sentence.", examples=["The label is that of most selection votes."]
    )


class VerificationResult(BaseModel):
    """All checks that could be made of a certificate."""

    valid: bool = Field(description="Whether every check passed.", examples=[True])
    checks: tuple[CheckResult, ...]
