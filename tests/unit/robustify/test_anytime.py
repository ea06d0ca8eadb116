"""The mixture test: against its closed form, by counting all paths, and what its decisions may not do."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import betaincc, betaln
from scipy.stats import binom, norm

from robustify.smoothing.anytime import (
    LAST_LOOK_SHARE,
    Decision,
    TargetTest,
    anytime_lower_bound,
    anytime_upper_bound,
    fewest_votes,
    log_evidence,
    radius_in_sight,
    target_test,
)
from robustify.smoothing.looks import Looks
from robustify.smoothing.statistics import certified_radius, lower_confidence_bound, required_probability

TEST = target_test(0.25, 0.25, 0.001, Looks(50).ends(1000))


def evidence(votes: int, samples: int, p0: float) -> float:
    return float(log_evidence(np.array([votes]), np.array([samples]), p0)[0])


def exact_log_evidence(votes: int, samples: int, p0: float) -> mpmath.mpf:
    """The closed form of the mixture, in 40 digits."""
    with mpmath.workdps(40):
        half, p = mpmath.mpf("0.5"), mpmath.mpf(p0)
        mean = mpmath.betainc(half + votes, half + samples - votes, p, 1) / mpmath.betainc(half, half, p, 1)
        return mpmath.log(mean) - votes * mpmath.log(p) - (samples - votes) * mpmath.log(1 - p)


def chance_of(test: TargetTest, decision: Decision, p: Fraction) -> Fraction:
    """That the test ends so, over all paths, in rational numbers: (samples so far) -> {votes: chance}."""
    paths, chance, before = {0: Fraction(1)}, Fraction(0), 0
    for look in (int(look) for look in test.looks):
        for _ in range(look - before):
            paths = one_more_sample(paths, p)
        ends = {votes: test.decide(look, votes) for votes in paths}
        chance += sum(paths[votes] for votes, end in ends.items() if end is decision)
        paths = {votes: share for votes, share in paths.items() if ends[votes] is None}
        before = look
    assert not paths
    return chance


def one_more_sample(paths: dict[int, Fraction], p: Fraction) -> dict[int, Fraction]:
    votes = range(max(paths, default=0) + 2)
    return {k: paths.get(k, Fraction(0)) * (1 - p) + paths.get(k - 1, Fraction(0)) * p for k in votes}


@pytest.mark.parametrize("p0", [0.5, 0.8413, 0.97725, 0.99997, 0.0228, 0.001])
@pytest.mark.parametrize("samples", [1, 20, 300, 5000])
def test_evidence_when_it_is_compared_with_the_closed_form(p0: float, samples: int) -> None:
    """It is never more than that in 40 digits, and less by 0.01 at most, where it can decide anything."""
    spread = math.sqrt(samples * p0 * (1 - p0))
    for steps in (0, 3, 6):
        votes = min(samples, math.ceil(samples * p0 + steps * spread))
        exact = exact_log_evidence(votes, samples, p0)

        assert exact - 0.01 <= evidence(votes, samples, p0) <= exact


def test_evidence_when_a_vote_comes_in() -> None:
    """A vote for the class raises E, and one against lowers it: thresholds can be found by bisection."""
    votes = np.arange(401)
    values = log_evidence(votes, np.full(401, 400), 0.8)

    assert np.all(np.diff(values) > 0)
    assert np.all(log_evidence(votes, np.full(401, 401), 0.8) < values)


@given(st.integers(1, 100_000), st.floats(0.5, 1), st.floats(0, 1), st.floats(0, 1))
def test_evidence_when_p0_grows_towards_the_share_of_votes(
    samples: int, share: float, first: float, second: float
) -> None:
    """It falls, from 1/2 up to that share: a bound at which E is large leaves nothing below it (by the closed form)."""
    votes = math.ceil(samples * share)
    assume(votes > samples / 2)
    low, high = sorted(0.5 + portion * (votes / samples - 0.5) for portion in (first, second))
    assume(high < 1)

    assert closed_form(votes, samples, low) >= closed_form(votes, samples, high) - 1e-6


def closed_form(votes: int, samples: int, p0: float) -> float:
    against = samples - votes
    inside = betaln(0.5 + votes, 0.5 + against) + np.log(betaincc(0.5 + votes, 0.5 + against, p0))
    prior = math.log(2 * math.asin(math.sqrt(1 - p0)))
    return float(inside - prior - votes * math.log(p0) - against * math.log1p(-p0))


@pytest.mark.parametrize("step", [1, 7, 48])
@pytest.mark.parametrize("radius", [1e-3, 0.1, 0.5, 1.0])
def test_error_when_all_paths_are_counted(radius: float, step: int) -> None:
    """Just beside p0, where both are likeliest, each false decision has an exact probability of at most alpha.

    For every smaller p it is less likely that the test certifies, for every larger one that it rejects.
    """
    test = target_test(radius, 0.5, 0.05, Looks(step).ends(48))
    p = Fraction(test.p0).limit_denominator(10**6)
    below, above = p - Fraction(1, 10**6), p + Fraction(1, 10**6)

    assert below < test.p0 < above
    for one in (test, without_giving_up(test)):
        assert chance_of(one, Decision.CERTIFIED, below) <= Fraction(1, 20)
        assert chance_of(one, Decision.NOT_CERTIFIED, above) <= Fraction(1, 20)


def test_test_of_few_samples_when_the_class_is_clear() -> None:
    """The error is not bounded by never deciding: with p = 0.9 and 48 samples most paths certify."""
    test = target_test(0.1, 0.5, 0.05, Looks(1).ends(48))

    assert chance_of(test, Decision.CERTIFIED, Fraction(9, 10)) > 0.99


@pytest.mark.parametrize("alpha", [0.05, 0.001, 1e-12])
@pytest.mark.parametrize("radius", [1e-4, 0.25, 0.5, 0.75])
def test_thresholds_when_samples_are_added(radius: float, alpha: float) -> None:
    """More samples need more votes, allow more to be lost, and never certify and reject at once."""
    test = target_test(radius, 0.25, alpha, Looks(100).ends(10_000))
    regular = slice(None, -1)

    assert np.all(np.diff(test.certify_from[regular]) >= 0)
    assert np.all(np.diff(test.looks - test.certify_from) >= 0)
    assert np.all(np.diff(test.reject_up_to) >= 0)
    assert np.all(test.certify_from > test.reject_up_to)
    assert np.all(test.certify_from > test.p0 * test.looks)


def test_thresholds_when_they_are_compared_with_the_closed_form() -> None:
    """Every threshold has E >= 1 / alpha exactly, and one vote less does not have it, but for one step on doubt."""
    looks = np.array([60, 500, 2000])
    needed = -mpmath.log(mpmath.mpf(0.001) * (1 - LAST_LOOK_SHARE))
    for samples, votes in zip(looks[:-1], fewest_votes(0.9, 0.001, looks)[:-1], strict=True):
        assert exact_log_evidence(int(votes), int(samples), 0.9) >= needed
        assert exact_log_evidence(int(votes) - 2, int(samples), 0.9) < needed


def test_thresholds_when_alpha_shrinks_or_the_radius_grows() -> None:
    """Both need more votes."""
    lenient = target_test(0.25, 0.25, 0.05, Looks(50).ends(1000)).certify_from

    assert np.all(lenient <= TEST.certify_from)
    assert np.all(TEST.certify_from <= target_test(0.3, 0.25, 0.001, Looks(50).ends(1000)).certify_from)


def test_last_look_when_it_has_a_bound_of_its_own() -> None:
    """At the cap a tenth of alpha buys Clopper-Pearson, which needs fewer votes than the mixture does there."""
    votes, cap = int(TEST.certify_from[-1]), int(TEST.looks[-1])

    assert lower_confidence_bound(votes, cap, 0.0001) >= TEST.p0
    assert lower_confidence_bound(votes - 1, cap, 0.0001) < TEST.p0
    assert votes < fewest_votes(TEST.p0, 0.001, np.array([cap, 2 * cap]))[0]


@pytest.mark.parametrize(
    "changed",
    [{"alpha": 0.0}, {"alpha": 1.0}, {"looks": ()}, {"looks": (0, 10)}, {"looks": (10, 10)}, {"radius": -1.0}],
)
def test_configuration_when_it_makes_no_test(changed: dict[str, Any]) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match=r"make no test|must be positive"):
        target_test(**{"radius": 0.1, "sigma": 0.25, "alpha": 0.01, "looks": (5, 10), **changed})


def test_thresholds_when_there_are_other_looks() -> None:
    """What a look says depends on it and on the cap alone: a certificate is checked at the one look that it is of."""
    whole = target_test(0.25, 0.25, 0.001, Looks(25, 100, 50).ends(1000))
    for number, look in enumerate(whole.looks[:-1].tolist()):
        alone = target_test(0.25, 0.25, 0.001, (look, 1000))

        assert thresholds(alone, 0) == thresholds(whole, number)
        assert thresholds(alone, 1) == thresholds(whole, len(whole.looks) - 1)


def thresholds(test: TargetTest, number: int) -> list[int]:
    found = (test.certify_from, test.reject_up_to, test.hope_from, test.rejection_near_up_to)
    return [int(numbers[number]) for numbers in found]


def test_decision_when_the_cap_cannot_certify() -> None:
    """40 unanimous votes are too few for sigma at alpha = .001: undecided at the first look."""
    assert target_test(0.25, 0.25, 0.001, (10, 20, 30, 40)).decide(10, 10) is Decision.UNDECIDED


def test_decision_at_each_threshold() -> None:
    """Certified from one count on, rejected up to another, open between."""
    test, look, samples = target_test(0.25, 0.25, 0.001, Looks(500).ends(10_000)), 0, 500
    most, fewest = int(test.reject_up_to[look]), int(test.certify_from[look])

    assert test.decide(samples, fewest) is Decision.CERTIFIED
    assert test.decide(samples, fewest - 1) is None
    assert test.decide(samples, most + 1) is None
    assert test.decide(samples, most) is Decision.NOT_CERTIFIED


def test_decision_when_the_rest_cannot_certify() -> None:
    """Once more votes are lost than are allowed at the cap, the rest is not worth drawing."""
    allowed = TEST.losses_allowed

    stubborn = without_giving_up(TEST)
    assert stubborn.decide(950, 950 - allowed) is None
    assert stubborn.decide(950, 949 - allowed) is Decision.UNDECIDED


def without_giving_up(test: TargetTest) -> TargetTest:
    """It goes on while there is any way to certify."""
    return replace(test, hope_from=np.zeros_like(test.looks))


def test_decision_when_little_hope_is_left() -> None:
    """Undecided between the fewest votes that leave hope to certify and the most with which a rejection is near; on
    either side it goes on."""
    test = target_test(0.25, 0.25, 0.001, Looks(500).ends(10_000))
    look = 1
    hope, near = int(test.hope_from[look]), int(test.rejection_near_up_to[look])

    assert test.reject_up_to[look] < near < hope - 1 < test.certify_from[look] - 1
    assert [test.decide(1000, votes) for votes in (near, near + 1, hope - 1, hope)] == [
        None,
        Decision.UNDECIDED,
        Decision.UNDECIDED,
        None,
    ]
    assert test.decide(1000, near, missing=1) is Decision.UNDECIDED


@pytest.mark.parametrize("radius", [0.05, 0.25, 0.5])
@pytest.mark.parametrize("cap", [300, 1000, 10_000])
def test_claims_when_little_hope_is_left(radius: float, cap: int) -> None:
    """To give up takes the place of no claim: where a claim can be made it is."""
    test = target_test(radius, 0.25, 0.001, Looks(25, 100, 50).ends(cap))
    for number, look in enumerate(test.looks.tolist()):
        for votes in (int(test.certify_from[number]), int(test.reject_up_to[number])):
            if 0 <= votes <= look:
                assert test.decide(look, votes) in (Decision.CERTIFIED, Decision.NOT_CERTIFIED)


def test_decision_at_the_cap() -> None:
    """It is never left open."""
    assert {TEST.decide(1000, votes) for votes in range(1001)} == set(Decision)


@given(st.sampled_from([50, 500, 1000]), st.data())
def test_decision_when_votes_are_lost(samples: int, data: st.DataObject) -> None:
    """A lost vote, whoever's it was, never brings a claim that the whole count does not make."""
    votes = data.draw(st.integers(0, samples))
    lost = data.draw(st.integers(0, votes))
    others = data.draw(st.integers(0, samples - votes))
    decision = TEST.decide(samples, votes - lost, lost + others)

    assert decision in (None, Decision.UNDECIDED, TEST.decide(samples, votes))


