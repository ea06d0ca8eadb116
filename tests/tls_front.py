"""TLS in front of a server of this machine that has none: its certificates are made for the test; clients need one."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
CHUNK = 1 << 16


@dataclass(frozen=True)
class Identity:
    """A key and its certificate, as files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Certificates:
    """Those of an authority, and of who has its trust."""

    authority: Path
    server: Identity
    client: Identity


def make_certificates(folder: Path, addresses: Sequence[str] = ("127.0.0.1",)) -> Certificates:
    """`addresses`: under which the server can be reached."""
    key, name = ec.generate_private_key(ec.SECP256R1()), named("authority")
    signed = builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    signed = signed.add_extension(key_usage(), critical=True)
    authority = folder / "ca.pem"
    authority.write_bytes(signed.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return Certificates(authority, *(identity(folder, who, name, key, addresses) for who in ("server", "client")))


def identity(
    folder: Path, who: str, issuer: x509.Name, authority: ec.EllipticCurvePrivateKey, addresses: Sequence[str]
) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address)) for address in addresses])
    signed = builder(named(who), issuer, key).add_extension(names, critical=False).sign(authority, hashes.SHA256())
    found = Identity(folder / f"{who}.pem", folder / f"{who}.key")
    found.certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    found.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return found


def builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    named_by = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return named_by.serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + DAY)


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


@contextmanager
def tls_in_front_of(path: str, certificates: Certificates) -> Iterator[int]:
    """The port on which a unix socket can be reached by who has a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server.certificate, certificates.server.key)
    context.load_verify_locations(certificates.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, args=(listening, context, path), daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def accept(listening: socket.socket, context: ssl.SSLContext, path: str) -> None:
    with suppress(OSError):
        while True:
            raw, _ = listening.accept()
            threading.Thread(target=join, args=(raw, context, path), daemon=True).start()


def join(raw: socket.socket, context: ssl.SSLContext, path: str) -> None:
    with suppress(OSError), raw, socket.socket(socket.AF_UNIX) as behind:
        with context.wrap_socket(raw, server_side=True) as front:
            behind.connect(path)
            back = threading.Thread(target=pass_on, args=(behind, front), daemon=True)
            back.start()
            pass_on(front, behind)
            back.join()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
