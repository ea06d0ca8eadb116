"""Addresses of machines: which reach this one alone, and which stand for all of its own."""

from ipaddress import IPv4Address, IPv6Address, ip_address

LOCALHOST = "localhost"
WILDCARDS = frozenset(("", "0.0.0.0", "::"))
"""What listens on every address, and is the name of none."""


def is_loopback(host: str) -> bool:
    """Whether a name or an address (IPv6 without brackets) reaches this machine and no other."""
    address = parsed(host)
    return host.lower() == LOCALHOST if address is None else address.is_loopback


def parsed(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is, an IPv4 one also where IPv6 wraps it; None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
