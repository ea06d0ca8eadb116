"""Where nobody wants traces."""

import os
import subprocess
import sys

import pytest

from adapters.traces.choose import ENDPOINTS, traces_of
from adapters.traces.spans import NO_TRACES, Role

SCRIPT = """
import sys
from adapters.traces.choose import traces_of
with traces_of("test").span("nothing") as span:
    span.note(number=1)
    span.link(None)
print(*(name for name in sys.modules if name.startswith("opentelemetry")))
"""


def test_traces_when_no_receiver_is_named() -> None:
    """None are made, and nothing of OpenTelemetry is loaded."""
    environment = {name: value for name, value in os.environ.items() if name not in ENDPOINTS}
    command = [sys.executable, "-c", SCRIPT]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert ended.stdout.strip() == ""


def test_traces_when_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver alone makes none."""
    monkeypatch.setenv(ENDPOINTS[0], "http://127.0.0.1:9")
    monkeypatch.setattr("adapters.traces.choose.SDK", ("opentelemetry_that_nobody_has.sdk",))
    assert traces_of("test") is NO_TRACES


def test_span_when_nothing_is_traced() -> None:
    """It is none, and what it holds is done all the same."""
    with NO_TRACES.span("something", Role.PRODUCER, number=1) as span:
        span.note(more=2)
    assert NO_TRACES.traceparent is None
    NO_TRACES.close()
