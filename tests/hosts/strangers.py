"""Whoever is on the network of the hosts and belongs to nobody gets nothing: without certificate, key or password."""

from collections.abc import Callable

import httpx
import redis

from tests.faults.judging import Findings
from tests.hosts.cluster import FRONT, WORKERS, Cluster
from tests.hosts.network import Host
from tests.hosts.queue_servers import OPERATOR_PASSWORD, PASSWORD, SENTINEL_PORT, plain_client

ON_DISK = {"api_keys.json", "adapting", "cache", "noise_key.json", "prompts", "uploads"}
"""What the state folder of a host has in it, at most: no image, answer or task of anybody, and of the noise key the
public half."""
Try = Callable[[], object]


def strangers(cluster: Cluster, seconds: float, found: Findings) -> None:
    cluster.wait_until_whole()
    for host in cluster.servers.hosts:
        for what, attempt in attempts(cluster, host).items():
            found.count("attempts")
            if is_let_in(attempt):
                found.broken.append(f"{what} is let in")
        with cluster.servers.client(host, "operator", OPERATOR_PASSWORD) as operator:
            operator.acl_log_reset()  # What was tried on purpose is no fault of the service.
    found.broken += [f"{host} shares {what}" for host in (FRONT, *WORKERS) for what in shared(cluster.hosts[host])]
    address = str(cluster.client.base_url).rstrip("/")
    for token in ({}, {"Authorization": "Bearer rk_aaaaaaaaaaaa_" + 43 * "a"}):
        found.count("attempts")
        if httpx.get(f"{address}/jobs", headers=token).status_code != 401:
            found.broken.append("the API lets in who has no key")


def attempts(cluster: Cluster, host: Host) -> dict[str, Try]:
    """On one queue server and its Sentinel."""
    servers = cluster.servers
    known = servers.client(host, "robustify", PASSWORD)
    found: dict[str, Try] = {
        "who has no password": servers.client(host, None, None).ping,
        "who guesses a password": servers.client(host, "robustify", "guessed").ping,
        "who asks a Sentinel without a password": servers.client(host, None, None, SENTINEL_PORT).sentinel_masters,
        "the service, to flush all": known.flushall,
        "the service, to read settings": known.config_get,
        "the service, to write elsewhere": lambda: known.set("other", "1"),
        "the service, to become a replica": lambda: known.execute_command("REPLICAOF", "10.77.0.1", "6379"),
        "a replica, to read": lambda: servers.client(host, "replica", "REPLICA-PASSWORD").get("robustify:x"),
        "a Sentinel, to read": lambda: servers.client(host, "sentinel", "SENTINEL-PASSWORD").get("robustify:x"),
    }
    if servers.certificates is not None:
        found["who has no certificate"] = servers.client(host, "robustify", PASSWORD, is_known=False).ping
        found["who does not encrypt"] = plain_client(f"redis://robustify:{PASSWORD}@{host.address}").ping
    return found


def is_let_in(attempt: Try) -> bool:
    try:
        attempt()
    except redis.RedisError:
        return False
    return True


def shared(host: Host) -> set[str]:
    """What should not be on the disk of a host."""
    return {path.name for path in (host.disk / "state").glob("*")} - ON_DISK
