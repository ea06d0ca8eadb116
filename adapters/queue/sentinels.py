"""Queue servers that are watched by Sentinels: which server is the primary now is asked of them at every connection."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

from robustify.errors import InvalidInputError

SCHEMES = ("redis+sentinel", "rediss+sentinel")
PORT = 26379
LACKS_REPLICAS = "NOREPLICAS"
SENTINEL_SECONDS = 2.0
"""A Sentinel that says nothing for so long is asked no more: the next one is."""
OF_SENTINELS = {"sentinel_username": "username", "sentinel_password": "password"}
CERTIFICATES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
EXPECTED = (
    "ROBUSTIFY_REDIS_URL must look like redis+sentinel://USER:PASSWORD@HOST:26379,HOST:26379/NAME, or "
    f"rediss+sentinel:// for TLS, with {', '.join((*CERTIFICATES, *OF_SENTINELS))} after a ?"
)

Options = Mapping[str, object]
"""Of the client."""

# By itself the client asks ten times more: where the host of the first Sentinel is gone, for half a minute.
ONCE: Options = MappingProxyType({"socket_timeout": SENTINEL_SECONDS, "socket_connect_timeout": SENTINEL_SECONDS})


@dataclass(frozen=True)
class SentinelAddress:
    """Who is asked, for which primary, and how both are connected to."""

    sentinels: tuple[tuple[str, int], ...]
    primary: str
    to_primary: Options
    to_sentinels: Options

    def client(self, **options: object) -> redis.Redis:
        """Nothing is sent before its first command."""
        asked = {**self.to_sentinels, **ONCE, "retry": Retry(NoBackoff(), retries=0)}
        sentinel = Sentinel(self.sentinels, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
        ours = {"connection_class": EncryptedConnection if self.to_primary.get("ssl") else PrimaryConnection}
        client: redis.Redis = sentinel.master_for(self.primary, **self.to_primary, **ours, **options)  # type: ignore[no-untyped-call]
        return client

    @asynccontextmanager
    async def async_client(self, **options: object) -> AsyncIterator[redis.asyncio.Redis]:
        """The same for an event loop; its connections, those to the Sentinels too, end with the block."""
        asked = {**self.to_sentinels, **ONCE, "retry": AsyncRetry(NoBackoff(), retries=0)}
        async with AsyncSentinel(self.sentinels, sentinel_kwargs=asked) as sentinel:  # type: ignore[no-untyped-call]
            client = sentinel.master_for(self.primary, **self.to_primary, **options)  # type: ignore[arg-type]
            async with client:
                yield client


class PrimaryConnection(SentinelManagedConnection):
    """Ends when its server lacks replicas: these may follow another primary by now, which the Sentinels know.

    The client leaves a server that has become a replica by itself, but not one that was cut off from all others.
    """

    def read_response(self, *args: object, **options: object) -> object:
        try:
            return super().read_response(*args, **options)  # type: ignore[arg-type]
        except redis.ResponseError as error:
            if LACKS_REPLICAS in (getattr(error, "status_code", None), str(error).partition(" ")[0]):
                self.disconnect()  # type: ignore[no-untyped-call]
            raise


class EncryptedConnection(PrimaryConnection, redis.SSLConnection):
    """The same over TLS."""


def sentinel_address(url: str) -> SentinelAddress | None:
    """None for the address of a server itself. Raises InvalidInputError for one that cannot be read."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        return None
    who, _, hosts = parts.netloc.rpartition("@")
    primary, _, database = parts.path.strip("/").partition("/")
    options = dict(parse_qsl(parts.query))
    if not hosts or not primary or set(options) - {*CERTIFICATES, *OF_SENTINELS}:
        raise InvalidInputError(EXPECTED, field="redis_url")
    encryption: dict[str, object] = {name: options[name] for name in CERTIFICATES if name in options}
    if parts.scheme.startswith("rediss"):
        encryption["ssl"] = True
    of_sentinels = {ours: options[name] for name, ours in OF_SENTINELS.items() if name in options}
    try:
        return SentinelAddress(
            sentinels=tuple(map(host_and_port, hosts.split(","))),
            primary=unquote(primary),
            to_primary={**encryption, **credentials(who), "db": int(database or 0)},
            to_sentinels={**encryption, **of_sentinels},
        )
    except ValueError as error:
        raise InvalidInputError(EXPECTED, field="redis_url") from error


def credentials(text: str) -> Mapping[str, str]:
    user, _, password = text.partition(":")
    found = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in found.items() if value}


def host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    return (host.strip("[]"), int(port)) if colon else (text.strip("[]"), PORT)
