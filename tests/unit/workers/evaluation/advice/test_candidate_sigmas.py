"""Which sigmas are tried on a profile."""

from dataclasses import replace

import pytest

from adapters.profiles.library import find_profile
from adapters.profiles.options.restoration import RestorationOptions
from robustify.errors import InvalidInputError
from workers.evaluation.advice.candidates import USUAL_SIGMAS, candidates, most_samples

MINI = find_profile("mini")
NARROW = replace(MINI, denoiser="restoration", denoiser_options=RestorationOptions(max_sigma=0.2), default_sigma=0.1)


def test_candidates_when_the_denoiser_removes_all() -> None:
    """They are the usual ones, or those that were asked for, each once, the smallest first."""
    assert candidates(MINI, None) == USUAL_SIGMAS
    assert candidates(MINI, [0.5, 0.25, 0.5]) == (0.25, 0.5)


def test_candidates_when_the_denoiser_was_trained_for_less() -> None:
    """The usual ones within its range, or the profile's own where there is none."""
    options = RestorationOptions(min_sigma=0.06, max_sigma=0.1)

    assert candidates(NARROW, None) == (0.12,)
    assert candidates(replace(NARROW, denoiser_options=options), None) == (0.1,)


def test_candidate_that_is_out_of_range() -> None:
    """One that was asked for is refused, with the range."""
    with pytest.raises(InvalidInputError, match="choose 0 to 0.2"):
        candidates(NARROW, [0.12, 0.5])


def test_most_samples() -> None:
    """One for each picture without protection, and two answers at each sigma."""
    assert most_samples(24, 4, 100, 125) == 21_624
