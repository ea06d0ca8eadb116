"""A server of another make, as a black box: it keeps what it was asked, and answers what it is told to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.threaded_server import ThreadedServer


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


class ModelServer(ThreadedServer):
    """`respond` makes the answer of a request."""

    def __init__(self, respond: Callable[[Request], Answer]) -> None:
        super().__init__(Handler)
        self.respond = respond
        self.requests: list[Request] = []


class Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def do_POST(self) -> None:
        request = Request(self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        answer = self.server.respond(request)
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        pass
