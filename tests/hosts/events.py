"""What happens to the hosts while jobs run: each begins, lasts, and is over when the function returns."""

import time
from collections.abc import Callable

from robustify.errors import RobustifyError
from tests.faults.judging import Findings
from tests.hosts.cluster import FRONT, STORE, WORKERS, Cluster
from tests.hosts.network import Host

Event = Callable[[Cluster, float, Findings], None]
"""`seconds`: how long it lasts, at least."""


def nothing(cluster: Cluster, seconds: float, found: Findings) -> None:
    time.sleep(seconds)


def worker_host_killed(cluster: Cluster, seconds: float, found: Findings) -> None:
    """It comes back with an empty disk."""
    name = cluster.rng.choice(WORKERS)
    cluster.hosts[name].kill()
    time.sleep(seconds)
    cluster.reboot_worker(name)


def front_host_killed(cluster: Cluster, seconds: float, found: Findings) -> None:
    """The API comes back on a host with an empty disk."""
    cluster.hosts[FRONT].kill()
    time.sleep(seconds)
    cluster.reboot_front()
    if not cluster.wait(lambda: cluster.client.get("/healthz").status_code == 200):
        found.broken.append("the API did not come back")


def primary_host_killed(cluster: Cluster, seconds: float, found: Findings) -> None:
    """The server and its Sentinel: a replica goes on; then they come back with an empty disk, as a replica of that."""
    lost = the_primary(cluster)
    lost.kill()
    followed = wait_for_another(cluster, lost, found)
    time.sleep(seconds)
    lost.boot()
    cluster.servers.start_server(lost, followed)
    cluster.servers.start_sentinel(lost, followed)


def primary_cut_off(cluster: Cluster, seconds: float, found: Findings) -> None:
    """Nobody reaches the primary, and a replica goes on; then it is there again, and still thinks that it is one."""
    parted = the_primary(cluster)
    parted.unplug()
    wait_for_another(cluster, parted, found)
    time.sleep(seconds)
    parted.plug()


def primary_cut_off_from_replicas(cluster: Cluster, seconds: float, found: Findings) -> None:
    """API and workers still reach it, and it takes what they write until it has missed the replicas for ten seconds."""
    parted = the_primary(cluster)
    others = [host.address for host in cluster.servers.hosts if host is not parted]
    for address in others:
        parted.run("ip", "route", "add", "blackhole", address)
    wait_for_another(cluster, parted, found)
    time.sleep(seconds)
    for address in others:
        parted.run("ip", "route", "del", "blackhole", address)


def worker_cut_off(cluster: Cluster, seconds: float, found: Findings) -> None:
    """It computes on, and what it knows arrives when others have done it."""
    host = cluster.hosts[cluster.rng.choice(WORKERS)]
    host.unplug()
    time.sleep(seconds)
    host.plug()


def store_away(cluster: Cluster, seconds: float, found: Findings) -> None:
    """It takes connections and answers nobody, or cannot be reached."""
    store = cluster.hosts[STORE]
    if cluster.rng.random() < 0.5:
        found.count("stores that say nothing")
        store.freeze()
        time.sleep(seconds)
        store.thaw()
    else:
        found.count("stores that cannot be reached")
        store.unplug()
        time.sleep(seconds)
        store.plug()


def all_in_turn(cluster: Cluster, seconds: float, found: Findings) -> None:
    """One after the other, without a pause: what one leaves behind meets the next."""
    for event in (worker_host_killed, store_away, primary_host_killed, worker_cut_off):
        event(cluster, seconds, found)


def the_primary(cluster: Cluster) -> Host:
    found = cluster.servers.primary()
    if found is None:
        raise RobustifyError("no queue server is the primary")
    return found


def wait_for_another(cluster: Cluster, lost: Host, found: Findings) -> Host:
    """The host whose server goes on."""
    begun, others = time.monotonic(), [host for host in cluster.servers.hosts if host is not lost]
    if not cluster.wait(lambda: any(cluster.servers.good_replicas(host) for host in others)):
        raise RobustifyError(f"no replica became the primary: {cluster.said()}")
    found.count("seconds of failover", round(time.monotonic() - begun, 1))
    return next(host for host in others if cluster.servers.good_replicas(host))
