"""Problem documents (RFC 9457): the one table of what can go wrong, and from any exception to its document.

Nothing that an exception says reaches a client, except for the messages of RobustifyError, which are written for one.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from adapters.contract.fields import FieldProblem, FieldsError
from robustify.errors import (
    AllowanceError,
    InvalidInputError,
    ModelError,
    QueueFullError,
    QueueUnavailableError,
    ReusedKeyError,
    RobustifyError,
    StoredTaskError,
    StoreUnavailableError,
    TaskConflictError,
    TooManyQuestionsError,
    UnknownTaskError,
    UnreadableImageError,
    UnsupportedImageError,
)
from service.limits import BODY_SECONDS
from service.methods import allowed_methods
from service.notes import notes_of

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
MOST_FIELD_PROBLEMS = 20


@dataclass(frozen=True)
class ProblemKind:
    """A fixed type with its status and title; `detail` stands in where an occurrence has none of its own."""

    slug: str
    status: int
    title: str
    detail: str = ""
    retry: bool = False

    @property
    def type(self) -> str:
        return problem_type(self.slug)


MALFORMED_BODY = ProblemKind("malformed-body", 400, "The body cannot be read")


NOT_FOUND = ProblemKind("not-found", 404, "No such page", "Nothing is served at this path: see /docs.")


UNKNOWN_JOB = ProblemKind(
    "unknown-job",
    404,
    "No such job",
    "There is no such job, or it ended so long ago that it is forgotten: send it again.",
)


UNKNOWN_BATCH = ProblemKind(
    "unknown-batch",
    404,
    "No such batch",
    "There is no such batch, or it ended so long ago that it is forgotten: send it again.",
)


UNKNOWN_IMAGE = ProblemKind(
    "unknown-image",
    404,
    "No such image",
    "There is no image of yours with this sha256, or it is forgotten already: `input.sha256` of a result names one.",
)


UNKNOWN_TASK = ProblemKind("unknown-task", 404, "No such task or version")


NOT_ADAPTED = ProblemKind(
    "not-adapted",
    404,
    "Nothing was adapted",
    "This version of the task has its labels alone, without references, pictures or a report: ask for another version, "
    "or adapt the task.",
)


IMPORTED = ProblemKind(
    "imported-adaptation",
    404,
    "Nothing was made here",
    "This version of the task was brought from elsewhere: it has no pictures and no report.",
)

UNKNOWN_REFERENCE = ProblemKind(
    "unknown-reference",
    404,
    "No such reference image",
    "This version of the task has no reference image of this name: its list of references names all.",
)


NO_CERTIFICATE = ProblemKind(
    "no-certificate",
    404,
    "No such certificate",
    "This job has no certificate: a job of /certify has one once it has succeeded.",
)


UNKNOWN_PICTURE = ProblemKind(
    "unknown-picture",
    404,
    "No such picture",
    "This job has no picture of this name, or it is not kept any more: a job of /preview that has succeeded has some, "
    "and the same request makes them again.",
)


METHOD_NOT_ALLOWED = ProblemKind(
    "method-not-allowed", 405, "Method not allowed", "This path does not take this method: see /docs."
)


TASK_CONFLICT = ProblemKind("task-conflict", 409, "The task stands in the way")


BODY_TIMEOUT = ProblemKind(
    "body-timeout", 408, "The body did not come", f"The body was not complete after {BODY_SECONDS} s: send it again."
)


TOO_LARGE = ProblemKind("too-large", 413, "The body or the file is too large")


UNSUPPORTED_MEDIA_TYPE = ProblemKind("unsupported-media-type", 415, "The body is of a kind that is not accepted")


UNSUPPORTED_IMAGE = ProblemKind("unsupported-image", 415, "The image is of a kind that is not accepted")


UNREADABLE_IMAGE = ProblemKind("unreadable-image", 422, "The image cannot be used")


INVALID_INPUT = ProblemKind("invalid-input", 422, "A parameter is missing or out of range")


BAD_REQUEST = ProblemKind("bad-request", 400, "Bad request", "The request is not valid HTTP for this path: see /docs.")


INTERNAL_ERROR = ProblemKind(
    "internal-error", 500, "Internal error", "The service failed; the request may be sent again. It has been logged."
)


INVALID_HEADER = ProblemKind("invalid-header", 400, "A header cannot be understood")


REUSED_KEY = ProblemKind("reused-idempotency-key", 422, "The Idempotency-Key belongs to another request")


ALLOWANCE_USED = ProblemKind("allowance-used", 429, "You have as much as you may have")


PROFILE_NOT_ALLOWED = ProblemKind("profile-not-allowed", 403, "The key is for other profiles")


TOO_MANY_QUESTIONS = ProblemKind("too-many-questions", 403, "No more questions about this image are answered")
QUEUE_FULL = ProblemKind(
    "queue-full", 503, "Too many jobs wait", "As many jobs wait as are allowed: send it again later.", retry=True
)


BUSY = ProblemKind(
    "busy",
    503,
    "The service is busy",
    "As many requests of this kind are under way, or as many bytes, as the service takes at once, or as one key may "
    "have: send it again after the seconds of Retry-After.",
    retry=True,
)


DECODER_ENDED = ProblemKind(
    "decoder-ended",
    503,
    "The image was not decoded",
    "What decodes images was ended from outside while it was at work on this one: send it again.",
    retry=True,
)


NOT_DONE = ProblemKind(
    "not-done",
    503,
    "The answer takes longer",
    "The job goes on: send the same request again to get its answer, after the seconds of Retry-After.",
    retry=True,
)


JOB_FAILED = ProblemKind("job-failed", 503, "The job came to nothing", "Send the request again.", retry=True)


QUEUE_UNAVAILABLE = ProblemKind(
    "queue-unavailable", 503, "The queue cannot be reached", "No job can be taken or read now: try again.", retry=True
)


MODEL_UNAVAILABLE = ProblemKind(
    "model-unavailable", 503, "The model cannot be used", "The model's files are not in place: tell the operator.", True
)


STORE_UNAVAILABLE = ProblemKind(
    "store-unavailable", 503, "The store cannot be used", "Nothing can be stored or read now: try again.", retry=True
)


STORE_FULL = ProblemKind(
    "store-full",
    503,
    "The disk is nearly full",
    "Nothing new is stored until there is room again; what is there can be read, canceled and deleted. Send it again "
    "later.",
    retry=True,
)


TASK_LOST = ProblemKind("task-lost", 503, "The task cannot be used", retry=True)


NOT_READY = ProblemKind("not-ready", 503, "The service is not ready", retry=True)


MISSING_KEY = ProblemKind(
    "missing-key",
    401,
    "A key is needed",
    "Send a key as `Authorization: Bearer rk_...`: the operator makes one with `robustify keys create`.",
)


INVALID_KEY = ProblemKind(
    "invalid-key",
    401,
    "The key does not hold",
    "The key is not known, or is revoked or expired: ask the operator for another, or send none where none is needed.",
)


MISSING_SCOPE = ProblemKind("missing-scope", 403, "The key does not allow this")


FOREIGN_ORIGIN = ProblemKind(
    "foreign-origin",
    403,
    "A page of another site may not do this",
    "The browser says that the request comes from a page of another site: the operator can allow its origin with "
    "ROBUSTIFY_ALLOWED_ORIGINS.",
)


FOREIGN_HOST = ProblemKind(
    "foreign-host",
    421,
    "The service does not have this name",
    "The header `Host` names another service: use an address that the operator has given out, or have the name allowed "
    "with ROBUSTIFY_ALLOWED_HOSTS.",
)


TOO_MANY_REQUESTS = ProblemKind("too-many-requests", 429, "Too many requests", "Wait as long as `Retry-After` says.")


HEADERS_TIMEOUT = ProblemKind(
    "headers-timeout", 408, "The request did not come", "Its headers were not complete in time: send it again."
)


KEYS_UNAVAILABLE = ProblemKind(
    "keys-unavailable", 503, "The keys cannot be read", "Nobody can be let in now: tell the operator.", retry=True
)


TOO_MANY_CONNECTIONS = ProblemKind(
    "too-many-connections", 503, "Too many connections", "Every connection is in use: try again later.", retry=True
)


STOPPING = ProblemKind(
    "stopping", 503, "The service stops", "The request was cut off, since the service stops: send it again.", retry=True
)


PROBLEM_KINDS = (
    MALFORMED_BODY,
    BAD_REQUEST,
    NOT_FOUND,
    UNKNOWN_JOB,
    UNKNOWN_BATCH,
    UNKNOWN_IMAGE,
    UNKNOWN_TASK,
    NOT_ADAPTED,
    IMPORTED,
    UNKNOWN_REFERENCE,
    NO_CERTIFICATE,
    UNKNOWN_PICTURE,
    METHOD_NOT_ALLOWED,
    TASK_CONFLICT,
    BODY_TIMEOUT,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    UNSUPPORTED_IMAGE,
    UNREADABLE_IMAGE,
    INVALID_INPUT,
    INTERNAL_ERROR,
    INVALID_HEADER,
    REUSED_KEY,
    ALLOWANCE_USED,
    TOO_MANY_QUESTIONS,
    QUEUE_FULL,
    BUSY,
    DECODER_ENDED,
    NOT_DONE,
    JOB_FAILED,
    QUEUE_UNAVAILABLE,
    MODEL_UNAVAILABLE,
    STORE_UNAVAILABLE,
    STORE_FULL,
    TASK_LOST,
    NOT_READY,
    MISSING_KEY,
    INVALID_KEY,
    MISSING_SCOPE,
    FOREIGN_ORIGIN,
    FOREIGN_HOST,
    TOO_MANY_REQUESTS,
    HEADERS_TIMEOUT,
    KEYS_UNAVAILABLE,
    TOO_MANY_CONNECTIONS,
    STOPPING,
)


FRAMEWORK_PROBLEMS = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 413: TOO_LARGE}
"""What the framework itself refuses; any other 4xx of its own is BAD_REQUEST."""


class ProblemError(Exception):
    """Ends a request with a problem document; `errors` name the fields at fault."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str = "",
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.slug)
        self.kind = kind
        self.detail = detail or kind.detail or summary(errors[:MOST_FIELD_PROBLEMS])
        self.errors = tuple(errors[:MOST_FIELD_PROBLEMS])
        self.headers = dict(headers or {})


