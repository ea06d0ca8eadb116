"""On whose behalf a job is asked for, the headers that say how, and who is told of its end."""

import re
from collections.abc import Mapping
from dataclasses import replace

from fastapi import Request

from adapters.contract.fields import FieldProblem
from adapters.contract.webhook import NOT_A_URL, WEBHOOK, Receivers
from adapters.queue.asking import Asked
from robustify.errors import InvalidInputError
from service.access.caller import caller_of
from service.errors import INVALID_HEADER, ProblemError
from service.request_ids import traceparent_of

IDEMPOTENCY_KEY = "idempotency-key"
KEY = re.compile(r'"?([!#-\[\]-~]{1,255})"?')
"""A text of visible ASCII without quotes and backslashes, in quotes (RFC 8941) or not."""
NOT_A_KEY = "Idempotency-Key must come once, as 1 to 255 visible ASCII characters, such as a UUID."


def asked_of(request: Request) -> Asked:
    """Raises a problem where a header cannot be understood that decides what is done."""
    return Asked(
        caller=caller_of(request),
        idempotency_key=idempotency_key(request),
        trace=traceparent_of(request.headers),
    )


def with_webhook(
    asked: Asked, values: Mapping[str, object], receivers: Receivers
) -> tuple[Asked, dict[str, object], list[FieldProblem]]:
    """The field `webhook` taken out of the others, and what is wrong with it."""
    others = {name: value for name, value in values.items() if name != WEBHOOK}
    given = values.get(WEBHOOK)
    if given is None:
        return asked, others, []
    if not isinstance(given, str):
        return asked, others, [FieldProblem(field=WEBHOOK, detail=NOT_A_URL)]
    try:
        receivers.check(given)
    except InvalidInputError as error:
        return asked, others, [FieldProblem(field=WEBHOOK, detail=str(error))]
    return replace(asked, webhook=given), others, []


def idempotency_key(request: Request) -> str | None:
    given = request.headers.getlist(IDEMPOTENCY_KEY)
    if not given:
        return None
    match = KEY.fullmatch(given[0].strip())
    if len(given) > 1 or match is None:
        raise ProblemError(INVALID_HEADER, NOT_A_KEY)
    return match[1]
