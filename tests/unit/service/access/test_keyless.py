"""Who is let in without a key."""

from typing import Any

import pytest
from starlette.datastructures import Headers

from adapters.contract.access import Scope
from service.access.keyless import ANYBODY, NOBODY, OPERATOR, keyless_caller

LOCAL = {"server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 5)}


def caller(keyless: str, scope: dict[str, Any], **headers: str) -> object:
    raw = {name.replace("_", "-"): value for name, value in headers.items()}
    return keyless_caller(scope, Headers(raw), keyless)


@pytest.mark.parametrize(
    "scope",
    [
        LOCAL,
        {"server": ("::1", 8000), "client": ("::1", 5)},
        {"server": ("::ffff:127.0.0.1", 8000), "client": ("::ffff:127.0.0.1", 5)},
        {"server": ("/run/robustify.sock", None), "client": None},
    ],
    ids=["IPv4", "IPv6", "IPv4 in IPv6", "socket"],
)
def test_caller_when_it_is_on_this_machine(scope: dict[str, Any]) -> None:
    """It is the operator, where the setting says so, and nobody where it says nobody."""
    assert caller("loopback", scope) == OPERATOR
    assert caller("nobody", scope) == NOBODY


@pytest.mark.parametrize(
    "scope",
    [
        {"server": ("10.0.0.1", 8000), "client": ("10.0.0.2", 5)},
        {"server": ("10.0.0.1", 8000), "client": ("127.0.0.1", 5)},
        {"server": ("127.0.0.1", 8000), "client": ("10.0.0.2", 5)},
        {"server": ("127.0.0.1", 8000), "client": None},
        {"server": None, "client": ("127.0.0.1", 5)},
        {},
    ],
)
def test_caller_when_it_is_elsewhere(scope: dict[str, Any]) -> None:
    """Both ends have to be on this machine, and known."""
    assert caller("loopback", scope) == NOBODY
    assert caller("anybody", scope) == ANYBODY


@pytest.mark.parametrize("header", ["x_forwarded_for", "X_Forwarded_Proto", "forwarded", "x_real_ip", "Via"])
def test_caller_when_a_proxy_on_this_machine_asks(header: str) -> None:
    """It asks for somebody, who is not on this machine, whatever the header says."""
    assert caller("loopback", LOCAL, **{header: "127.0.0.1"}) == NOBODY


def test_scopes_when_no_key_is_needed() -> None:
    """What concerns everybody is the operator's, even where anybody may ask."""
    assert (OPERATOR.scopes - ANYBODY.scopes, NOBODY.scopes) == (frozenset({Scope.ADMIN}), frozenset())
