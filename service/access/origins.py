"""From which pages a browser may change anything here: our own, and those that the operator names.

A form of any page in the world can be sent to this machine by the browser that shows it; what tells is that browsers
say where a request comes from. What is no browser says nothing, and is not held up. Nothing is changed by GET.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from starlette.datastructures import Headers

from adapters.settings import Settings
from robustify.errors import InvalidInputError
from service.access.hosts import Host, default_port, parse_host
from service.errors import FOREIGN_ORIGIN, METHOD_NOT_ALLOWED, ProblemError
from service.methods import METHODS

SAFE_METHODS = frozenset(("GET", "HEAD"))
ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[^/]+)")
OWN_SITES = frozenset(("same-origin", "none"))
"""What `Sec-Fetch-Site` says of our own pages, and of what a person typed."""


class Origin(NamedTuple):
    """Of a page; ports are compared as numbers, whether they were written or not."""

    scheme: str
    name: str
    port: int

    @property
    def text(self) -> str:
        """As browsers write it."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{self.scheme}://{name}" + ("" if self.port == default_port(self.scheme) else f":{self.port}")


@dataclass(frozen=True)
class AllowedOrigins:
    """Those that the operator names, as browsers write them."""

    origins: frozenset[Origin]

    @classmethod
    def of(cls, settings: Settings) -> "AllowedOrigins":
        """As the settings say. Raises InvalidInputError for what is no origin."""
        return cls(frozenset(configured(text) for text in texts_of(settings)))

    def check(self, method: str, headers: Headers, scheme: str, host: Host) -> None:
        """Raises the problem where a page of another site asks for more than to read."""
        if method in SAFE_METHODS:
            return
        if self.is_foreign(headers, scheme, host):
            raise ProblemError(FOREIGN_ORIGIN)
        if headers.get("access-control-request-method", METHODS[0]) not in METHODS:
            raise ProblemError(METHOD_NOT_ALLOWED)

    def is_foreign(self, headers: Headers, scheme: str, host: Host) -> bool:
        given, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
        is_own_site = set(sites) <= OWN_SITES
        if not given:
            return not is_own_site
        origin = parse_origin(given[0]) if len(given) == 1 else None
        if origin in self.origins:
            return False
        if origin is None or not is_own_site:
            return True
        # A proxy that ends TLS hides the scheme from us; that the browser calls the site its own tells as much.
        is_same_scheme = origin.scheme == scheme or bool(sites)
        return not (is_same_scheme and (origin.name, origin.port) == (host.name, host.port_for(origin.scheme)))


def parse_origin(text: str) -> Origin | None:
    """None for what is no origin of a page, `null` among it."""
    match = ORIGIN.fullmatch(text)
    host = parse_host(match["host"]) if match else None
    return Origin(match["scheme"], host.name, host.port_for(match["scheme"])) if match and host else None


def texts_of(settings: Settings) -> Sequence[str]:
    """The allowed origins as they are written."""
    return [text.strip() for text in (settings.allowed_origins or "").split(",") if text.strip()]


def configured(text: str) -> Origin:
    origin = parse_origin(text)
    if origin is None:
        raise InvalidInputError(
            f"ROBUSTIFY_ALLOWED_ORIGINS: {text!r} is no origin, such as https://example.org", field="allowed_origins"
        )
    return origin
