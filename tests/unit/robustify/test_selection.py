"""When a class is chosen, and that its certificate is sound all the same."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from robustify.smoothing.algorithms import certify
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.decisions import decide
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.selection import CLEAR, AllSelectionSamples, ClearLeader
from robustify.types import Bound, SmoothingParameters

RULE = ClearLeader(100, Looks(25))
AIMED = ClearLeader(100, Looks(25), needed=0.84)


@pytest.mark.parametrize("votes", [(25, 0, 0), (20, 5, 0), (19, 5, 1), (18, 7, 0), (13, 12, 0), (12, 2, 2)])
def test_leader_when_it_is_clear(votes: tuple[int, ...]) -> None:
    """It is settled exactly where the paper's test would return it at the level `CLEAR`, lost votes counted."""
    assert RULE.is_settled(Tally(25, votes)) is (decide(votes, 25, CLEAR).index is not None)


def test_leader_when_none_can_have_what_is_needed() -> None:
    """Which of them is chosen makes no difference to the answer; with more votes, or lost ones, it may."""
    assert AIMED.is_settled(Tally(25, (13, 12, 0)))
    assert not RULE.is_settled(Tally(25, (13, 12, 0)))
    assert not AIMED.is_settled(Tally(25, (18, 7, 0)))
    assert not AIMED.is_settled(Tally(25, (13, 6, 0)))


def test_selection_when_no_sample_voted() -> None:
    """It goes on: somebody may vote yet."""
    assert not AIMED.is_settled(Tally(25, (0, 0, 0)))


def test_selection_when_all_samples_are_wanted() -> None:
    """It has one look, at n0, as Algorithm 1 has."""
    rule = AllSelectionSamples(100)

    assert rule.looks.ends(rule.n) == (100,)
    assert not rule.is_settled(Tally(100, (100, 0)))


@pytest.mark.parametrize("bound", [Bound.CLOPPER_PEARSON, Bound.MULTICLASS])
def test_selection_when_it_is_part_of_a_certificate(bound: Bound) -> None:
    """It stops after a look where the leader is clear, but Clopper-Pearson's bound, the paper's, has all of n0."""
    asked: list[tuple[int, int]] = []

    def count_votes(first: int, count: int) -> list[int]:
        asked.append((first, count))
        return [count, 0]

    looks = None if bound is Bound.CLOPPER_PEARSON else Looks(25)
    parameters = SmoothingParameters(0.25, 100, 1000, 0.001)
    found = certify(certify_rule(parameters, bound, selection_looks=looks), count_votes, lambda _, count: [count, 0])

    assert (found.selection.samples, asked) == ((25, [(0, 25)]) if looks else (100, [(0, 100)]))


@pytest.mark.slow
def test_false_rate_when_the_class_is_chosen_early() -> None:
    """Of 1,500 certificates, for the radius that two equals have not got, no more are certified than alpha allows:
    whichever class was chosen, and after however many samples."""
    alpha, runs, sigma, rng = 0.05, 1500, 0.5, np.random.default_rng(11)
    parameters = SmoothingParameters(sigma, 40, 200, alpha)
    radius = float(sigma * norm.ppf(0.55)) + 1e-6
    looks = Looks(10, 100, 20)
    rule = certify_rule(parameters, Bound.ANYTIME, target_radius=radius, looks=looks, selection_looks=Looks(10))
    ends = []
    for _ in range(runs):
        phases = (rng.choice(2, size=samples, p=[0.55, 0.45]) for samples in (40, 200))
        ends.append(certify(rule, *(counter(votes) for votes in phases)))
    wrong = sum(found.verdict.radius is not None for found in ends)

    assert {found.selection.samples for found in ends} == {10, 20, 30, 40}
    assert 0 < wrong <= binom.ppf(0.999, runs, alpha)


def counter(votes: np.ndarray):
    return lambda first, count: np.bincount(votes[first : first + count], minlength=2).tolist()
