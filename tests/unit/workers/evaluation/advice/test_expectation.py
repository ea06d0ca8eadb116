"""What other numbers of samples would certify, against simulation."""

import numpy as np
import pytest

from workers.evaluation.advice.expectation import chance_of_radius, expected_certified, samples_in_reach, votes_needed
from workers.evaluation.advice.figures import ProtectedFigures, RightVotes, Wishes

SIGMA, ALPHA = 0.25, 0.001


def figures(*votes: int) -> ProtectedFigures:
    found = [RightVotes(won, 100, None) for won in votes]
    return ProtectedFigures(SIGMA, len(votes), len(votes), 0, found, samples_per_second=100)


@pytest.mark.parametrize("won", [90, 96, 100])
@pytest.mark.parametrize("n", [100, 1000])
def test_chance_of_a_radius_when_votes_are_drawn_again(won: int, n: int) -> None:
    """It is the share of new draws that certify the radius, for probabilities that the votes leave likely."""
    rng = np.random.default_rng(0)
    likely = rng.beta(won + 0.5, 100 - won + 0.5, 200_000)
    simulated = float(np.mean(rng.binomial(n, likely) >= votes_needed(0.25, SIGMA, ALPHA, n)))

    assert chance_of_radius(RightVotes(won, 100, None), 0.25, SIGMA, ALPHA, n) == pytest.approx(simulated, abs=0.006)


def test_chance_of_a_radius_that_no_votes_give() -> None:
    """Of too few samples, and of a radius without a probability, it is 0."""
    sure = RightVotes(100, 100, 0.3)

    assert chance_of_radius(sure, 0.25, SIGMA, ALPHA, 10) == 0.0
    assert chance_of_radius(sure, 9.0, SIGMA, ALPHA, 10_000) == 0.0


def test_expected_when_there_are_several_pictures() -> None:
    """It is the sum over them."""
    alone = [expected_certified(figures(won), 0.25, ALPHA, 1000) for won in (100, 80)]

    assert expected_certified(figures(100, 80), 0.25, ALPHA, 1000) == pytest.approx(sum(alone))


def test_samples_in_reach_when_time_is_short() -> None:
    """Those that can certify the radius at all and are done in time, with the samples of the selection."""
    ladder = (10, 100, 500, 1000)
    wishes = Wishes(ALPHA, n0=100, seconds_per_picture=6.0)

    assert samples_in_reach(figures(100), 0.25, wishes, ladder) == [100, 500]
    assert samples_in_reach(figures(100), 9.0, wishes, ladder) == []
