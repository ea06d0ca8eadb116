"""One POST to a receiver, over real HTTP and TLS on this machine; names are looked up where a test says so."""

import datetime
import ssl
from collections.abc import Callable, Sequence
from http.server import ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.contract.webhook import Address, Receivers
from adapters.settings import Settings
from service.webhooks.connecting import Resolve
from service.webhooks.sending import Sender, UndeliveredError
from tests.receivers import Receiver, receiving

NAME = "hooks.example.org"
ANYWHERE = "127.0.0.1"


def allowing(hosts: str | None) -> Receivers:
    return Receivers.of(Settings(webhook_hosts=hosts))


def resolving_to(*addresses: str) -> Resolve:
    """Stands in for the system: every name has these addresses."""

    async def resolve(name: str, port: int) -> Sequence[Address]:
        return [ip_address(address) for address in addresses]

    return resolve


def post(url: str, receivers: Receivers, resolve: Resolve | None = None, seconds: float = 5.0) -> int:
    """Sends a word, to an address that is taken as it is written."""
    sender = Sender(receivers, resolve, seconds)
    return anyio.run(sender.post, receivers.check(url), {"webhook-id": "1"}, b'{"a": 1}')


def test_receiver_when_it_is_there() -> None:
    """It gets the whole of it, and its status is told."""
    with receiving() as receiver:
        assert post(receiver.url, allowing(ANYWHERE)) == 204
    assert [(each.path, each.body) for each in receiver.received] == [("/hook?token=secret", b'{"a": 1}')]
    assert receiver.received[0].headers["host"] == f"127.0.0.1:{receiver.port}"
    assert receiver.received[0].headers["webhook-id"] == "1"


def test_receiver_when_it_redirects() -> None:
    """Nobody goes where it says."""
    with receiving() as inner, receiving(Receiver([307], {"Location": inner.url})) as outer:
        assert post(outer.url, allowing(ANYWHERE)) == 307
    assert inner.received == []


def test_receiver_when_it_is_slow() -> None:
    """It is given up in time."""
    with receiving(Receiver(delay=1.0)) as receiver, pytest.raises(UndeliveredError, match=r"within 0.2 s"):
        post(receiver.url, allowing(ANYWHERE), seconds=0.2)


@pytest.mark.parametrize(
    "receiver", [Receiver([200], body=bytes(50 << 20)), Receiver([200], body=bytes(900), piece_seconds=0.1)]
)
def test_receiver_when_its_answer_has_no_end(receiver: Receiver) -> None:
    """Next to nothing of it is read, and its status counts."""
    with receiving(receiver):
        assert post(receiver.url, allowing(ANYWHERE)) == 200
    assert receiver.sent_bytes < 10 << 20


def test_receiver_when_nobody_listens() -> None:
    """That is told as what it is."""
    with receiving() as receiver:
        pass
    with pytest.raises(UndeliveredError, match="ConnectError"):
        post(receiver.url, allowing(ANYWHERE))


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"], ["::1"]]
)
def test_name_when_it_stands_for_this_machine(addresses: list[str]) -> None:
    """No connection is made, also where it stands for another machine as well."""
    with pytest.raises(UndeliveredError, match="no webhook may reach"):
        post(f"https://{NAME}/", allowing(None), resolving_to(*addresses))


def test_name_when_the_system_knows_it_as_this_machine() -> None:
    """As above, with the system's own answer, which every machine has for such names or none."""
    with pytest.raises(UndeliveredError, match=r"no webhook may reach|gaierror"):
        post("https://anything.localhost/", allowing(None))


def test_name_when_it_cannot_be_one() -> None:
    """What no resolver takes is a failure like others."""
    with pytest.raises(UndeliveredError, match="OSError|gaierror"):
        post(f"https://{'x' * 70}.example.org/", allowing(None))


def test_name_when_it_changes_its_mind() -> None:
    """It is looked up once for a connection, which is to the very address that was looked at."""
    asked: list[str] = []

    async def rebinding(name: str, port: int) -> Sequence[Address]:
        asked.append(name)
        return [ip_address("127.0.0.1" if len(asked) > 1 else "192.0.2.1")]

    with pytest.raises(UndeliveredError, match="no webhook may reach"):
        post(f"https://{NAME}/", allowing(None), rebinding)
    assert asked == [NAME]


def test_name_when_the_operator_allows_it() -> None:
    """Its first address that answers is taken; the receiver is told by its name."""
    with receiving() as receiver:
        url = f"http://{NAME}:{receiver.port}/x"
        assert post(url, allowing(NAME), resolving_to("127.0.0.2", "127.0.0.1")) == 204
    assert receiver.received[0].headers["host"] == f"{NAME}:{receiver.port}"


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[ThreadingHTTPServer], None]:
    """Puts TLS around a receiver, with a certificate of NAME's that this machine trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted = tmp_path / "certificate.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    own = tmp_path / "key.pem"
    own.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, own)

    def wrap(server: ThreadingHTTPServer) -> None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)

    return wrap


def test_certificate_when_it_is_the_names(certified: Callable[[ThreadingHTTPServer], None]) -> None:
    """TLS is spoken with the name, at the address that was looked at."""
    with receiving(wrap=certified) as receiver:
        assert post(f"https://{NAME}:{receiver.port}/", allowing(NAME), resolving_to("127.0.0.1")) == 204
    assert len(receiver.received) == 1


def test_certificate_when_it_is_anothers(certified: Callable[[ThreadingHTTPServer], None]) -> None:
    """Whoever sits at the address and is not the name is told nothing."""
    with receiving(wrap=certified) as receiver, pytest.raises(UndeliveredError, match="ConnectError"):
        post(f"https://other.example.org:{receiver.port}/", allowing("other.example.org"), resolving_to("127.0.0.1"))
    assert receiver.received == []
