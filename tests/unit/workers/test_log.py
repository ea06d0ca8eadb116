"""What a worker writes on standard error, in a process of its own."""

import json
import subprocess
import sys

SCRIPT = """
import logging, warnings, structlog
from workers.log import configure_logging
configure_logging("INFO")
for number in range(3):
    structlog.get_logger().warning("queue_unavailable", error=number)
    structlog.get_logger().info("shard_recorded", shard=number)
    logging.getLogger("library").warning("again %s", number)
warnings.warn("of Python")
logging.getLogger("rq.worker").error("what ends the loop is told by work_until_stopped")
"""


def test_warnings_that_repeat() -> None:
    """One of each kind is written, of ours, of a library's and of Python's; what is routine is written always."""
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["event"].split(":")[-1].split("\n")[0] for line in lines if line["level"] != "info"] == [
        "queue_unavailable",
        "again 0",
        " of Python",
    ]
    assert [line["shard"] for line in lines if line["event"] == "shard_recorded"] == [0, 1, 2]
