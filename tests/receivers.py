"""Receivers of webhooks over real HTTP, friendly and hostile ones, in threads of the tests."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """A request as it came: names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers each request with the next of these statuses, and the last one from there on."""

    statuses: list[int] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    body: bytes = b""
    piece_seconds: float = 0.0
    """Where it is not 0, the body is sent byte by byte, with such pauses."""
    received: list[Received] = field(default_factory=list)
    port: int = 0
    at_once: int = 0
    most_at_once: int = 0
    sent_bytes: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=secret"

    def next_status(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


class Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    lock = threading.Lock()

    def do_POST(self) -> None:
        receiver = self.receiver
        with self.lock:
            receiver.at_once += 1
            receiver.most_at_once = max(receiver.most_at_once, receiver.at_once)
        body = self.rfile.read(int(self.headers["content-length"]))
        receiver.received.append(
            Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        )
        time.sleep(receiver.delay)
        with suppress(OSError):  # Who asked has gone.
            self.answer(receiver)
        with self.lock:
            receiver.at_once -= 1

    def answer(self, receiver: Receiver) -> None:
        self.send_response(receiver.next_status())
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(receiver.body)))
        self.end_headers()
        step = 1 if receiver.piece_seconds else 1 << 16
        for start in range(0, len(receiver.body), step):
            self.wfile.write(receiver.body[start : start + step])
            receiver.sent_bytes += step
            time.sleep(receiver.piece_seconds)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def receiving(
    receiver: Receiver | None = None, wrap: Callable[[ThreadingHTTPServer], None] | None = None
) -> Iterator[Receiver]:
    """A receiver on a free port until the block ends; `wrap` may put TLS around its socket."""
    receiver = receiver or Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"receiver": receiver}))
    server.daemon_threads = True
    if wrap is not None:
        wrap(server)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
