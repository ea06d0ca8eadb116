"""What the API description says of keys: how one is sent, which routes ask for which scope, and the refusals."""

from collections.abc import Callable

from adapters.settings import Settings
from service.access.policy import PROBES, PUBLIC, Operation, scopes_of
from service.examples import Document

SCHEME = "key"
SECURITY_SCHEME: Document = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "rk_<id>_<secret>",
    "description": "The operator makes it with `robustify keys create`. Where a service lets callers in without a key, "
    "none is needed.",
}
NO_KEY: Document = {}


def describe_access(document: Document, settings: Settings, problem: Callable[[int], Document]) -> None:
    """`problem` describes the responses with a status."""
    document["components"]["securitySchemes"] = {SCHEME: SECURITY_SCHEME}
    for path, operations in document["paths"].items():
        for method, described in operations.items():
            operation = (method.upper(), path)
            described["security"] = security_of(operation, settings)
            for status in refusals_of(operation):
                described["responses"].setdefault(str(status), problem(status))


def security_of(operation: Operation, settings: Settings) -> list[Document]:
    """Any one of these is enough."""
    if operation in PUBLIC:
        return []
    keys = [{SCHEME: [scope]} for scope in sorted(scopes_of(operation))]
    return keys if settings.keyless == "nobody" else [NO_KEY, *keys]


def refusals_of(operation: Operation) -> tuple[int, ...]:
    """Statuses of what is refused before any route is reached; another site may read, but not change."""
    if operation in PROBES:
        return (400, 421)
    is_changing = operation[0] != "GET"
    if operation in PUBLIC:
        return (400, 401, 403, 421, 429) if is_changing else (400, 401, 421, 429)
    return (400, 401, 403, 421, 429, 503)
