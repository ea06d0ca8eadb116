"""Whom a webhook may tell: what its address must be, and which machines may be reached by it.

Whoever asks chooses an address that this machine then connects to. So that nobody reaches by it what only this machine
can reach, the address of each connection is looked at when it is made (`service/webhooks/connecting.py`): a name may
mean another machine then than when it was given.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pydantic import BaseModel, Field

from adapters.settings import Settings
from robustify.errors import InvalidInputError

WEBHOOK = "webhook"
MAX_URL_LENGTH = 1000
HTTPS_PORT, HTTP_PORT = 443, 80
PORTS = (HTTPS_PORT, 8443)
EXAMPLE = "https://hooks.example.org/robustify"

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOST = r"(?:\[(?P<address>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?"
TARGET = r"[/?][A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*"
URL = re.compile(rf"(?P<scheme>https?)://{HOST}(?P<target>{TARGET})?")
"""All that is taken of what may be an address, so that no two readers can take it for different ones."""
NAMED = re.compile(HOST)
PUBLIC_NAME = r"([A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]*\.?"
"""With a dot, and with a last part that no resolver takes for a number: an address in another notation is none."""
PUBLIC_URL = rf"^https://{PUBLIC_NAME}(:({'|'.join(str(port) for port in PORTS)}))?({TARGET})?$"
"""What is taken where the operator names no others."""

UNICAST = IPv6Network("2000::/3")
WRAPPING = (
    # Teredo, 6to4, and what 6to4 has of IPv4: addresses that stand for others.
    IPv6Network("2001::/32"), IPv6Network("2002::/16"), IPv4Network("192.88.99.0/24"),
)  # fmt: skip

NOT_A_URL = (
    f"It must be an address such as {EXAMPLE}, of at most {MAX_URL_LENGTH} characters, without a user, a password or a "
    "fragment; write a name of other letters as xn--..."
)
NOT_HTTPS = "It must begin with https://."
OTHER_PORT = f"Its port must be {' or '.join(str(port) for port in PORTS)}."
NO_PUBLIC_NAME = "It must have a name that the whole internet knows, such as hooks.example.org, and no number."


class Notified(BaseModel):
    """What every submission may have besides what it asks for."""

    webhook: str | None = Field(
        None,
        max_length=MAX_URL_LENGTH,
        pattern=PUBLIC_URL,
        description="Told when it is done, by a signed POST (Standard Webhooks). It must be an https address with a "
        f"name that the whole internet can reach, of port {' or '.join(str(port) for port in PORTS)}, unless the "
        "operator allows others.",
        examples=[EXAMPLE],
    )


@dataclass(frozen=True)
class Receiver:
    """An address taken apart. `name` is a name or an address, without brackets; `target` a path with its query."""

    scheme: str
    name: str
    port: int
    target: str

    @property
    def place(self) -> str:
        """As a log may name it: without the path, which may hold a secret."""
        return f"{self.name}:{self.port}"


@dataclass(frozen=True)
class AllowedName:
    """`port` is None for any."""

    name: str
    port: int | None

    def is_of(self, name: str, port: int) -> bool:
        return self.name == name and self.port in (None, port)


@dataclass(frozen=True)
class AllowedNetwork:
    """Likewise, of addresses."""

    network: Network
    port: int | None

    def has(self, address: Address, port: int) -> bool:
        return address in self.network and self.port in (None, port)


@dataclass(frozen=True)
class Receivers:
    """Who may be told: the whole internet by https, and those that the operator names (ROBUSTIFY_WEBHOOK_HOSTS)."""

    names: tuple[AllowedName, ...] = ()
    networks: tuple[AllowedNetwork, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> "Receivers":
        """As the settings say. Raises InvalidInputError for what is neither a name nor a network."""
        given = [text.strip() for text in (settings.webhook_hosts or "").split(",") if text.strip()]
        allowed = [allowed_host(text) for text in given]
        return cls(
            tuple(host for host in allowed if isinstance(host, AllowedName)),
            tuple(host for host in allowed if isinstance(host, AllowedNetwork)),
        )

    def check(self, url: str) -> Receiver:
        """Whom an address names. Raises InvalidInputError for one that can be told to be none of those allowed."""
        receiver = parse(url)
        if receiver is None:
            raise InvalidInputError(NOT_A_URL, field=WEBHOOK)
        if not (self._is_named(receiver) or re.fullmatch(PUBLIC_URL, url)):
            raise InvalidInputError(reason_against(receiver), field=WEBHOOK)
        return receiver

    def allows(self, receiver: Receiver, address: Address) -> bool:
        """Whether this machine may connect to the address, which the receiver's name stands for now."""
        return (
            any(allowed.is_of(receiver.name, receiver.port) for allowed in self.names)
            or any(allowed.has(address, receiver.port) for allowed in self.networks)
            or is_public(address)
        )

    def _is_named(self, receiver: Receiver) -> bool:
        """Whether the operator names it, by its name or by the address that it is."""
        address = address_of(receiver.name)
        return any(allowed.is_of(receiver.name, receiver.port) for allowed in self.names) or (
            address is not None and any(allowed.has(address, receiver.port) for allowed in self.networks)
        )


def reason_against(receiver: Receiver) -> str:
    """Of one that the operator does not name, and that not everybody may name."""
    if receiver.scheme != "https":
        return NOT_HTTPS
    return NO_PUBLIC_NAME if receiver.port in PORTS else OTHER_PORT


def parse(url: str) -> Receiver | None:
    """None for what is no address of HTTP, or may be read in more than one way."""
    match = URL.fullmatch(url) if len(url) <= MAX_URL_LENGTH else None
    if match is None or not 0 < int(match["port"] or HTTPS_PORT) < 65536:
        return None
    name = match["name"].lower().removesuffix(".") if match["name"] else match["address"]
    if not name or (match["address"] and address_of(name) is None):
        return None
    scheme, target = match["scheme"], match["target"] or "/"
    port = int(match["port"]) if match["port"] else (HTTPS_PORT if scheme == "https" else HTTP_PORT)
    return Receiver(scheme, name, port, target if target.startswith("/") else f"/{target}")


def address_of(text: str) -> Address | None:
    """None for a name."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Whether it is one machine's own on the whole internet, and stands for no address of another kind."""
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    is_wrapping = any(address in network for network in WRAPPING)
    return address.is_global and not (address.is_multicast or address.is_reserved or is_wrapping)


def allowed_host(text: str) -> AllowedName | AllowedNetwork:
    """One of the settings: a name or an address, each with a port or without, or a network."""
    try:
        return AllowedNetwork(ip_network(text, strict=False), None)
    except ValueError:
        match = NAMED.fullmatch(text)
    port = int(match["port"]) if match and match["port"] else None
    address = address_of(match["address"] or match["name"]) if match else None
    if address is not None:
        return AllowedNetwork(ip_network(address), port)
    if match is None or match["address"]:
        raise InvalidInputError(
            f"ROBUSTIFY_WEBHOOK_HOSTS: {text!r} is neither a name, an address nor a network", field="webhook_hosts"
        )
    return AllowedName(match["name"].lower().removesuffix("."), port)
