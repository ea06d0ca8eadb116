"""What the client reads is what the service writes, of this release and of a later one."""

from types import NoneType
from typing import get_args

import pytest
from pydantic import BaseModel, JsonValue

from adapters.contract import keys as contract_keys
from adapters.contract import plan as contract_plan
from adapters.contract import results
from adapters.contract.usage import DayUsage
from robustify_client import UnexpectedAnswer, records
from robustify_client.errors import (
    OF_STATUS,
    OF_TYPE,
    AccessRefused,
    ImageRefused,
    LimitReached,
    Problem,
    RequestRefused,
    ServiceFault,
    Unavailable,
    error_of,
)
from robustify_client.reading import record_of, typed_result
from service import errors as service_errors
from service.about import schemas as about
from service.batches import schemas as batches
from service.errors import ProblemKind
from service.jobs import schemas as jobs
from service.owned import schemas as owned
from service.tasks import schemas as tasks
from tests.client_samples import CERTIFIED

PAIRS: list[tuple[type[records.Record], type[BaseModel]]] = [
    (records.LabelVotes, results.LabelVotes),
    (records.AnsweringModel, results.AnsweringModel),
    (records.AnsweredImage, results.AnsweredImage),
    (records.PredictResult, results.PredictResult),
    (records.CertifyResult, results.CertifyResult),
    (records.SetAnswer, results.SetAnswer),
    (records.CertifySetsResult, results.CertifySetsResult),
    (records.SigmaAnswer, results.SigmaAnswer),
    (records.CertifySigmasResult, results.CertifySigmasResult),
    (records.JudgedAt, results.JudgedAt),
    (records.Figures, results.Figures),
    (records.MadeTask, results.MadeTask),
    (records.AdaptedFrom, results.AdaptedFrom),
    (records.AdaptResult, results.AdaptResult),
    (records.PreviewResult, jobs.ShownPreview),
    (records.PreviewPicture, jobs.ShownPicture),
    (records.Seen, results.Seen),
    (records.Change, results.Change),
    (records.Plan, contract_plan.Plan),
    (records.Cost, contract_plan.Cost),
    (records.FixedCost, contract_plan.FixedCost),
    (records.AdaptiveCost, contract_plan.AdaptiveCost),
    (records.Fewest, contract_plan.Fewest),
    (records.PublicKeys, contract_keys.PublicKeys),
    (records.NoiseKey, contract_keys.PublicNoiseKeyDocument),
    (records.Progress, jobs.Progress),
    (records.Progress, jobs.AdaptProgress),
    (records.JobState, jobs.JobState),
    (records.JobRecord, jobs.CertifyJob),
    (records.JobSummary, owned.JobSummary),
    (records.JobPage, owned.JobPage),
    (records.UsageLimits, owned.UsageLimits),
    (records.StoredImages, owned.StoredImages),
    (records.Lifetimes, owned.Lifetimes),
    (records.Usage, owned.UsageDescription),
    (records.DayUsage, DayUsage),
    (records.BatchRecord, batches.Batch),
    (records.BatchPage, batches.BatchPage),
    (records.BatchLine, batches.BatchLine),
    (records.Model, about.ModelDescription),
    (records.Readiness, about.Readiness),
    (records.Task, tasks.TaskDescription),
    (records.TaskVersion, tasks.VersionDescription),
]
NOT_READ = {"links", "first_id"}
"""Fields that the client has no use for: it makes its addresses itself."""


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda found: found.__qualname__)
def test_fields(ours: type[records.Record], theirs: type[BaseModel]) -> None:
    """The client has a field for each that the service writes, and needs none that the service may leave out."""
    assert theirs.model_fields.keys() - ours.model_fields.keys() <= NOT_READ
    needed = {name for name, field in ours.model_fields.items() if field.is_required()}
    assert needed <= theirs.model_fields.keys()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda found: found.__qualname__)
def test_values_that_may_be_null(ours: type[records.Record], theirs: type[BaseModel]) -> None:
    """What the service may answer with null may be None here."""
    for name, field in theirs.model_fields.items():
        if name not in NOT_READ and may_be_none(field.annotation):
            assert may_be_none(ours.model_fields[name].annotation), name


def may_be_none(annotation: object) -> bool:
    return annotation is JsonValue or NoneType in get_args(annotation)


def test_field_of_a_later_release() -> None:
    """It is kept, and nothing fails of it."""
    votes = record_of(records.LabelVotes, {"label": "cat", "count": 1, "share": 0.5})
    assert votes.model_extra == {"share": 0.5}
    with pytest.raises(ValueError, match="frozen"):
        votes.count = 2  # type: ignore[misc]


def test_outcome_of_a_later_release() -> None:
    """A word that is not known is still an answer, and none that is certified."""
    found = typed_result("certify", {**CERTIFIED, "outcome": "postponed", "radius": None})
    assert isinstance(found, records.CertifyResult)
    assert found.is_abstention


def test_result_of_another_service() -> None:
    """It is said that it cannot be read."""
    with pytest.raises(UnexpectedAnswer, match="PredictResult"):
        typed_result("predict", ["a"])


KINDS = sorted(
    (kind for kind in vars(service_errors).values() if isinstance(kind, ProblemKind)), key=lambda kind: kind.slug
)
FAMILIES = {400: RequestRefused, 408: RequestRefused, 415: RequestRefused, 422: RequestRefused, 503: Unavailable}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.slug)
def test_problems(kind: ProblemKind) -> None:
    """Each type of problem of the service has a family, and its status does not make it a fault where it is none."""
    error = error_of(Problem(kind.status, kind.type, kind.title, kind.detail))
    expected = OF_TYPE.get(kind.slug) or OF_STATUS.get(kind.status) or FAMILIES.get(kind.status, RequestRefused)
    assert type(error) is (ServiceFault if kind.status == 500 else expected)
    assert (error.type, error.status) == (kind.type, kind.status)


def test_problems_by_name() -> None:
    """Those that programs tell apart most."""
    by_slug = {kind.slug: error_of(Problem(kind.status, kind.type, kind.title, kind.detail)) for kind in KINDS}
    assert isinstance(by_slug["unreadable-image"], ImageRefused)
    assert isinstance(by_slug["too-many-questions"], LimitReached)
    assert isinstance(by_slug["missing-scope"], AccessRefused)
    assert {*OF_TYPE} <= by_slug.keys()
