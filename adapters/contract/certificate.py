"""The certificate: every field of the signed document, by its version."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import definition_reference_schema, definitions_schema

from adapters.contract.bounds import MAX_LABELS, MAX_TEMPLATES
from adapters.contract.certificate_parts import (
    MAX_PARTS,
    CertifiedBound,
    CertifiedImage,
    CertifiedModel,
    CertifiedModelOfVersion1,
    CertifiedSmoothing,
    CertifiedSmoothingOfVersion1,
    Digest,
    Part,
    Radius,
    Randomness,
    Votes,
)
from adapters.contract.example import LABELS, PUBLIC_KEY
from adapters.contract.question import Question
from adapters.contract.records import JobKind, JsonObject
from adapters.contract.templates import WrittenTemplates
from adapters.profiles.licences import PartLicence
from robustify.smoothing.lattice import slack_of
from robustify.types import DEFAULT_TEMPLATE, Bound, Noise, SmoothingParameters, Task

Signature = Annotated[
    str,
    Field(
        pattern="^[0-9a-f]{128}$",
        description="Ed25519, in hexadecimal, over the canonical JSON (RFC 8785) of all other fields.",
        examples=[
            "05f65f2073c161191b92921a177caeb655e6ba2168ff5b6dcb79530c73a2eee7"
            "a473d424badcf4dd2441d1c110138f7b3ac51e9a858605d017aa8a3234b1f200"
        ],
    ),
]

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
    "Except with probability at most 0.001, over the noise that the noise key gives to this question alone, "
    "the smoothed classifier of this fingerprint gives the label that is named last here at every point closer "
    "than 0.4430 in L2 distance, in [0, 1] pixel units, to the canonical tensor of this sha256. It says "
    "nothing on whether the label is right, on what happens before decoding, or on changes that are larger or "
    "of another kind, such as rotations. The guarantee is about real numbers: what the rounding of "
    'floating-point numbers may do to Gaussian noise and models is not part of it. The label is: "horse"'
)


class ClaimOfAnyVersion(Part):
    """What certificates of all versions have."""

    format: Literal["robustify-certificate"]
    statement: str = Field(description="What is guaranteed, and what is not, in words.", examples=[EXAMPLE_STATEMENT])
    kind: Literal["certify"]
    outcome: str = Field(description="What became of the certificate.", examples=["certified"])
    label: str | None = Field(description="The class that is answered; null where none is.", examples=["horse"])
    index: Annotated[int, Field(ge=0)] | None = Field(description="Its place in the labels.", examples=[1])
    radius: Radius | None = Field(
        description="L2 radius of the canonical tensor, for pixels in [0, 1]; null unless certified.",
        examples=[0.4430059993863396],
    )
    radius_source_pixels: Radius | None = Field(
        description="The same for the decoded pixels of the file; null with lattice noise.",
        examples=[0.44300599894333365],
    )
    labels: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_LABELS)] = Field(
        description="All classes, in order.", examples=[LABELS]
    )
    template: str = Field(description="Prompt; {} stands for the label.", examples=[DEFAULT_TEMPLATE])
    image: CertifiedImage
    model: CertifiedModelOfVersion1
    smoothing: CertifiedSmoothingOfVersion1
    bound: CertifiedBound
    selection_votes: Votes = Field(
        description="Of the samples that chose the class, in the order of the labels.", examples=[(2, 23)]
    )
    votes: Votes = Field(
        description="Of the estimation samples that were looked at, in the order of the labels.", examples=[(323, 9677)]
    )
    software: Annotated[dict[str, str | None], Field(max_length=MAX_PARTS)] = Field(
        description="The versions that computed it, by package; null for one that was not there.",
        examples=[EXAMPLE_SOFTWARE],
    )
    issued_at: str = Field(description="When it was signed; ISO 8601 in UTC.", examples=["2026-11-29T22:20:47Z"])
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
    def licences(self) -> tuple[PartLicence, ...]:
        """Of the parts that answered; nothing where it was made before they were in it."""
        return ()

    @property
    def selection_samples(self) -> int:
        return self.smoothing.n0

    @property
    def estimation_samples(self) -> int:
        return self.smoothing.samples_used - self.selection_samples


class CertificateOfVersion1(ClaimOfAnyVersion):
    """What was issued until questions had noise of their own: one seed for all that was asked of an image."""

    format_version: Literal[1]
    seed_commitment: Digest = Field(description="sha256 of the seed of the noise.")
    signature: Signature


class CertificateClaim(ClaimOfAnyVersion):
    """Everything that is needed to compute the claim again, and who says so."""

    format_version: Literal[2]
    templates: Annotated[WrittenTemplates, Field(max_length=MAX_TEMPLATES)] = ()
    model: CertifiedModel
    smoothing: CertifiedSmoothing
    randomness: Randomness

    @model_validator(mode="after")
    def check_templates(self) -> Self:
        """An ensemble has several templates, and `template` is the first."""
        if self.templates and (len(self.templates) == 1 or self.templates[0] != self.template):
            raise ValueError("templates are two or more, of which template is the first")
        return self

    @property
    def task(self) -> Task:
        return replace(super().task, templates=self.templates)

    @property
    def licences(self) -> tuple[PartLicence, ...]:
        return self.model.licences

    @property
    def selection_samples(self) -> int:
        return self.smoothing.selection_samples

    @property
    def question(self) -> Question:
        """What was asked; ValueError for a bound that no question has."""
        smoothing = self.smoothing
        return Question(
            stream=self.randomness.stream,
            kind=JobKind.CERTIFY,
            image=self.image.sha256,
            fingerprint=self.model.fingerprint,
            noise=self.noise,
            n0=smoothing.n0,
            n=smoothing.n,
            alpha=smoothing.alpha,
            bound=Bound(self.bound.name),
            target_radius=smoothing.target_radius,
            tolerance=smoothing.tolerance,
            selection_looks=smoothing.selection_looks,
            looks=smoothing.looks,
        )


class Certificate(CertificateClaim):
    """A claim that is signed."""

    signature: Signature


AnyCertificate = Certificate | CertificateOfVersion1


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
