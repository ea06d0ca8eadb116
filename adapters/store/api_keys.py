"""The keys that callers have, on disk: made, listed, rotated and revoked by the operator, and read by the service.

One JSON file with the SHA-256 of each secret, replaced whole under a lock. A secret is shown once, when it is made, and
is kept nowhere.
"""

import hmac
import re
import secrets
import string
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, ValidationError

from adapters.addresses import is_loopback
from adapters.contract.access import USER_SCOPES, Allowance, Caller, Scope
from adapters.contract.records import Record
from adapters.durable_files import locked, write_durably
from adapters.settings import Settings
from robustify.errors import InvalidInputError, RobustifyError

ID_LETTERS = string.ascii_lowercase + string.digits
SECRET_LETTERS = string.ascii_letters + string.digits
ID_LENGTH, SECRET_LENGTH = 12, 43
"""43 letters of 62 are 256 bits."""
TOKEN = re.compile(rf"rk_([a-z0-9]{{{ID_LENGTH}}})_([A-Za-z0-9]{{{SECRET_LENGTH}}})")
MAX_NAME_LENGTH = 100


class DamagedKeysError(RobustifyError):
    """The file of the keys cannot be read: until it is mended, nobody is let in."""


class ApiKey(Record):
    """A key without its secret. Times are seconds since the epoch.

    `former_digest` is that of the secret before the last rotation, which holds until `former_until`.
    """

    id: str
    name: str
    digest: str
    scopes: frozenset[Scope]
    allowance: Allowance = Allowance()
    profiles: frozenset[str] | None = None
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    former_digest: str | None = None
    former_until: float | None = None

    def is_valid(self, now: float) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def opens_with(self, secret: str, now: float) -> bool:
        """Whether the secret is this key's; compared in constant time."""
        digest = digest_of(secret)
        is_current = hmac.compare_digest(digest, self.digest)
        is_former = hmac.compare_digest(digest, self.former_digest or "")
        return is_current or (is_former and now < (self.former_until or 0))

    @property
    def caller(self) -> Caller:
        return Caller(
            owner=self.id, name=self.name, scopes=self.scopes, allowance=self.allowance, profiles=self.profiles
        )


class StoredKeys(Record):
    """What is in the file. A field that this release does not know might restrict a key, and is refused."""

    version: int = Field(1, ge=1, le=1)
    keys: tuple[ApiKey, ...] = ()

    def find(self, key_id: str) -> ApiKey | None:
        return next((key for key in self.keys if key.id == key_id), None)


class NewKey(NamedTuple):
    """A key, and its text, which nobody can be shown again."""

    key: ApiKey
    token: str


class FileIdentity(NamedTuple):
    """What tells a file from the one that was there before."""

    modified_ns: int
    size: int
    inode: int