@pytest.mark.parametrize(("samples", "votes", "missing"), [(50, 51, 0), (50, 40, 11), (50, -1, 0), (50, 0, -1)])
def test_counts_when_they_do_not_fit(samples: int, votes: int, missing: int) -> None:
    """More votes than samples mean that something counted twice: no decision."""
    with pytest.raises(ValueError, match="do not fit"):
        TEST.decide(samples, votes, missing)


@pytest.mark.parametrize("samples", [0, 49, 51, 1050])
def test_samples_when_they_are_no_look(samples: int) -> None:
    """Looking elsewhere than planned is refused."""
    with pytest.raises(ValueError, match="not a look"):
        TEST.decide(samples, 0)


@pytest.mark.parametrize(("share", "loss"), [(1.0, 0.015), (0.9, 0.02), (0.7, 0.045)])
def test_bound_when_it_is_compared_with_clopper_pearson(share: float, loss: float) -> None:
    """At 10,000 samples, the right to look at any time costs between 1 and 4.5 % of the radius."""
    votes = round(share * 10_000)
    fixed = certified_radius(lower_confidence_bound(votes, 10_000, 0.001), 1.0)
    anytime = certified_radius(anytime_lower_bound(votes, 10_000, 0.001), 1.0)

    assert fixed is not None
    assert anytime is not None
    assert (1 - loss) * fixed <= anytime < fixed


