"""What crosses the wire, without any wire: a request, its answer, and why there was none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from robustify_client.errors import UsageError

MOST_BYTES = 64 << 20
"""Of an answer. The largest are the results of a batch: 200 certificates of some hundred kilobytes."""
SECRET = "Authorization"


@dataclass(frozen=True)
class FilePart:
    """A file of a form, as the value of `part`; `name` is what the service is told."""

    part: str
    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Form:
    """A body of fields, each with one text or several, and of files."""

    fields: Mapping[str, str | list[str]]
    files: tuple[FilePart, ...] = ()


@dataclass(frozen=True)
class Request:
    """One request to the service; `path` is made by us, and never taken from an answer.

    `waits`: seconds for which the service was asked to hold its answer back. `seconds`: how long the answer may take
    beyond that, where it is not as long as usual.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Form | None = None
    waits: float = 0.0
    seconds: float | None = None


@dataclass(frozen=True)
class Answer:
    """What came back, all of it; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Lost:
    """There was no whole answer.

    `is_final`: asking again would change nothing. `was_connected`: somebody listened there.
    """

    reason: str
    cause: Exception | None = None
    is_final: bool = False
    was_connected: bool = True


def json_request(method: str, path: str, fields: Mapping[str, object], **headers: str) -> Request:
    """A request with fields as JSON, those that are None left out."""
    given = {name: plain(name, value) for name, value in fields.items() if value is not None}
    try:
        body = json.dumps(given, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(f"a value is none that JSON has: {error}") from error
    return Request(method, path, headers={"Content-Type": "application/json", **headers}, body=body)


def form_of(fields: Mapping[str, object], files: Iterable[FilePart] = ()) -> Form:
    """A form of what was given: a list becomes its field repeated, and a list in it is JSON."""
    form: dict[str, str | list[str]] = {}
    for name, value in fields.items():
        found = plain(name, value)
        if isinstance(found, list):
            form[name] = [item if isinstance(item, str) else json.dumps(item) for item in found]
        elif found is not None:
            form[name] = str(found)
    return Form(form, tuple(files))


def plain(name: str, value: object) -> object:
    """A value as JSON has it: anything that is gone through in an order becomes a list."""
    if isinstance(value, (set, frozenset, Mapping, bytes)):
        raise UsageError(f"{name} is a list: its order counts, and {type(value).__name__} has none", field=name)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(name, item) for item in value]
    return value


def path_of(*parts: str) -> str:
    """A path in which nothing that was given can become another path."""
    if any(part in ("", ".", "..") for part in parts):
        raise UsageError("a name in an address is never empty, and no dots alone")
    return "/" + "/".join(quote(part, safe="") for part in parts)


def waiting(seconds: float) -> Mapping[str, str]:
    """The header that asks the service to wait for the job."""
    return {"Prefer": f"wait={seconds:.1f}" if seconds > 0 else "respond-async"}


def query_of(**values: object) -> tuple[tuple[str, str], ...]:
    """Those that are given."""
    return tuple((name, str(value)) for name, value in values.items() if value is not None)


def ordered(values: Sequence[str] | None) -> list[str] | None:
    """Labels as a list; None where there are none."""
    return None if values is None else [*values]
