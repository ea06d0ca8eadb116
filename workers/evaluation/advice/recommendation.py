"""Which sigma, how many samples and which radius to recommend: a pure function of what was found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from scipy.stats import binom

from robustify.smoothing.statistics import rounded_down
from workers.evaluation.advice.expectation import expected_certified, samples_in_reach
from workers.evaluation.advice.figures import PlainFigures, ProtectedFigures, Wishes

LADDER = (50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Estimation samples that are recommended; the last is the service's default."""
LONG_LADDER = (*LADDER, 20_000, 50_000, 100_000)
"""Where it is said how long a picture may take."""
HALF_A_PICTURE = 0.5
CHANCE = 0.05


class Verdict(StrEnum):
    """How an advice ends."""

    RECOMMENDED = "recommended"
    NO_PICTURES = "no_pictures"
    """None could be read, or no sigma was measured."""
    GUESSING = "guessing"
    """The classifier cannot be told from guessing, so that protecting it would protect guesses."""
    NOTHING_CERTIFIED = "nothing_certified"
    """No sigma certifies any picture rightly."""
    OUT_OF_REACH = "out_of_reach"
    """No sigma is expected to certify any picture at the target radius."""
    LOSES_TOO_MUCH = "loses_too_much"
    """Every sigma loses more pictures than may be lost."""
    TOO_SLOW = "too_slow"
    """No certificate is done in the seconds that a picture may take."""


@dataclass(frozen=True)
class Recommendation:
    """The verdict; what is recommended stands beside RECOMMENDED alone. `expected`: pictures that n samples are
    expected to certify rightly for the target radius.
    """

    verdict: Verdict
    sigma: float | None = None
    n: int | None = None
    target_radius: float | None = None
    expected: float | None = None


def recommend(plain: PlainFigures, protected: Sequence[ProtectedFigures], wishes: Wishes) -> Recommendation:
    """1. Without pictures there is no advice, and what only guesses is not worth protecting.
    2. With a target radius: the sigma that certifies most pictures there, of these the one with most right answers, of
       these the smallest.
    3. Without one: of the sigmas that lose few enough pictures the one with the largest average certified radius, of
       these the smallest; the target radius is then one that half of its certified pictures have.
    """
    # 1.
    if not plain.pictures or not protected:
        return Recommendation(Verdict.NO_PICTURES)
    if is_guessing(plain):
        return Recommendation(Verdict.GUESSING)
    # 2.
    if wishes.target_radius is not None:
        return for_target(protected, wishes.target_radius, wishes)
    # 3.
    return without_target(plain, protected, wishes)


def is_guessing(plain: PlainFigures) -> bool:
    """Whether so many right answers may well be chance, where fewer wrong ones would have shown that they are not.

    Of one or two pictures nothing can be told, nor of pictures without labels.
    """
    chance = 1 / plain.classes
    if not plain.labelled or chance**plain.pictures > CHANCE:
        return False
    return bool(binom.sf(plain.right - 1, plain.pictures, chance) > CHANCE)


def for_target(protected: Sequence[ProtectedFigures], radius: float, wishes: Wishes) -> Recommendation:
    """The sigma that certifies most pictures at the radius."""
    if best := best_for_target(protected, radius, wishes):
        return best
    patient = best_for_target(protected, radius, replace(wishes, seconds_per_picture=None))
    return Recommendation(Verdict.TOO_SLOW if patient else Verdict.OUT_OF_REACH)


def best_for_target(protected: Sequence[ProtectedFigures], radius: float, wishes: Wishes) -> Recommendation | None:
    """None where none is expected to certify a picture; what is expected is counted as whole pictures."""
    offers = [(found, offer) for found in protected if (offer := offer_of(found, radius, wishes)) is not None]
    likely = [(found, offer, round(offer.expected or 0.0)) for found, offer in offers]
    best = max(likely, key=lambda one: (one[2], one[0].right, -one[0].sigma), default=None)
    return best[1] if best and best[2] > 0 else None


def without_target(plain: PlainFigures, protected: Sequence[ProtectedFigures], wishes: Wishes) -> Recommendation:
    """The sigma with the largest average certified radius that loses few enough pictures."""
    certifying = [found for found in protected if found.radii]
    if not certifying:
        return Recommendation(Verdict.NOTHING_CERTIFIED)
    fitting = [found for found in certifying if lost_share(plain, found) <= wishes.most_lost]
    if not fitting:
        return Recommendation(Verdict.LOSES_TOO_MUCH)
    offers = [(found, offer) for found in fitting if (offer := offer_of(found, typical_radius(found), wishes))]
    best = max(offers, key=lambda one: (round(one[0].average_radius, 3), -one[0].sigma), default=None)
    return best[1] if best else Recommendation(Verdict.TOO_SLOW)


def lost_share(plain: PlainFigures, found: ProtectedFigures) -> float:
    """Of all pictures, those that protection loses, less those that it gains; an abstention is a loss."""
    return (plain.right - found.right) / found.pictures


def typical_radius(found: ProtectedFigures) -> float:
    """A round radius that half of the certified pictures have or more."""
    radius = found.radii[(len(found.radii) - 1) // 2]
    return rounded_down(radius, 2) or rounded_down(radius) or radius


def offer_of(found: ProtectedFigures, radius: float, wishes: Wishes) -> Recommendation | None:
    """The fewest samples that are expected to certify as many pictures as the most would, but for half a picture; None
    where no number of samples reaches the radius in time.
    """
    ladder = LADDER if wishes.seconds_per_picture is None else LONG_LADDER
    reach = samples_in_reach(found, radius, wishes, ladder)
    expected = {n: expected_certified(found, radius, wishes.alpha, n) for n in reach}
    if not expected:
        return None
    most = max(expected.values())
    n = next(n for n in reach if expected[n] >= most - HALF_A_PICTURE)
    return Recommendation(Verdict.RECOMMENDED, found.sigma, n, radius, expected[n])
