"""Which addresses are of this machine alone."""

import pytest

from adapters.addresses import is_loopback


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_when_it_is(host: str) -> None:
    """Names in any case, the whole network of IPv4, and IPv4 inside IPv6."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "::", "10.0.0.1", "127.0.0.1.evil.com", "127.1", "2130706433", "localhost.evil", "::ffff:10.0.0.1"],
)
def test_loopback_when_it_is_not(host: str) -> None:
    """What only looks like it, and what a resolver may take for it, is not."""
    assert not is_loopback(host)
