"""Sequential PREDICT: errors by counting all paths, agreement with the fixed test, lost votes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from robustify.counting import VoteCounter
from robustify.smoothing.algorithms import predict
from robustify.smoothing.decisions import decide
from robustify.smoothing.looks import Looks
from robustify.smoothing.predict_rules import predict_rule
from robustify.smoothing.sequential import decide_so_far, fewest_significant, is_hopeless, share_of_look
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
    return predict(predict_rule(PredictTest.SEQUENTIAL, n, alpha, Looks(step)), votes)


def chances_to_answer(
    shares: Sequence[float], looks: Looks, n: int, alpha: float, gives_up: bool
) -> dict[int | None, float]:
    """Of each answer, over all paths of votes; `gives_up` where there is little hope of an answer."""
    paths, chances = {(0,) * len(shares): 1.0}, dict.fromkeys((*range(len(shares)), None), 0.0)
    ends = looks.ends(n)
    for samples in range(1, n + 1):
        paths = one_more_sample(paths, shares)
        for votes in list(paths) if samples in ends else []:
            answer = decide_so_far(votes, samples, looks, n, alpha).index
            stops = answer is not None or (gives_up and is_hopeless(votes, samples, looks, n, alpha))
            if stops or samples == n:
                chances[answer] += paths.pop(votes)
    return chances


def one_more_sample(paths: dict[tuple[int, ...], float], shares: Sequence[float]) -> dict[tuple[int, ...], float]:
    longer: dict[tuple[int, ...], float] = {}
    for (votes, chance), (index, share) in product(paths.items(), enumerate(shares)):
        after = (*votes[:index], votes[index] + 1, *votes[index + 1 :])
        longer[after] = longer.get(after, 0.0) + chance * share
    return longer


@pytest.mark.parametrize("gives_up", [True, False])
@pytest.mark.parametrize(
    ("n", "alpha", "step"), [(100, 0.001, 25), (100, 0.001, 10), (60, 0.05, 5), (60, 0.05, 60), (24, 0.05, 2)]
)
def test_error_when_two_classes_are_as_likely(n: int, alpha: float, step: int, gives_up: bool) -> None:
    """Over all paths, each of the two answers has a probability of at most alpha / 2: as both are wrong of two equals,
    that is the whole of alpha. To give up early is not what makes it so."""
    chances = chances_to_answer([0.5, 0.5], Looks(step), n, alpha, gives_up)

    assert sum(chances.values()) == pytest.approx(1)
    assert 0 < chances[0] + chances[1] <= alpha


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 4, 5])
@pytest.mark.parametrize("shares", [(0.34, 0.33, 0.33), (0.45, 0.45, 0.1), (0.4, 0.39, 0.21), (0.49, 0.49, 0.02)])
def test_error_when_three_classes_are_close(shares: tuple[float, ...], step: int) -> None:
    """Over all paths of 20 samples, a class that is not the likeliest is returned with probability at most alpha."""
    chances = chances_to_answer(shares, Looks(step), 20, 0.05, gives_up=False)

    assert chances[1] + chances[2] <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("rivals", [1, 2, 3, 5, 9])
def test_error_when_many_classes_are_as_likely(rivals: int) -> None:
    """Of 20,000 simulated runs, any answer is an error where a number of classes are equals: no more than alpha allows,
    however many they are, also beside one that is rare."""
    rng, alpha, runs, looks = np.random.default_rng(5), 0.05, 20_000, Looks(10)
    ends = looks.ends(40)
    shares = np.append(np.full(rivals + 1, 0.97 / (rivals + 1)), 0.03)
    steps = rng.multinomial(10, shares, (runs, 4)).cumsum(axis=1)
    wrong = sum(
        any(answers(tuple(sorted(votes)), samples, looks, alpha) for votes, samples in zip(run, ends, strict=True))
        for run in steps.tolist()
    )

    assert wrong <= binom.ppf(0.9999, runs, alpha)


@cache
def answers(votes: tuple[int, ...], samples: int, looks: Looks, alpha: float) -> bool:
    return decide_so_far(votes, samples, looks, 40, alpha).index is not None


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_samples_when_votes_are_unanimous(classes: int) -> None:
    """20 of at most 100 samples do, asked for in order and none twice, however many classes there are."""
    votes = RecordedVotes([1] * 100, classes)
    prediction = predict_sequentially(votes, 100, ALPHA, 4)

    assert (prediction.index, prediction.n) == (1, 20)
    assert votes.asked == [(0, 4), (4, 4), (8, 4), (12, 4), (16, 4)]


def test_samples_when_some_are_against() -> None:
    """Three of the first 25 votes may be for others, at the look after a quarter of 100 samples."""
    assert [decide_so_far([25 - k, k], 25, Looks(25), 100, ALPHA).index for k in range(5)] == [0, 0, 0, 0, None]


def test_samples_when_the_cap_is_no_multiple_of_the_step() -> None:
    """No sample beyond the cap is asked for."""
    votes = RecordedVotes(([0] * 7 + [1] * 3) * 5, 2)

    assert predict_sequentially(votes, 50, ALPHA, 40).index is None
    assert votes.asked == [(0, 40), (40, 10)]


def test_samples_when_there_is_no_hope() -> None:
    """Half of the votes each: after 50 samples an answer at 100 has become unlikely, and it abstains."""
    votes = RecordedVotes([0, 1] * 50, 2)
    prediction = predict_sequentially(votes, 100, ALPHA, 25)

    assert (prediction.index, prediction.n, prediction.p_value) == (None, 50, 1.0)


@pytest.mark.parametrize("share", [0.5, 0.6, 0.65, 0.7, 0.8])
def test_hope_when_it_is_compared_with_what_comes(share: float) -> None:
    """Giving up costs a per cent of the answers at most, whatever the leader's share is."""
    looks, shares = Looks(25), (share, 1 - share)
    gives_up, goes_on = (chances_to_answer(shares, looks, 100, ALPHA, choice) for choice in (True, False))

    assert 0 <= goes_on[0] - gives_up[0] <= 0.01


