"""Whether the spans of a process are sent anywhere: by the environment, and by what is installed."""

import os
from importlib.util import find_spec

from adapters.traces.spans import NO_TRACES, Traces

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's own variables, which its packages read: one of them says where traces go."""
SDK = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def traces_of(service: str) -> Traces:
    """Traces of this process under a name, where the environment names a receiver and the extra `otel` is installed."""
    if not any(os.environ.get(name) for name in ENDPOINTS) or not is_installed():
        return NO_TRACES
    from adapters.traces.exported import exported_traces

    return exported_traces(service)


def is_installed() -> bool:
    try:
        return all(find_spec(name) for name in SDK)
    except ModuleNotFoundError:  # Of a package that holds one of them.
        return False
