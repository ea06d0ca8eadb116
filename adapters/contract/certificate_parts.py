"""The parts of a certificate: what it is about, what computed it, and with which noise."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from adapters.contract.bounds import MAX_ESTIMATION_SAMPLES, MAX_LABELS, MAX_SELECTION_SAMPLES, MAX_SIGMA, MIN_SIGMA
from adapters.contract.example import (
    FILE_DIGEST,
    FINGERPRINT,
    IMAGE_DIGEST,
    MODELS_DIGEST,
    NOISE_MODULUS,
    NOISE_PROOF,
)
from adapters.contract.question import EACH_BATCH, EARLY_AND_LATER, STREAM, PlannedLooks
from adapters.profiles.licences import PartLicence

MAX_TENSOR_SIDE = 1024
"""Of a canonical tensor: what is checked against a certificate is made as large as it says."""
MAX_PARTS = 100
"""Of an engine, and of the software: they have a dozen, and each costs time wherever a certificate is checked."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Votes = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=MAX_LABELS)]
Side = Annotated[int, Field(ge=1, le=MAX_TENSOR_SIDE)]
Radius = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Samples = Annotated[int, Field(ge=1)]
Modulus = Annotated[str, Field(pattern="^([0-9a-f]{2}){64,512}$")]
"""Of an RSA key, in hexadecimal."""
Proof = Annotated[str, Field(pattern="^([0-9a-f]{2}){64,512}$")]


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
    "torch": "2.14.1",
}


def is_unstated(licences: Sequence[PartLicence]) -> bool:
    return not licences


CertifiedLicences = Annotated[
    tuple[PartLicence, ...],
    Field(
        max_length=MAX_PARTS,
        description="Of each part that answered, as its profile says; the generator's where the task was adapted. Not "
        "there in certificates that were made before licences were in them.",
        # So that these stay as they are, with their signatures.
        exclude_if=is_unstated,
    ),
]


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
        description="||W||_2 of the map that makes the picture square: a radius R of the tensor is R / ||W||_2 for the "
        "pixels of the file.",
        examples=[1],
    )


class Hardware(Part):
    """The kind of machine that ended the job: f is this function on hardware of such a kind (decision 8)."""

    processor: str = Field(
        description="The instructions that the CPU's kernels use, or the name of the GPU.", examples=["x86_64 AVX512"]
    )
    threads: Samples = Field(description="Of one worker.", examples=[2])


class CertifiedModelOfVersion1(Part):
    """What computed the votes."""

    profile: str = Field(description="The set of models.", examples=["mini"])
    task: str | None = Field(description="The task that was named, if one was.", examples=[None, "animals"])
    version: int | None = Field(description="Its version.", examples=[None, 2])
    adaptation: Digest | None = Field(description="The digest of its adaptation.", examples=[None])
    engine: Annotated[dict[str, str | bool | int | float | None], Field(max_length=MAX_PARTS)] = Field(
        description="What decides f besides labels, template, adaptation and sigma, by name.", examples=[EXAMPLE_ENGINE]
    )
    fingerprint: Digest = Field(
        description="The digest over all of it (`function_digest` in `adapters/profiles/fingerprint.py`).",
        examples=[FINGERPRINT],
    )


class CertifiedModel(CertifiedModelOfVersion1):
    """What computed the votes, and where."""

    hardware: Hardware
    licences: CertifiedLicences = ()


class CertifiedSmoothingOfVersion1(Part):
    """The noise, and how many samples were drawn; all n0 for selection."""

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
    samples_used: Samples = Field(
        description="Samples that were drawn, of the n0 + n that were planned.", examples=[10025]
    )
    target_radius: Radius | None = Field(description="The radius that was asked for.", examples=[None, 0.25])
    tolerance: Radius | None = Field(description="How much more radius was not worth a sample.", examples=[None, 0.01])


class CertifiedSmoothing(CertifiedSmoothingOfVersion1):
    """The noise, how many samples were drawn, and when their votes were looked at."""

    selection_samples: Samples = Field(
        description="Samples that chose the class, of the n0 that were planned.", examples=[25]
    )
    selection_looks: PlannedLooks | None = Field(
        description="Of the selection; null for one look, at n0.", examples=[EACH_BATCH]
    )
    looks: PlannedLooks | None = Field(
        description="Of the estimation; null for one look, at n.", examples=[None, EARLY_AND_LATER]
    )


class Randomness(Part):
    """What the noise was made of: the proof has a hash, which is the seed of all noise of this question alone."""

    stream: Literal["chacha20-1"] = Field(description="How the noise is made of the seed.", examples=[STREAM])
    modulus: Modulus = Field(description="Of the RSA key that proves the seed.", examples=[NOISE_MODULUS])
    proof: Proof = Field(
        description="The only one that there is of this question with this key (`adapters/certificates/vrf.py`).",
        examples=[NOISE_PROOF],
    )


class CertifiedBound(Part):
    """Which bound was used (`robustify/smoothing/claims.py`), and what it gave."""

    name: str = Field(description="What the radius rests on.", examples=["multiclass"])
    p_lower: Probability = Field(description="Lower bound of the class's probability.", examples=[0.9618047132576157])
    p_upper: Probability | None = Field(
        description="Upper bound of any rival's; null where none is used.", examples=[0.03819528674238426]
    )
