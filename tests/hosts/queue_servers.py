"""Queue servers and Sentinels as docs/deploy.md sets them up: its own lines, with other addresses and passwords.

The bundled server has no TLS. Debian's redis-tools have a server that does; without them everything is unencrypted, and
whoever asks is told so.
"""

import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from adapters.queue.server import server_binary
from tests.hosts.network import REPOSITORY, Host
from tests.tls_front import Certificates

PORT, SENTINEL_PORT = 6379, 26379
PRIMARY_NAME = "robustify"
PASSWORD, SENTINELS_PASSWORD, OPERATOR_PASSWORD = "of-the-service", "of-all-sentinels", "of-the-operator"
SECRETS = "/run/secrets"
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FAILOVER_MILLISECONDS = 10_000
"""After twice of it a failover that came to nothing is tried again: shorter than documented, since the runs wait."""
ANSWER_SECONDS = 2.0
START_SECONDS = 30.0
NOT_IN_REDIS_7_0 = "+client|setinfo"


@cache
def encrypting_server() -> str | None:
    """A server with TLS, if there is one: that of Debian's redis-tools, which is all of their programs in one."""
    return shutil.which("redis-check-rdb")


def server_command(*arguments: str) -> Sequence[str]:
    """The program acts by the name that it is called by."""
    encrypting = encrypting_server()
    if encrypting is None:
        return (server_binary(), *arguments)
    return ("bash", "-c", 'exec -a redis-server "$0" "$@"', encrypting, *arguments)


