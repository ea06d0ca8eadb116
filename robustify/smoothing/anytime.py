"""Bounds that hold however often one looks: may a target radius be claimed yet, and which radius may be, by now?

Both rest on one test of "the class has probability p0 at most" (Robbins' mixture of likelihood ratios, by Ville's
inequality; Voracek, NeurIPS 2024, arXiv 2406.17830, uses its two-sided form). Of N samples, A voted for the class:

    E_N(A; p0) = mean over q in (p0, 1) of  (q / p0)^A  ((1 - q) / (1 - p0))^(N - A),

the mean taken with Jeffreys' prior Beta(1/2, 1/2), cut off at p0. For every q > p0 and every true p <= p0 the ratio of
one vote has mean 1 or less, so E is a non-negative supermartingale that starts at 1: with probability at least
1 - alpha it stays below 1 / alpha for ever. The mirrored test, of votes against and 1 - p0, rejects "p0 at least".

`LAST_LOOK_SHARE` of alpha goes to one Clopper-Pearson bound at the cap, the rest to all looks; by the union bound the
errors of both together are at most alpha. The cap is planned beforehand, so that this bound is used at its n.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.special import xlogy

from robustify.smoothing.futility import PATIENCE, PATIENT_SAMPLES, fewest_with_hope, likely_most
from robustify.smoothing.statistics import certified_radius, lower_confidence_bound, required_probability

# How a target radius R is decided, step by step (`target_test`):
#
# 1. R holds where p >= p0 = Phi(R / sigma) (Theorem 1 of Cohen et al., 2019, with 1 - p for the rivals). p0 is rounded
#    up, and the slack of the noise is added.
# 2. "p <= p0" is rejected at any look with E_N(A; p0) >= 1 / alpha, of which this takes 1 - `LAST_LOOK_SHARE`.
# 3. At the cap it is also rejected by a Clopper-Pearson bound of p0 or more, with the rest of alpha.
# 4. "p >= p0" is rejected in the mirror, by 2 and 3 for the votes against the class and 1 - p0.
# 5. E and the bound grow with the votes: the fewest that reject, one number for each look, are all that is kept.
# 6. Votes that came are compared with these numbers. Samples without a vote count against what is claimed.
# 7. Where not even unanimous votes from here to the cap could certify, it ends undecided.
# 8. So it does where votes that certify at the cap are unlikely, and no rejection is in sight: with the share of votes
#    so far it would not come within `PATIENT_SAMPLES`, or `PATIENCE` times those so far. To say nothing is never false,
#    and 7 and 8 come last: what a look claims does not depend on them (`futility`).
#
# How a radius without a target is bounded (`radius_in_sight`):
#
# 9. p_lower is the largest p0 that is rejected as in 2; at the cap, where it is larger, the bound of 3.
# 10. Less the slack of the noise it gives sigma * Phi^-1(p_lower), to be claimed whenever and why ever one stops.
# 11. What may still come is the least of three radii: that of unanimous votes up to the cap, of the mirrored bound, and
#     of the most votes that the cap is likely to bring (`futility`).

LAST_LOOK_SHARE = 0.1
NODES = 64
HALF_WIDTH = 7.0
"""Of the integral, in standard deviations of the likelihood of arcsin(sqrt(q)), which is 1 / (2 sqrt(N))."""
LOG_SLACK = 1e-13
"""For each sample and for a thousand more: far above what rounding can add to log E (some 1e-15 for each sample)."""
BISECTIONS = 50
LOOKS_AT_ONCE = 4096


class Decision(StrEnum):
    """What became of a target radius."""

    CERTIFIED = "certified"
    NOT_CERTIFIED = "not_certified"
    """The test rejected that the class has the probability that the radius needs."""
    UNDECIDED = "undecided"
    """Neither, and the samples to come are unlikely to certify it, or there are none to come."""


@dataclass(frozen=True, eq=False)
class TargetTest:
    """When to stop for a target radius: integer thresholds of the votes for the class, one of each for every look.

    Whatever p is, the decision is false with probability at most alpha: of "p >= p0" (certified) and "p < p0" (not
    certified) exactly one is false, and only one of the two tests can claim it.
    """

    p0: float
    looks: np.ndarray
    """(L,) samples at each look, ascending; the last is the cap."""
    certify_from: np.ndarray
    """(L,) the fewest votes that certify; more than there are samples where none do."""
    reject_up_to: np.ndarray
    """(L,) the most votes that reject; -1 where none do."""
    hope_from: np.ndarray
    """(L,) the fewest votes with which it may still be certified at the cap, but for an unlikely course of votes."""
    rejection_near_up_to: np.ndarray
    """(L,) the most votes with which a rejection is in sight; -1 where it is with none."""

    def decide(self, samples: int, votes: int, missing: int = 0) -> Decision | None:
        """The decision after so many planned samples, None while it is open.

        `missing` samples have no vote: they count against the claim, whichever it is. ValueError where `samples` is
        none of the looks, or the counts do not fit.
        """
        look = int(np.searchsorted(self.looks, samples))
        if look == len(self.looks) or self.looks[look] != samples:
            raise ValueError(f"{samples} samples are not a look of this test")
        if min(votes, missing) < 0 or votes + missing > samples:
            raise ValueError(f"{votes} votes and {missing} missing do not fit {samples} samples")
        # 6.
        if votes >= self.certify_from[look]:
            return Decision.CERTIFIED
        if votes + missing <= self.reject_up_to[look]:
            return Decision.NOT_CERTIFIED
        # 7.
        if samples - votes > self.losses_allowed:
            return Decision.UNDECIDED
        # 8.
        is_open = votes >= self.hope_from[look] or votes + missing <= self.rejection_near_up_to[look]
        return None if is_open else Decision.UNDECIDED

    @property
    def losses_allowed(self) -> int:
        """The most samples without a vote for the class with which it can be certified: those allowed at the cap.

        -1 where nothing can certify it.
        """
        return int(self.looks[-1] - self.certify_from[-1])


@lru_cache(maxsize=64)
def target_test(radius: float, sigma: float, alpha: float, looks: tuple[int, ...], slack: float = 0.0) -> TargetTest:
    """The test whether the radius can be certified, with looks after so many samples, ascending, the last at the cap.

    `slack` is the most by which the probability of a vote may miss that under exact noise. What the test says at one
    look depends on this look and on the cap, and on no other look.

    100 looks take a tenth of a second, once in a process for each configuration.

    ValueError where the radius has no p0 (`required_probability`), or alpha and the looks make no test.
    """
    if not (0 < alpha < 1 and looks and looks[0] > 0 and all(one < other for one, other in pairwise(looks))):
        raise ValueError(f"alpha {alpha} and looks {looks} make no test")
    # 1.
    p0 = required_probability(radius, sigma) + slack
    if p0 >= 1:
        raise ValueError(f"radius {radius} is out of reach for sigma {sigma}, whatever the number of samples")
    # 2., 3. and 5.
    ends = np.array(looks)
    certify_from = fewest_votes(p0, alpha, ends)
    # 4. and 5.
    reject_up_to = ends - fewest_votes(1 - p0, alpha, ends)
    # 8.
    hope_from = fewest_with_hope(int(certify_from[-1]), ends, looks[-1], p0 * (1 - p0))
    near_up_to = rejection_near_up_to(p0, alpha, ends)
    for array in (ends, certify_from, reject_up_to, hope_from, near_up_to):
        array.setflags(write=False)
    return TargetTest(p0, ends, certify_from, reject_up_to, hope_from, near_up_to)


def rejection_near_up_to(p0: float, alpha: float, looks: np.ndarray) -> np.ndarray:
    """(L,) the most votes whose share rejects "p0 at least" as late as one is patient, or at the cap."""
    later, place = np.unique(np.minimum(np.maximum(PATIENCE * looks, PATIENT_SAMPLES), looks[-1]), return_inverse=True)
    rejects_later = (later - fewest_votes(1 - p0, alpha, later))[place]
    near: np.ndarray = rejects_later * looks // later[place]
    return near


def fewest_votes(p0: float, alpha: float, looks: np.ndarray) -> np.ndarray:
    """(L,) at each look, the fewest votes that reject "p0 at most"; one more than the samples where none do."""
    # 2.
    parts = np.array_split(looks, math.ceil(len(looks) / LOOKS_AT_ONCE))
    votes = np.concatenate([fewest_at_any_look(p0, (1 - LAST_LOOK_SHARE) * alpha, part) for part in parts])
    # 3.
    votes[-1] = min(votes[-1], fewest_at_last_look(p0, LAST_LOOK_SHARE * alpha, int(looks[-1])))
    return votes


def fewest_at_any_look(p0: float, alpha: float, looks: np.ndarray) -> np.ndarray:
    """(L,) the fewest votes with E >= 1 / alpha, by bisection: E grows with every vote. Each is one that was found
    to have it."""
    enough, short = looks + 1, np.floor(p0 * looks).astype(int) - 1
    while np.any(enough - short > 1):
        middle = np.maximum((enough + short) // 2, 0)
        rejects = log_evidence(middle, looks, p0) >= -math.log(alpha)
        enough, short = np.where(rejects, middle, enough), np.where(rejects, short, middle)
    return enough


def fewest_at_last_look(p0: float, alpha: float, samples: int) -> int:
    """The fewest votes whose Clopper-Pearson bound exceeds p0; one more than the samples where none do."""
    enough, short = samples + 1, -1
    while enough - short > 1:
        middle = (enough + short) // 2
        exceeds = lower_confidence_bound(middle, samples, alpha) >= p0
        enough, short = (middle, short) if exceeds else (enough, middle)
    return enough


def log_evidence(votes: np.ndarray, samples: np.ndarray, p0: float) -> np.ndarray:
    """log E_N(A; p0) from below: (L,) for the votes A (L,) of N samples (L,). Too low by 0.01 at most where E > 1.

    The closed form has incomplete beta functions of large arguments; this has sums of positive numbers only.

    1. With q = sin(t)^2 Jeffreys' prior is uniform in t; cut off at p0, from arcsin(sqrt(p0)) to pi / 2.
    2. The integral is taken about the peak of the likelihood. What is left out of it is positive: E only gets smaller.
    3. The log of the likelihood ratio at the nodes, A log(q / p0) + (N - A) log((1 - q) / (1 - p0)).
    4. It is concave in t: between two nodes it is at least its chord, whose exponential integrates to at least the
       geometric mean of its ends.
    5. The sum over the intervals, each with its share of the prior, in logs about the largest.
    6. `LOG_SLACK` is more than all of this may round up.
    """
    # 1.
    start = math.asin(math.sqrt(p0))
    # 2.
    peak = np.maximum(np.arcsin(np.sqrt(votes / samples)), start)
    reach = HALF_WIDTH / (2 * np.sqrt(samples))
    left, right = np.maximum(peak - reach, start), np.minimum(peak + reach, math.pi / 2)
    nodes = left[:, None] + (right - left)[:, None] * np.linspace(0, 1, NODES + 1)
    # 3.
    log_ratio = xlogy(votes[:, None], np.sin(nodes) ** 2 / p0)
    log_ratio += xlogy((samples - votes)[:, None], np.cos(nodes) ** 2 / (1 - p0))
    # 4.
    chords = (log_ratio[:, 1:] + log_ratio[:, :-1]) / 2
    # 5.
    highest = chords.max(axis=1)
    share = (right - left) / NODES / (math.pi / 2 - start)
    result: np.ndarray = highest + np.log(np.exp(chords - highest[:, None]).sum(axis=1) * share)
    # 6.
    return result - LOG_SLACK * (1000 + samples)


def anytime_lower_bound(votes: int, samples: int, alpha: float) -> float:
    """A number that at no look exceeds the true probability, with probability at least 1 - alpha for all looks
    together; 0 where it would be 1/2 or less.

    It is the largest p0 with E(p0) >= 1 / alpha. That is sound, as E does not grow with p0 in [1/2, A / N]: where the
    true p is below the bound, E(p) >= 1 / alpha too. (d log E / dp0 = h (1 - 1 / E) - s with the score s and the
    prior's hazard h. The likelihood is log-concave, and h grows from 0.28 on, so that q - p0 is at most an exponential
    of rate h; hence E <= h / (h - s) where s < h, and the derivative is at most 0 in either case.)
    """
    return largest_rejected(votes, samples, alpha, 0.5)


def anytime_upper_bound(votes: int, samples: int, alpha: float) -> float:
    """The mirrored bound, which says when it is not worth to go on: no claim rests on it, and below 1/2 its E has not
    been shown to be monotone."""
    return 1 - largest_rejected(samples - votes, samples, alpha, 0.0)


def largest_rejected(votes: int, samples: int, alpha: float, floor: float) -> float:
    """The largest p0 above the floor with E(p0) >= 1 / alpha, by bisection, or 0: what is returned was found to be
    one."""
    if not 0 <= votes <= samples or samples < 1:
        raise ValueError(f"{votes} votes in {samples} samples")
    if votes <= floor * samples or not 0 < alpha < 1:
        return 0.0
    rejected, kept, needed = floor, votes / samples, -math.log(alpha)
    for _ in range(BISECTIONS):
        middle = (rejected + kept) / 2
        rejects = log_evidence(np.array([votes]), np.array([samples]), middle)[0] >= needed
        rejected, kept = (middle, kept) if rejects else (rejected, middle)
    return rejected if rejected > floor else 0.0


@dataclass(frozen=True)
class RadiusInSight:
    """The radius that may be claimed now, and the largest that may still come; None where there is none."""

    radius: float | None
    largest: float | None

    def is_within(self, tolerance: float) -> bool:
        """Whether going on is unlikely to gain more than the tolerance. A first radius is worth it, however small."""
        if self.radius is None or self.largest is None:
            return self.largest is None
        return self.largest - self.radius <= tolerance


def radius_in_sight(
    votes: int, samples: int, cap: int, sigma: float, alpha: float, slack: float = 0.0
) -> RadiusInSight:
    """Where a certificate without a target stands after so many of `cap` planned samples.

    The claimed radius holds with probability at least 1 - alpha whenever one stops, for whatever reason. Samples
    without a vote count against the class. No claim rests on what may still come.
    """
    # 9. and 10.
    radius = certified_radius(bound_so_far(votes, samples, cap, alpha) - slack, sigma)
    if samples == cap:
        return RadiusInSight(radius, radius)
    # 11.
    likely = bound_so_far(likely_at_cap(votes, samples, cap), cap, cap, alpha)
    largest = min(likely, anytime_upper_bound(votes, samples, alpha))
    return RadiusInSight(radius, certified_radius(largest - slack, sigma))


def likely_at_cap(votes: int, samples: int, cap: int) -> int:
    """The most votes that the cap is likely to bring, no more than unanimous ones from here on.

    The share that its variance is reckoned with has half a vote more for either side, so that it is not 0 or 1.
    """
    share = (votes + 0.5) / (samples + 1)
    return math.floor(likely_most(votes, samples, cap, share * (1 - share)))


def bound_so_far(votes: int, samples: int, cap: int, alpha: float) -> float:
    """The lower bound of p at any look; at the cap the larger of its two, which share alpha."""
    # 9.
    at_any_look = anytime_lower_bound(votes, samples, (1 - LAST_LOOK_SHARE) * alpha)
    if samples < cap:
        return at_any_look
    return max(at_any_look, lower_confidence_bound(votes, samples, LAST_LOOK_SHARE * alpha))
