"""`python -m workers.health`: exit 0 when a worker of this host has shown itself lately; what a container asks."""

import socket
import sys

from pydantic import ValidationError

from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.settings import Settings
from robustify.errors import RobustifyError


def worker_lives(board: JobBoard, host: str) -> bool:
    """Whether the board lists a worker of that host: it beats, its work moves, and it reaches the queue server."""
    return any(worker.host == host for worker in board.workers())


def main() -> None:
    """Says in one line what is wrong. Loads no model library: it is asked every few seconds."""
    try:
        settings = Settings()
        if settings.redis_url is None:
            sys.exit("robustify: ROBUSTIFY_REDIS_URL is not set")
        if not worker_lives(JobBoard(connect(settings.redis_url), settings), socket.gethostname()):
            sys.exit("robustify: no worker of this host has shown itself lately")
    except (RobustifyError, ValidationError) as error:
        sys.exit(f"robustify: {error}")


if __name__ == "__main__":
    main()