def runs_of_images(runs: int) -> Iterator[tuple[list[int], int]]:
    """Classes of 100 samples of images of all difficulties, of ten classes, and the number of classes."""
    rng = np.random.default_rng(6)
    for _ in range(runs):
        top = rng.beta(4, 1)
        shares = [top, *((1 - top) * rng.dirichlet(np.full(9, 0.3)))]
        yield rng.choice(10, size=100, p=shares).tolist(), 10


@pytest.mark.slow
def test_answers_when_they_are_compared_with_the_fixed_test() -> None:
    """On 300 images both give the same class where both give one; it takes fewer samples, and decides nearly as many
    images."""
    pairs = []
    for classes, number in runs_of_images(300):
        votes = RecordedVotes(classes, number)
        pairs.append((predict_sequentially(votes, 100, ALPHA, 10), decide(votes(0, 100), 100, ALPHA)))

    assert all(one.index == other.index for one, other in pairs if None not in (one.index, other.index))
    assert np.mean([one.n for one, _ in pairs]) < 45
    assert sum(one.index is None for one, _ in pairs) - sum(other.index is None for _, other in pairs) <= 6


def test_answer_at_the_cap_when_the_fixed_test_has_one() -> None:
    """69 to 31 of 100 is significant for the paper's test with half of alpha, and for no early look's part of it."""
    assert decide_so_far([69, 31], 100, Looks(100, 100, 1), 101, ALPHA / 20).index is None
    assert decide_so_far([69, 31], 100, Looks(50), 100, ALPHA).index == 0


def test_answer_at_the_cap_when_the_fixed_test_needs_all_of_alpha() -> None:
    """67 to 33 is significant for the paper's test with alpha, and not with half of it: no answer."""
    assert decide([67, 33], 100, ALPHA).index == 0
    assert decide_so_far([67, 33], 100, Looks(50), 100, ALPHA).index is None


def test_answer_when_the_cap_is_the_only_look() -> None:
    """It is the paper's test with all of alpha, and its p-value."""
    for votes in ([67, 33], [66, 34], [33, 67]):
        assert decide_so_far(votes, 100, Looks(100), 100, ALPHA).index == decide(votes, 100, ALPHA).index
    assert decide_so_far([67, 33], 100, Looks(100), 100, ALPHA) == decide([67, 33], 100, ALPHA)


