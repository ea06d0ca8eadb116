"""What runs beside the requests, from the start of the service to its end."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import FastAPI

from service.dependencies import Service

AGAIN_SECONDS = 5.0
"""What fails for no planned reason is begun anew after this."""

Background = Callable[[], Awaitable[None]]
"""Runs until it is canceled; planned troubles, such as a queue that is away, are its own."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """The lifespan of the application: the decoders are ready before the first request; what runs beside them runs."""
    service: Service = app.state.service
    background: Sequence[Background] = app.state.background
    service.decoders.start()  # In this thread, which they end with.
    try:
        async with anyio.create_task_group() as group:
            for run in background:
                group.start_soon(kept_running, run)
            yield
            group.cancel_scope.cancel()
    finally:
        service.decoders.close()
        await anyio.to_thread.run_sync(service.traces.close)


async def kept_running(run: Background) -> None:
    while True:
        try:
            await run()
        except Exception:
            log.exception("something that runs beside the requests has failed")
        await anyio.sleep(AGAIN_SECONDS)
