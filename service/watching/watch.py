"""The outermost of what a request passes: gives it a name, and notes what became of it."""

import time
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.traces.spans import Traces, trace_id_of
from service.errors import INTERNAL_ERROR, ProblemError, problem_response
from service.notes import Notes, begin_notes
from service.request_ids import HEADER, request_id, traceparent_of
from service.watching.access_log import AccessLine, AccessLog
from service.watching.requests import KNOWN_METHODS, OTHER, RequestMetrics


@dataclass
class Exchange:
    """A request and its answer, while they go on."""

    notes: Notes
    started: float = field(default_factory=time.perf_counter)
    status: int | None = None
    bytes_in: int = 0
    bytes_out: int = 0

    @property
    def has_begun(self) -> bool:
        """Whether an answer has."""
        return self.status is not None

    def receiving(self, receive: Receive) -> Receive:
        """Counts what comes."""

        async def counted() -> Message:
            message = await receive()
            self.bytes_in += len(message.get("body", b""))
            return message

        return counted

    def sending(self, send: Send) -> Send:
        """Counts what goes, and names the request in the answer."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                MutableHeaders(scope=message)[HEADER] = self.notes.request_id
            self.bytes_out += len(message.get("body", b""))
            await send(message)

        return counted


@dataclass(frozen=True)
class Watching:
    """Where it is noted what became of requests."""

    requests: RequestMetrics
    log: AccessLog
    traces: Traces

    def note(self, exchange: Exchange, method: str, traceparent: str | None) -> None:
        """A request is over."""
        notes, seconds = exchange.notes, time.perf_counter() - exchange.started
        self.requests.note(method, notes.route, exchange.status, seconds, notes.problem)
        line = AccessLine(
            request_id=notes.request_id,
            trace_id=trace_id_of(self.traces.traceparent or traceparent),
            method=method if method in KNOWN_METHODS else OTHER,
            route=notes.route,
            status=exchange.status,
            seconds=round(seconds, 6),
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
            owner=notes.owner or None,
            job=notes.job,
            work_job=notes.work_job,
            problem=notes.problem,
        )
        self.log.write(line)

    def note_refusal(self, name: str, problem: ProblemError) -> None:
        """What came could not be read as a request, and was answered all the same."""
        slug, status = problem.kind.slug, problem.kind.status
        self.requests.note(None, None, status, 0.0, slug)
        self.log.write(AccessLine(request_id=name, status=status, problem=slug))


class Watch:
    """Watches the application; what fails for no planned reason is answered here, so that its answer has the name."""

    def __init__(self, app: ASGIApp, watching: Watching) -> None:
        self.app = app
        self.watching = watching

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exchange = Exchange(begin_notes(scope, request_id(headers.getlist(HEADER))))
        try:
            with self.watching.requests.in_progress.track_inprogress():
                await self._answer(scope, exchange.receiving(receive), exchange.sending(send), exchange)
        finally:
            self.watching.note(exchange, scope["method"], traceparent_of(headers))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception:
            if not exchange.has_begun:
                await problem_response(ProblemError(INTERNAL_ERROR))(scope, receive, send)
            raise
