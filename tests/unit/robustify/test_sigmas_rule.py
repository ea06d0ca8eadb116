"""Several sigmas in one certificate: each as if it were asked about alone, with its share of alpha and its noise."""

from collections.abc import Sequence

import pytest

from robustify.smoothing.algorithms import certify
from robustify.smoothing.cascade import shared_alpha
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.label_sets import certify_label_sets, votes_of_sets
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import Outcome, Verdict
from robustify.smoothing.seeds import seed_at
from robustify.smoothing.sigmas import answering, sigmas_rule
from robustify.smoothing.votes import VotesAtEachSigma
from robustify.types import Bound, SmoothingParameters

SIGMAS = (0.25, 0.5, 1.0)
EACH = [
    SmoothingParameters(sigma, 100, 1000, 0.003, slack) for sigma, slack in zip(SIGMAS, (0.0, 1e-4, 1e-3), strict=True)
]
VOTES = (990, 10, 900, 100, 505, 495)


def counter(first: int, count: int, votes: Sequence[int] = VOTES) -> Sequence[int]:
    """Of so many samples the share that all have."""
    return [round(vote * count / 1000) for vote in votes]


def verdict(radius: float | None) -> Verdict:
    return Verdict(Outcome.ABSTAINED if radius is None else Outcome.CERTIFIED, radius, 0.5)


@pytest.mark.parametrize("bound", [Bound.CLOPPER_PEARSON, Bound.MULTICLASS])
def test_claims_when_each_sigma_is_asked_about_alone(bound: Bound) -> None:
    """Class, bound and radius at each are those of a certificate of its own, with its slack and share of alpha."""
    found = certify_label_sets(sigmas_rule(EACH, 2, bound), counter, counter)

    for asked, part, own in zip(EACH, votes_of_sets(VOTES, (2, 2, 2)), found.verdicts, strict=True):

        def of_sigma(first: int, count: int, votes: Sequence[int] = part) -> Sequence[int]:
            return counter(first, count, votes)

        alone = SmoothingParameters(asked.sigma, 100, 1000, shared_alpha(0.003, 3), asked.slack)
        assert own == certify(certify_rule(alone, bound), of_sigma, of_sigma).verdict
    assert [one.radius is None for one in found.verdicts] == [False, False, True]


def test_alpha_when_it_is_shared_by_sigmas() -> None:
    """All shares together are at most alpha."""
    rule = sigmas_rule(EACH, 2, Bound.MULTICLASS)
    assert {one.parameters.alpha for one in rule.rules} == {rule.alpha_each} == {shared_alpha(0.003, 3)}


def test_selection_when_some_sigmas_are_clear() -> None:
    """The classes are chosen once that of every sigma is clear."""
    selecting = sigmas_rule(EACH, 2, Bound.MULTICLASS, Looks(25)).selecting
    assert selecting.is_settled(Tally(25, (25, 0, 0, 25, 25, 0)))
    assert not selecting.is_settled(Tally(25, (25, 0, 25, 0, 13, 12)))


@pytest.mark.parametrize(
    ("radii", "place"),
    [([0.1, 0.3, 0.2], 1), ([0.2, 0.2, None], 0), ([None, None, 0.1], 2), ([None, None, None], 0)],
)
def test_sigma_that_answers(radii: Sequence[float | None], place: int) -> None:
    """It is that of the largest radius, the smaller of two with the same one, and the smallest where none has any."""
    assert answering([verdict(radius) for radius in radii]) == place


def test_rule_at_several_sigmas_when_the_bound_may_be_looked_at_early() -> None:
    """It is refused: a sigma that is settled would wait for the others."""
    with pytest.raises(ValueError, match="anytime"):
        sigmas_rule(EACH, 2, Bound.ANYTIME)


def test_seed_at_each_sigma() -> None:
    """It is another at every place and of every question, and never the question's own."""
    seeds = [seed_at(bytes([question]) * 32, place) for question in range(3) for place in range(8)]
    assert len({*seeds, *(bytes([question]) * 32 for question in range(3))}) == 27
    assert {len(seed) for seed in seeds} == {32}


def test_votes_at_each_sigma() -> None:
    """They stand one sigma after the other, and what is done is told in copies of the samples."""
    done: list[int] = []

    def count_at(place: int, before: object) -> object:
        def count(first: int, samples: int) -> Sequence[int]:
            assert callable(before)
            before(0)
            before(2)
            return [place, first, samples]

        return count

    votes = VotesAtEachSigma(count_at, 3, done.append)(40, 4)  # type: ignore[arg-type]
    assert votes == [0, 40, 4, 1, 40, 4, 2, 40, 4]
    assert done == [0, 2, 4, 6, 8, 10]
