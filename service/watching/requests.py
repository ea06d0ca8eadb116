"""What this process counts of requests."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.methods import METHODS

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
KNOWN_METHODS = frozenset((*METHODS, "HEAD", "OPTIONS"))
OTHER = "other"
NO_ROUTE = "none"
"""The path is not one of ours, the request was refused before it was looked at, or was no request at all."""
NO_ANSWER = "none"
STREAMS = frozenset(("/jobs/{job_id}/events",))
"""Last as long as their client likes."""


class RequestMetrics:
    """Counters of requests by what was asked for and what became of it; nothing that a client can choose is a label."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._finished = Counter(
            "robustify_http_requests",
            "Requests by method, route and status of the answer.",
            ["method", "route", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "robustify_http_request_seconds",
            "From the headers of a request to the end of its answer, by route; not of streams.",
            ["route"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.in_progress = Gauge(
            "robustify_http_requests_in_progress", "Requests that are being answered now.", registry=registry
        )
        self._problems = Counter(
            "robustify_http_problems", "Problem documents by their kind.", ["problem"], registry=registry
        )

    def note(
        self, method: str | None, route: str | None, status: int | None, seconds: float, problem: str | None
    ) -> None:
        """A request is over. `status` is None where nothing was answered; the others are where nothing was found."""
        code = NO_ANSWER if status is None else str(status)
        self._finished.labels(method if method in KNOWN_METHODS else OTHER, route or NO_ROUTE, code).inc()
        if route not in STREAMS:
            self._seconds.labels(route or NO_ROUTE).observe(seconds)
        if problem is not None:
            self._problems.labels(problem).inc()
