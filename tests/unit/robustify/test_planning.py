"""Costs: the first number of samples that is enough, and the distribution of a test's samples."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from robustify.smoothing import planning
from robustify.smoothing.anytime import Decision, TargetTest, target_test
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.planning import (
    chance_of_fixed,
    fewest_anytime_samples,
    fewest_fixed_samples,
    forecast,
    forecast_selection,
)
from robustify.smoothing.selection import ClearLeader
from robustify.smoothing.statistics import certified_radius, largest_radius, lower_confidence_bound

ALPHA = 0.001


@pytest.mark.parametrize(("steps", "samples"), [(2.0, 301), (2.5, 1109), (3.0, 5114)])
def test_fewest_fixed_samples_when_the_radius_is_some_sigmas(steps: float, samples: int) -> None:
    """ln(alpha) / ln(Phi(radius / sigma)), rounded up (literature notes, 3.3)."""
    assert fewest_fixed_samples(steps * 0.25, 0.25, ALPHA) == samples


@pytest.mark.parametrize("alpha", [0.05, 0.001, 1e-12])
@pytest.mark.parametrize("radius", [0.01, 0.25, 0.7])
def test_fewest_samples_when_there_is_one_less(radius: float, alpha: float) -> None:
    """With so many unanimous votes certify, with one sample less they do not, for either procedure."""
    fixed, anytime = fewest_fixed_samples(radius, 0.25, alpha), fewest_anytime_samples(radius, 0.25, alpha)
    assert fixed
    assert anytime

    assert (largest_radius(fixed, alpha, 0.25) or 0.0) >= radius
    assert (largest_radius(fixed - 1, alpha, 0.25) or 0.0) < radius
    assert target_test(radius, 0.25, alpha, (anytime,)).decide(anytime, anytime) is Decision.CERTIFIED
    assert target_test(radius, 0.25, alpha, (anytime - 1,)).decide(anytime - 1, anytime - 1) is (Decision.UNDECIDED)
    assert fixed < anytime < 2 * fixed


def test_fewest_anytime_samples_when_the_cap_is_larger() -> None:
    """So many unanimous votes certify under any cap: the best case does not depend on it."""
    samples = fewest_anytime_samples(0.5, 0.25, ALPHA)
    assert samples

    assert target_test(0.5, 0.25, ALPHA, Looks(samples).ends(10_000)).decide(samples, samples) is Decision.CERTIFIED


@pytest.mark.parametrize("radius", [1.75, 2.5, 1000.0])
def test_fewest_samples_when_the_radius_is_out_of_reach(radius: float) -> None:
    """Seven sigmas and more would take more than 10^9 samples: there is no number to ask for."""
    assert fewest_fixed_samples(radius, 0.25, ALPHA) is None
    assert fewest_anytime_samples(radius, 0.25, ALPHA) is None


@pytest.mark.parametrize(
    ("alpha", "cap", "looks"),
    [(0.001, 10_000, Looks(25, 400, 100)), (0.001, 100_000, Looks(500)), (1e-9, 3000, Looks(25))],
)
@pytest.mark.parametrize("radius", [1e-3, 0.25, 0.6])
def test_error_when_a_long_test_is_forecast(radius: float, alpha: float, cap: int, looks: Looks) -> None:
    """At p0 either claim has an exact probability of at most alpha, and somewhat more than none: also where nobody ever
    gives up."""
    test = target_test(radius, 0.25, alpha, looks.ends(cap))
    stubborn = replace(test, hope_from=np.zeros_like(test.looks))

    for found in (forecast(test, test.p0), forecast(stubborn, test.p0)):
        assert alpha / 100 < found.certified <= alpha
        assert found.not_certified <= alpha


def test_forecast_when_the_cap_decides_nothing() -> None:
    """A test that cannot certify ends at its first look, undecided."""
    found = forecast(target_test(0.25, 0.25, ALPHA, Looks(10).ends(40)), 0.99)

    assert found.certified == 0
    assert (found.samples, found.undecided) == pytest.approx((10, 1))


@pytest.mark.parametrize("p", [0.0, 0.3, 0.8, 0.85, 0.9, 1.0])
def test_forecast_when_all_ends_are_added(p: float) -> None:
    """They make 1, and the mean of the samples is between the first look and the cap."""
    found = forecast(target_test(0.25, 0.25, ALPHA, Looks(50).ends(5000)), p)

    assert found.certified + found.not_certified + found.undecided == pytest.approx(1)
    assert 50 <= found.samples <= 5000


@pytest.mark.slow
@pytest.mark.parametrize("p", [0.78, 0.86, 0.95])
def test_forecast_when_it_is_compared_with_simulated_votes(p: float) -> None:
    """2,000 runs of the test itself agree, within four standard errors."""
    rng, runs = np.random.default_rng(8), 2000
    test = target_test(0.25, 0.25, ALPHA, Looks(50).ends(2000))
    ends = [first_decision(test, votes) for votes in rng.binomial(50, p, (runs, 40)).cumsum(axis=1).tolist()]
    found = forecast(test, p)

    samples = np.array([samples for _, samples in ends])
    assert abs(samples.mean() - found.samples) <= 4 * samples.std() / np.sqrt(runs)
    for decision, chance in zip(Decision, (found.certified, found.not_certified, found.undecided), strict=True):
        share = np.mean([end is decision for end, _ in ends])
        assert abs(share - chance) <= 4 * np.sqrt(chance * (1 - chance) / runs) + 1e-3


def first_decision(test: TargetTest, votes: list[int]) -> tuple[Decision, int]:
    """The first decision and the samples that it took, from the votes at each look."""
    for look, so_far in zip(test.looks.tolist(), votes, strict=True):
        if decision := test.decide(look, so_far):
            return decision, look
    raise AssertionError("a test decides at its cap")


def test_chance_of_fixed_when_p_is_known() -> None:
    """All or nothing far from what the radius needs; the paper's bound itself, vote by vote, in between."""
    assert chance_of_fixed(0.25, 0.25, ALPHA, 1000, 1.0) == 1
    assert chance_of_fixed(0.25, 0.25, ALPHA, 1000, 0.5) < 1e-9
    enough = [
        votes
        for votes in range(101)
        if (certified_radius(lower_confidence_bound(votes, 100, ALPHA), 0.25) or 0) >= 0.25
    ]
    assert chance_of_fixed(0.25, 0.25, ALPHA, 100, 0.9) == pytest.approx(binom.pmf(enough, 100, 0.9).sum())


