"""The board and RQ on a real queue server."""

from tests.queue_fixtures import connection, make_request, queue_server, queue_settings

__all__ = ["connection", "make_request", "queue_server", "queue_settings"]
