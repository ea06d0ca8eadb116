"""`python -m tests.soak`: many keys ask for twice what a stack can do, for half an hour; `make soak` calls it.

Exit code 1 where an accepted job did not end, something was refused but for want of room, memory grew, or the flood
of one key was felt by others.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from tests.hostile.instance import Stack, launched
from tests.soak.report import judge, markdown
from tests.soak.run import soak
from workers.stop import orderly_termination

SETTINGS = {
    "KEYLESS": "nobody",
    "RETENTION_SECONDS": "150",
    "OUTCOME_SECONDS": "150",
    "QUEUE_SECONDS": "150",
    "MAX_QUEUED_JOBS": "200",
    # Keys take turns: of a fiftieth of two and a half certificates a second, four begin well within 150 s, not ten.
    "MAX_QUEUED_JOBS_PER_KEY": "4",
    "LOG_LEVEL": "WARNING",
}
"""What ends is forgotten within the run, so that memory has to come back."""
ALL_REQUESTS = 30_000
"""Of all keys together in a minute: enough for the load, and for asking how each job ended; not for a flood."""


def main(
    minutes: Annotated[float, typer.Option(help="How long the load lasts.")] = 30.0,
    keys: Annotated[int, typer.Option(help="Callers, each with a key.", min=3)] = 50,
    workers: Annotated[int, typer.Option(help="Worker processes.")] = 2,
    report: Annotated[bool, typer.Option(help="Print Markdown alone, for docs/results/soak.md.")] = False,
) -> None:
    stack = Stack(settings={**SETTINGS, "REQUESTS_PER_MINUTE": str(ALL_REQUESTS // keys)}, workers=workers)
    with orderly_termination(), TemporaryDirectory(prefix="soak-") as folder, launched(stack, Path(folder)) as instance:
        instance.wait_until_ready()
        outcome = asyncio.run(soak(instance, minutes * 60, keys))
    wrong = judge(outcome)
    if report:
        print(f"`python -m tests.soak --minutes {minutes:g} --keys {keys} --workers {workers}`\n")
    print(markdown(outcome))
    print("\n".join(["", *(f"* WRONG: {what}" for what in wrong)]) if wrong else "\nAll as it must be.")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    typer.run(main)
