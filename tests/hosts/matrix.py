"""Everything that is shown on the hosts: what happens, how often and how long."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults.judging import Findings
from tests.faults.lanes import JOB_SECONDS
from tests.faults.tried import Tried
from tests.hosts.adaptations import adapted_and_killed, adapted_elsewhere
from tests.hosts.cluster import Cluster
from tests.hosts.events import (
    Event,
    all_in_turn,
    front_host_killed,
    nothing,
    primary_cut_off,
    primary_cut_off_from_replicas,
    primary_host_killed,
    store_away,
    worker_cut_off,
    worker_host_killed,
)
from tests.hosts.judging import Asker, judge, new_question
from tests.hosts.strangers import strangers

BURST = 6
"""Questions that are accepted before something happens; more come all the time."""
SHORTEST_SECONDS = 2.0


@dataclass(frozen=True)
class Row:
    """`seconds`: how long what happens lasts in the long form. `run` says otherwise where no event is tried."""

    name: str
    title: str
    runs: int
    seconds: float
    run: Callable[[Cluster, float, Findings], None]


def during(event: Event) -> Callable[[Cluster, float, Findings], None]:
    """Jobs are accepted before the event and all through it; each ends, as in an undisturbed run."""

    def run(cluster: Cluster, seconds: float, found: Findings) -> None:
        cluster.wait_until_whole()
        asker = Asker(cluster, found)
        for _ in range(BURST):
            asker.ask(new_question(cluster.rng))
        with asker.asking():
            time.sleep(cluster.rng.uniform(0, JOB_SECONDS))
            event(cluster, seconds, found)
            asker.read_some()
        over = time.monotonic()
        asker.read_all()
        found.seconds.append(time.monotonic() - over)
        asker.read_some()
        judge(asker, cluster.own_settings)

    return run


ROWS = (
    Row("nothing", "nothing happens", 3, 3, during(nothing)),
    Row("strangers", "strangers on the network, without certificate, key or password", 1, 0, strangers),
    Row("worker", "a host of workers is killed, and comes back empty", 20, 3, during(worker_host_killed)),
    Row("front", "the host of the API is killed, and comes back empty", 10, 2, during(front_host_killed)),
    Row("queue", "the host of the queue's primary is killed, and comes back empty", 10, 3, during(primary_host_killed)),
    Row("store", "the store is away", 5, 60, during(store_away)),
    Row("cut-off", "a host of workers is cut off", 10, 20, during(worker_cut_off)),
    Row("parted", "the queue's primary is cut off", 10, 10, during(primary_cut_off)),
    Row(
        "half-parted", "the primary is cut off from its replicas, and from nobody else", 5, 20,
        during(primary_cut_off_from_replicas),
    ),
    Row("adapt", "an adaptation made on one host, used on the other", 1, 0, adapted_elsewhere),
    Row("adapt-killed", "the host that adapts is killed; another begins anew", 1, 0, adapted_and_killed),
)  # fmt: skip
SHORT = Row("short", "all of it in turn", 1, 2, during(all_in_turn))
"""For tests; not among the others."""


def chosen(only: Sequence[str]) -> list[Row]:
    """The rows of these names; all when none is named."""
    return [row for row in (*ROWS, SHORT) if row.name in only] if only else list(ROWS)


def try_row(row: Row, cluster: Cluster, scale: float) -> Tried:
    """All runs of a row; raises what was not foreseen."""
    started, found = time.monotonic(), Findings()
    seconds = max(min(SHORTEST_SECONDS, row.seconds), row.seconds * scale)
    for _ in range(max(1, math.ceil(row.runs * scale))):
        row.run(cluster, seconds, found)
        found.runs += 1
    found.broken += [f"the queue server refused: {what}" for what in cluster.servers.refused()]
    return Tried(row, found, time.monotonic() - started)
