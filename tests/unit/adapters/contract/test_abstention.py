"""What people are told of an answer that is none."""

from typing import Any

import pytest

from adapters.contract.abstention import advice_of
from adapters.contract.results import AnsweredImage, AnsweringModel, CertifyResult, LabelVotes, PredictResult
from robustify.smoothing.rules import Outcome
from robustify.types import Bound


def predicted(outcome: str, votes: tuple[int, int]) -> PredictResult:
    return PredictResult.model_validate({"outcome": outcome, "p_value": 0.5, **common(votes)})


def certified(outcome: Outcome, votes: tuple[int, int], **changes: Any) -> CertifyResult:
    index = changes.pop("index", 0)
    return CertifyResult.model_validate(
        {
            "outcome": outcome, "radius": None, "bound": Bound.MULTICLASS, "n0": 10, "selection_samples": 0,
            "p_lower": 0.1, "selection_votes": (), **common(votes), "index": index, **changes,
        }
    )  # fmt: skip


def common(votes: tuple[int, int]) -> dict[str, Any]:
    counted = zip(("cat", "dog"), votes, strict=True)
    return {
        "label": None, "index": None, "n": 100, "samples_used": 100, "alpha": 0.001, "sigma": 0.25, "seconds": 1.0,
        "votes": tuple(LabelVotes(label=label, count=count) for label, count in counted),
        "model": AnsweringModel(profile="mini", fingerprint="f" * 64),
        "input": AnsweredImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (predicted("abstained", (45, 55)), ["dog got 55 %", "100 samples", "larger n"]),
        (predicted("abstained", (0, 0)), ["no finite answer"]),
        (certified(Outcome.ABSTAINED, (52, 48)), ["cat got 52 %", "a larger n", "smaller sigma"]),
        (certified(Outcome.ABSTAINED, (30, 70)), ["cat got 30 %", "no radius holds", "adapted"]),
        (certified(Outcome.ABSTAINED, (0, 0), index=None), ["no finite answer"]),
        (certified(Outcome.NOT_CERTIFIED, (90, 10), target_radius=0.5), ["cat got 90 %", "0.5", "smaller one"]),
        (certified(Outcome.UNDECIDED, (90, 10), target_radius=0.5), ["cat got 90 %", "0.5", "larger n"]),
    ],
)
def test_advice_when_there_is_no_answer(result: PredictResult | CertifyResult, words: list[str]) -> None:
    """It names the label, its share and what would help."""
    advice = advice_of(result)
    assert advice is not None
    assert [word for word in words if word not in advice] == []


def test_advice_when_there_is_an_answer() -> None:
    """There is none, nor where there is no result."""
    assert advice_of(predicted("predicted", (0, 100))) is None
    assert advice_of(certified(Outcome.CERTIFIED, (99, 1))) is None
    assert advice_of(None) is None


def test_advice_when_a_label_has_braces() -> None:
    """A label is a client's own: it is shown as it is."""
    result = predicted("abstained", (55, 45))
    named = result.model_copy(update={"votes": (LabelVotes(label="{0} {samples} {", count=55), result.votes[1])})
    assert (advice_of(named) or "").startswith("{0} {samples} { got 55 %")
