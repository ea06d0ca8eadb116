"""Sequential PREDICT: errors by counting all paths, agreement with the fixed test, lost votes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from robustify.counting import VoteCounter
from robustify.smoothing.algorithms import predict
from robustify.smoothing.decisions import decide
from robustify.smoothing.predict_rules import predict_rule
from robustify.smoothing.sequential import decide_so_far
from robustify.types import Prediction, PredictTest

ALPHA = 0.001


@dataclass
class RecordedVotes:
    """Votes of samples with these classes in their order; -1 has no vote. Keeps what was asked for."""

    classes: Sequence[int]
    number: int
    asked: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, first: int, count: int) -> Sequence[int]:
        self.asked.append((first, count))
        drawn = self.classes[first : first + count]
        return [sum(one == other for one in drawn) for other in range(self.number)]


def predict_sequentially(votes: VoteCounter, n: int, alpha: float, step: int) -> Prediction:
    return predict(predict_rule(PredictTest.SEQUENTIAL, n, alpha, step), votes)


def chances_to_answer(shares: Sequence[float], n: int, alpha: float) -> dict[int | None, float]:
    """Of each answer when one looks after every sample, over all paths of votes."""
    paths, chances = {(0,) * len(shares): 1.0}, dict.fromkeys((*range(len(shares)), None), 0.0)
    for samples in range(1, n + 1):
        paths = one_more_sample(paths, shares)
        for votes in list(paths):
            answer = decide_so_far(votes, samples, n, alpha).index
            if answer is not None or samples == n:
                chances[answer] += paths.pop(votes)
    return chances


def one_more_sample(paths: dict[tuple[int, ...], float], shares: Sequence[float]) -> dict[tuple[int, ...], float]:
    longer: dict[tuple[int, ...], float] = {}
    for (votes, chance), (index, share) in product(paths.items(), enumerate(shares)):
        after = (*votes[:index], votes[index] + 1, *votes[index + 1 :])
        longer[after] = longer.get(after, 0.0) + chance * share
    return longer


@pytest.mark.parametrize(("n", "alpha"), [(100, 0.001), (60, 0.05), (12, 0.05)])
def test_answer_when_two_classes_are_as_likely(n: int, alpha: float) -> None:
    """Over all paths, the one of the two that is wrong is returned with a probability of at most alpha."""
    chances = chances_to_answer([0.5, 0.5], n, alpha)

    assert sum(chances.values()) == pytest.approx(1)
    assert 0 < chances[1] <= alpha


@pytest.mark.parametrize("shares", [(0.34, 0.33, 0.33), (0.45, 0.45, 0.1), (0.4, 0.39, 0.21)])
def test_answer_when_three_classes_are_close(shares: tuple[float, ...]) -> None:
    """Over all paths of 20 samples, a class that is not the likeliest is returned with probability at most alpha."""
    chances = chances_to_answer(shares, 20, 0.05)

    assert chances[1] + chances[2] <= 0.05


@pytest.mark.slow
def test_answer_when_ten_classes_are_as_likely() -> None:
    """In 500 simulated runs any answer but the first class is an error: no more than alpha allows."""
    rng, alpha, runs = np.random.default_rng(5), 0.05, 500
    wrong = sum(
        predict_sequentially(RecordedVotes(rng.integers(10, size=100).tolist(), 10), 100, alpha, 10).index
        not in (None, 0)
        for _ in range(runs)
    )

    assert wrong <= binom.ppf(0.9999, runs, alpha)


def test_samples_when_votes_are_unanimous() -> None:
    """20 of at most 100 samples decide between a hundred classes, asked for in order and none twice; two take 13."""
    votes = RecordedVotes([3] * 100, 100)
    prediction = predict_sequentially(votes, 100, ALPHA, 4)

    assert (prediction.index, prediction.n) == (3, 20)
    assert votes.asked == [(0, 4), (4, 4), (8, 4), (12, 4), (16, 4)]
    assert predict_sequentially(RecordedVotes([1] * 100, 2), 100, ALPHA, 1).n == 13


def test_samples_when_the_cap_is_no_multiple_of_the_step() -> None:
    """No sample beyond the cap is asked for."""
    votes = RecordedVotes([0, 1] * 25, 2)

    assert predict_sequentially(votes, 50, ALPHA, 40).index is None
    assert votes.asked == [(0, 40), (40, 10)]


def runs_of_images(runs: int) -> Iterator[tuple[list[int], int]]:
    """Classes of 100 samples of images of all difficulties, of ten classes, and the number of classes."""
    rng = np.random.default_rng(6)
    for _ in range(runs):
        top = rng.beta(4, 1)
        shares = [top, *((1 - top) * rng.dirichlet(np.full(9, 0.3)))]
        yield rng.choice(10, size=100, p=shares).tolist(), 10


def test_answers_when_they_are_compared_with_the_fixed_test() -> None:
    """On 300 images both give the same class where both give one; it takes fewer samples, and decides nearly as many
    images."""
    pairs = []
    for classes, number in runs_of_images(300):
        votes = RecordedVotes(classes, number)
        pairs.append((predict_sequentially(votes, 100, ALPHA, 10), decide(votes(0, 100), 100, ALPHA)))

    assert all(one.index == other.index for one, other in pairs if None not in (one.index, other.index))
    assert np.mean([one.n for one, _ in pairs]) < 65
    assert sum(one.index is None for one, _ in pairs) - sum(other.index is None for _, other in pairs) <= 6


def test_answer_at_the_cap_when_the_fixed_test_has_one() -> None:
    """69 to 31 of 100 is significant for the paper's test with half of alpha, and for no early look."""
    assert decide_so_far([69, 31], 100, 101, ALPHA).index is None
    assert decide_so_far([69, 31], 100, 100, ALPHA).index == 0


