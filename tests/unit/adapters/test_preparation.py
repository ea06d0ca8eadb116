"""From checked parameters to what the queue carries: which test, which bound, and when it is looked at."""

from typing import Any

import pytest

from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.records import JobKind, VoteKind
from adapters.preparation import AskedTask, Question, job_request, parse_parameters
from adapters.profiles.shipped import find_profile
from adapters.settings import Settings
from robustify.types import Bound, PredictTest, Task

MINI = find_profile("mini")
IMAGE = InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.0)


def request(kind: VoteKind, settings: Settings | None = None, **values: Any) -> JobRequest:
    parameters, problems = parse_parameters(kind, {"labels": ["cat", "dog"], **values}, strict=True)
    assert parameters is not None, problems
    asked = AskedTask(Task(("cat", "dog")))
    return job_request(Question(kind, parameters, asked), IMAGE, MINI, settings or Settings(profile="mini"))


@pytest.mark.parametrize(
    ("values", "bound", "step"),
    [
        ({}, Bound.MULTICLASS, None),
        ({"bound": "clopper-pearson"}, Bound.CLOPPER_PEARSON, None),
        ({"target_radius": 0.25}, Bound.ANYTIME, 100),
        ({"tolerance": 0.1}, Bound.ANYTIME, 100),
        ({"tolerance": 0.1, "n": 60}, Bound.ANYTIME, 60),
    ],
)
def test_certificate_when_its_bound_is_found(values: dict[str, Any], bound: Bound, step: int | None) -> None:
    """An aim makes it anytime, with a look after each shard; nothing else stops early."""
    found = request(JobKind.CERTIFY, **values)

    assert (found.bound, found.step, found.may_stop_early) == (bound, step, step is not None)


@pytest.mark.parametrize(
    ("values", "step"),
    [({}, 25), ({"test": "fixed"}, None), ({"n": 25}, None), ({"n": 26}, 25), ({"n": 1000}, 25), ({"n": 10_000}, 250)],
)
def test_prediction_when_its_test_is_found(values: dict[str, Any], step: int | None) -> None:
    """It is looked at after each batch, or after some where there are many, unless the first look would be the last."""
    found = request(JobKind.PREDICT, **values)

    assert (found.test, found.step) == (PredictTest.FIXED if step is None else PredictTest.SEQUENTIAL, step)


@pytest.mark.parametrize(("n", "test"), [(11, PredictTest.FIXED), (12, PredictTest.SEQUENTIAL)])
def test_prediction_when_n_is_too_small_for_half_of_alpha(n: int, test: PredictTest) -> None:
    """What the whole of alpha still allows is not given up for a look that cannot end it."""
    assert request(JobKind.PREDICT, Settings(profile="mini", batch_size=5), n=n).test is test


def test_outcome_when_the_method_differs() -> None:
    """Every method, and every schedule of looks, has an outcome of its own; noise and votes are the same."""
    larger = Settings(profile="mini", shard_samples=200)
    requests = [
        request(JobKind.CERTIFY),
        request(JobKind.CERTIFY, bound="clopper-pearson"),
        request(JobKind.CERTIFY, target_radius=0.25),
        request(JobKind.CERTIFY, target_radius=0.26),
        request(JobKind.CERTIFY, tolerance=0.25),
        request(JobKind.CERTIFY, larger, tolerance=0.25),
        request(JobKind.PREDICT),
        request(JobKind.PREDICT, test="fixed"),
    ]

    assert len({found.outcome_key for found in requests}) == len(requests)
    assert len({found.certificate_id for found in requests}) == 1
    assert request(JobKind.CERTIFY, larger).outcome_key == requests[0].outcome_key
