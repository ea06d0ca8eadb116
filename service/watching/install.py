"""Puts the parts of watching into the application."""

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.types import Scope

from adapters.traces.spans import Traces
from service.dependencies import Service
from service.watching.access_log import AccessLog
from service.watching.scrape import Metrics
from service.watching.watch import Watch, Watching

NOT_TRACED = ("/healthz", "/readyz", "/metrics")
STREAM = "/events"


def install_watching(app: FastAPI, service: Service) -> None:
    """To be called last: what is added last is asked first."""
    app.state.metrics = metrics = Metrics(service)
    app.state.watching = watching = Watching(metrics.requests, AccessLog(), service.traces)
    app.add_middleware(Watch, watching=watching)


def telemetry_of(traces: Traces) -> TelemetryConfig:
    """What FastAPI is to trace by itself: one span for each request, and nothing inside it."""
    return {
        "tracing": traces.provider is not None,
        "tracer_provider": traces.provider,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": is_not_traced,
    }


def is_not_traced(scope: Scope) -> bool:
    """Streams last as long as their client likes, and what watches the service is not what it is watched for."""
    path: str = scope["path"]
    return path.endswith((STREAM, *NOT_TRACED))
