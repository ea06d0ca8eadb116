"""The name of a request, by which a client, a proxy and our logs mean the same one."""

import re
import secrets
from collections.abc import Mapping, Sequence

HEADER = "X-Request-Id"
SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What can stand in a line of a log, a header and a command line as it is."""
TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context; what does not fit is no trace."""


def request_id(given: Sequence[str]) -> str:
    """The one that came, if it came once and is safe; else a new one."""
    return given[0] if len(given) == 1 and SAFE.fullmatch(given[0]) else new_request_id()


def new_request_id() -> str:
    return secrets.token_hex(16)


def traceparent_of(headers: Mapping[str, str]) -> str | None:
    """The trace that the client follows the request by."""
    given = headers.get("traceparent", "")
    return given if TRACEPARENT.fullmatch(given) else None
