"""`python -m tests.faults`: the fault matrix against real workers, queue servers and APIs; `make faults` calls it.

Exit code 1 where a job was lost, counted twice, or answered otherwise than in an undisturbed run.
"""

import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from workers.stop import orderly_termination


def main(
    only: Annotated[str, typer.Option(help="Rows to try, with commas between: F1,F5; by default all.")] = "",
    scale: Annotated[float, typer.Option(help="Share of the runs of each row, over 0, to 1.")] = 1.0,
    full: Annotated[bool, typer.Option(help="Also all runs of five minutes each, whatever the scale.")] = False,
    seed: Annotated[int, typer.Option(help="Of when what happens.")] = 1,
    report: Annotated[bool, typer.Option(help="Markdown for docs/results/faults.md; each row to stderr.")] = False,
) -> None:
    # Before torch is loaded, here and in the server of forks.
    os.environ["OMP_NUM_THREADS"] = "1"
    from tests.faults.matrix import LONG, chosen, try_row
    from tests.faults.tried import line, table

    tried, told = [], sys.stderr if report else sys.stdout
    with orderly_termination():
        for row in chosen([name for name in only.split(",") if name]):
            tried.append(try_row(row, 1.0 if full and row.name == LONG else scale, seed))
            print(line(tried[-1]), file=told, flush=True)
    if report:
        rows = f" --only {only}" if only else ""
        print(f"`python -m tests.faults{rows} --scale {scale:g} --seed {seed}`, {datetime.now(UTC):%Y-%m-%d}.\n")
    print(table(tried, "fault", "recovery"))
    sys.exit(0 if tried and all(row.passed for row in tried) else 1)


if __name__ == "__main__":
    typer.run(main)
