"""Reading a submission, whatever kind of body it has, when there is room for it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import anyio.to_thread
from fastapi import Request

from adapters.settings import Settings
from service.access.caller import caller_of
from service.body.forms import receive_form
from service.body.headers import FORM, JSON, check_declared_length, check_media_type, declared_length, media_type_of
from service.body.json_bodies import parse_object, receive_json
from service.body.presence import while_present
from service.body.received import Received
from service.body.stream import body_deadline, drained_on_problem, whole_body
from service.bytes_in_flight import Reservation
from service.dependencies import running_service
from service.limits import (
    COPIES_OF_A_BODY,
    LARGE_JSON_BYTES,
    BodyLimits,
    FieldsLimit,
    UploadLimits,
    form_limits,
    json_limits,
)
from service.lines import Line

__all__ = ["FORM", "JSON", "checked_body", "in_line", "owner_of", "parsed", "receive", "receive_fields"]
T = TypeVar("T")
Held = Callable[[int], int]
"""How many bytes are in memory at most, of a body of so many."""


async def receive(request: Request, settings: Settings) -> Received:
    """Reads the request within the limits; refuses what is too large, of another type, more than there is room for, or
    malformed, in this order.

    The bytes stay reserved until what is received is left as a context (`Received.held`).
    """
    is_json = media_type_of(request) == JSON
    limits = json_limits(settings) if is_json else form_limits(settings)
    async with checked_body(request, limits, (FORM, JSON)) as reservation:
        received = await (received_json if is_json else receive_form)(request, limits)
    return replace(received, request=request, owner=owner_of(request), held=reservation)


async def received_json(request: Request, limits: UploadLimits) -> Received:
    body = await whole_body(request, limits)
    return await parsed(request, len(body), lambda: receive_json(body, limits))


async def receive_fields(request: Request) -> dict[str, object]:
    """As `receive`, for what takes JSON only and has no image: the values by name."""
    limits = FieldsLimit()
    async with checked_body(request, limits, (JSON,)) as reservation:
        with reservation:
            body = await whole_body(request, limits)
            return await parsed(request, len(body), lambda: parse_object(body))


def held_twice(size: int) -> int:
    return COPIES_OF_A_BODY * size


@asynccontextmanager
async def checked_body(
    request: Request, limits: BodyLimits, accepted: Sequence[str], held: Held = held_twice
) -> AsyncIterator[Reservation]:
    """Within it the body may be read: its headers are in order, there is room for it, and the time runs.

    The room is given back when that fails; else it is the caller's to give back.
    """
    async with drained_on_problem(request):
        check_declared_length(request, limits)
        check_media_type(request, accepted)
        reservation = reserved(request, limits, held)
    try:
        async with body_deadline():
            yield reservation
    except BaseException:
        reservation.release()
        raise


def owner_of(request: Request) -> str:
    """Whose request it is."""
    return caller_of(request).owner


def reserved(request: Request, limits: BodyLimits, held: Held) -> Reservation:
    """Room for the body, of the length that it says or else of the limit. Raises a problem where there is none."""
    declared = declared_length(request)
    size = held(limits.body if declared is None else declared)
    return running_service(request).in_flight.reserve(size, owner_of(request))


async def parsed(request: Request, size: int, parse: Callable[[], T]) -> T:
    """What a thread makes of a JSON body of so many bytes; a large one waits for its turn."""
    if size <= LARGE_JSON_BYTES:
        return await anyio.to_thread.run_sync(parse)
    line = running_service(request).lines.parsing
    return await in_line(request, line, parse)


async def in_line(request: Request, line: Line, work: Callable[[], T]) -> T:
    """What a thread comes to, once it is the request's turn; the place is free as soon as the client goes away."""

    async def at_work() -> T:
        async with line.place(owner_of(request)):
            return await anyio.to_thread.run_sync(work)

    return await while_present(request, at_work)
