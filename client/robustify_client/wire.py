"""What both ways to send have in common: httpx2's side of a request, and what its failures mean."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

from robustify_client.errors import UnexpectedAnswer
from robustify_client.message import MOST_BYTES, Answer, Form, Lost, Request

CONNECT_SECONDS, WRITE_SECONDS = 10.0, 60.0
FAILURES = (httpx2.TransportError, httpx2.DecodingError)
"""What httpx2 raises where there is no whole answer."""
MOST_CONNECTIONS = 100
KEPT_SECONDS = 2.0
"""For which an idle connection is kept: the service closes it after a few more."""


class Collected:
    """The body of one answer as it comes, no longer than a body may be, and not for longer than it may take."""

    def __init__(self, response: httpx2.Response, seconds: float) -> None:
        self.response = response
        self.until = time.monotonic() + seconds
        self.body = bytearray()
        if (packed := response.headers.get("content-encoding", "identity").strip().lower()) not in ("", "identity"):
            raise UnexpectedAnswer(f"the answer is packed ({packed[:20]}), which was not asked for: it is not unpacked")

    def add(self, chunk: bytes) -> None:
        self.body += chunk
        if len(self.body) > MOST_BYTES:
            raise UnexpectedAnswer(f"the answer has more than {MOST_BYTES >> 20} MiB: it was not read to its end")
        if time.monotonic() > self.until:
            raise httpx2.ReadTimeout("the answer comes too slowly")

    def answer(self) -> Answer:
        headers = {name.lower(): value for name, value in self.response.headers.items()}
        return Answer(self.response.status_code, headers, bytes(self.body))


def options_of(request: Request, url: str, seconds: float) -> dict[str, Any]:
    """The keywords of `stream`. Any: they are httpx2's own, of several types."""
    longest = longest_of(request, seconds)
    timeout = httpx2.Timeout(connect=min(CONNECT_SECONDS, longest), read=longest, write=WRITE_SECONDS, pool=longest)
    common = {
        "method": request.method,
        "url": url,
        "params": list(request.query) or None,
        "headers": dict(request.headers),
        "timeout": timeout,
    }
    return {**common, **body_of(request.body)}


def longest_of(request: Request, seconds: float) -> float:
    """Seconds that the answer to a request may take; `seconds` is what is usual."""
    return request.waits + (seconds if request.seconds is None else request.seconds)


def body_of(body: bytes | Form | None) -> Mapping[str, Any]:
    """Any: as above."""
    if not isinstance(body, Form):
        return {"content": body}
    files = [(file.part, (file.name, file.data)) for file in body.files]
    return {"data": dict(body.fields), "files": files}


def lost_by(error: Exception, url: str) -> Lost:
    """What a failure of httpx2 means, in a sentence."""
    if isinstance(error, httpx2.TimeoutException):
        there = not isinstance(error, httpx2.ConnectTimeout)
        return Lost(
            f"the server {url} does not answer in time: is it running, and not too busy?", error, was_connected=there
        )
    if is_refused_certificate(error):
        return Lost(f"the server {url} shows a certificate of TLS that is not trusted here", error, is_final=True)
    if isinstance(error, (httpx2.ConnectError, httpx2.ProxyError)):
        return Lost(f"the server {url} cannot be reached: is it running?", error, was_connected=False)
    if isinstance(error, httpx2.UnsupportedProtocol):
        return Lost(f"{url} is no address of a server: begin it with http://", error, is_final=True)
    return Lost(f"the connection to the server {url} broke off: it cannot be reached, or speaks no HTTP", error)


def is_refused_certificate(error: BaseException | None) -> bool:
    """Whether the cause of a failure is that the server is not who it says."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def no_cookies() -> CookieJar:
    """Keeps none: the service sets none, and whoever else answers is not to fill the memory."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def shared_options(headers: Mapping[str, str], verify: ssl.SSLContext | bool) -> dict[str, Any]:
    """The keywords of both clients of httpx2. Any: as above."""
    return {
        "headers": dict(headers),
        "verify": verify,
        "cookies": no_cookies(),
        # A redirect would take the key along.
        "follow_redirects": False,
        "limits": httpx2.Limits(
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
        ),
    }
