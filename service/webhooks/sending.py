"""One POST to a receiver of webhooks: no redirect is followed, no proxy asked, and next to no answer read."""

import ssl
from collections.abc import Mapping
from functools import cached_property

import anyio
import httpcore

from adapters.contract.webhook import HTTP_PORT, HTTPS_PORT, Receiver, Receivers
from service.webhooks.connecting import CheckedNetwork, ForbiddenAddressError, Resolve, Resolver

SECONDS = 10.0
"""From looking up the name to the status of the answer."""
MOST_ANSWER_BYTES, ANSWER_SECONDS = 1024, 1.0
"""What is read of an answer, so that the receiver is not cut off while it says a word or two."""
DEFAULT_PORTS = {"https": HTTPS_PORT, "http": HTTP_PORT}


class UndeliveredError(Exception):
    """There was no answer; the message says why, for the log."""


class Sender:
    """Sends to whom it may."""

    def __init__(self, receivers: Receivers, resolve: Resolve | None = None, seconds: float = SECONDS) -> None:
        self._receivers, self._resolve, self._seconds = receivers, resolve or Resolver(), seconds

    async def post(self, receiver: Receiver, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer. Raises UndeliveredError where there is none."""
        try:
            with anyio.fail_after(self._seconds):
                return await self._post(receiver, {"Host": host_of(receiver), **headers}, body)
        except TimeoutError:
            raise UndeliveredError(f"no answer within {self._seconds:g} s") from None
        except ForbiddenAddressError:
            raise UndeliveredError("its name stands for an address that no webhook may reach") from None
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            raise UndeliveredError(type(error).__name__) from error

    async def _post(self, receiver: Receiver, headers: Mapping[str, str], body: bytes) -> int:
        network = CheckedNetwork(receiver, self._receivers, self._resolve)
        url = httpcore.URL(scheme=receiver.scheme, host=receiver.name, port=receiver.port, target=receiver.target)
        async with (
            httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=network) as connections,
            connections.stream("POST", url, headers=list(headers.items()), content=body) as response,
        ):
            await read_a_little(response)
            status: int = response.status
            return status

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Reads the system's certificates, which takes some hundredths of a second."""
        return ssl.create_default_context()


async def read_a_little(response: httpcore.Response) -> None:
    """A receiver that says more, or says it slowly, is cut off: its status is known."""
    size = 0
    with anyio.move_on_after(ANSWER_SECONDS):
        async for piece in response.aiter_stream():
            size += len(piece)
            if size >= MOST_ANSWER_BYTES:
                return


def host_of(receiver: Receiver) -> str:
    """For the header `Host`."""
    name = f"[{receiver.name}]" if ":" in receiver.name else receiver.name
    return name if DEFAULT_PORTS[receiver.scheme] == receiver.port else f"{name}:{receiver.port}"