class ApiKeys:
    """The keys as the service sees them: read again whenever the file is another. It never makes the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: FileIdentity | None = None
        self._stored = StoredKeys()

    def find(self, token: str, now: float) -> Caller | None:
        """Who has this key; None where it is none, or holds no longer. Raises DamagedKeysError."""
        stored, match = self.stored(), TOKEN.fullmatch(token)
        key = stored.find(match[1]) if match else None
        if match is None or key is None or not (key.opens_with(match[2], now) and key.is_valid(now)):
            return None
        return key.caller

    def stored(self) -> StoredKeys:
        """All keys; none where there is no file. Raises DamagedKeysError."""
        identity = identity_of(self._path)
        if identity is None or identity != self._identity:
            self._stored = read(self._path)
            self._identity = identity
        return self._stored


class ApiKeyStore:
    """The keys as the operator changes them. Every method may be called from several processes at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> tuple[ApiKey, ...]:
        """In the order in which they were made. Raises DamagedKeysError."""
        return read(self._path).keys

    def create(
        self,
        name: str,
        now: float,
        scopes: frozenset[Scope] = USER_SCOPES,
        allowance: Allowance | None = None,
        expires_at: float | None = None,
        profiles: frozenset[str] | None = None,
    ) -> NewKey:
        """A new key. Raises InvalidInputError for a name that cannot be shown on a line."""
        secret = new_secret()
        key = ApiKey(
            id=random_text(ID_LETTERS, ID_LENGTH),
            name=checked_name(name),
            digest=digest_of(secret),
            scopes=scopes,
            allowance=allowance or Allowance(),
            profiles=profiles,
            created_at=now,
            expires_at=expires_at,
        )
        with locked(self._path.parent):
            write(self._path, StoredKeys(keys=(*read(self._path).keys, key)))
        return NewKey(key, token_of(key, secret))

    def rotate(self, key_id: str, now: float, grace_seconds: float) -> NewKey:
        """Another secret for the key; the one that it had holds for so long. Raises InvalidInputError."""
        secret = new_secret()

        def rotated(key: ApiKey) -> ApiKey:
            if not key.is_valid(now):
                raise InvalidInputError(f"key {key_id} is revoked or has expired: create another one", field="id")
            former = {"former_digest": key.digest, "former_until": now + grace_seconds}
            return key.model_copy(update={"digest": digest_of(secret), **former})

        key = self._change(key_id, rotated)
        return NewKey(key, token_of(key, secret))

    def revoke(self, key_id: str, now: float) -> ApiKey:
        """The key opens nothing from here on; its record stays. Raises InvalidInputError when there is none."""
        return self._change(key_id, lambda key: key.model_copy(update={"revoked_at": key.revoked_at or now}))

    def _change(self, key_id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
        with locked(self._path.parent):
            stored = read(self._path)
            key = stored.find(key_id)
            if key is None:
                raise InvalidInputError(f"there is no key {key_id}: `robustify keys list` shows all", field="id")
            changed = change(key)
            write(self._path, StoredKeys(keys=tuple(changed if old is key else old for old in stored.keys)))
            return changed


def check_listening(settings: Settings) -> None:
    """Refuses to let strangers reach a service that asks nobody for a key and has none. Raises RobustifyError."""
    if is_loopback(settings.host) or settings.keyless == "anybody":
        return
    now = time.time()
    if not any(key.is_valid(now) for key in read(settings.state.api_keys).keys):
        raise RobustifyError(
            f"other machines reach {settings.host}, and there is no key that would let anybody in: make one with "
            "`robustify keys create NAME`, or set ROBUSTIFY_KEYLESS=anybody where everybody may ask for everything"
        )


def read(path: Path) -> StoredKeys:
    """What is in the file; nothing where there is none. Raises DamagedKeysError."""
    try:
        return StoredKeys.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return StoredKeys()
    except (OSError, ValidationError) as error:
        # The cause would show digests.
        raise DamagedKeysError(
            f"the keys in {path} cannot be read ({type(error).__name__}): restore or remove the file"
        ) from None


def write(path: Path, stored: StoredKeys) -> None:
    """Readable by its owner alone, as every file that is written durably."""
    write_durably(path, stored.model_dump_json(indent=1).encode())


def identity_of(path: Path) -> FileIdentity | None:
    """None where it cannot be looked at, so that reading it says why."""
    try:
        found = path.stat()
    except OSError:
        return None
    return FileIdentity(found.st_mtime_ns, found.st_size, found.st_ino)


def checked_name(name: str) -> str:
    if not name.strip() or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidInputError(f"a name has 1 to {MAX_NAME_LENGTH} characters that can be printed", field="name")
    return name


def token_of(key: ApiKey, secret: str) -> str:
    return f"rk_{key.id}_{secret}"


def new_secret() -> str:
    return random_text(SECRET_LETTERS, SECRET_LENGTH)


def random_text(letters: str, length: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(length))


def digest_of(secret: str) -> str:
    """A secret of 256 random bits needs no slow hash: it cannot be guessed."""
    return sha256(secret.encode()).hexdigest()
