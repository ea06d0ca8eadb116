"""Which pages may change anything here."""

import pytest
from starlette.datastructures import Headers

from adapters.settings import Settings
from robustify.errors import InvalidInputError
from service.access.hosts import parse_host
from service.access.origins import AllowedOrigins
from service.errors import ProblemError

ALLOWED = AllowedOrigins.of(Settings(allowed_origins="https://page.example.org, http://localhost:3000"))
NO_ORIGIN = ["null", "", "*", "https://", "ftp://localhost:8000", "http://localhost:8000/", "http://localhost:8000@evil.com",
             "http://localhost:8000.evil.com", "http://LOCALHOST:8000 evil", "file://"]  # fmt: skip


def is_refused(method: str = "POST", host: str = "localhost:8000", **headers: str | list[str]) -> bool:
    raw = [
        (name.replace("_", "-").encode(), value.encode())
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    found = parse_host(host)
    assert found
    try:
        ALLOWED.check(method, Headers(raw=raw), "http", found)
    except ProblemError as problem:
        return problem.kind.status in (403, 405)
    return False


def test_request_when_it_is_no_browser() -> None:
    """It says nothing of pages, and may ask for anything."""
    assert not any(is_refused(method) for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("origin", ["http://evil.com", "https://evil.com", "http://localhost", "http://localhost:8001",
                                    "http://127.0.0.1:8000", "https://localhost:8000", *NO_ORIGIN])  # fmt: skip
def test_page_when_it_is_foreign(method: str, origin: str) -> None:
    """Another host, another port, another scheme, and what is no origin at all."""
    assert is_refused(method, origin=origin)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_page_when_the_browser_alone_says_so(site: str) -> None:
    """A form may come without an origin; what the browser says of its site is enough, even beside our own origin."""
    assert is_refused(sec_fetch_site=site)
    assert is_refused(sec_fetch_site=site, origin="http://localhost:8000")


def test_page_when_it_is_ours() -> None:
    """As the browser writes it; behind a proxy that ends TLS, the browser's word stands in for the scheme."""
    assert not is_refused(origin="http://localhost:8000", sec_fetch_site="same-origin")
    assert not is_refused(origin="http://localhost:8000")
    assert not is_refused(sec_fetch_site="none")
    assert not is_refused(host="api.example.org", origin="https://api.example.org", sec_fetch_site="same-origin")
    assert not is_refused(host="[::1]:8000", origin="http://[::1]:8000")
    assert not is_refused(host="localhost:80", origin="http://localhost")


@pytest.mark.parametrize("origin", ["https://page.example.org", "http://localhost:3000"])
def test_page_when_the_operator_allows_it(origin: str) -> None:
    """Whatever the browser says of its site."""
    assert not is_refused(origin=origin, sec_fetch_site="cross-site")
    assert not is_refused("OPTIONS", origin=origin, access_control_request_method="DELETE")


def test_page_when_it_asks_for_a_method_that_there_is_not() -> None:
    """A browser that asks first is told so by a problem document too."""
    assert is_refused("OPTIONS", origin="https://page.example.org", access_control_request_method="BREW")


def test_page_when_it_only_reads() -> None:
    """Nothing is changed by GET, and what comes of it the browser shows to no other page."""
    assert not is_refused("GET", origin="http://evil.com", sec_fetch_site="cross-site")
    assert not is_refused("HEAD", origin="null")


def test_page_when_two_origins_are_said() -> None:
    """Then it is nobody's."""
    assert is_refused(origin=["http://localhost:8000", "https://page.example.org"])


@pytest.mark.parametrize("setting", ["*", "null", "example.org", "https://example.org/", "https://a b"])
def test_setting_when_it_is_no_origin(setting: str) -> None:
    """The start says which setting is wrong; all pages at once cannot be allowed."""
    with pytest.raises(InvalidInputError, match="ROBUSTIFY_ALLOWED_ORIGINS"):
        AllowedOrigins.of(Settings(allowed_origins=setting))


def test_setting_when_it_is_written_otherwise() -> None:
    """It is told to browsers as they write it."""
    allowed = AllowedOrigins.of(Settings(allowed_origins="https://Page.Example.org:443,http://[2001:DB8::1]:80"))
    assert {origin.text for origin in allowed.origins} == {"https://page.example.org", "http://[2001:db8::1]"}
