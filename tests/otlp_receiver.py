"""What receives traces over OTLP and HTTP, as a collector does, and keeps them for a test."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PATH = "/v1/traces"


@dataclass(frozen=True)
class ReceivedSpan:
    """A span and the process that it is from."""

    service: str
    span: Span

    @property
    def attributes(self) -> dict[str, str]:
        return {item.key: str(item.value).strip() for item in self.span.attributes}


@dataclass
class Receiver:
    """All spans that came; it has the address for OTEL_EXPORTER_OTLP_ENDPOINT."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    spans: list[ReceivedSpan] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {item.key: item.value.string_value for item in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [ReceivedSpan(names["service.name"], span) for span in scope.spans]

    def first(self, is_wanted: Callable[[ReceivedSpan], bool], seconds: float = 20) -> ReceivedSpan:
        """Waits for it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for span in tuple(self.spans):
                if is_wanted(span):
                    return span
            time.sleep(0.05)
        raise AssertionError(f"not among {[(span.service, span.span.name) for span in self.spans]}")


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == PATH
            receiver.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield receiver
        finally:
            server.shutdown()