def summary(errors: Sequence[FieldProblem]) -> str:
    """What is wrong with the fields, in one text."""
    return " ".join(f"{problem.field}: {problem.detail}" for problem in errors)


class ProblemResponse(JSONResponse):
    """A problem document, which is noted of the request that it answers."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: "Problem", slug: str, headers: Mapping[str, str]) -> None:
        super().__init__(problem.model_dump(exclude_none=True), problem.status, headers)
        self.slug = slug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        notes_of(scope).problem = self.slug
        await super().__call__(scope, receive, send)


def problem_response(error: ProblemError) -> Response:
    """The document; its headers hold also where the response passes by the middleware."""
    kind = error.kind
    body = Problem(
        type=kind.type, title=kind.title, status=kind.status, detail=error.detail, errors=error.errors or None
    )
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", **error.headers}
    if kind.retry:
        headers.setdefault("Retry-After", str(RETRY_SECONDS))
    return ProblemResponse(body, kind.slug, headers)


def client_problem(error: RobustifyError) -> ProblemError:
    """The problem that a failure of the layers below is to a client; raises a failure that no client can cause."""
    match error:
        case UnsupportedImageError():
            return field_problem(UNSUPPORTED_IMAGE, error)
        case UnreadableImageError():
            return field_problem(UNREADABLE_IMAGE, error)
        case FieldsError():
            return ProblemError(INVALID_INPUT, errors=list(error.problems))
        case InvalidInputError():
            return field_problem(INVALID_INPUT, error)
        case UnknownTaskError():
            return ProblemError(UNKNOWN_TASK, f"{sentence(error)} GET /tasks lists all tasks.")
        case TaskConflictError():
            return ProblemError(TASK_CONFLICT, sentence(error))
        case StoredTaskError():
            return ProblemError(TASK_LOST, sentence(error))
        case TooManyQuestionsError():
            return ProblemError(TOO_MANY_QUESTIONS, sentence(error))
        case ReusedKeyError():
            return ProblemError(REUSED_KEY, sentence(error))
        case AllowanceError():
            return ProblemError(ALLOWANCE_USED, sentence(error), headers={"Retry-After": str(error.retry_seconds)})
        case QueueFullError():
            return ProblemError(QUEUE_FULL)
        case QueueUnavailableError():
            return ProblemError(QUEUE_UNAVAILABLE)
        case StoreUnavailableError():
            return ProblemError(STORE_UNAVAILABLE)
        case ModelError():
            return ProblemError(MODEL_UNAVAILABLE)
    raise error


def field_problem(kind: ProblemKind, error: InvalidInputError) -> ProblemError:
    errors = [] if error.field is None else [FieldProblem(field=error.field, detail=str(error))]
    return ProblemError(kind, str(error), errors)


def sentence(error: RobustifyError) -> str:
    """What the failure says, with a capital letter and a full stop."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