def test_forecast_when_a_class_is_clear() -> None:
    """Most questions take a hundredth of the fixed procedure's samples; near p0 they take a good part of the cap."""
    test: TargetTest = target_test(0.25, 0.25, ALPHA, Looks(50).ends(10_000))
    clear, close = forecast(test, 0.99), forecast(test, 0.85)

    assert clear.certified > 0.999999
    assert clear.samples < 100
    assert close.samples > 3000
    assert forecast(test, 0.6).not_certified > 0.97
    assert forecast(test, 0.6).samples < 100


def test_forecast_when_looks_are_close_together_at_first() -> None:
    """It follows the plan: clear images end sooner than they can with a look after every hundred."""
    close, wide = (target_test(0.25, 0.25, ALPHA, looks.ends(10_000)) for looks in (Looks(25, 400, 100), Looks(100)))

    assert forecast(close, 0.99).samples < 75
    assert forecast(wide, 0.99).samples >= 100
    assert forecast(close, 0.85).certified == pytest.approx(forecast(wide, 0.85).certified, abs=0.02)


@pytest.mark.slow
def test_forecast_of_the_selection_when_it_is_simulated() -> None:
    """2,000 runs of the rule agree within four standard errors; a clear class takes one look, a close one all n0."""
    rng, runs, rule = np.random.default_rng(9), 2000, ClearLeader(100, Looks(25))
    for p in (0.55, 0.7, 0.8, 0.99):
        votes = rng.binomial(25, p, (runs, 4)).cumsum(axis=1)
        samples = np.array([samples_to_select(rule, of_class) for of_class in votes.tolist()])
        spread = samples.std() / np.sqrt(runs)
        assert abs(samples.mean() - forecast_selection(rule.n, rule.looks, p)) <= 4 * spread + 0.1

    assert forecast_selection(100, Looks(25), 0.99) == pytest.approx(25)
    assert forecast_selection(100, Looks(25), 0.5) > 90
    assert forecast_selection(100, Looks(100), 0.99) == pytest.approx(100)


def samples_to_select(rule: ClearLeader, votes: list[int]) -> int:
    ends = rule.looks.ends(rule.n)
    tallies = [Tally(samples, (count, samples - count)) for samples, count in zip(ends, votes, strict=True)]
    return next((tally.samples for tally in tallies if rule.is_settled(tally)), rule.n)


@pytest.mark.slow
@pytest.mark.parametrize("p", [0.0, 0.5, 0.8413, 0.99, 1.0])
def test_forecast_when_chances_are_remembered(p: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same to the last bit as if they were computed anew at every look, whoever asked before."""
    test = target_test(0.25, 0.25, ALPHA, Looks(25, 400, 100).ends(10_000))
    for _ in range(2):
        remembered = forecast(test, p), forecast_selection(1000, Looks(25), p)
    monkeypatch.setattr(planning, "chances_of_votes", lambda n, p: binom.pmf(np.arange(n + 1), n, p))

    assert (forecast(test, p), forecast_selection(1000, Looks(25), p)) == remembered
