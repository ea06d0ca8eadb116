"""`python -m tests.hosts`: the service on seven hosts of this machine, which are killed and cut off while jobs run.

Exit code 1 where a job was lost, counted twice, or answered otherwise than in an undisturbed run. Needs Linux, iproute2
and the right to make network namespaces, and Debian's redis-tools for a queue server with TLS.
"""

import os
import sys
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from tests.hosts.network import can_have_hosts, enter_a_network
from workers.stop import orderly_termination


def main(
    only: Annotated[str, typer.Option(help="What to try, with commas between: worker,queue; by default all.")] = "",
    scale: Annotated[float, typer.Option(help="Share of the runs and of how long each lasts, over 0, to 1.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of when what happens.")] = 1,
    report: Annotated[bool, typer.Option(help="Markdown for docs/results/hosts.md; each row to stderr.")] = False,
) -> None:
    if not can_have_hosts():
        sys.exit("no network namespaces can be made here: run it as root, with iproute2 and util-linux installed")
    enter_a_network()
    # Before torch is loaded.
    os.environ["OMP_NUM_THREADS"] = "1"
    started, tried, told = time.monotonic(), [], sys.stderr if report else sys.stdout
    with orderly_termination():
        from tests.hosts.cluster import running_cluster
        from tests.hosts.queue_servers import encrypting_server

        with running_cluster(seed) as cluster:
            from tests.faults.tried import line, table
            from tests.hosts.matrix import chosen, try_row

            cluster.wait_until_whole()
            ready = time.monotonic() - started
            print(f"ready after {ready:.0f} s", file=told, flush=True)
            for row in chosen([name for name in only.split(",") if name]):
                tried.append(try_row(row, cluster, scale))
                print(line(tried[-1]), file=told, flush=True)
                if not tried[-1].passed:
                    print(cluster.said(), file=sys.stderr, flush=True)
    encryption = "TLS" if encrypting_server() else "no TLS, for lack of a server that has it"
    rows = f" --only {only}" if only else ""
    command = f"`python -m tests.hosts{rows} --scale {scale:g} --seed {seed}`"
    print(f"{command}, {datetime.now(UTC):%Y-%m-%d}, {encryption}; ready after {ready:.0f} s.\n")
    print(table(tried, "what happens", "last answer after"))
    sys.exit(0 if tried and all(row.passed for row in tried) else 1)


if __name__ == "__main__":
    typer.run(main)
