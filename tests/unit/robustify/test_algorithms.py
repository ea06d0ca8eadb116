"""The drivers of PREDICT and CERTIFY: what they ask for, where they stop, and that it is what the rules say."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robustify.counting import VoteCounter
from robustify.smoothing.algorithms import certify, first_settling_look, predict
from robustify.smoothing.certify_rules import certify_rule
from robustify.smoothing.decisions import bound_radius, decide
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.multiclass import bound_two_sided
from robustify.smoothing.predict_rules import predict_rule
from robustify.smoothing.rules import CertifyRule, ForClass, Outcome, PredictRule, Selection, StoppingRule
from robustify.smoothing.sequential import decide_so_far, is_hopeless
from robustify.types import Bound, PredictTest, SmoothingParameters

PARAMETERS = SmoothingParameters(sigma=0.25, n0=100, n=1000, alpha=0.001)
PAPER = certify_rule(PARAMETERS)
EVERY_150 = Looks(150)
AT_N = (Bound.CLOPPER_PEARSON, Bound.MULTICLASS)
EARLY = (
    certify_rule(PARAMETERS, Bound.ANYTIME, target_radius=0.25, looks=EVERY_150, selection_looks=Looks(25)),
    certify_rule(PARAMETERS, Bound.ANYTIME, tolerance=0.1, looks=EVERY_150, selection_looks=Looks(25)),
)
RULES = (*(certify_rule(PARAMETERS, bound) for bound in AT_N), *EARLY)


@dataclass
class FixedVotes:
    """Votes in the given proportions, whatever is asked for."""

    shares: Sequence[float]

    def __call__(self, first: int, count: int) -> Sequence[int]:
        return [round(share * count) for share in self.shares]


@dataclass
class RecordedVotes:
    """Votes of samples with these classes in their order; -1 has no vote. Keeps what was asked for."""

    classes: Sequence[int]
    number: int = 3
    asked: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, first: int, count: int) -> Sequence[int]:
        self.asked.append((first, count))
        drawn = self.classes[first : first + count]
        return [sum(one == other for one in drawn) for other in range(self.number)]


@dataclass(frozen=True)
class EnoughVotes:
    """A StoppingRule: the first class has so many votes."""

    votes: int
    n: int = 35
    looks: Looks = Looks(10)

    def is_settled(self, tally: Tally) -> bool:
        return tally.votes[0] >= self.votes


def paper_test(n: int = 100, alpha: float = 0.001) -> PredictRule:
    return predict_rule(PredictTest.FIXED, n, alpha)


def drawn(seed: int, n: int, p: float, missing: float = 0.0) -> list[int]:
    """Classes of n samples: the first with probability p, else one of two others; some are missing."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(3, size=n, p=[p, (1 - p) * 0.75, (1 - p) * 0.25])
    classes[rng.random(n) < missing] = -1
    found: list[int] = classes.tolist()
    return found


def in_parts(votes: VoteCounter, rule: StoppingRule) -> list[Sequence[int]]:
    """All votes that a rule could ask for, as workers record them."""
    return [votes(first, count) for first, count in rule.looks.spans(rule.n)]


def test_predict_returns_a_clear_winner() -> None:
    """A class with nine of ten votes is predicted."""
    prediction = predict(paper_test(), FixedVotes([0.1, 0.9]))

    assert prediction.index == 1
    assert prediction.p_value < 0.001


def test_predict_abstains_on_a_tie() -> None:
    """Equal votes are no answer, and not the first label."""
    assert predict(paper_test(), FixedVotes([0.5, 0.5])).index is None


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("p", [0.4, 0.55, 0.7, 0.9])
def test_predict_with_the_test_of_the_paper_is_the_decision_on_all_votes(p: float, missing: float) -> None:
    """It counts n samples at once and says what they say, to the last bit."""
    votes = RecordedVotes(drawn(1, 100, p, missing))
    prediction = predict(paper_test(), votes)

    assert votes.asked == [(0, 100)]
    assert prediction == decide(votes(0, 100), 100, 0.001)


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(0, 1000), st.floats(0.3, 1), st.integers(1, 120))
def test_predict_with_the_sequential_test_stops_at_the_first_look_that_settles(seed: int, p: float, step: int) -> None:
    """The answer is that of this look, and no sample beyond it is counted."""
    votes = RecordedVotes(drawn(seed, 100, p, missing=0.02))
    prediction = predict(predict_rule(PredictTest.SEQUENTIAL, 100, 0.01, Looks(step)), votes)
    counted = list(votes.asked)

    looks = [min(look, 100) for look in range(step, 100 + step, step)]
    looked_at = [(votes(0, look), look, Looks(step), 100, 0.01) for look in looks]
    found = [decide_so_far(*one) for one in looked_at]
    ends = [one.index is not None or is_hopeless(*seen) for one, seen in zip(found, looked_at, strict=True)]
    assert prediction == found[ends.index(True) if True in ends else -1]
    assert counted == [(start, min(step, 100 - start)) for start in range(0, prediction.n, step)]


@pytest.mark.parametrize("test", PredictTest)
def test_predict_is_what_recorded_votes_say(test: PredictTest) -> None:
    """Counted as they are asked for, or all recorded before anybody looks: the look is the same."""
    rule = predict_rule(test, 100, 0.001, Looks(10) if test is PredictTest.SEQUENTIAL else None)
    for seed, p in enumerate((0.4, 0.6, 0.8, 0.95)):
        votes = RecordedVotes(drawn(seed, 100, p))
        tally = first_settling_look(rule, in_parts(votes, rule))
        assert tally is not None
        assert rule.prediction(tally) == predict(rule, votes)


