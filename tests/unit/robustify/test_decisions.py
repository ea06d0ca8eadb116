"""What votes say once they are in: PREDICT and CERTIFY of a fixed number of samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from robustify.smoothing.decisions import bound_radius, decide, select
from robustify.types import SmoothingParameters

PARAMETERS = SmoothingParameters(sigma=0.25, n0=100, n=1000, alpha=0.001)


def test_predict_counts_missing_votes_for_the_rival() -> None:
    """60 of 100 votes for one class, with 40 samples lost, might have been 60 to 40: abstain."""
    assert decide([60, 0], 60, 0.001).index == 0
    assert decide([60, 0], 100, 0.001).index is None


def test_predict_without_any_vote_abstains() -> None:
    """When every sample was lost or not finite, there is no answer."""
    assert decide([0, 0, 0], 100, 0.001).index is None


@pytest.mark.slow
def test_predict_of_a_fair_coin_errs_no_more_often_than_alpha() -> None:
    """With two equally likely classes, any answer is an error: at most alpha of 20,000 runs answer."""
    rng, alpha, runs = np.random.default_rng(2), 0.01, 20_000
    answers = sum(decide([int(k), 100 - int(k)], 100, alpha).index is not None for k in rng.binomial(100, 0.5, runs))

    assert answers <= binom.ppf(0.9999, runs, alpha)


def test_certify_counts_missing_votes_against_the_class() -> None:
    """The bound uses the planned n: 900 votes of 900 that came back count as 900 of 1000."""
    whole = bound_radius(0, [100, 0], [1000, 0], PARAMETERS)
    partial = bound_radius(0, [100, 0], [900, 0], PARAMETERS)
    against = bound_radius(0, [100, 0], [900, 100], PARAMETERS)

    assert partial.radius == against.radius
    assert partial.radius is not None
    assert whole.radius is not None
    assert partial.radius < whole.radius


def test_certify_without_selection_votes_abstains() -> None:
    """A class that was chosen by no vote at all is not certified, whatever the estimation says."""
    assert bound_radius(0, [0, 0], [1000, 0], PARAMETERS).radius is None


def test_certify_without_any_vote_abstains() -> None:
    """A model whose every output is NaN certifies nothing."""
    assert bound_radius(0, [0, 0], [0, 0], PARAMETERS).radius is None


@pytest.mark.parametrize("votes", [[1001, 0], [600, 401], [-1, 5], []])
def test_votes_that_do_not_fit_the_plan_are_refused(votes: list[int]) -> None:
    """More votes than samples mean that something counted twice: no certificate."""
    with pytest.raises(ValueError, match="do not fit"):
        bound_radius(0, [100, 0], votes, PARAMETERS)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=6), st.data())
def test_losing_votes_never_gains_radius(votes: list[int], data: st.DataObject) -> None:
    """Whatever subset of the votes comes back, the radius is at most that of all of them."""
    n = sum(votes) + 1
    parameters = SmoothingParameters(sigma=0.5, n0=10, n=n, alpha=0.01)
    kept = [data.draw(st.integers(0, count)) for count in votes]
    index = select(votes)
    selection = [1] + [0] * (len(votes) - 1)
    selection[index], selection[0] = selection[0], selection[index]

    full = bound_radius(index, selection, votes, parameters).radius or 0.0
    faulty = bound_radius(index, selection, kept, parameters).radius or 0.0

    assert faulty <= full


def test_certificates_of_a_known_classifier_err_no_more_often_than_alpha() -> None:
    """For p just at the certified level, the radius exceeds the true one in at most alpha of 20,000 runs."""
    rng, runs = np.random.default_rng(3), 20_000
    parameters = SmoothingParameters(sigma=1.0, n0=10, n=200, alpha=0.01)
    true_radius = 0.6744897501960817
    counts = rng.binomial(200, 0.75, runs)
    radii = {int(k): bound_radius(0, [10, 0], [int(k), 200 - int(k)], parameters).radius for k in np.unique(counts)}

    assert sum((radii[int(k)] or 0.0) > true_radius for k in counts) <= binom.ppf(0.9999, runs, 0.01)
