"""What the samples to come may still bring, beside the distribution of which it is the normal approximation."""

import numpy as np
import pytest
from scipy.stats import betabinom

from robustify.smoothing.futility import UNLIKELY_DEVIATIONS, fewest_with_hope, likely_most


@pytest.mark.parametrize(("samples", "share"), [(100, 0.5), (100, 0.8), (1000, 0.85), (1000, 0.97), (9000, 0.6)])
def test_most_votes_when_they_are_compared_with_the_predictive_distribution(samples: int, share: float) -> None:
    """By Jeffreys' prior the chance of more votes is half a per cent, or some per mille where it is skewed."""
    votes = round(share * samples)
    more = likely_most(votes, samples, 10_000, share * (1 - share)) - votes

    assert 0.0005 < betabinom.sf(more, 10_000 - samples, votes + 0.5, samples - votes + 0.5) < 0.006


def test_most_votes_when_they_are_unanimous() -> None:
    """No more than all that are left, and at the cap none."""
    assert likely_most(100, 100, 200, 0.25) == 200
    assert likely_most(95, 100, 110, 0.25) == 105
    assert likely_most(70, 100, 100, 0.25) == 70


def test_hope_when_a_vote_is_short() -> None:
    """So many votes leave hope, one less do not; at the cap it is what is needed."""
    samples = np.array([100, 500, 999, 1000])
    fewest = fewest_with_hope(880, samples, 1000, 0.84 * 0.16)

    for look, votes in zip(samples.tolist(), fewest.tolist(), strict=True):
        assert votes * 1000 / look + 1000 - look >= likely_most(votes, look, 1000, 0.84 * 0.16) or look == 1000
        expected = [hope >= 880 for hope in (unlimited(votes, look), unlimited(votes - 1, look))]
        assert expected == [True, False]
    assert fewest[-1] == 880


def unlimited(votes: int, samples: int) -> float:
    """`likely_most` where it is not cut off at unanimous votes."""
    return float(
        votes * 1000 / samples + UNLIKELY_DEVIATIONS * np.sqrt(0.84 * 0.16 * 1000 * (1000 - samples) / samples)
    )
