"""From checked parameters to what the queue carries: which test, which bound, and when it is looked at."""

from typing import Any

import pytest

from adapters.contract.jobs import InputImage, JobRequest
from adapters.contract.records import JobKind, VoteKind
from adapters.preparation import AskedTask, CheckedRequest, job_request, parse_parameters
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from robustify.smoothing.looks import Looks
from robustify.types import Bound, PredictTest, Task

MINI = find_profile("mini")
BATCHES = Looks(25)
IMAGE = InputImage(sha256="a" * 64, height=32, width=32, source_sha256="b" * 64, source_norm=1.0)


def request(kind: VoteKind, settings: Settings | None = None, **values: Any) -> JobRequest:
    parameters, problems = parse_parameters(kind, {"labels": ["cat", "dog"], **values}, strict=True)
    assert parameters is not None, problems
    asked = AskedTask(Task(("cat", "dog")))
    return job_request(CheckedRequest(kind, parameters, asked, MINI), IMAGE, settings or Settings(profile="mini"))


@pytest.mark.parametrize(
    ("values", "bound", "selection_looks", "looks"),
    [
        ({}, Bound.MULTICLASS, BATCHES, None),
        ({"bound": "clopper-pearson"}, Bound.CLOPPER_PEARSON, None, None),
        ({"target_radius": 0.25}, Bound.ANYTIME, BATCHES, Looks(25, head=400, stride=100)),
        ({"tolerance": 0.1, "n": 60}, Bound.ANYTIME, BATCHES, Looks(25, head=400, stride=100)),
    ],
)
def test_certificate_when_its_bound_is_found(
    values: dict[str, Any], bound: Bound, selection_looks: Looks | None, looks: Looks | None
) -> None:
    """An aim makes it anytime, with a look after each batch at first, and then after each shard; all but the paper's
    look at the selection after each batch."""
    found = request(JobKind.CERTIFY, **values)

    assert (found.bound, found.selection_looks, found.looks) == (bound, selection_looks, looks)


@pytest.mark.parametrize(
    ("values", "step"),
    [({}, 25), ({"test": "fixed"}, None), ({"n": 25}, None), ({"n": 26}, 25), ({"n": 1000}, 25), ({"n": 10_000}, 250)],
)
def test_prediction_when_its_test_is_found(values: dict[str, Any], step: int | None) -> None:
    """It is looked at after each batch, or after some where there are many, unless the first look would be the last."""
    found = request(JobKind.PREDICT, **values)

    looks = None if step is None else Looks(step)
    assert (found.test, found.looks) == (PredictTest.FIXED if step is None else PredictTest.SEQUENTIAL, looks)


@pytest.mark.parametrize(("n", "test"), [(11, PredictTest.FIXED), (12, PredictTest.SEQUENTIAL)])
def test_prediction_when_n_is_too_small_for_half_of_alpha(n: int, test: PredictTest) -> None:
    """What the whole of alpha still allows is not given up for a look that cannot end it."""
    assert request(JobKind.PREDICT, Settings(profile="mini", batch_size=5), n=n).test is test


def test_question_when_anything_differs() -> None:
    """Whatever is asked otherwise is another question, with an outcome and noise of its own; names are not asked."""
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
        request(JobKind.CERTIFY, n=9999),
        request(JobKind.CERTIFY, n0=99),
        request(JobKind.CERTIFY, alpha=0.002),
        request(JobKind.CERTIFY, sigma=0.5),
        request(JobKind.CERTIFY, noise="lattice"),
        requests_other_image(),
    ]

    assert len({found.question.digest for found in requests}) == len(requests)
    assert len({found.question.text for found in requests}) == len(requests)
    assert request(JobKind.CERTIFY, larger).question == requests[0].question
    assert requests[0].model_copy(update={"task": "a name", "version": 3}).question == requests[0].question


def requests_other_image() -> JobRequest:
    return request(JobKind.CERTIFY).model_copy(update={"image": IMAGE.model_copy(update={"sha256": "c" * 64})})
