"""A queue server behind TLS: who has no certificate, or trusts another authority, is refused; all else works.

The bundled server has no TLS of its own: something that has it stands in front of it.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from adapters.contract.jobs import JobRequest
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from robustify.errors import QueueUnavailableError
from tests.tls_front import make_certificates, tls_in_front_of


@pytest.mark.slow
def test_board_when_the_queue_server_has_tls(
    queue_server: EmbeddedServer, queue_settings: Settings, make_request: Callable[..., JobRequest], tmp_path: Path
) -> None:
    """It works with a certificate, and without one, or for an authority that is not trusted, the server is away."""
    made = make_certificates(tmp_path)
    (tmp_path / "other").mkdir()
    other = make_certificates(tmp_path / "other")
    with tls_in_front_of(queue_server.url.removeprefix("unix://"), made) as port:
        client = f"&ssl_certfile={made.client.certificate}&ssl_keyfile={made.client.key}"
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs="
        with connect(f"{url}{made.authority}{client}") as connection:
            board = JobBoard(connection, queue_settings)
            job = board.submit(make_request(), 500)
            assert board.get(job.job) is not None
        for refused in (f"{url}{made.authority}", f"{url}{other.authority}{client}"):
            with connect(refused) as connection, pytest.raises(QueueUnavailableError, match="does not answer"):
                JobBoard(connection, queue_settings).ping()
        with redis.Redis.from_url(queue_server.url) as plain:
            assert plain.ping()
