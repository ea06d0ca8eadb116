"""The question: everything that was asked. Its digest names the one outcome that it has, and its noise is its own.

Whatever is asked otherwise, be it n, alpha or the bound, is another question with noise that is independent of this
one's, and is charged to the ledger. So no answer tells anything about the answer to another question, and all of them
together are wrong somewhere with probability at most the sum of their alphas, whatever a client asks next after what it
has seen (decision 19).
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from adapters.canonical_json import canonical_bytes, canonical_digest
from adapters.contract.example import FINGERPRINT, IMAGE_DIGEST
from adapters.contract.records import Record, VoteKind
from robustify.smoothing.looks import Looks
from robustify.types import Bound, Noise, PredictTest

VERSION: Final = 2
"""Of the questions: with another version, all outcomes are others. Version 1 had one noise for all that was asked of an
image and a function."""
STREAM: Final = "chacha20-1"
"""How the noise is made of a seed (`robustify/smoothing/stream.py`, `normal.py` and `lattice.py`)."""


EACH_BATCH = {"step": 25, "head": 0, "stride": 25}
EARLY_AND_LATER = {"step": 25, "head": 400, "stride": 100}


class PlannedLooks(Record):
    """When votes were looked at, and at the end in any case."""

    step: Annotated[int, Field(ge=1)] = Field(description="After so many samples each, up to the head.", examples=[25])
    head: Annotated[int, Field(ge=0)] = Field(
        description="Samples that are looked at so often; 0 for all of them.", examples=[400]
    )
    stride: Annotated[int, Field(ge=1)] = Field(
        description="After so many samples each from there on; the step where there is no head.", examples=[100]
    )

    @classmethod
    def of(cls, looks: Looks | None) -> "PlannedLooks | None":
        if looks is None:
            return None
        return cls(step=looks.step, head=looks.head, stride=looks.step if looks.stride is None else looks.stride)

    @property
    def looks(self) -> Looks:
        """ValueError where they are no plan."""
        if not self.head and self.stride != self.step:
            raise ValueError(f"a stride of {self.stride} samples without a head")
        return Looks(self.step, self.head, self.stride) if self.head else Looks(self.step)


class Question(Record):
    """What decides an answer, but for the names that clients give to tasks."""

    version: Literal[2] = Field(VERSION, description="Of how questions are told apart.", examples=[VERSION])
    stream: Literal["chacha20-1"] = Field(STREAM, description="How the noise is made of the seed.", examples=[STREAM])
    kind: VoteKind = Field(description="What was asked for.", examples=["predict"])
    image: str = Field(description="sha256 of the canonical tensor.", examples=[IMAGE_DIGEST])
    fingerprint: str = Field(
        description="Of the function: sigma, labels and the kind of noise are among what it is of.",
        examples=[FINGERPRINT],
    )
    noise: Noise = Field(description="What is added to the image.", examples=["gaussian"])
    n0: int = Field(description="Selection samples, at most; 0 of a prediction.", examples=[0])
    n: int = Field(description="Samples of the vote that decides, at most.", examples=[100])
    alpha: float = Field(description="The answer is wrong with at most this probability.", examples=[0.001])
    bound: Bound | None = Field(None, description="Of a certificate.", examples=[None])
    target_radius: float | None = Field(None, description="Of a certificate.", examples=[None])
    tolerance: float | None = Field(None, description="Of a certificate.", examples=[None])
    test: PredictTest | None = Field(None, description="Of a prediction.", examples=["sequential"])
    selection_looks: PlannedLooks | None = Field(
        None, description="When the selection votes are looked at; null for once, at n0.", examples=[None, EACH_BATCH]
    )
    looks: PlannedLooks | None = Field(
        None, description="When the votes that decide are looked at; null for once, at n.", examples=[EACH_BATCH]
    )

    @property
    def text(self) -> bytes:
        """The canonical JSON: what the proof of its seed is of."""
        return canonical_bytes(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        return canonical_digest(self.model_dump(mode="json"))
