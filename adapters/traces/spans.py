"""Spans of the work, for those who want traces; where nobody does, nothing is done and nothing is loaded."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from typing import Any, Protocol

Value = str | int | float | bool
"""Of an attribute: ids, numbers and our own words; never what a client wrote."""


class Role(Enum):
    """What a span is to its trace: work inside a process, work that is handed on, or work that was."""

    INSIDE = "inside"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Span(Protocol):
    """One piece of work while it is done."""

    def note(self, **attributes: Value) -> None:
        """Adds attributes."""

    def link(self, traceparent: str | None) -> None:
        """Ties it to a span of another trace, if there is one."""


class Traces(Protocol):
    """Where spans go."""

    @property
    def provider(self) -> Any:  # Any: OpenTelemetry's, which may not be here.
        """The tracer provider for libraries that trace by themselves; None where nothing is traced."""

    @property
    def traceparent(self) -> str | None:
        """The span that is under way, as W3C Trace Context writes it; None where there is none."""

    def span(self, name: str, role: Role = Role.INSIDE, **attributes: Value) -> AbstractContextManager[Span]:
        """A span for as long as the block runs: a child of the one under way; for CONSUMER, the first of a trace."""

    def close(self) -> None:
        """Sends what was not sent yet, for some seconds."""


class NoSpan:
    """Nobody looks at it."""

    def note(self, **attributes: Value) -> None:
        pass

    def link(self, traceparent: str | None) -> None:
        pass


class NoTraces:
    """Nothing is traced."""

    provider = None
    traceparent = None

    @contextmanager
    def span(self, name: str, role: Role = Role.INSIDE, **attributes: Value) -> Iterator[Span]:
        yield NoSpan()

    def close(self) -> None:
        pass


NO_TRACES = NoTraces()


def trace_id_of(traceparent: str | None) -> str | None:
    """The part that all spans of a trace share, in 32 hexadecimal digits."""
    return traceparent.split("-")[1] if traceparent else None
