"""How the API is served: uvicorn, set up for strangers, which tells those who wait when it stops."""

import asyncio
import socket

import uvicorn
from fastapi import FastAPI

from adapters.logs.json_lines import configure_json_lines
from adapters.settings import Settings
from service.app import app_of
from service.serving.connections import BACKLOG, Connections, most_connections
from service.serving.protocol import BoundedProtocol
from service.stopping import Stopping
from service.watching.access_log import ACCESS_FIELDS
from service.watching.watch import Watching

GRACE_SECONDS = 5
"""What is under way when the service is told to stop has so long; who waits for a job is answered at once."""
CUT_OFF_SECONDS = 1.0
"""What is cut off then has so long to say so."""
KEEP_ALIVE_SECONDS = 5

LOUD = ("adapters", "service", "uvicorn")
"""Our own logs and uvicorn's are written from the level of the settings on, of others what is wrong."""


class ApiServer(uvicorn.Server):
    """A server of our application, with bounded connections."""

    def __init__(self, config: uvicorn.Config, stopping: Stopping, watching: Watching, most: int) -> None:
        super().__init__(config)
        self.server_state: Connections = Connections(most, watching.note_refusal)
        self.stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Within a tenth of a second of the signal; after it, nothing of a request is left to be done."""
        self.stopping.set()
        await super().shutdown(sockets)
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=CUT_OFF_SECONDS)


def serve(settings: Settings) -> None:
    """Until a signal ends it. Raises RobustifyError where it may not or cannot begin."""
    configure_json_lines(settings.log_level, LOUD, ACCESS_FIELDS)
    server_of(app_of(settings), settings).run()


def server_of(app: FastAPI, settings: Settings) -> ApiServer:
    """Ready to run; logging stays as it is."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # Otherwise whoever reaches us could say where it comes from.
        proxy_headers=settings.trusted_proxies is not None,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )
    return ApiServer(config, app.state.stopping, app.state.watching, most_connections())
