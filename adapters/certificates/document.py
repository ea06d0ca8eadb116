"""The certificate as a JSON document: its fields, and reading one that somebody sends."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.canonical_json import canonical_bytes
from adapters.contract.bounds import MAX_ESTIMATION_SAMPLES, MAX_LABELS, MAX_SELECTION_SAMPLES, MAX_SIGMA, MIN_SIGMA
from adapters.contract.jobs import slack_of
from robustify.errors import InvalidInputError
from robustify.types import Noise, SmoothingParameters, Task

FORMAT = "robustify-certificate"
VERSION = 1
MAX_BYTES = 2 << 20
"""Of a certificate: a thousand of the longest labels take half of it."""
MAX_TENSOR_SIDE = 1024
"""Of a canonical tensor: what is checked against a certificate is made as large as it says."""
SHOWN_PROBLEMS = 5

Document = dict[str, Any]
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


class Model(Part):
    """What computed the votes. `engine` is what decides f besides labels, template, adaptation and sigma; `fingerprint`
    is the digest over all of it (`function_digest` in `adapters/profiles/profile.py`)."""

    profile: str
    task: str | None
    version: int | None
    adaptation: Digest | None
    engine: dict[str, str | bool | int | float | None]
    fingerprint: Digest


class Smoothing(Part):
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


class Bound(Part):
    """Which bound was used (`robustify/smoothing/claims.py`), and what it gave."""

    name: str
    p_lower: Probability
    p_upper: Probability | None


class Certificate(Part):
    """Everything that is needed to compute the claim again, and who signs it.

    Votes are in the order of the labels. `radius` holds for the canonical tensor, `radius_source_pixels` for the pixels
    of the file. `seed_commitment` is the sha256 of the seed of the noise, which may be revealed later. The signature
    (Ed25519, hexadecimal) is over the canonical JSON (RFC 8785) of all other fields.
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
    model: Model
    smoothing: Smoothing
    bound: Bound
    selection_votes: Votes
    votes: Votes
    seed_commitment: Digest
    software: dict[str, str | None]
    issued_at: str
    public_key: Digest
    signature: Annotated[str, Field(pattern="^[0-9a-f]{128}$")]

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


def read_certificate(document: Any) -> Certificate:
    """The certificate of a JSON document; InvalidInputError says what of it is missing, wrong, or of another format."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidInputError(
            f"This is no certificate: it is no JSON object whose format is {FORMAT}.", "certificate"
        )
    if (version := document.get("format_version")) != VERSION or isinstance(version, bool):
        raise InvalidInputError(
            f"Its format_version is not {VERSION}, the only one that this release reads.", "certificate"
        )
    try:
        return Certificate.model_validate_json(canonical_bytes(document))
    except ValidationError as error:
        raise InvalidInputError(problems_of(error), "certificate") from None
    except ValueError:
        raise InvalidInputError("It has a number or a text that no JSON can say.", "certificate") from None


def problems_of(error: ValidationError) -> str:
    """The fields at fault, without what they say."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return " ".join(f"{'.'.join(map(str, item['loc']))[:80]}: {item['msg']}." for item in found[:SHOWN_PROBLEMS])


def signed_bytes(document: Document) -> bytes:
    """What the signature of a certificate is over."""
    return canonical_bytes({name: value for name, value in document.items() if name != "signature"})
