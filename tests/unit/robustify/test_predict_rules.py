"""PREDICT under each rule: when it looks, and what it says then."""

import pytest

from robustify.smoothing.decisions import decide
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.predict_rules import predict_rule
from robustify.smoothing.sequential import decide_so_far, is_hopeless
from robustify.types import PredictTest

ALPHA = 0.001


@pytest.mark.parametrize("votes", [(100, 0), (90, 10), (67, 33), (50, 50), (60, 0), (0, 0)])
def test_fixed_test_when_all_votes_are_in(votes: tuple[int, int]) -> None:
    """It looks once, at n, with the whole of alpha: the decision of Algorithm 1."""
    rule = predict_rule(PredictTest.FIXED, 100, ALPHA)

    assert (rule.n, rule.alpha, rule.looks.ends(100)) == (100, ALPHA, (100,))
    assert rule.prediction(Tally(100, votes)) == decide(votes, 100, ALPHA)


def test_fixed_test_when_the_first_votes_are_clear() -> None:
    """Nothing settles it before n."""
    assert not predict_rule(PredictTest.FIXED, 100, ALPHA).is_settled(Tally(99, (99, 0)))


@pytest.mark.parametrize(
    ("samples", "votes"), [(20, (20, 0)), (20, (15, 5)), (60, (40, 15)), (60, (57, 1)), (100, (69, 31))]
)
def test_sequential_test_when_it_is_looked_at(samples: int, votes: tuple[int, int]) -> None:
    """It is settled where there is an answer, which is that of the votes so far, or hardly any hope of one."""
    looks = Looks(20)
    rule = predict_rule(PredictTest.SEQUENTIAL, 100, ALPHA, looks)
    expected = decide_so_far(votes, samples, looks, 100, ALPHA)
    ends = expected.index is not None or is_hopeless(votes, samples, looks, 100, ALPHA)

    assert (rule.n, rule.alpha, rule.looks) == (100, ALPHA, looks)
    assert rule.prediction(Tally(samples, votes)) == expected
    assert rule.is_settled(Tally(samples, votes)) is ends


@pytest.mark.parametrize(("test", "looks"), [(PredictTest.SEQUENTIAL, None), (PredictTest.FIXED, Looks(10))])
def test_rule_when_its_parts_do_not_fit(test: PredictTest, looks: Looks | None) -> None:
    """The test of fixed n is never looked at early, and the sequential one says when."""
    with pytest.raises(ValueError, match="has looks"):
        predict_rule(test, 100, ALPHA, looks)


@pytest.mark.parametrize(("test", "looks"), [(PredictTest.SEQUENTIAL, Looks(1)), (PredictTest.FIXED, None)])
def test_rule_when_it_has_no_samples(test: PredictTest, looks: Looks | None) -> None:
    """It is refused, before anything is counted."""
    with pytest.raises(ValueError, match="samples to look at"):
        predict_rule(test, 0, ALPHA, looks)
