"""POST /compat/huggingface/zero-shot-image-classification: /predict, as the clients of Hugging Face ask and read it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from fastapi import APIRouter, Request, Response

from adapters.contract.fields import FieldProblem, FieldsError, shown_name
from adapters.contract.jobs import JobRecord, JobStatus
from adapters.contract.records import JobKind
from adapters.contract.results import PredictResult
from adapters.profiles.library import served_profile
from adapters.settings import Settings
from robustify.errors import UnreadableImageError, UnsupportedImageError
from service.body.json_bodies import decode_image, parse_object
from service.body.receive import JSON, checked_body, owner_of, parsed
from service.body.received import EMPTY_IMAGE, IMAGE, Received, image_problem
from service.body.stream import whole_body
from service.dependencies import NeedsRoom, ServiceDependency
from service.errors import (
    INVALID_INPUT,
    JOB_FAILED,
    NOT_DONE,
    UNREADABLE_IMAGE,
    UNSUPPORTED_IMAGE,
    ProblemError,
)
from service.examples import Document
from service.jobs.answering import RETRY_AFTER_SECONDS, preferred_wait, wait_until_done
from service.jobs.asking import asked_of
from service.jobs.submission import submit
from service.limits import PREDICT_WAIT_SECONDS, UploadLimits, json_limits
from service.openapi import DEFINITIONS, SUBMIT_PROBLEMS, json_body, prefer, problems
from service.shapes.schemas import ZeroShotParameters, ZeroShotRequest, ZeroShotScore

PATH = "/compat/huggingface/zero-shot-image-classification"
OUTCOME, JOB = "X-Robustify-Outcome", "X-Robustify-Job"
INPUTS, PARAMETERS = "inputs", "parameters"
OUR_NAMES: Mapping[str, str] = MappingProxyType({"candidate_labels": "labels", "hypothesis_template": "template"})
THEIR_NAMES: Mapping[str, str] = MappingProxyType({ours: theirs for theirs, ours in OUR_NAMES.items()})

NO_INPUTS = "It must be an image in base64."
NO_OBJECT = "It must be an object."
NO_LABELS = FieldProblem(field="labels", detail="It must be a list of labels.")
NO_SUCH_FIELD = f"There is no such field: send {INPUTS} and {PARAMETERS}."
NO_SUCH_PARAMETER = f"There is no such parameter; there are {', '.join(ZeroShotParameters.model_fields)}."

router = APIRouter(tags=["compatible"])


def describe_labels(document: Document, settings: Settings) -> None:
    """Says how many labels the served profile tells apart, where that is a number."""
    if (classes := served_profile(settings).classes) is not None:
        body = document["paths"][PATH]["post"]["requestBody"]["content"][JSON]["schema"]
        labels = body[DEFINITIONS][ZeroShotParameters.__name__]["properties"]["candidate_labels"]
        labels.update(minItems=classes, maxItems=classes)


@router.post(
    PATH,
    operation_id="zeroShotImageClassification",
    dependencies=[NeedsRoom],
    summary="Zero-shot image classification as Hugging Face's clients ask for it",
    responses=problems(*SUBMIT_PROBLEMS),
    openapi_extra={**prefer(PREDICT_WAIT_SECONDS), **json_body(ZeroShotRequest)},
)
async def classify(request: Request, response: Response, service: ServiceDependency) -> list[ZeroShotScore]:
    """A score is the share of the noisy samples that voted for the label. The header `X-Robustify-Outcome` says
    `predicted`, or `abstained` where the votes do not tell the first label from the second. When the answer takes
    longer than 10 s, or than `Prefer: wait=N` says, it is a 503 `not-done`: send the same again to go on waiting.
    """
    asked = asked_of(request)
    received = await receive(request, json_limits(service.settings))
    try:
        admission = await submit(service, JobKind.PREDICT, received, asked)
    except FieldsError as error:
        raise ProblemError(INVALID_INPUT, errors=[renamed(problem) for problem in error.problems]) from None
    except UnreadableImageError as error:
        raise unreadable(error) from None
    seconds = preferred_wait(request, PREDICT_WAIT_SECONDS).seconds
    record = await wait_until_done(service, admission.record, seconds, request)
    result = result_of(record)
    response.headers.update({OUTCOME: result.outcome, JOB: record.id})
    return scores_of(result)


async def receive(request: Request, limits: UploadLimits) -> Received:
    """Reads the body within the limits, to the fields of /predict."""
    async with checked_body(request, limits, (JSON,)) as reservation:
        body = await whole_body(request, limits)
        image, values, found = await parsed(request, len(body), lambda: fields_of(body, limits))
    owner = owner_of(request)
    return Received(image, values, strict=True, problems=found, request=request, owner=owner, held=reservation)


def fields_of(body: bytes, limits: UploadLimits) -> tuple[bytes | None, dict[str, object], list[FieldProblem]]:
    """The image, and the fields under our names; and what is wrong with how they came, under ours too."""
    given = parse_object(body)
    image, wrong = image_of(given.pop(INPUTS, None), limits)
    values, strange = values_of(given.pop(PARAMETERS, {}))
    unknown = [FieldProblem(field=shown_name((name,)), detail=NO_SUCH_FIELD) for name in given]
    return image, values, [*wrong, *strange, *unknown]


def image_of(inputs: object, limits: UploadLimits) -> tuple[bytes | None, list[FieldProblem]]:
    text = text_of(inputs)
    if text is None:
        return None, [image_problem(NO_INPUTS)]
    try:
        image = decode_image(text, limits)
    except ProblemError as problem:
        if not problem.errors:
            raise
        raise ProblemError(problem.kind, errors=[renamed(error) for error in problem.errors]) from None
    return (image, []) if image else (None, [image_problem(EMPTY_IMAGE)])


def text_of(inputs: object) -> str | None:
    """The image in base64; None for what is none."""
    if isinstance(inputs, dict) and set(inputs) == {IMAGE}:
        inputs = inputs[IMAGE]
    return inputs if isinstance(inputs, str) else None


def values_of(parameters: object) -> tuple[dict[str, object], list[FieldProblem]]:
    if not isinstance(parameters, dict):
        return {}, [FieldProblem(field=PARAMETERS, detail=NO_OBJECT), NO_LABELS]
    known = {name: value for name, value in parameters.items() if name in ZeroShotParameters.model_fields}
    values = {OUR_NAMES.get(name, name): value for name, value in known.items() if value is not None}
    strange = [shown_name((PARAMETERS, name)) for name in parameters if name not in known]
    missing = [] if "labels" in values else [NO_LABELS]
    return values, [*missing, *(FieldProblem(field=name, detail=NO_SUCH_PARAMETER) for name in strange)]


def renamed(problem: FieldProblem) -> FieldProblem:
    """What is wrong, under the name that the client knows."""
    name, dot, rest = problem.field.partition(".")
    if name == IMAGE:
        return FieldProblem(field=INPUTS, detail=problem.detail)
    if THEIR_NAMES.get(name, name) not in ZeroShotParameters.model_fields:
        return problem
    return FieldProblem(field=f"{PARAMETERS}.{THEIR_NAMES.get(name, name)}{dot}{rest}", detail=problem.detail)


def unreadable(error: UnreadableImageError) -> ProblemError:
    kind = UNSUPPORTED_IMAGE if isinstance(error, UnsupportedImageError) else UNREADABLE_IMAGE
    return ProblemError(kind, str(error), [FieldProblem(field=INPUTS, detail=str(error))])


def result_of(record: JobRecord) -> PredictResult:
    """The result of a job that succeeded; raises a problem for any other."""
    if isinstance(record.result, PredictResult):
        return record.result
    headers = {JOB: record.id}
    if not record.status.done:
        raise ProblemError(NOT_DONE, headers={**headers, "Retry-After": str(RETRY_AFTER_SECONDS[JobKind.PREDICT])})
    if record.status is JobStatus.FAILED and record.error is not None:
        kind = INVALID_INPUT if record.error.type == INVALID_INPUT.slug else JOB_FAILED
        raise ProblemError(kind, record.error.detail, headers=headers)
    raise ProblemError(JOB_FAILED, f"The job is {record.status}: send the request again.", headers=headers)


def scores_of(result: PredictResult) -> list[ZeroShotScore]:
    """The highest first; of equal ones, the one that was asked about first."""
    votes: Sequence[ZeroShotScore] = [
        ZeroShotScore(label=vote.label, score=vote.count / result.samples_used) for vote in result.votes
    ]
    return sorted(votes, key=lambda vote: -vote.score)
