"""Connections to receivers of webhooks: only to addresses that may be reached, looked at when the connection is made.

The client of HTTP asks this file for each connection, and is given one to the very address that was looked at. It then
speaks TLS with the name, so that the certificate must be the name's.
"""

import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address

import anyio.to_thread
from anyio import CapacityLimiter
from httpcore import SOCKET_OPTION, AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError

from adapters.contract.webhook import Address, Receiver, Receivers, address_of

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""From a name and a port to all addresses that the name stands for now. Raises OSError."""
LOOK_UPS = 8
"""That are under way at once; one that takes long goes on in its thread when nobody waits for it any more."""


class ForbiddenAddressError(Exception):
    """A name stands for an address that no webhook may reach."""


class Resolver:
    """Asks the system, in threads of its own."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(LOOK_UPS)

    async def __call__(self, name: str, port: int) -> Sequence[Address]:
        literal = address_of(name)
        if literal is not None:
            return [literal]
        return await anyio.to_thread.run_sync(look_up, name, port, limiter=self._threads, abandon_on_cancel=True)


class CheckedNetwork(AsyncNetworkBackend):
    """Connects to one receiver, where every address of its name may be reached."""

    def __init__(self, receiver: Receiver, receivers: Receivers, resolve: Resolve) -> None:
        self._receiver, self._receivers, self._resolve = receiver, receivers, resolve
        self._network = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Raises ForbiddenAddressError, OSError or ConnectError."""
        failure = ConnectError("the name has no address")
        for address in await self._checked(host, port):
            try:
                return await self._network.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except ConnectError as error:
                failure = error
        raise failure

    async def _checked(self, host: str, port: int) -> Sequence[Address]:
        addresses = await self._resolve(host, port)
        # All, since a name that has a private address beside a public one is made to be tried again.
        if not all(self._receivers.allows(self._receiver, address) for address in addresses):
            raise ForbiddenAddressError
        return addresses


def look_up(name: str, port: int) -> Sequence[Address]:
    """Each address once, in the system's order. Raises OSError."""
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # A name with a part that is empty or too long.
        raise OSError(str(error)) from error
    return [ip_address(address) for address in dict.fromkeys(str(entry[4][0]) for entry in found)]
