"""Spans that are sent to a receiver over OTLP and HTTP, by OpenTelemetry's SDK; `choose.py` loads this where wanted.

A thread of their own sends them, in batches, and drops them where the receiver does not keep up: nobody waits for it.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from adapters.traces.spans import Role, Span, Traces, Value

KINDS: Mapping[Role, SpanKind] = MappingProxyType(
    {Role.INSIDE: SpanKind.INTERNAL, Role.PRODUCER: SpanKind.PRODUCER, Role.CONSUMER: SpanKind.CONSUMER}
)
SENT_BY_CLIENTS = ("url.path", "url.query", "server.address", "http.request.method_original", "user_agent.original")
"""What FastAPI notes of a request that its client has written."""
HIDDEN = "REDACTED"
CLOSE_SECONDS = 3.0
FORMAT = TraceContextTextMapPropagator()


class ExportedSpan:
    """A span of OpenTelemetry's."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def note(self, **attributes: Value) -> None:
        self._span.set_attributes(named(attributes))

    def link(self, traceparent: str | None) -> None:
        other = trace.get_current_span(FORMAT.extract({"traceparent": traceparent or ""}, Context()))
        if other.get_span_context().is_valid:
            self._span.add_link(other.get_span_context())


class ExportedTraces:
    """Spans of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("robustify")

    @property
    def provider(self) -> TracerProvider:
        return self._provider

    @property
    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        FORMAT.inject(carrier)
        return carrier.get("traceparent")

    @contextmanager
    def span(self, name: str, role: Role = Role.INSIDE, **attributes: Value) -> Iterator[Span]:
        """What an exception says may quote a label: only its name is noted."""
        with self._tracer.start_as_current_span(
            name,
            context=Context() if role is Role.CONSUMER else None,
            kind=KINDS[role],
            attributes=named(attributes),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield ExportedSpan(span)
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise

    def close(self) -> None:
        """A receiver that does not answer holds nothing up: its spans are lost."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


class Redaction(SpanProcessor):
    """Hides what clients have written before anybody gets to see it."""

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        for name in SENT_BY_CLIENTS:
            if name in (span.attributes or {}):
                span.set_attribute(name, HIDDEN)


def exported_traces(service: str) -> Traces:
    """Sends to where OpenTelemetry's own variables say; nothing is sent before the first span ends."""
    name = os.environ.get("OTEL_SERVICE_NAME") or service
    # Ended by `close`: at the end of the interpreter it would be too late for a process that is in a hurry.
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}), shutdown_on_exit=False)
    provider.add_span_processor(Redaction())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return ExportedTraces(provider)


def named(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """Attributes of ours, under a name of ours."""
    return {f"robustify.{name}": value for name, value in attributes.items()}
