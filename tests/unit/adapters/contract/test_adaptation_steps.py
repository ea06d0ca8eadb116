"""How many steps an adaptation has, known before it begins."""

import pytest

from adapters.contract.adapt import (
    EVALUATE,
    FINE_TUNE,
    PERSONALIZE,
    SYNTHESIZE,
    AdaptParameters,
    adapt_request,
    stage_steps,
    total_steps,
)
from adapters.contract.jobs import AdaptRequest
from adapters.profiles.library import find_profile
from adapters.settings import Settings


def request_of(labels: int, **fields: int) -> AdaptRequest:
    names = [f"label number {index}" for index in range(labels)]
    parameters = AdaptParameters.model_validate({"name": "pets", "labels": names, **fields})
    return adapt_request(parameters, find_profile("mini"), Settings(profile="mini"))


def test_steps_when_everything_is_done() -> None:
    """An image of each label and shot, the steps of both trainings, and the judged images at two sigmas, twice."""
    request = request_of(3, shots=2, held_back=1, steps=50, fine_tuning_steps=7)
    assert stage_steps(request) == {SYNTHESIZE: 9, PERSONALIZE: 50, FINE_TUNE: 7, EVALUATE: 12}
    assert total_steps(request) == 78


def test_steps_when_there_are_many_labels() -> None:
    """All are synthesised, and 40 images are judged at most."""
    steps = stage_steps(request_of(1000, shots=1, held_back=2))
    assert (steps[SYNTHESIZE], steps[EVALUATE]) == (3000, 160)


@pytest.mark.parametrize("fields", [{"steps": 0}, {"steps": 0, "fine_tuning_steps": 0}])
def test_steps_when_nothing_is_adapted(fields: dict[str, int]) -> None:
    """No reference is made where nothing is trained."""
    assert total_steps(request_of(3, **fields)) == 0
