"""A queue server of this folder's own."""

from tests.queue_fixtures import connection, make_request, queue_server, queue_settings

__all__ = ["connection", "make_request", "queue_server", "queue_settings"]
