"""What an adaptation is judged by: figures of known votes."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from robustify.adaptation.evidence import Evidence, is_no_worse, judge
from robustify.smoothing.statistics import certified_radius, lower_confidence_bound
from robustify.types import Phase, SmoothingParameters

PARAMETERS = SmoothingParameters(sigma=0.5, n0=20, n=100, alpha=0.001)
VOTES = {0: (100, 0, 0), 1: (10, 90, 0), 2: (40, 0, 50)}
"""Of three images; the third lost ten of its votes."""


@dataclass(frozen=True)
class KnownVotes:
    """The votes of the image while estimating; all for its top class while selecting."""

    image: int
    phase: Phase

    def __call__(self, first: int, count: int) -> Sequence[int]:
        votes = VOTES[self.image]
        if self.phase is Phase.ESTIMATE:
            return votes
        return [count if vote == max(votes) else 0 for vote in votes]


def test_figures_when_the_votes_are_known() -> None:
    """Right for sure, wrong for sure, and right but abstained."""
    found = judge(KnownVotes, [0, 0, 2], PARAMETERS)
    radius = certified_radius(lower_confidence_bound(100, 100, 0.001), 0.5)

    assert (found.sigma, found.images) == (0.5, 3)
    assert found.accuracy == pytest.approx((1.0 + 0.1 + 0.5) / 3)
    assert radius is not None
    assert found.acr == pytest.approx(radius / 3)
    assert list(found.certified_accuracy) == ["0.0", "0.25", "0.5", "0.75"]
    assert set(found.certified_accuracy.values()) == {1 / 3}


def test_figures_when_another_class_is_right() -> None:
    """A certificate for the wrong class counts for nothing."""
    found = judge(KnownVotes, [1, 1, 1], PARAMETERS)

    assert found.accuracy == pytest.approx(0.9 / 3)
    assert found.certified_accuracy["0.0"] == pytest.approx(1 / 3)
    assert found.certified_accuracy["0.5"] == 0.0


def test_judging_when_somebody_follows_it() -> None:
    """Every image is announced before its votes are counted, and what is raised then ends the work."""
    announced: list[int] = []

    def stop_at_the_second() -> None:
        announced.append(len(announced))
        if len(announced) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        judge(KnownVotes, [0, 1, 2], PARAMETERS, stop_at_the_second)
    assert announced == [0, 1]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((0.5, 0.3), (0.5, 0.3), True),
        ((0.5, 0.3), (0.4, 0.5), True),
        ((0.5, 0.3), (0.6, 0.1), False),
        ((0.5, 0.3), (0.5, 0.2999), False),
    ],
)
def test_comparison_when_one_sigma_gains_and_one_loses(
    before: Sequence[float], after: Sequence[float], expected: bool
) -> None:
    """The mean over all sigmas decides; to stay equal is no worse."""
    assert is_no_worse(evidence(before), evidence(after)) is expected


def evidence(accuracies: Sequence[float]) -> list[Evidence]:
    return [Evidence(sigma, 10, accuracy, {}, 0.0) for sigma, accuracy in zip((0.25, 0.5), accuracies, strict=True)]
