"""HTTP/1.1 on one connection, among strangers: uvicorn's, with deadlines, strict framing and problem documents.

What uvicorn answers by itself, before there is a request that the application could answer, is answered here.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import h11
from h11._events import Event
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.errors import BAD_REQUEST, HEADERS_TIMEOUT, TOO_MANY_CONNECTIONS, ProblemError, problem_response
from service.request_ids import HEADER, new_request_id
from service.serving.connections import Connections

HEADERS_SECONDS = 10.0
"""A connection on which no request is under way has so long to send the headers of one."""
REST_OF_BODY_SECONDS = 10.0
"""A request that is answered already has so long to come to its end."""
LINGER_SECONDS = 0.5
"""So long an answer is waited for to be read: a connection that is closed over unread bytes may take it away."""
MAX_HEADER_BYTES = 16 << 10
FRAMING = frozenset((b"content-length", b"transfer-encoding"))
NO_HTTP = "What was sent is not a valid HTTP/1.1 request: send one whose headers and framing follow RFC 9112."


class StrictConnection(h11.Connection):
    """Refuses what a proxy might take otherwise, and then see other requests, and what came whole but is too long."""

    def next_event(self) -> Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            if {name for name, _ in event.headers} >= FRAMING:
                raise h11.RemoteProtocolError("Content-Length and Transfer-Encoding in one request")
            if len(event.target) + sum(len(name) + len(value) for name, value in event.headers) > MAX_HEADER_BYTES:
                raise h11.RemoteProtocolError("the headers are too long")
        return event


class BoundedProtocol(H11Protocol):
    """One connection, which ends when its client does not go on."""

    def __init__(
        self,
        config: Config,
        server_state: Connections,
        app_state: dict[str, Any],  # Any: as uvicorn has it.
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = StrictConnection(h11.SERVER, MAX_HEADER_BYTES)
        self.others = server_state
        self.is_refused = False
        self.deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self.others.is_full or self.others.make_room():
            self._note_state()
        elif self.others.is_overrun:
            transport.abort()
        else:
            self._refuse(ProblemError(TOO_MANY_CONNECTIONS))

    def data_received(self, data: bytes) -> None:
        if self.is_refused:
            return
        super().data_received(data)
        self._note_state()

    def connection_lost(self, exc: Exception | None) -> None:
        self.others.note_busy(self)
        self._end_deadline()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note_state()
        if self.conn.their_state is h11.SEND_BODY:
            self._set_deadline(REST_OF_BODY_SECONDS, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """Instead of uvicorn's line of text."""
        self._refuse(ProblemError(BAD_REQUEST, NO_HTTP))

    def _note_state(self) -> None:
        """Starts the deadline where the client has to send headers, and ends it where it has."""
        if self.is_refused or self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE:
            self.others.note_waiting(self, self.transport.abort)
            if self.deadline is None:
                self._set_deadline(HEADERS_SECONDS, self._headers_are_late)
        elif self.conn.our_state in (h11.SEND_RESPONSE, h11.SEND_BODY):
            self.others.note_busy(self)
            self._end_deadline()

    def _headers_are_late(self) -> None:
        """Who has sent nothing is not waiting for an answer."""
        has_begun = bool(self.conn.trailing_data[0])
        if has_begun:
            self._refuse(ProblemError(HEADERS_TIMEOUT))
        else:
            self.transport.close()

    def _refuse(self, problem: ProblemError) -> None:
        """The last answer on this connection; what still comes is thrown away."""
        self.is_refused = True
        self.others.note_busy(self)
        self._unset_keepalive_if_required()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            # An answer has begun already, and cannot be taken back.
            self.transport.close()
            return
        self._send(problem)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._set_deadline(LINGER_SECONDS, self.transport.close)

    def _send(self, problem: ProblemError) -> None:
        response, name = problem_response(problem), new_request_id()
        response.headers[HEADER] = name
        self.others.note_refusal(name, problem)
        headers = [*self.server_state.default_headers, *response.raw_headers, (b"connection", b"close")]
        body, phrase = bytes(response.body), HTTPStatus(response.status_code).phrase
        for event in (
            h11.Response(status_code=response.status_code, headers=headers, reason=phrase.encode()),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")

    def _set_deadline(self, seconds: float, end: Callable[[], None]) -> None:
        self._end_deadline()
        self.deadline = self.loop.call_later(seconds, end)

    def _end_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
