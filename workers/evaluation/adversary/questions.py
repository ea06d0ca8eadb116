"""What a client asks of the service, and what it gets."""

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.contract.records import JobKind, VoteKind
from adapters.contract.results import CertifyResult, Voted
from robustify.types import DEFAULT_TEMPLATE, Bound, PredictTest
from workers.evaluation.adversary.pictures import Picture
from workers.evaluation.selftest_claims import LABELS, is_false

SIGMA = 0.25
SELECTION_SAMPLES = 20


@dataclass(frozen=True)
class Question:
    """Everything that a client can choose; two that are equal must get the same answer."""

    kind: VoteKind
    picture: Picture
    n: int
    alpha: float
    bound: Bound | None = None
    target_radius: float | None = None
    tolerance: float | None = None
    labels: tuple[str, ...] = LABELS
    template: str = DEFAULT_TEMPLATE
    sigma: float = SIGMA
    n0: int = SELECTION_SAMPLES

    @property
    def fields(self) -> Mapping[str, object]:
        """Those of the request, beside the image; None where one is left out."""
        common = {
            "labels": self.labels,
            "template": self.template,
            "sigma": self.sigma,
            "n": self.n,
            "alpha": self.alpha,
        }
        if self.kind is JobKind.PREDICT:
            return {**common, "test": PredictTest.FIXED}
        aim = {"bound": self.bound, "target_radius": self.target_radius, "tolerance": self.tolerance}
        return {**common, "n0": self.n0, **aim}


@dataclass(frozen=True)
class Answer:
    """A question and the result of its job, whose label is spelled as `LABELS` have it."""

    question: Question
    result: Voted

    @property
    def is_false(self) -> bool:
        return is_false(self.question.picture.margin, self.result)

    @property
    def said(self) -> tuple[object, ...]:
        """What of it must be the same for all who ask the same; its votes above all."""
        result = self.result
        common = (result.outcome, result.label, result.samples_used, result.counts)
        return (*common, result.radius, result.selection_counts) if isinstance(result, CertifyResult) else common
