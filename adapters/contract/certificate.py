"""The certificate: every field of the signed document, by its version."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import definition_reference_schema, definitions_schema

from adapters.contract.bounds import (
    MAX_LABEL_SETS,
    MAX_LABELS,
    MAX_SIGMA,
    MAX_SIGMAS,
    MAX_TEMPLATES,
    MIN_LABEL_SETS,
    MIN_SIGMA,
    MIN_SIGMAS,
)
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
from adapters.contract.label_sets import MAX_LABELS_IN_ALL
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


class Claim(Part):
    """What is claimed in one label set, at one sigma, and the counts that it follows from."""

    outcome: str = Field(description="What became of the claim.", examples=["certified"])
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
    bound: CertifiedBound
    selection_votes: Votes = Field(
        description="Of the samples that chose the class, in the order of the labels.", examples=[(2, 23)]
    )
    votes: Votes = Field(
        description="Of the estimation samples that were looked at, in the order of the labels.", examples=[(323, 9677)]
    )


class DocumentOfAnyVersion(Part):
    """What all certificates have: what they are about, what computed them, and who says so."""

    format: Literal["robustify-certificate"]
    statement: str = Field(description="What is guaranteed, and what is not, in words.", examples=[EXAMPLE_STATEMENT])
    kind: Literal["certify"]
    template: str = Field(description="Prompt; {} stands for the label.", examples=[DEFAULT_TEMPLATE])
    image: CertifiedImage
    model: CertifiedModelOfVersion1
    smoothing: CertifiedSmoothingOfVersion1
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
    def licences(self) -> tuple[PartLicence, ...]:
        """Of the parts that answered; nothing where it was made before they were in it."""
        return ()

    @property
    def sigmas(self) -> tuple[float, ...]:
        """Where several were asked about at once, the smallest first; empty where it was one."""
        return ()

    @property
    def selection_samples(self) -> int:
        return self.smoothing.n0

    @property
    def estimation_samples(self) -> int:
        return self.smoothing.samples_used - self.selection_samples


class ClaimOfAnyVersion(DocumentOfAnyVersion, Claim):
    """What certificates of one label set have, whatever their version."""

    @property
    def task(self) -> Task:
        return Task(self.labels, self.template, self.model.adaptation)


class CertificateOfVersion1(ClaimOfAnyVersion):
    """What was issued until questions had noise of their own: one seed for all that was asked of an image."""

    format_version: Literal[1]
    seed_commitment: Digest = Field(description="sha256 of the seed of the noise.")
    signature: Signature


class ReplayableDocument(DocumentOfAnyVersion):
    """What all certificates have whose noise can be drawn again."""

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
    def licences(self) -> tuple[PartLicence, ...]:
        return self.model.licences

    @property
    def selection_samples(self) -> int:
        return self.smoothing.selection_samples

    def question_with(self, bound: str) -> Question:
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
            bound=Bound(bound),
            target_radius=smoothing.target_radius,
            tolerance=smoothing.tolerance,
            selection_looks=smoothing.selection_looks,
            looks=smoothing.looks,
        )


class CertificateClaim(ReplayableDocument, ClaimOfAnyVersion):
    """Everything that is needed to compute the claim again, and who says so."""

    format_version: Literal[2]

    @property
    def task(self) -> Task:
        return replace(super().task, templates=self.templates)

    @property
    def question(self) -> Question:
        """What was asked; ValueError for a bound that no question has."""
        return self.question_with(self.bound.name)


class Certificate(CertificateClaim):
    """A claim that is signed."""

    signature: Signature


class ClaimsTogether(ReplayableDocument):
    """Several claims, all of which hold together except with probability alpha."""

    alpha_each: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="Each claim is wrong with at most this probability.", examples=[0.0005]
    )

    def question_of(self, claims: Sequence[Claim]) -> Question:
        """What was asked; ValueError for a bound that no question has, and where the claims have several."""
        names = {claim.bound.name for claim in claims}
        if len(names) > 1:
            raise ValueError(f"the claims rest on several bounds: {', '.join(sorted(names))}")
        return self.question_with(names.pop())

    def alone(self, claim: Claim, sigma: float, signature: str) -> Certificate:
        """A claim as the certificate of it alone, at its own alpha, would have it: to check its numbers. It shares the
        rest with the whole, the signature and the question, of which it is a part only."""
        smoothing = self.smoothing.model_copy(update={"alpha": self.alpha_each, "sigma": sigma})
        common = {name: getattr(self, name) for name in ReplayableDocument.model_fields} | {"smoothing": smoothing}
        own = {name: getattr(claim, name) for name in Claim.model_fields}
        return Certificate.model_construct(**common, **own, format_version=2, signature=signature)


class SetsClaim(ClaimsTogether):
    """What is claimed in several label sets."""

    format_version: Literal[3]
    sets: Annotated[tuple[Claim, ...], Field(min_length=MIN_LABEL_SETS, max_length=MAX_LABEL_SETS)] = Field(
        description="The claims, in the order of the label sets that were asked about."
    )

    @model_validator(mode="after")
    def check_total(self) -> Self:
        """As many labels as may be asked about."""
        if (total := sum(len(claim.labels) for claim in self.sets)) > MAX_LABELS_IN_ALL:
            raise ValueError(f"the sets have {total} labels, of at most {MAX_LABELS_IN_ALL}")
        return self

    @property
    def task(self) -> Task:
        templates = self.templates or (self.template,)
        return replace(Task.of_sets([claim.labels for claim in self.sets], templates), adaptation=self.model.adaptation)

    @property
    def claims(self) -> Sequence[Claim]:
        """In the order in which they were asked for."""
        return self.sets

    @property
    def question(self) -> Question:
        """What was asked; ValueError as `question_of`."""
        return self.question_of(self.sets)


class CertificateOfSets(SetsClaim):
    """Claims in several label sets that are signed as one."""

    signature: Signature

    @property
    def each(self) -> tuple[Certificate, ...]:
        """The claims, each as if it were alone."""
        return tuple(self.alone(claim, self.smoothing.sigma, self.signature) for claim in self.sets)


class ClaimAtSigma(Claim):
    """What is claimed at one of several sigmas."""

    sigma: Annotated[float, Field(ge=MIN_SIGMA, le=MAX_SIGMA)] = Field(
        description="Standard deviation of the noise, for pixels in [0, 1].", examples=[0.5]
    )


class SigmasClaim(ClaimsTogether):
    """What is claimed at several sigmas; `smoothing.sigma` is the one that answers, and whose radius is the largest."""

    format_version: Literal[4]
    at_sigmas: Annotated[tuple[ClaimAtSigma, ...], Field(min_length=MIN_SIGMAS, max_length=MAX_SIGMAS)] = Field(
        description="The claims, that at the smallest sigma first."
    )

    @model_validator(mode="after")
    def check_same_question(self) -> Self:
        """All claims are about the same labels, and each is at a larger sigma than the one before."""
        if len({claim.labels for claim in self.at_sigmas}) > 1:
            raise ValueError("the claims are about different labels")
        if len(self.at_sigmas[0].labels) * len(self.at_sigmas) > MAX_LABELS_IN_ALL:
            raise ValueError(f"the claims have over {MAX_LABELS_IN_ALL} labels together")
        if any(one >= other for one, other in pairwise(self.sigmas)):
            raise ValueError("the sigmas are not in order, or two are equal")
        return self

    @property
    def claims(self) -> Sequence[Claim]:
        """That at the smallest sigma first."""
        return self.at_sigmas

    @property
    def question(self) -> Question:
        """What was asked; ValueError as `question_of`."""
        return self.question_of(self.at_sigmas)

    @property
    def sigmas(self) -> tuple[float, ...]:
        return tuple(claim.sigma for claim in self.at_sigmas)

    @property
    def task(self) -> Task:
        return Task(self.at_sigmas[0].labels, self.template, self.model.adaptation, self.templates)

    @property
    def answering(self) -> ClaimAtSigma:
        """The claim with the largest radius, the first of equal ones; that at the smallest sigma where none has one."""
        return max(self.at_sigmas, key=lambda claim: claim.radius or 0.0)


class CertificateOfSigmas(SigmasClaim):
    """Claims at several sigmas that are signed as one."""

    signature: Signature

    @property
    def each(self) -> tuple[Certificate, ...]:
        """The claims, each as if it were alone."""
        return tuple(self.alone(claim, claim.sigma, self.signature) for claim in self.at_sigmas)


Together = CertificateOfSets | CertificateOfSigmas
Replayable = Certificate | Together
OneClaim = Certificate | CertificateOfVersion1
AnyCertificate = OneClaim | Together


def claims_of(certificate: AnyCertificate) -> tuple[OneClaim, ...]:
    """Each claim of a certificate by itself."""
    return certificate.each if isinstance(certificate, Together) else (certificate,)


@dataclass(frozen=True)
class DescribedBy:
    """Lends the schemas of models, one of which it is, to JSON that is not parsed into their fields."""

    models: tuple[type[BaseModel], ...]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schemas = [handler(described(model)) for model in self.models]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def described(model: type[BaseModel]) -> CoreSchema:
    """A reference, so that the model is described once, wherever it stands."""
    name = f"{model.__module__}.{model.__qualname__}:{id(model)}"
    whole = {**model.__pydantic_core_schema__, "ref": name}
    return definitions_schema(definition_reference_schema(name), [whole])


SignedDocument = Annotated[JsonObject, DescribedBy((Certificate,))]
"""A certificate as it was signed. It is passed on as it is: who parses it into fields and writes it again may change
what the signature is over."""
SignedSetsDocument = Annotated[JsonObject, DescribedBy((CertificateOfSets,))]
"""Likewise, of several label sets."""
SignedSigmasDocument = Annotated[JsonObject, DescribedBy((CertificateOfSigmas,))]
"""Likewise, at several sigmas."""
AnySignedDocument = Annotated[JsonObject, DescribedBy((Certificate, CertificateOfSets, CertificateOfSigmas))]
