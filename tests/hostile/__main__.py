"""`python -m tests.hostile`: every fault that strangers found, tried on a running service; `make hostile` calls it.

With `--server` those checks alone that need no instance of their own; otherwise instances are started, from this
checkout or from another one, whose code is judged then. Exit code 1 where one is wrong.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tests.hostile.check import Judged, judge
from tests.hostile.checks import HEAD, chosen, instances, line
from tests.hostile.instance import HERE, existing
from workers.stop import orderly_termination


def main(
    server: Annotated[str | None, typer.Option(help="Address of a running service; keyless, with an oracle.")] = None,
    start: Annotated[bool, typer.Option(help="Start instances instead; this is the default.")] = True,
    checkout: Annotated[Path, typer.Option(help="Folder of the code to start them from.")] = HERE,
    only: Annotated[str, typer.Option(help="Checks that have this in their name.")] = "",
    report: Annotated[bool, typer.Option(help="Print Markdown alone.")] = False,
) -> None:
    judged: list[Judged] = []

    def note(one: Judged) -> None:
        judged.append(one)
        print(line(one), flush=True)

    print(HEAD)
    with orderly_termination():
        if server is not None or not start:
            with existing(server or "http://127.0.0.1:8000") as instance:
                for check in chosen(only):
                    if not check.own:
                        note(judge(check, instance))
        else:
            with instances(checkout.absolute()) as started:
                for check in chosen(only):
                    note(started.judge(check))
    if not report:
        print(f"{sum(one.is_right for one in judged)} of {len(judged)} right")
    sys.exit(0 if judged and all(one.is_right for one in judged) else 1)


if __name__ == "__main__":
    typer.run(main)
