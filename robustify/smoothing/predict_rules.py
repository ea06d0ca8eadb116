"""The rules of PREDICT: the paper's test at n samples, and the sequential test, for which n is a cap."""

from dataclasses import dataclass

from robustify.smoothing.decisions import decide
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import PredictRule
from robustify.smoothing.sequential import decide_so_far, is_hopeless
from robustify.types import Prediction, PredictTest


@dataclass(frozen=True)
class FixedTest:
    """The test of Algorithm 1 (Hung and Fithian, 2019): one look, at n."""

    n: int
    alpha: float

    @property
    def looks(self) -> Looks:
        return Looks(self.n)

    def is_settled(self, tally: Tally) -> bool:
        return False

    def prediction(self, tally: Tally) -> Prediction:
        return decide(tally.votes, self.n, self.alpha)


@dataclass(frozen=True)
class SequentialTest:
    """Stops at the first look at which there is an answer, or hardly any hope of one: then it abstains."""

    n: int
    alpha: float
    looks: Looks

    def is_settled(self, tally: Tally) -> bool:
        if self.prediction(tally).index is not None:
            return True
        return is_hopeless(tally.votes, tally.samples, self.looks, self.n, self.alpha)

    def prediction(self, tally: Tally) -> Prediction:
        return decide_so_far(tally.votes, tally.samples, self.looks, self.n, self.alpha)


def predict_rule(test: PredictTest, n: int, alpha: float, looks: Looks | None = None) -> PredictRule:
    """The rule of this test; ValueError unless the sequential test has looks, the fixed one has none, and there is a
    sample to look at."""
    if (looks is None) == (test is PredictTest.SEQUENTIAL):
        raise ValueError(f"the {test} test with looks {looks}: the sequential test, and no other, has looks")
    if n < 1:
        raise ValueError(f"{n} samples to look at")
    return FixedTest(n, alpha) if looks is None else SequentialTest(n, alpha, looks)
