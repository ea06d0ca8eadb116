"""The logs of a worker: lines of JSON on standard error."""

import logging

from adapters.logs.json_lines import configure_json_lines


def configure_logging(level: str) -> None:
    """Everybody's records from this level on, but for RQ's."""
    configure_json_lines(level)
    # RQ tells of every pop, and of what ends its loop with all that led to it. The worker's own records say the same
    # with the ids that matter; what none of them tells of ends the process, which says why.
    logging.getLogger("rq.worker").setLevel(logging.CRITICAL)
