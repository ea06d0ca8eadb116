"""`robustify selftest`, when its workers are killed too often."""

from pathlib import Path
from typing import Any

import pytest

from adapters.contract.results import CertifyResult, PredictResult, Voted
from robustify.errors import RobustifyError
from robustify.smoothing.rules import Outcome
from workers.evaluation.selftest import LINEAR, Canceler, Disturbances, Killer, answer_random_images
from workers.evaluation.selftest_claims import Claim, is_false


@pytest.mark.usefixtures("forked_workers")
def test_workers_that_are_killed_all_the_time(tmp_path: Path) -> None:
    """It does not hang: when no certificate ends for so long it fails, and says how many are left."""
    killer = Killer(seconds=0.01)
    verdicts = answer_random_images(
        tmp_path,
        LINEAR,
        Claim.CLOPPER_PEARSON,
        500,
        alpha=0.01,
        workers=1,
        disturbances=Disturbances(killer, Canceler(0)),
        on_result=lambda: None,
        stall_seconds=2,
    )

    with pytest.raises(RobustifyError, match=r"no answer came within 2 s, \d+ of 500 are left, after \d+ kills"):
        list(verdicts)
    assert killer.kills > 0


@pytest.mark.parametrize(
    ("margin", "result", "false"),
    [
        (0.2, {"outcome": "certified", "label": "above", "radius": 0.2}, False),
        (0.2, {"outcome": "certified", "label": "above", "radius": 0.21}, True),
        (0.2, {"outcome": "certified", "label": "below", "radius": 0.1}, True),
        (-0.2, {"outcome": "certified", "label": "below", "radius": 0.2}, False),
        (0.2, {"outcome": "not_certified", "label": "above", "target_radius": 0.21}, False),
        (0.2, {"outcome": "not_certified", "label": "above", "target_radius": 0.2}, True),
        (0.2, {"outcome": "not_certified", "label": "below", "target_radius": 0.2}, False),
        (0.2, {"outcome": "undecided", "label": "above", "target_radius": 0.2}, False),
        (0.2, {"outcome": "abstained", "label": None}, False),
        (0.2, {"outcome": "predicted", "label": "above"}, False),
        (0.2, {"outcome": "predicted", "label": "below"}, True),
    ],
)
def test_claim_when_the_truth_is_known(margin: float, result: dict[str, Any], false: bool) -> None:
    """Only what is said beyond the truth is false; the wrong class is rightly refused a radius."""
    assert is_false(margin, said(**{"radius": None, "target_radius": None, **result})) is false


def said(outcome: str, **fields: Any) -> Voted:
    """A result of which nothing is said but these fields."""
    if outcome == "predicted":
        return PredictResult.model_construct(outcome="predicted", **fields)
    return CertifyResult.model_construct(outcome=Outcome(outcome), **fields)
