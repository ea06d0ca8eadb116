"""Where the client asks, and with which key."""

import warnings

import pytest

from robustify_client import Client, InsecureKeyWarning, UsageError
from robustify_client.address import KEY_VARIABLE, address_of


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000", "127.0.0.1:8000", "ftp://a", "http://", "https:///predict", "", "//a", "http://a:b@c/",
        "http://a?b", "http://a#b", "file:///etc/passwd", "http://a:99999", "http://[::1", "http://a b/",
        "javascript:1",        "http://\x00", "http+unix://a",
    ],
)  # fmt: skip
def test_address_that_is_none(url: str) -> None:
    """It is refused before anything is sent, as bad usage."""
    with pytest.raises(UsageError) as caught:
        Client(url)
    assert caught.value.field == "server"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/predict"),
        ("https://example.org/vision", "https://example.org/vision/predict"),
        ("http://[::1]:8000", "http://[::1]:8000/predict"),
    ],
)
def test_address_with_a_path(url: str, expected: str) -> None:
    """A service may stand below a path of a proxy."""
    assert address_of(url, None).to("/predict") == expected


def test_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used where none is given."""
    monkeypatch.setenv(KEY_VARIABLE, "rk_environment")
    assert address_of("http://localhost", None).key == "rk_environment"
    assert address_of("http://localhost", "rk_given").key == "rk_given"
    monkeypatch.setenv(KEY_VARIABLE, "")
    assert address_of("http://localhost", None).key is None


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX-Evil: 1", "schlüssel", "a" * 513])
def test_key_that_is_none(key: str) -> None:
    """It is refused without being shown."""
    with pytest.raises(UsageError, match="the operator gave it") as caught:
        Client("http://localhost", key)
    assert not key or key not in str(caught.value)


def test_key_that_goes_in_clear() -> None:
    """Whoever sends a key over a network without TLS is told."""
    with pytest.warns(InsecureKeyWarning, match="https"):
        Client("http://example.org", "rk_secret").close()


@pytest.mark.parametrize("url", ["https://example.org", "http://127.0.0.9:1", "http://[::1]", "http://localhost:1"])
def test_key_that_nobody_overhears(url: str) -> None:
    """There is nothing to be told."""
    with warnings.catch_warnings(record=True) as told:
        Client(url, "rk_secret").close()
    assert told == []
