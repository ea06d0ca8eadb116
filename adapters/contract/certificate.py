"""The certificate: every field of the signed document, and what each may be."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import definition_reference_schema, definitions_schema

from adapters.contract.bounds import MAX_ESTIMATION_SAMPLES, MAX_LABELS, MAX_SELECTION_SAMPLES, MAX_SIGMA, MIN_SIGMA
from adapters.contract.example import FILE_DIGEST, FINGERPRINT, IMAGE_DIGEST, LABELS, MODELS_DIGEST, PUBLIC_KEY
from adapters.contract.records import JsonObject
from robustify.smoothing.lattice import slack_of
from robustify.types import DEFAULT_TEMPLATE, Noise, SmoothingParameters, Task

MAX_TENSOR_SIDE = 1024
"""Of a canonical tensor: what is checked against a certificate is made as large as it says."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Votes = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=MAX_LABELS)]
Side = Annotated[int, Field(ge=1, le=MAX_TENSOR_SIDE)]
Radius = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


EXAMPLE_ENGINE = {
    "batch_size": 25,
    "device": "cpu",
    "dtype": "float32",
    "folded": True,
    "k": 1.8,
    "model": MODELS_DIGEST,
    "pipeline": "1",
    "preprocessing": "1/32",
    "prompt": "",
    "timestep_rule": "exact",
}
EXAMPLE_SOFTWARE = {
    "diffusers": "0.42.1",
    "numpy": "2.4.6",
    "open_clip": "3.3.0",
    "python": "3.11.7",
    "robustify": "0.1.0",
    "scipy": "1.17.1",
    "torch": "2.14.1",
    "transformers": "5.23.0",
}
EXAMPLE_STATEMENT = (
    "Except with probability at most 0.001, over noise that nobody could choose or predict, the smoothed classifier of "
    'this fingerprint gives the label "horse" at every point closer than 0.4567 in L2 distance, in [0, 1] pixel units, '
    "to the canonical tensor of this sha256. It says nothing on whether the label is right, on what happens before "
    "decoding, or on changes that are larger or of another kind, such as rotations. The guarantee is about real "
    "numbers: what the rounding of floating-point numbers may do to Gaussian noise and models is not part of it."
)


