"""Private keys: given as text, in a file that is named, or in the state folder, where one is made if there is none."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from pydantic import SecretStr

from adapters.settings import Settings
from robustify.errors import InvalidInputError

KEY_BYTES = 32
RSA_BITS: Final = 3072
"""Of a key that is made."""
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 4096
BYTE_BITS = 8
RSA_EXPONENT: Final = 65537


def is_usable_size(bits: int) -> bool:
    """Of an RSA key that proves noise: a modulus in whole octets, neither guessed nor slow."""
    return MIN_RSA_BITS <= bits <= MAX_RSA_BITS and bits % BYTE_BITS == 0


def noise_private_key(settings: Settings) -> rsa.RSAPrivateKey:
    """What the seed of every question is proven with; made with mode 0600 if there is none.

    Raises InvalidInputError for what is no such key, and OSError when the file that is named cannot be read: that one
    is never made.
    """
    return rsa_key(source_of_noise_key(settings))


def has_noise_key(settings: Settings) -> bool:
    """Whether there is one already."""
    return source_of_noise_key(settings).is_there


def source_of_noise_key(settings: Settings) -> "KeySource":
    return KeySource("noise_key", settings.noise_key, settings.noise_key_file, settings.state.noise_key)


def signing_key(settings: Settings) -> bytes:
    """The private key of the signatures (32 bytes), likewise."""
    own = settings.state.signing_key
    return hex_key(KeySource("signing_key", settings.signing_key, settings.signing_key_file, own))


@dataclass(frozen=True)
class KeySource:
    """Where a key comes from: what is given goes before the file that is `named`, and that before the folder's `own`.

    `name` is that of the setting.
    """

    name: str
    given: SecretStr | None
    named: Path | None
    own: Path

    @property
    def is_there(self) -> bool:
        return self.given is not None or (self.named or self.own).exists()

    def read(self, make: Callable[[], str]) -> str:
        """The text of the key. Only the folder's own is ever made, with mode 0600; OSError where another is missing."""
        if self.given is not None:
            return self.given.get_secret_value()
        if self.named is None and not self.own.exists():
            create(self.own, make())
        return (self.named or self.own).read_text(encoding="ascii")


def hex_key(source: KeySource) -> bytes:
    """32 bytes in hexadecimal; anything shorter could be guessed. Raises InvalidInputError."""
    try:
        key = bytes.fromhex(source.read(lambda: secrets.token_hex(KEY_BYTES)).strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        what = source.name.replace("_", " ")
        raise InvalidInputError(f"the {what} must be {KEY_BYTES} bytes in hexadecimal", field=source.name)
    return key


def rsa_key(source: KeySource) -> rsa.RSAPrivateKey:
    """An RSA key in PEM, of 2,048 to 4,096 bits in whole octets, with exponent 65537. Raises InvalidInputError."""
    problem = InvalidInputError(
        f"the {source.name.replace('_', ' ')} must be an RSA key in PEM, of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits and "
        f"with exponent {RSA_EXPONENT}, without a password: openssl genrsa {RSA_BITS}",
        field=source.name,
    )
    try:
        key = load_pem_private_key(source.read(new_rsa_key).encode(), password=None)
    except (ValueError, TypeError):
        raise problem from None
    if not isinstance(key, rsa.RSAPrivateKey) or not is_usable_size(key.key_size):
        raise problem
    if key.public_key().public_numbers().e != RSA_EXPONENT:
        raise problem
    return key


def new_rsa_key() -> str:
    """In PEM; takes some tenths of a second."""
    key = rsa.generate_private_key(RSA_EXPONENT, RSA_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def create(path: Path, text: str) -> None:
    """Writes a whole file for its owner only, then links it into place: the first of several processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as file:
        file.write(text)
        file.flush()
        with suppress(FileExistsError):
            os.link(file.name, path)