def documented(beginning: str) -> str:
    """The block of docs/deploy.md that begins so."""
    text = (REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
    blocks: list[str] = BLOCK.findall(text)
    return next(block for block in blocks if block.startswith(beginning))


@dataclass(frozen=True)
class QueueServers:
    """`hosts`: each has a server and a Sentinel. `certificates`: None where nothing is encrypted."""

    hosts: Sequence[Host]
    certificates: Certificates | None

    def start_all(self) -> None:
        """The first is the primary. A Sentinel that starts before there are replicas sees them ten seconds later."""
        first = self.hosts[0]
        for host in self.hosts:
            self.start_server(host, first)
        self.wait(lambda: self.good_replicas(first) == len(self.hosts) - 1)
        for host in self.hosts:
            self.start_sentinel(host, first)

    def start_server(self, host: Host, primary: Host) -> None:
        """On a host whose disk is empty. `primary`: who is that now."""
        self.bring_certificates(host, "server")
        self._write(host, "users.acl", self._users())
        server = documented("port 0\ntls-port 6379")
        if host is not primary:
            server += f"replicaof {primary.address} {PORT}\n"
        # Replicas get everything at once, and where no disk is fast.
        self._write(host, "server.conf", f"{server}repl-diskless-sync-delay 0\ndir {host.folder}\n")
        host.start(*server_command(f"{host.folder}/server.conf"))

    def start_sentinel(self, host: Host, primary: Host) -> None:
        self._write(host, "sentinel.conf", self._sentinel(primary.address))
        host.start(*server_command(f"{host.folder}/sentinel.conf", "--sentinel"))

    def url(self, folder: Path) -> str:
        """What ROBUSTIFY_REDIS_URL says on a host with this folder."""
        sentinels = ",".join(f"{host.address}:{SENTINEL_PORT}" for host in self.hosts)
        options = f"?sentinel_password={SENTINELS_PASSWORD}"
        scheme = "redis+sentinel"
        if self.certificates is not None:
            scheme = "rediss+sentinel"
            names = {"ssl_ca_certs": "ca.pem", "ssl_certfile": "client.pem", "ssl_keyfile": "client.key"}
            options += "".join(f"&{option}={folder / name}" for option, name in names.items())
        return f"{scheme}://{PRIMARY_NAME}:{PASSWORD}@{sentinels}/{PRIMARY_NAME}{options}"

    def bring_certificates(self, host: Host, who: str) -> None:
        """The authority's, and those of a server or a client."""
        if self.certificates is None:
            return
        identity = self.certificates.server if who == "server" else self.certificates.client
        for path in (self.certificates.authority, identity.certificate, identity.key):
            shutil.copy(path, host.disk / path.name)

    def client(
        self, host: Host, user: str | None, password: str | None, port: int = PORT, is_known: bool = True
    ) -> redis.Redis:
        """Of one server, or of its Sentinel. `is_known`: with a certificate, where these are in use."""
        who = f"{user or ''}:{password}@" if password else ""
        scheme, options = "redis", ""
        if self.certificates is not None:
            scheme, options = "rediss", f"?ssl_ca_certs={self.certificates.authority}"
            if is_known:
                identity = self.certificates.client
                options += f"&ssl_certfile={identity.certificate}&ssl_keyfile={identity.key}"
        return plain_client(f"{scheme}://{who}{host.address}:{port}/0{options}")

    def info(self, host: Host) -> Mapping[str, object]:
        """What a server says of replication; nothing where it does not answer."""
        try:
            with self.client(host, "operator", OPERATOR_PASSWORD) as client:
                said: Mapping[str, object] = client.info("replication")
                return said
        except redis.RedisError:
            return {}

    def good_replicas(self, host: Host) -> int:
        """Which a primary has; 0 of a server that is none."""
        said = self.info(host)
        return int(str(said.get("min_slaves_good_slaves", 0))) if said.get("role") == "master" else 0

    def primary(self) -> Host | None:
        """The server that takes what is written; None where there is none."""
        return next((host for host in self.hosts if self.good_replicas(host) > 0), None)

    def are_whole(self) -> bool:
        """Whether there is one primary, all others are its replicas, and all Sentinels know each other."""
        roles = sorted(str(self.info(host).get("role")) for host in self.hosts)
        primary = self.primary()
        if primary is None or roles != ["master", *["slave"] * (len(self.hosts) - 1)]:
            return False
        if self.good_replicas(primary) != len(self.hosts) - 1:
            return False
        return all(self._sentinel_agrees(host, primary) for host in self.hosts)

    def wait(self, holds: Callable[[], bool], seconds: float = START_SECONDS) -> bool:
        """Whether it came to hold in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if holds():
                return True
            time.sleep(0.05)
        return False

    def refused(self) -> Sequence[str]:
        """What users of these servers were refused, but for who tried it on purpose."""
        found = []
        for host in self.hosts:
            with self.client(host, "operator", OPERATOR_PASSWORD) as client:
                found += [f"{entry['username']} {entry['reason']} {entry['object']}" for entry in client.acl_log()]
                client.acl_log_reset()
        return found

    def _sentinel_agrees(self, host: Host, primary: Host) -> bool:
        try:
            with self.client(host, None, SENTINELS_PASSWORD, SENTINEL_PORT) as client:
                known = client.sentinel_master(PRIMARY_NAME)
        except redis.RedisError:
            return False
        others = len(self.hosts) - 1
        return (known["ip"], known["num-other-sentinels"], known["num-slaves"]) == (primary.address, others, others)

    def _users(self) -> str:
        ours = documented("user robustify").replace(">PASSWORD", f">{PASSWORD}").replace(" -@all", " -@all +wait")
        if self.certificates is not None:  # Debian's server is Redis 7.0.
            ours = ours.replace(f" {NOT_IN_REDIS_7_0}", "")
        return f"{ours}{documented('user default off')}user operator on >{OPERATOR_PASSWORD} ~* &* +@all\n"

    def _sentinel(self, primary: str) -> str:
        return (
            f"{documented('port 0' + chr(10) + 'tls-port 26379').replace('FIRST-HOST', primary)}"
            f"sentinel failover-timeout {PRIMARY_NAME} {FAILOVER_MILLISECONDS}\n"
        )

    def _write(self, host: Host, name: str, text: str) -> None:
        lines = text.replace(SECRETS, str(host.folder)).replace("SENTINELS-PASSWORD", SENTINELS_PASSWORD).splitlines()
        if self.certificates is None:
            ports = {"tls-port 6379": "port 6379", "tls-port 26379": "port 26379"}
            plain = [ports.get(line, line) for line in lines if line != "port 0"]
            lines = [line for line in plain if not line.startswith("tls-")]
        (host.disk / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def plain_client(url: str) -> redis.Redis:
    """Which asks once."""
    return redis.Redis.from_url(
        url,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), retries=0),
    )