def test_answer_at_the_cap_when_the_fixed_test_needs_all_of_alpha() -> None:
    """67 to 33 is significant for the paper's test with alpha, and not with half of it: no answer."""
    assert decide([67, 33], 100, ALPHA).index == 0
    assert decide_so_far([67, 33], 100, 100, ALPHA).index is None


def test_p_value_when_it_is_compared_with_alpha() -> None:
    """There is an answer exactly where it is at most alpha."""
    for leader in range(101):
        prediction = decide_so_far([leader, 100 - leader], 100, 100, ALPHA)

        assert (prediction.index is not None) == (prediction.p_value <= ALPHA)
        assert 0 < prediction.p_value <= 1


def test_p_value_when_a_class_wins_a_vote() -> None:
    """Each vote for the leader, in place of one for the rival, makes the answer less doubtful."""
    values = [decide_so_far([leader, 60 - leader], 60, 100, ALPHA).p_value for leader in range(40, 61)]

    assert values == sorted(values, reverse=True)
    assert values[-1] < 1e-6


@pytest.mark.parametrize("votes", [[20, 20, 0], [0, 0, 0], [30, 0, 0]])
def test_answer_when_there_is_no_lead(votes: list[int]) -> None:
    """A tie, no votes, or as many missing as the leader has: no answer."""
    assert decide_so_far(votes, 60, 60, 0.05).index is None


@pytest.mark.slow
@given(st.lists(st.integers(0, 40), min_size=2, max_size=5), st.data())
def test_answer_when_votes_are_lost(votes: list[int], data: st.DataObject) -> None:
    """Whatever subset of the votes comes back, the answer is that of all of them, or none."""
    samples = sum(votes) + 1
    kept = [data.draw(st.integers(0, count)) for count in votes]
    n = samples + data.draw(st.integers(0, 1))

    whole, partial = decide_so_far(votes, samples, n, 0.05), decide_so_far(kept, samples, n, 0.05)

    assert partial.index in (None, whole.index)


@pytest.mark.parametrize(("samples", "n"), [(0, 10), (11, 10)])
def test_samples_when_they_are_not_within_the_plan(samples: int, n: int) -> None:
    """Looking before the first or after the last sample is refused."""
    with pytest.raises(ValueError, match="planned"):
        decide_so_far([0, 0], samples, n, ALPHA)


def test_votes_when_there_are_more_than_samples() -> None:
    """Something counted twice: no answer."""
    with pytest.raises(ValueError, match="do not fit"):
        decide_so_far([6, 5], 10, 100, ALPHA)


@pytest.mark.parametrize(("n", "step"), [(0, 1), (10, 0)])
def test_plan_when_it_has_no_samples(n: int, step: int) -> None:
    """It is refused, and nothing is asked for."""
    votes = RecordedVotes([0], 2)
    with pytest.raises(ValueError, match="in steps of"):
        predict_sequentially(votes, n, ALPHA, step)
    assert votes.asked == []