def test_certify_gives_the_radius_of_algorithm_1() -> None:
    """Unanimous votes certify sigma * Phi^-1(alpha^(1/n)), rounded down."""
    found = certify(PAPER, FixedVotes([0, 1]), FixedVotes([0, 1]))

    assert found.selection == Selection(1, (0, 100), 100)
    assert found.tally == Tally(1000, (0, 1000))
    assert found.verdict.outcome is Outcome.CERTIFIED
    assert found.verdict.radius == pytest.approx(0.25 * 2.4630, abs=1e-4)


def test_certify_keeps_the_class_of_the_selection() -> None:
    """When estimation favours another class than selection chose, CERTIFY abstains and never switches."""
    found = certify(PAPER, FixedVotes([1, 0]), FixedVotes([0.1, 0.9]))

    assert found.selection.index == 0
    assert found.verdict.outcome is Outcome.ABSTAINED
    assert found.verdict.radius is None


@pytest.mark.parametrize("missing", [0.0, 0.05])
@pytest.mark.parametrize("p", [0.4, 0.6, 0.95])
def test_certify_of_all_samples_is_the_bound_of_all_votes(p: float, missing: float) -> None:
    """With either bound it counts each phase at once, and says what the votes say, to the last bit."""
    selection, votes = RecordedVotes(drawn(3, 100, 0.9, missing)), RecordedVotes(drawn(4, 1000, p, missing))
    one, two = (certify(certify_rule(PARAMETERS, bound), selection, votes) for bound in AT_N)

    assert (selection.asked, votes.asked) == ([(0, 100)] * 2, [(0, 1000)] * 2)
    counts = 0, selection(0, 100), votes(0, 1000), PARAMETERS
    one_sided, two_sided = bound_radius(*counts), bound_two_sided(*counts)
    assert (one.selection, one.tally) == (two.selection, two.tally)
    assert (one.verdict.radius, one.verdict.p_lower, one.verdict.p_upper) == (*astuple(one_sided), None)
    assert (two.verdict.radius, two.verdict.p_lower, two.verdict.p_upper) == astuple(two_sided)


@pytest.mark.parametrize("rule", EARLY)
@pytest.mark.parametrize("p", [0.5, 0.8, 0.9, 0.99])
def test_certify_that_may_stop_early_is_what_recorded_votes_say(rule: CertifyRule, p: float) -> None:
    """It stops at the first look that settles it, whatever else is recorded, and counts nothing beyond it."""
    votes = RecordedVotes(drawn(5, 1000, p, missing=0.01))
    found = certify(rule, FixedVotes([1, 0, 0]), votes)
    counted = list(votes.asked)

    before = [Tally(look, tuple(votes(0, look))) for look in range(150, found.tally.samples, 150)]
    assert not any(rule.is_settled(found.selection, tally) for tally in before)
    assert counted == [(start, min(150, 1000 - start)) for start in range(0, found.tally.samples, 150)]
    assert found.tally == Tally(found.tally.samples, tuple(votes(0, found.tally.samples)))
    chosen = ForClass(rule, found.selection)
    assert first_settling_look(chosen, in_parts(votes, chosen)) == found.tally
    assert found.verdict == rule.verdict(found.selection, found.tally)


@pytest.mark.parametrize("rule", RULES)
def test_certify_when_no_selection_sample_voted(rule: CertifyRule) -> None:
    """It counts up to the first look all the same, and abstains whatever the votes say."""
    votes = RecordedVotes([0] * 1000)
    found = certify(rule, RecordedVotes([-1] * 100), votes)

    first = rule.looks.ends(1000)[0]
    assert votes.asked == [(0, first)]
    assert found.tally == Tally(first, (first, 0, 0))
    assert found.selection == Selection(0, (0, 0, 0), 100)
    assert not found.selection.is_supported
    assert (found.verdict.outcome, found.verdict.radius) == (Outcome.ABSTAINED, None)


@pytest.mark.parametrize("rule", RULES)
def test_certify_when_something_was_counted_twice(rule: CertifyRule) -> None:
    """There is no answer at all."""
    with pytest.raises(ValueError, match="fit"):
        certify(rule, FixedVotes([1, 0, 0]), FixedVotes([1, 0.5, 0]))


@pytest.mark.parametrize("later", [[], [[0, 10]], [[10, 0], [5, 0]]])
def test_first_settling_look_when_later_votes_would_change_it(later: list[list[int]]) -> None:
    """What settled the answer first stands, whatever else is known by then."""
    assert first_settling_look(EnoughVotes(14), [[5, 5], [9, 1], *later]) == Tally(20, (14, 6))


def test_first_settling_look_when_nothing_is_clear() -> None:
    """It takes all samples; while some are missing there is no answer."""
    never, at_once = EnoughVotes(99, n=20), EnoughVotes(0, n=20)

    assert first_settling_look(never, [[5, 5]]) is None
    assert first_settling_look(at_once, []) is None
    assert first_settling_look(never, [[5, 5], [5, 5]]) == Tally(20, (10, 10))
