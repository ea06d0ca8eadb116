"""From what a client sent to an adaptation on the board; what can be refused is refused before it is queued."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from adapters.adapt_parameters import AdaptParameters, adapt_request, parse_adaptation
from adapters.adaptation_steps import total_steps
from adapters.queue.messages import AdaptRequest, JobRecord
from adapters.store.tasks import check_same
from robustify.errors import UnknownTaskError
from service.dependencies import Service
from service.errors import INVALID_INPUT, ProblemError, store_failures
from service.limits import ADAPT_WAIT_SECONDS, REGISTER_WAIT_SECONDS


def submit_adaptation(service: Service, values: Mapping[str, Any]) -> JobRecord:
    """The job of this request; its task appears when it succeeds."""
    request = adapt_request(check_fields(service, values), service.profile, service.settings)
    check_name(service, request)
    return service.board.submit_adaptation(request, total_steps(request))


def check_fields(service: Service, values: Mapping[str, Any]) -> AdaptParameters:
    """The parameters; raises one problem with all that is wrong with them."""
    parameters, problems = parse_adaptation(values, strict=True, profile=service.profile)
    if problems or parameters is None:
        raise ProblemError(INVALID_INPUT, errors=problems)
    return parameters


def check_name(service: Service, request: AdaptRequest) -> None:
    """Raises TaskConflictError when the name stands for other labels or another template."""
    with store_failures(), suppress(UnknownTaskError):
        check_same(service.tasks.find(request.name), request.label_task)


def default_wait(record: JobRecord) -> int:
    """Seconds that a client waits who says nothing: only what is done at once is waited for."""
    adapts = isinstance(record.request, AdaptRequest) and record.request.adapts
    return ADAPT_WAIT_SECONDS if adapts else REGISTER_WAIT_SECONDS