@pytest.mark.parametrize(
    ("looks", "n"), [(Looks(25), 100), (Looks(10, 40, 20), 95), (Looks(250), 10_000), (Looks(9), 9)]
)
def test_levels_when_they_are_added(looks: Looks, n: int) -> None:
    """The looks' parts of alpha make no more than the whole, and the last one has half of it, unless it is alone."""
    shares = [share_of_look(samples, looks, n) for samples in looks.ends(n)]

    assert sum(shares) == pytest.approx(1)
    assert shares[-1] == (0.5 if len(shares) > 1 else 1)
    assert min(shares) > 0


@pytest.mark.parametrize("samples", [25, 50, 100])
def test_p_value_when_it_is_compared_with_alpha(samples: int) -> None:
    """There is an answer exactly where it is at most alpha: the paper's, at this look's part of alpha."""
    level = share_of_look(samples, Looks(25), 100) * ALPHA
    for leader in range(samples + 1):
        prediction = decide_so_far([leader, samples - leader], samples, Looks(25), 100, ALPHA)

        assert (prediction.index is not None) == (prediction.p_value <= ALPHA)
        assert prediction.index == decide([leader, samples - leader], samples, level).index
        assert 0 < prediction.p_value <= 1


def test_p_value_when_two_classes_are_as_likely() -> None:
    """It is valid at whichever look one stops: over all looks it falls to a level with at most that probability."""
    for level in (0.3, 0.05, 0.01, 0.001):
        least = {samples: fewest_at(samples, level) for samples in (25, 50, 75, 100)}
        paths: dict[tuple[int, ...], float] = {(0, 0): 1.0}
        falls = 0.0
        for samples in range(1, 101):
            paths = one_more_sample(paths, (0.5, 0.5))
            for votes in [votes for votes in paths if max(votes) >= least.get(samples, 101)]:
                falls += paths.pop(votes)

        assert falls <= level


def fewest_at(samples: int, level: float) -> int:
    """The fewest votes of the leader of two with a p-value of at most this."""
    for votes in range((samples + 1) // 2, samples + 1):
        if decide_so_far([votes, samples - votes], samples, Looks(25), 100, ALPHA).p_value <= level:
            return votes
    return samples + 1


def test_p_value_when_a_class_wins_a_vote() -> None:
    """Each vote for the leader, in place of one for the rival, makes the answer less doubtful."""
    values = [decide_so_far([leader, 60 - leader], 60, Looks(20), 100, ALPHA).p_value for leader in range(40, 61)]

    assert values == sorted(values, reverse=True)
    assert values[-1] < 1e-6


@pytest.mark.parametrize("votes", [[20, 20, 0], [0, 0, 0], [30, 0, 0]])
def test_answer_when_there_is_no_lead(votes: list[int]) -> None:
    """A tie, no votes, or as many missing as the leader has: no answer."""
    assert decide_so_far(votes, 60, Looks(20), 60, 0.05).index is None


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=2, max_size=5), st.data())
def test_answer_when_votes_are_lost(votes: list[int], data: st.DataObject) -> None:
    """Whatever subset of the votes comes back, the answer is that of all of them, or none."""
    samples = sum(votes) + 1
    kept = [data.draw(st.integers(0, count)) for count in votes]
    n = samples + data.draw(st.integers(0, 1))

    whole, partial = (decide_so_far(those, samples, Looks(samples), n, 0.05) for those in (votes, kept))

    assert partial.index in (None, whole.index)


@pytest.mark.parametrize(("samples", "n"), [(0, 10), (11, 10), (4, 10)])
def test_samples_when_they_are_no_look(samples: int, n: int) -> None:
    """Looking elsewhere than planned is refused."""
    with pytest.raises(ValueError, match="not a look"):
        decide_so_far([0, 0], samples, Looks(5), n, ALPHA)


def test_votes_when_there_are_more_than_samples() -> None:
    """Something counted twice: no answer."""
    with pytest.raises(ValueError, match="do not fit"):
        decide_so_far([6, 5], 10, Looks(10), 100, ALPHA)


def test_fewest_significant_when_they_are_compared_with_the_test() -> None:
    """So many of the votes for two classes are a lead for the paper's test, and one less are not."""
    for votes in (5, 20, 51, 400):
        fewest = fewest_significant(votes, ALPHA)
        if votes >= fewest:
            assert decide([fewest, votes - fewest], votes, ALPHA).index == 0
        assert decide([fewest - 1, votes - fewest + 1], votes, ALPHA).index is None
