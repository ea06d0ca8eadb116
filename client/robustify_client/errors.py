"""What can go wrong, drawn as a tree; every class says who has to do something.

RobustifyClientError
  UsageError            what was given cannot be sent: nothing was sent
  Unreachable           there was no answer, however often it was asked
  UnexpectedAnswer      whatever answered is no robustify service, or of another release
  StillRunning          the job takes longer than was to be waited
  JobError              the job came to nothing
    JobFailed, JobCanceled, JobExpired
  ProblemError          the service says no, and why
    RequestRefused      a value breaks a rule: mend the request
      ImageRefused      it is the image
    AccessRefused       the key
    NotFound            there is no such thing, or it is another's
    Conflict            something stands in the way now
    LimitReached        more than the key may have
    Unavailable         something is not there now: later
    ServiceFault        a fault of the service
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robustify_client.records import JobRecord

SHOWN_CHARACTERS = 2000
"""Of a text that a server wrote."""


class RobustifyClientError(Exception):
    """What all errors of this package are."""


class UsageError(RobustifyClientError, ValueError):
    """What was given cannot be sent; nothing was. `field` is what it was given as."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Unreachable(RobustifyClientError):
    """There was no answer. What was asked may have been taken all the same, if it was sent."""


class UnexpectedAnswer(RobustifyClientError):
    """What answered is no robustify service, or one whose answers cannot be read."""


class JobError(RobustifyClientError):
    """A job that came to nothing; `type` is as that of a problem, None where the service gives none."""

    def __init__(self, message: str, job: JobRecord) -> None:
        super().__init__(printable(message))
        self.job = job
        self.type = None if job.error is None else job.error.type


class JobFailed(JobError):
    """It failed; the message says why."""


class JobCanceled(JobError):
    """Somebody canceled it."""


class JobExpired(JobError):
    """It waited too long for a worker."""


class StillRunning(RobustifyClientError, TimeoutError):
    """The job goes on: `client.job(error.job.id)` follows it. Of a batch `job` is None."""

    def __init__(self, message: str, job: JobRecord | None = None) -> None:
        super().__init__(message)
        self.job = job


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field of a request."""

    field: str
    detail: str


@dataclass(frozen=True)
class Problem:
    """A problem document (RFC 9457) and what came with it; texts are as the service wrote them.

    `retry_after`: seconds until it may be asked again, None where the service does not say.
    """

    status: int
    type: str
    title: str
    detail: str
    fields: tuple[FieldProblem, ...] = ()
    retry_after: float | None = None
    request_id: str | None = None

    @property
    def slug(self) -> str:
        """The type without what all types begin with, such as `invalid-input`."""
        return self.type.rpartition("/")[2]


class ProblemError(RobustifyClientError):
    """The service answered with a problem, whose fields are this error's."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(printable(problem.detail or problem.title or f"the service answered {problem.status}"))
        self.problem = problem

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def type(self) -> str:
        """Such as `/problems/invalid-input`."""
        return self.problem.type

    @property
    def title(self) -> str:
        return self.problem.title

    @property
    def detail(self) -> str:
        return self.problem.detail

    @property
    def fields(self) -> tuple[FieldProblem, ...]:
        """All fields at fault."""
        return self.problem.fields

    @property
    def field(self) -> str | None:
        """The first field at fault; None where none is."""
        return self.fields[0].field if self.fields else None

    @property
    def retry_after(self) -> float | None:
        return self.problem.retry_after

    @property
    def request_id(self) -> str | None:
        """By which the operator finds the request."""
        return self.problem.request_id


class RequestRefused(ProblemError):
    """A value is missing or breaks a rule."""


class ImageRefused(RequestRefused):
    """The image cannot be used, or is too large."""


class AccessRefused(ProblemError):
    """The key is missing, not known, or may not do this."""


class NotFound(ProblemError):
    """There is no such thing, it is forgotten, or it belongs to another key."""


class Conflict(ProblemError):
    """Something stands in the way, such as a job that needs the task."""


class LimitReached(ProblemError):
    """More than the key may ask, have or store now."""


class Unavailable(ProblemError):
    """The service cannot answer now."""


class ServiceFault(ProblemError):
    """A fault of the service: tell its operator the `request_id`."""


OF_TYPE: Mapping[str, type[ProblemError]] = {
    "unreadable-image": ImageRefused,
    "unsupported-image": ImageRefused,
    "too-large": ImageRefused,
    "too-many-questions": LimitReached,
}
"""Where the type says more than the status."""
OF_STATUS: Mapping[int, type[ProblemError]] = {
    401: AccessRefused,
    403: AccessRefused,
    404: NotFound,
    409: Conflict,
    429: LimitReached,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def error_of(problem: Problem) -> ProblemError:
    """The error of a problem, of the family that its type or its status names."""
    family = OF_TYPE.get(problem.slug) or OF_STATUS.get(problem.status)
    if family is None:
        family = RequestRefused if problem.status < 500 else ServiceFault
    return family(problem)


def printable(text: str) -> str:
    """A text of a server without what could change a terminal, and not longer than people read."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:SHOWN_CHARACTERS])
