"""What a rule is: when counting may stop, and what the votes say then. It is chosen before a sample is drawn.

With probability at least 1 - alpha what a rule says is true, whichever look it stops at. The rules themselves are in
`predict_rules` and `certify_rules`, and `algorithms` runs them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from robustify.smoothing.looks import Looks, Tally
from robustify.types import Prediction, SmoothingParameters


class Outcome(StrEnum):
    """What became of a certificate."""

    CERTIFIED = "certified"
    ABSTAINED = "abstained"
    """The votes support no radius."""
    NOT_CERTIFIED = "not_certified"
    """The class's probability is below the one that the target radius needs."""
    UNDECIDED = "undecided"
    """The votes say neither: the target radius is too close to what the class's probability gives."""


@dataclass(frozen=True)
class Selection:
    """The class chosen by the selection votes (K,) of so many samples."""

    index: int
    votes: Sequence[int]
    samples: int

    @property
    def is_supported(self) -> bool:
        """Whether a single sample voted for the class: no other is claimed."""
        return self.votes[self.index] > 0


@dataclass(frozen=True)
class Verdict:
    """What may be said of the class: `radius` in [0, 1] pixel units, None unless it is certified.

    `p_lower` bounds the class's probability from below, 0 where nothing was claimed; `p_upper` bounds those of its
    rivals from above, None where no such bound was used.
    """

    outcome: Outcome
    radius: float | None
    p_lower: float
    p_upper: float | None = None


class StoppingRule(Protocol):
    """Looks as planned, the last time at n, where it is settled in any case: before n, does this tally settle it?"""

    @property
    def n(self) -> int: ...

    @property
    def looks(self) -> Looks: ...

    def is_settled(self, tally: Tally) -> bool: ...


class PredictRule(StoppingRule, Protocol):
    """A test of PREDICT; an answer is wrong with probability at most alpha."""

    @property
    def alpha(self) -> float: ...

    def prediction(self, tally: Tally) -> Prediction: ...


class CertifyRule(Protocol):
    """A bound of CERTIFY, with what it aims at; looks as a StoppingRule does, once the class is chosen."""

    @property
    def parameters(self) -> SmoothingParameters: ...

    @property
    def selecting(self) -> StoppingRule:
        """When the class is chosen: of the selection votes alone."""

    @property
    def looks(self) -> Looks: ...

    def is_settled(self, selection: Selection, tally: Tally) -> bool: ...

    def verdict(self, selection: Selection, tally: Tally) -> Verdict: ...


@dataclass(frozen=True)
class ForClass:
    """The StoppingRule that a rule of CERTIFY is for the class that was chosen."""

    rule: CertifyRule
    selection: Selection

    @property
    def n(self) -> int:
        return self.rule.parameters.n

    @property
    def looks(self) -> Looks:
        return self.rule.looks

    def is_settled(self, tally: Tally) -> bool:
        return self.rule.is_settled(self.selection, tally)