@pytest.mark.slow
@given(st.integers(1, 3000), st.floats(0, 1), st.sampled_from([0.05, 0.001, 1e-9]))
def test_bounds_when_they_bracket_the_share(samples: int, share: float, alpha: float) -> None:
    """Below and above the share of votes; the lower one has E >= 1 / alpha, and is no claim up to 1/2."""
    votes = round(share * samples)
    lower, upper = anytime_lower_bound(votes, samples, alpha), anytime_upper_bound(votes, samples, alpha)

    assert lower <= votes / samples <= upper
    assert lower == 0 or (lower > 0.5 and evidence(votes, samples, lower) >= -math.log(alpha))


@pytest.mark.parametrize(("votes", "samples"), [(-1, 5), (6, 5), (0, 0)])
def test_bound_when_the_counts_are_impossible(votes: int, samples: int) -> None:
    """An error and no bound."""
    with pytest.raises(ValueError, match="votes in"):
        anytime_lower_bound(votes, samples, 0.001)


@pytest.mark.slow
def test_bound_when_somebody_looks_all_the_time() -> None:
    """Over 400 paths of 500 samples with 20 looks, the highest bound exceeds p no more often than alpha allows."""
    rng, alpha, p, runs = np.random.default_rng(4), 0.1, 0.8, 400
    counts = np.cumsum(rng.binomial(25, p, (runs, 20)), axis=1)
    looks = np.arange(25, 501, 25)
    threshold = [fewest_exceeding(p, int(look), alpha) for look in looks]

    assert 0 < np.any(counts >= threshold, axis=1).sum() <= binom.ppf(0.9999, runs, alpha)