class Part(BaseModel):
    """Nothing but the fields named here, each of its own type, and no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class CertifiedImage(Part):
    """The canonical tensor (its bytes: see `adapters/store/tensors.py`), and the uploaded file that it was made of."""

    sha256: Digest = Field(description="Of the canonical tensor.", examples=[IMAGE_DIGEST])
    height: Side = Field(description="Of the canonical tensor, in pixels.", examples=[32])
    width: Side = Field(description="Of the canonical tensor, in pixels.", examples=[32])
    source_sha256: Digest = Field(description="Of the uploaded file.", examples=[FILE_DIGEST])
    source_norm: Annotated[float, Field(gt=0)] = Field(
        description="||W||_2 of resize and crop: a radius R of the tensor is R / ||W||_2 for the pixels of the file.",
        examples=[1],
    )


class CertifiedModel(Part):
    """What computed the votes."""

    profile: str = Field(description="The set of models.", examples=["mini"])
    task: str | None = Field(description="The task that was named, if one was.", examples=[None, "animals"])
    version: int | None = Field(description="Its version.", examples=[None, 2])
    adaptation: Digest | None = Field(description="The digest of its adaptation.", examples=[None])
    engine: dict[str, str | bool | int | float | None] = Field(
        description="What decides f besides labels, template, adaptation and sigma, by name.", examples=[EXAMPLE_ENGINE]
    )
    fingerprint: Digest = Field(
        description="The digest over all of it (`function_digest` in `adapters/profiles/fingerprint.py`).",
        examples=[FINGERPRINT],
    )


class CertifiedSmoothing(Part):
    """The noise, and how many samples were drawn."""

    noise: Literal["gaussian", "lattice"] = Field(description="What was added to the image.", examples=["gaussian"])
    sigma: Annotated[float, Field(ge=MIN_SIGMA, le=MAX_SIGMA)] = Field(
        description="Standard deviation of the noise, for pixels in [0, 1].", examples=[0.25]
    )
    n0: Annotated[int, Field(ge=1, le=MAX_SELECTION_SAMPLES)] = Field(description="Selection samples.", examples=[100])
    n: Annotated[int, Field(ge=1, le=MAX_ESTIMATION_SAMPLES)] = Field(
        description="Estimation samples that were planned.", examples=[10000]
    )
    alpha: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="The claim is wrong with at most this probability.", examples=[0.001]
    )
    samples_used: Annotated[int, Field(ge=1)] = Field(
        description="Samples that were drawn, of the n0 + n that were planned.", examples=[10100]
    )
    target_radius: Radius | None = Field(description="The radius that was asked for.", examples=[None, 0.25])
    tolerance: Radius | None = Field(description="How much more radius was not worth a sample.", examples=[None, 0.01])


class CertifiedBound(Part):
    """Which bound was used (`robustify/smoothing/claims.py`), and what it gave."""

    name: str = Field(description="What the radius rests on.", examples=["multiclass"])
    p_lower: Probability = Field(description="Lower bound of the class's probability.", examples=[0.9661435002036215])
    p_upper: Probability | None = Field(
        description="Upper bound of any rival's; null where none is used.", examples=[0.0338564997963785]
    )


class CertificateClaim(Part):
    """Everything that is needed to compute the claim again, and who says so."""

    format: Literal["robustify-certificate"]
    format_version: Literal[1]
    statement: str = Field(description="What is guaranteed, and what is not, in words.", examples=[EXAMPLE_STATEMENT])
    kind: Literal["certify"]
    outcome: str = Field(description="What became of the certificate.", examples=["certified"])
    label: str | None = Field(description="The class that is answered; null where none is.", examples=["horse"])
    index: Annotated[int, Field(ge=0)] | None = Field(description="Its place in the labels.", examples=[1])
    radius: Radius | None = Field(
        description="L2 radius of the canonical tensor, for pixels in [0, 1]; null unless certified.",
        examples=[0.45672800304983097],
    )
    radius_source_pixels: Radius | None = Field(
        description="The same for the decoded pixels of the file; null with lattice noise.",
        examples=[0.456728002593103],
    )
    labels: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_LABELS)] = Field(
        description="All classes, in order.", examples=[LABELS]
    )
    template: str = Field(description="Prompt; {} stands for the label.", examples=[DEFAULT_TEMPLATE])
    image: CertifiedImage
    model: CertifiedModel
    smoothing: CertifiedSmoothing
    bound: CertifiedBound
    selection_votes: Votes = Field(
        description="Of the samples that chose the class, in the order of the labels.", examples=[(1, 99)]
    )
    votes: Votes = Field(
        description="Of the estimation samples that were looked at, in the order of the labels.", examples=[(283, 9717)]
    )
    seed_commitment: Digest = Field(
        description="sha256 of the seed of the noise, which may be revealed later.",
        examples=["ba4d2f341447041119aecd1368bd9d3074249a1f1289d17ac0aecfffa7916fdf"],
    )
    software: dict[str, str | None] = Field(
        description="The versions that computed it, by package; null for one that was not there.",
        examples=[EXAMPLE_SOFTWARE],
    )
    issued_at: str = Field(description="When it was signed; ISO 8601 in UTC.", examples=["2026-11-29T19:08:43Z"])
    public_key: Digest = Field(description="Of who signed it: Ed25519, in hexadecimal.", examples=[PUBLIC_KEY])

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
    """A claim that is signed."""

    signature: Annotated[str, Field(pattern="^[0-9a-f]{128}$")] = Field(
        description="Ed25519, in hexadecimal, over the canonical JSON (RFC 8785) of all other fields.",
        examples=[
            "c0e89b1f8d43ed63996ed74013642f33c8758acf79b43fb6f37f5f66d6274a3f"
            "0f1ae2ab9c5746050a4eba629e0920c4d18a335890cf4fa46dcbc92128c8700f"
        ],
    )


@dataclass(frozen=True)
class DescribedBy:
    """Lends its schema to JSON that is not parsed into its fields."""

    model: type[BaseModel]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        # A reference, so that the model is described once, wherever it stands.
        name = f"{self.model.__module__}.{self.model.__qualname__}:{id(self.model)}"
        described = {**self.model.__pydantic_core_schema__, "ref": name}
        return handler(definitions_schema(definition_reference_schema(name), [described]))


SignedDocument = Annotated[JsonObject, DescribedBy(Certificate)]
"""A certificate as it was signed. It is passed on as it is: who parses it into fields and writes it again may change
what the signature is over."""


class CheckResult(BaseModel):
    """One property of a certificate."""

    name: str = Field(description="What was checked.", examples=["outcome"])
    passed: bool = Field(description="Whether it holds.", examples=[True])
    detail: str = Field(
        description="What was found, in a sentence.", examples=["The label is that of most selection votes."]
    )


class VerificationResult(BaseModel):
    """All checks that could be made of a certificate."""

    valid: bool = Field(description="Whether every check passed.", examples=[True])
    checks: tuple[CheckResult, ...]
