"""A network between a worker and its queue server that fails on demand: a proxy from one unix socket to another."""

import asyncio
import os
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

PORTION = 1 << 16
LATENCY_SECONDS = 2.0
T = TypeVar("T")


class Network(StrEnum):
    """How it is just now."""

    WHOLE = "whole"
    DOWN = "down"
    """Nobody can connect, and who was connected is cut off."""
    SILENT = "silent"
    """Nothing passes; what was sent arrives when the network is whole again, as after a partition of TCP."""
    RESET = "reset"
    """Whoever connects or sends is cut off."""
    SLOW = "slow"
    """Every portion comes two seconds late."""


OUTAGES = (Network.DOWN, Network.SILENT, Network.RESET, Network.SLOW)


class Proxy:
    """Use `running`. `path` is the socket to connect to; `become` may be called from any thread."""

    def __init__(self, path: Path, target: Path) -> None:
        self.path = path
        self._target = target
        self._network = Network.WHOLE
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        self._thread.start()
        server = self._call(asyncio.start_unix_server(self._serve, self.path))
        try:
            yield self
        finally:
            self._call(self._end(server))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def become(self, network: Network) -> None:
        self._call(self._become(network))

    def _call(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _become(self, network: Network) -> None:
        if (network is Network.DOWN) != (self._network is Network.DOWN):
            self._hide() if network is Network.DOWN else self._show()
        self._network = network
        if network in (Network.DOWN, Network.RESET):
            self._cut_off()
        if network is Network.SILENT:
            self._open.clear()
        else:
            self._open.set()

    def _hide(self) -> None:
        os.rename(self.path, self.path.with_suffix(".hidden"))

    def _show(self) -> None:
        os.rename(self.path.with_suffix(".hidden"), self.path)

    def _cut_off(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _end(self, server: asyncio.Server) -> None:
        server.close()
        # Streams of Python 3.11 report that their tasks were canceled, as here they are.
        self._loop.set_exception_handler(lambda loop, context: None)
        self._cut_off()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._network in (Network.DOWN, Network.RESET):
            writer.transport.abort()
            return
        try:
            onward_reader, onward_writer = await asyncio.open_unix_connection(self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, onward_writer}
        self._writers |= ends
        try:
            await asyncio.gather(self._pass(reader, onward_writer), self._pass(onward_reader, writer))
        finally:
            self._writers -= ends

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while portion := await reader.read(PORTION):
                await self._open.wait()
                if self._network is Network.SLOW:
                    await asyncio.sleep(LATENCY_SECONDS)
                if self._network is Network.RESET:
                    break
                writer.write(portion)
                await writer.drain()
        writer.close()
