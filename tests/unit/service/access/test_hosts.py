"""The header `Host`: what it may be, and which of them are ours."""

import pytest

from adapters.settings import Settings
from robustify.errors import InvalidInputError
from service.access.hosts import AllowedHosts, Host, parse_host
from service.errors import ProblemError

OURS = ["localhost", "LocalHost:8000", "localhost.", "127.0.0.1", "127.0.0.1:1", "127.9.9.9", "[::1]", "[::1]:8000",
        "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"]  # fmt: skip
FOREIGN = ["evil.com", "127.0.0.1.evil.com", "localhost.evil.com", "evil.com:8000", "0.0.0.0", "127.1", "2130706433",
           "0x7f000001", "10.0.0.1", "[::]", "[fe80::1]", "xn--localhost", "127.0.0.1..", "local_host"]  # fmt: skip
MALFORMED = ["", " ", "localhost@evil.com", "evil.com/localhost", "localhost:80:80", "localhost:port",
             "localhost:99999", "[::1", "::1", "[localhost]", "[::1]evil", "a,b", "localhost\t", "lo calhost",
             "http://localhost", "localhost:-1", "localhost?", "[1.2.3.4]x", "ünicode"]  # fmt: skip


def status_of(allowed: AllowedHosts, *values: str) -> int:
    try:
        allowed.check(values)
    except ProblemError as problem:
        return problem.kind.status
    return 200


@pytest.mark.parametrize("value", OURS)
def test_host_when_it_is_this_machine(value: str) -> None:
    """Names and addresses of loopback are ours, with any port and however they are written."""
    assert status_of(AllowedHosts.of(Settings(host="0.0.0.0")), value) == 200


@pytest.mark.parametrize("value", FOREIGN)
def test_host_when_it_is_foreign(value: str) -> None:
    """What a page could make its own name look like is misdirected."""
    assert status_of(AllowedHosts.of(Settings()), value) == 421


@pytest.mark.parametrize("values", [(), ("localhost", "localhost"), *((value,) for value in MALFORMED)])
def test_host_when_it_is_none(values: tuple[str, ...]) -> None:
    """None, two of them, or what is no host at all is a bad request, even where any host is allowed."""
    assert status_of(AllowedHosts.of(Settings()), *values) == 400
    assert status_of(AllowedHosts.of(Settings(allowed_hosts="*")), *values) == 400


def test_host_when_the_operator_names_it() -> None:
    """Its case, its port and a last dot do not matter; the address that is listened on is one."""
    allowed = AllowedHosts.of(
        Settings(host="192.168.1.5", allowed_hosts=" Api.Example.org , [2001:DB8::1],2001:db8::2")
    )
    for value in ("api.example.org", "API.EXAMPLE.ORG.:443", "192.168.1.5:8000", "[2001:db8:0::1]", "[2001:db8::2]:1"):
        assert status_of(allowed, value) == 200, value
    for value in ("example.org", "www.api.example.org", "192.168.1.50", "[2001:db8::3]"):
        assert status_of(allowed, value) == 421, value


def test_host_when_any_is_allowed() -> None:
    """Then none is foreign."""
    assert {status_of(AllowedHosts.of(Settings(allowed_hosts="*")), value) for value in FOREIGN} == {200}


@pytest.mark.parametrize("setting", ["https://example.org", "exa mple", "a@b", "example.org/path"])
def test_setting_when_it_is_no_host(setting: str) -> None:
    """The start says which setting is wrong."""
    with pytest.raises(InvalidInputError, match="ROBUSTIFY_ALLOWED_HOSTS"):
        AllowedHosts.of(Settings(allowed_hosts=f"good.example.org,{setting}"))


def test_port_when_none_is_given() -> None:
    """It is the scheme's."""
    assert parse_host("a") == Host("a", None)
    assert (Host("a", None).port_for("http"), Host("a", None).port_for("https"), Host("a", 5).port_for("http")) == (
        80, 443, 5,
    )  # fmt: skip
