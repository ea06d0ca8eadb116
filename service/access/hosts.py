"""The names by which the service may be reached (the header `Host`).

A page that makes its own name point to this machine (DNS rebinding) could otherwise read and write whatever the
operator can: to the browser, it is the page's own server.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from adapters.addresses import WILDCARDS, is_loopback, parsed
from adapters.settings import Settings
from robustify.errors import InvalidInputError
from service.errors import BAD_REQUEST, FOREIGN_HOST, ProblemError

ANY = "*"
HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]{1,255}))(?::(?P<port>[0-9]{0,5}))?")
RULE = "A request needs one header `Host`, with a name or an address, and a port if need be."


class Host(NamedTuple):
    """A name in lower case, or an address without brackets; `port` as it was given."""

    name: str
    port: int | None

    def port_for(self, scheme: str) -> int:
        return self.port or default_port(scheme)


@dataclass(frozen=True)
class AllowedHosts:
    """Names that are allowed beside those of this machine itself; `any_host` allows all."""

    names: frozenset[str]
    any_host: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "AllowedHosts":
        """As the settings say. Raises InvalidInputError for what is no name."""
        given = [text.strip() for text in (settings.allowed_hosts or "").split(",") if text.strip()]
        own = [] if settings.host in WILDCARDS else [settings.host]
        names = frozenset(named(text) for text in [*own, *given] if text != ANY)
        return cls(names, any_host=ANY in given)

    def check(self, values: Sequence[str]) -> Host:
        """The host that a request names; raises the problem where it is not one, or not one of ours."""
        host = parse_host(values[0]) if len(values) == 1 else None
        if host is None:
            raise ProblemError(BAD_REQUEST, RULE)
        if not (self.any_host or is_loopback(host.name) or host.name in self.names):
            raise ProblemError(FOREIGN_HOST)
        return host


def parse_host(text: str) -> Host | None:
    """A host with or without a port; None for anything else. A dot at the end of a name says nothing more."""
    match = HOST.fullmatch(text)
    if match is None or int(match["port"] or 0) > 65535:
        return None
    port = int(match["port"]) if match["port"] else None
    if match["name"] is not None:
        return Host(match["name"].lower().removesuffix("."), port)
    address = parsed(match["address"])
    return None if address is None else Host(str(address), port)


def default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def named(text: str) -> str:
    """A name of the settings, an address of IPv6 also without brackets."""
    host = parse_host(text) or parse_host(f"[{text}]")
    if host is None:
        raise InvalidInputError(f"ROBUSTIFY_ALLOWED_HOSTS: {text!r} is no name of a host", field="allowed_hosts")
    return host.name
