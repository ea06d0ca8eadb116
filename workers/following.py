"""What ties the work on a shard to the request that asked for it: a span of its own, and the trace in its log lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from adapters.contract.jobs import JobRecord, Shard
from adapters.traces.spans import Role, Span, Traces, trace_id_of

TRACE_ID = "trace_id"


@dataclass(frozen=True)
class Followed:
    """A shard that is worked on."""

    span: Span

    def note_job(self, record: JobRecord) -> None:
        """From here on it is known who asked: the first of those who did."""
        self.span.link(record.trace)
        if trace_id := trace_id_of(record.trace):
            structlog.contextvars.bind_contextvars(**{TRACE_ID: trace_id})


@contextmanager
def following(traces: Traces, job_id: str, shard: Shard) -> Iterator[Followed]:
    """A trace of its own for the shard, since it may serve several requests; shards of others may run inside."""
    before = structlog.contextvars.get_contextvars()
    structlog.contextvars.unbind_contextvars(TRACE_ID)
    place = {"work_job": job_id, "phase": shard.phase.value, "first": shard.first, "count": shard.count}
    try:
        with traces.span("shard", Role.CONSUMER, **place) as span:
            yield Followed(span)
    finally:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(**before)
