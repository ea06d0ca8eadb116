"""`python -m tests.fuzz`: schemathesis with all its checks against running instances; `make fuzz` calls it.

The seed makes a run reproducible as far as answers do not depend on time. All state is in a temporary folder.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from tests.fuzz.runs import Run, adapting_instance, fuzz, oracle_instance
from workers.stop import orderly_termination

OPERATIONS = 25
ADAPTING = ("--include-path", "/adapt", "--include-path-regex", "^/jobs/{job_id}$", "-H", "Prefer: respond-async")
"""Nobody ends these jobs: who waited for one would wait long."""


def main(
    cases: Annotated[int, typer.Option(help="About how many requests, at least.")] = 5000,
    seed: Annotated[int, typer.Option(help="Of what is generated.")] = 1,
) -> None:
    started, examples = time.monotonic(), max(1, cases // OPERATIONS)
    runs = []
    with orderly_termination(), TemporaryDirectory(prefix="robustify-fuzz-") as folder:
        for part in (everything, adaptations):
            runs.append(part(Path(folder, part.__name__), examples, seed))
            print(runs[-1].output)
    total, failures = sum(run.cases for run in runs), sum(run.failures for run in runs)
    print(f"{total} cases, {failures} failures, {time.monotonic() - started:.0f} seconds")
    sys.exit(0 if total >= cases and all(run.passed for run in runs) else 1)


def everything(folder: Path, examples: int, seed: int) -> Run:
    """All operations but /adapt."""
    with oracle_instance(folder) as client:
        return fuzz(client, folder, "oracle-linear", examples, seed, options=("--exclude-path", "/adapt"))


def adaptations(folder: Path, examples: int, seed: int) -> Run:
    """/adapt, and the jobs that come of it."""
    with adapting_instance(folder) as client:
        return fuzz(client, folder, "mini", examples, seed, options=ADAPTING)


if __name__ == "__main__":
    typer.run(main)