def fewest_exceeding(p: float, samples: int, alpha: float) -> int:
    bounds = (anytime_lower_bound(votes, samples, alpha) for votes in range(round(p * samples), samples + 1))
    return next((round(p * samples) + k for k, bound in enumerate(bounds) if bound > p), samples + 1)


def test_target_when_it_is_asked_of_the_bound() -> None:
    """The test certifies a target exactly where the bound for a radius reaches it: they are one claim."""
    for samples in (300, 600):
        votes = int(TEST.certify_from[samples // 50 - 1])
        alpha = (1 - LAST_LOOK_SHARE) * 0.001

        assert anytime_lower_bound(votes, samples, alpha) >= TEST.p0 - 1e-9
        assert anytime_lower_bound(votes - 1, samples, alpha) < TEST.p0


def test_radius_in_sight_when_votes_are_unanimous() -> None:
    """It grows towards the largest possible one, which is that of Clopper-Pearson at a tenth of alpha at the cap."""
    sights = [radius_in_sight(n, n, 2000, 0.25, 0.001) for n in (50, 200, 1000, 2000)]
    radii = [sight.radius or 0.0 for sight in sights]

    assert all(one < other for one, other in pairwise(radii))
    assert radii[-1] == max(certified_radius(anytime_lower_bound(2000, 2000, 0.0009), 0.25) or 0.0, last_look_radius())
    assert all(sight.largest == radii[-1] for sight in sights)


def last_look_radius() -> float:
    return certified_radius(lower_confidence_bound(2000, 2000, 0.0001), 0.25) or 0.0


def test_tolerance_when_more_samples_would_gain_less() -> None:
    """It is met after a tenth of the cap where it is wide, later where it is narrow, and at the cap in any case."""
    wide, narrow = (stops_after(0.9, tolerance, 10_000) for tolerance in (0.125, 0.05))

    assert wide <= 1000 < narrow < 10_000
    assert stops_after(0.9, 0.0, 500) == 500


def stops_after(share: float, tolerance: float, cap: int) -> int:
    looks = range(cap // 20, cap + 1, cap // 20)
    return next(n for n in looks if radius_in_sight(round(share * n), n, cap, 0.25, 0.001).is_within(tolerance))


def test_tolerance_when_nothing_can_be_certified() -> None:
    """A class with few votes has no radius, and none in sight: it stops at once."""
    sight = radius_in_sight(10, 50, 1000, 0.25, 0.001)

    assert (sight.radius, sight.largest) == (None, None)
    assert sight.is_within(0.0)


def test_p0_when_the_test_is_made() -> None:
    """It is Phi(radius / sigma), from above."""
    assert TEST.p0 == required_probability(0.25, 0.25)
    assert norm.cdf(1) < TEST.p0 < norm.cdf(1) + 1e-8
