"""The rules of PREDICT: the paper's test at n samples, and the sequential test, for which n is a cap."""

from dataclasses import dataclass

from robustify.smoothing.decisions import decide
from robustify.smoothing.looks import Tally
from robustify.smoothing.rules import PredictRule
from robustify.smoothing.sequential import decide_so_far
from robustify.types import Prediction, PredictTest


@dataclass(frozen=True)
class FixedTest:
    """The test of Algorithm 1 (Hung and Fithian, 2019): one look, at n."""

    n: int
    alpha: float

    @property
    def step(self) -> int:
        return self.n

    def is_settled(self, tally: Tally) -> bool:
        return False

    def prediction(self, tally: Tally) -> Prediction:
        return decide(tally.votes, self.n, self.alpha)


@dataclass(frozen=True)
class SequentialTest:
    """Stops at the first look at which there is an answer."""

    n: int
    alpha: float
    step: int

    def is_settled(self, tally: Tally) -> bool:
        return self.prediction(tally).index is not None

    def prediction(self, tally: Tally) -> Prediction:
        return decide_so_far(tally.votes, tally.samples, self.n, self.alpha)


def predict_rule(test: PredictTest, n: int, alpha: float, step: int | None = None) -> PredictRule:
    """The rule of this test; ValueError unless the sequential test has a step, the fixed one has none, and there is a
    sample to look at."""
    if (step is None) == (test is PredictTest.SEQUENTIAL):
        raise ValueError(f"the {test} test with step {step}: the sequential test, and no other, has a step")
    if n < 1 or (step is not None and step < 1):
        raise ValueError(f"{n} samples in steps of {step}")
    return FixedTest(n, alpha) if step is None else SequentialTest(n, alpha, step)
