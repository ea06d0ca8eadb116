"""Whom a webhook may tell: by its address as it is written, and by the address that its name stands for."""

from ipaddress import ip_address

import pytest

from adapters.contract.webhook import MAX_URL_LENGTH, Receiver, Receivers, is_public
from adapters.settings import Settings
from robustify.errors import InvalidInputError

EVERYBODY = Receivers()


def allowing(hosts: str) -> Receivers:
    return Receivers.of(Settings(webhook_hosts=hosts))


@pytest.mark.parametrize(
    ("url", "receiver"),
    [
        ("https://hooks.example.org/a?b=c", Receiver("https", "hooks.example.org", 443, "/a?b=c")),
        ("https://Hooks.Example.ORG.", Receiver("https", "hooks.example.org", 443, "/")),
        ("https://hooks.example.org:8443", Receiver("https", "hooks.example.org", 8443, "/")),
        ("https://xn--bcher-kva.example/?q", Receiver("https", "xn--bcher-kva.example", 443, "/?q")),
        ("https://hooks.example.org?q=https://other.example/@", Receiver("https", "hooks.example.org", 443,
                                                                         "/?q=https://other.example/@")),
    ],
)  # fmt: skip
def test_address_when_it_is_public(url: str, receiver: Receiver) -> None:
    """It is taken apart in one way only."""
    assert EVERYBODY.check(url) == receiver


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.org", "http://hooks.example.org/", "ftp://hooks.example.org/", "HTTPS://hooks.example.org",
        "https://user@hooks.example.org/", "https://user:word@hooks.example.org/", "https://hooks.example.org:22/",
        "https://hooks.example.org:0/", "https://hooks.example.org:99999/", "https://hooks.example.org/#part",
        "https://hooks.example.org\\@127.0.0.1/", "https://hooks.example.org/ a", "https://hooks.example.org/\r\nA: b",
        "https://hooks.example.org/ä", "https://hooks.example.org\n", "https:///path", "https://", "https://localhost/",
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://a.0x7f/",
        "https://1.1.1.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/", "https://intranet/",
        "https://.../", "https://a..b/", f"https://hooks.example.org/{'x' * MAX_URL_LENGTH}",
    ],
)  # fmt: skip
def test_address_when_it_is_none(url: str) -> None:
    """What may reach this machine or a network of its own, or is no plain https address, is refused as written."""
    with pytest.raises(InvalidInputError, match="It must|Its port") as refused:
        EVERYBODY.check(url)
    assert refused.value.field == "webhook"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "192.88.99.1", "::1", "::", "::ffff:127.0.0.1",
        "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::1", "2001:0:7f00::1",
        "fe80::1", "fc00::1", "fd00::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1", "fe80::1%lo",
    ],
)  # fmt: skip
def test_machine_when_it_is_not_on_the_internet(address: str) -> None:
    """Nobody reaches it, whatever name stands for it."""
    assert not is_public(ip_address(address))
    assert not EVERYBODY.allows(EVERYBODY.check("https://hooks.example.org/"), ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:830::200e"])
def test_machine_when_it_is_on_the_internet(address: str) -> None:
    """It is reached."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("127.0.0.1:8123", "http://127.0.0.1:8123/x"),
        ("127.0.0.1", "http://127.0.0.1/"),
        ("hooks.internal", "http://hooks.internal:9000/x"),
        ("Hooks.Internal:9000", "https://hooks.internal:9000/x"),
        ("intranet", "http://intranet/"),
        ("10.0.0.0/8, fd00::/8", "http://10.1.2.3:81/"),
        ("10.0.0.0/8, fd00::/8", "https://[fd00::5]:81/"),
        ("[::1]:81", "http://[::1]:81/"),
    ],
)
def test_host_when_the_operator_names_it(hosts: str, url: str) -> None:
    """It may be told as it is, also by plain http and at another port."""
    assert allowing(hosts).check(url)


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("127.0.0.1:8123", "http://127.0.0.1:8124/"),
        ("127.0.0.1:8123", "http://localhost:8123/"),
        ("hooks.internal:9000", "http://hooks.internal/"),
        ("hooks.internal", "http://other.hooks.internal/"),
        ("10.0.0.0/8", "http://11.0.0.1/"),
        ("10.0.0.0/8", "http://hooks.internal/"),
    ],
)
def test_host_when_the_operator_names_another(hosts: str, url: str) -> None:
    """It may not."""
    with pytest.raises(InvalidInputError):
        allowing(hosts).check(url)


def test_network_when_a_name_lies_in_it() -> None:
    """It is reached by https; addresses outside are not."""
    receivers = allowing("10.0.0.0/8")
    receiver = receivers.check("https://hooks.example.org/")
    assert receivers.allows(receiver, ip_address("10.1.2.3"))
    assert not receivers.allows(receiver, ip_address("192.168.0.1"))


@pytest.mark.parametrize("hosts", ["http://a.example", "a b", "[a]", "10.0.0.0/40", "a.example:x"])
def test_setting_when_it_names_no_host(hosts: str) -> None:
    """The service does not start, and says which text it is."""
    with pytest.raises(InvalidInputError, match="ROBUSTIFY_WEBHOOK_HOSTS"):
        allowing(hosts)
