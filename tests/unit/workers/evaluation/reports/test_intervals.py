"""Paired differences: McNemar's test by hand, and intervals by simulation."""

import numpy as np
import pytest

from workers.evaluation.reports.intervals import difference_of_means, difference_of_shares, mcnemar

TRUTH = 0.1


def test_mcnemar_by_hand() -> None:
    """Of six images that one method alone has right, five to one: 2 x (1 + 6) / 2^6."""
    base = [True] * 4 + [False] * 5 + [True]
    other = [True] * 4 + [True] * 5 + [False]

    assert mcnemar(base, other) == pytest.approx(2 * (1 + 6) / 2**6)
    assert mcnemar(other, base) == mcnemar(base, other)


def test_difference_of_methods_that_are_the_same() -> None:
    """Nothing differs, and nothing speaks against chance."""
    found = difference_of_shares([True, False, True], [True, False, True])

    assert (found.mean, found.low, found.high, found.p_value, found.images) == (0, 0, 0, 1.0, 3)


def test_difference_of_one_image() -> None:
    """There is nothing to resample: the interval is the value."""
    found = difference_of_means([0.5])

    assert (found.mean, found.low, found.high) == (0.5, 0.5, 0.5)


def test_difference_when_it_is_asked_for_twice() -> None:
    """The interval is the same, and holds the mean."""
    values = list(np.random.default_rng(3).normal(size=50))
    first, again = difference_of_means(values), difference_of_means(values)

    assert first == again
    assert first.low < first.mean < first.high


@pytest.mark.slow
@pytest.mark.parametrize("is_share", [True, False])
def test_interval_by_simulation(is_share: bool) -> None:
    """It holds the true difference about as often as it says: 95 % of the time, give or take four standard errors."""
    rng = np.random.default_rng(7)
    trials, images, held = 400, 100, 0
    for _ in range(trials):
        base = rng.random(images) < 0.5
        gained, lost = rng.random(images) < 2 * (TRUTH + 0.05), rng.random(images) < 2 * 0.05
        other = np.where(base, ~lost, gained)
        if is_share:
            found = difference_of_shares(base.tolist(), other.tolist(), resamples=999)
        else:
            found = difference_of_means((TRUTH + rng.exponential(size=images) - 1).tolist(), resamples=999)
        held += found.low <= TRUTH <= found.high
    # A percentile interval of a skewed mean over 100 values holds a little less than it says.
    assert 0.90 <= held / trials <= 0.985