@contextmanager
def store_failures() -> Iterator[None]:
    """Turns a disk that fails, or an object store that is away, into a problem."""
    try:
        yield
    except OSError as error:
        raise ProblemError(STORE_UNAVAILABLE) from error


def install_error_handlers(app: FastAPI) -> None:
    """Every error response of the application is a problem document from here on."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RobustifyError, _on_expected_failure)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_unplanned_failure)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    if error.__cause__ is not None:
        log.warning("answered with %s: %r", error.kind.slug, error.__cause__)
    return problem_response(error)


async def _on_expected_failure(request: Request, error: Exception) -> Response:
    assert isinstance(error, RobustifyError)
    problem = client_problem(error)
    if problem.kind.status >= 500:
        log.warning("answered with %s: %r", problem.kind.slug, error.__cause__ or error)
    return problem_response(problem)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    kind = FRAMEWORK_PROBLEMS.get(error.status_code, BAD_REQUEST if error.status_code < 500 else INTERNAL_ERROR)
    headers = {"Allow": allowed_methods(request)} if kind is METHOD_NOT_ALLOWED else error.headers
    return problem_response(ProblemError(kind, headers=headers))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [".".join(str(part) for part in item["loc"][1:]) for item in error.errors()]
    return problem_response(
        ProblemError(
            INVALID_INPUT, errors=[FieldProblem(field=name, detail="This value is not valid.") for name in fields]
        )
    )


async def _on_disconnect(request: Request, error: Exception) -> Response:
    # Nobody reads this; without it a client that goes away would be logged as a failure of the service.
    return problem_response(ProblemError(BAD_REQUEST))


async def _on_unplanned_failure(request: Request, error: Exception) -> Response:
    return problem_response(ProblemError(INTERNAL_ERROR))


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = Field(description="One of a fixed list.", examples=["/problems/invalid-input"])
    title: str = Field(description="Its name.", examples=["A parameter is missing or out of range"])
    status: int = Field(description="Of the response.", examples=[422])
    detail: str = Field(
        description="What was wrong, what was expected, and what to do.",
        examples=["sigma: Input should be less than or equal to 1."],
    )
    errors: Sequence[FieldProblem] | None = Field(None, description="The fields at fault; left out where none is.")


def problem_type(slug: str) -> str:
    return f"/problems/{slug}"
