"""What runs on which host: the API, workers on two hosts, queue servers on three, and a server that speaks S3."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import redis

from adapters.profiles.library import path_of
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore, NewKey
from robustify.errors import RobustifyError
from tests.hosts.network import Host, children_of, running_network
from tests.hosts.queue_servers import QueueServers, encrypting_server
from tests.keys import NOISE_KEY_FILE
from tests.s3_server import CREDENTIALS, S3Server, make_bucket, server_command
from tests.tls_front import make_certificates

FRONT, LEFT, RIGHT, STORE = "front", "left", "right", "store"
WORKERS = (LEFT, RIGHT)
QUEUES = ("queue-1", "queue-2", "queue-3")
NUMBERS = {FRONT: 11, LEFT: 21, RIGHT: 22, **{name: 31 + index for index, name in enumerate(QUEUES)}, STORE: 41}
PORT = 8000
SHARED = Path(__file__).parents[1]
SLOW_ORACLE = str(SHARED / "integration" / "fault_injection_worker.py")
ADAPTING = (
    "from adapters.settings import Settings\n"
    "from tests.integration.little_evidence_worker import work_with_little_evidence\n"
    "work_with_little_evidence(Settings())"
)
BATCH_SECONDS = 0.03
QUICK = "mini-quick"
"""The bundled models, which make pictures in few steps."""
SETTINGS: Mapping[str, object] = {
    "profile": "oracle-linear", "threads": 1, "batch_size": 50, "shard_samples": 100, "lease_seconds": 2.0,
    "further_profiles": QUICK, "log_level": "WARNING", "requests_per_minute": 100_000,
}  # fmt: skip
"""Leases so short that their end can be waited for."""
PATIENCE_SECONDS = 120.0
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 30.0
"""Of the client; the API waits for its store for up to 15 s."""
SECRETS_FOR = {FRONT: ("signing_key", "api_keys.json"), **dict.fromkeys(WORKERS, ("signing_key", "noise_key"))}


@dataclass(frozen=True)
class Cluster:
    """`folder` is of this process alone; what hosts need of it is copied to them, as an operator does.

    `rng` decides when things happen; noise is none of it.
    """

    hosts: Mapping[str, Host]
    servers: QueueServers
    folder: Path
    key: NewKey
    rng: random.Random

    @cached_property
    def client(self) -> httpx.Client:
        """Who asks, from the switch."""
        return httpx.Client(
            base_url=f"http://{self.hosts[FRONT].address}:{PORT}",
            headers={"Authorization": f"Bearer {self.key.token}"},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        )

    @property
    def store(self) -> S3Server:
        host = self.hosts[STORE]
        return S3Server(PORT, host.processes[0], host.address)

    def settings_of(self, host: Host, **changes: object) -> Settings:
        """What an operator sets on a host. The API has no noise key; the workers have no callers' keys."""
        state = host.folder / "state"
        values = {
            **SETTINGS,
            "state_dir": state,
            "profiles_dir": host.folder / "profiles",
            "redis_url": self.servers.url(host.folder),
            "store": self.store.url("all"),
            "signing_key_file": host.folder / "signing_key",
            "host": host.address,
            "port": PORT,
            "allowed_hosts": host.address,
            "noise_key_file": None if host.name == FRONT else host.folder / "noise_key",
        }
        return Settings.model_validate({**values, **changes})

    @cached_property
    def own_settings(self) -> Settings:
        """Of this process, which answers every question once more, in a folder of its own."""
        values = {**SETTINGS, "state_dir": self.folder / "own", "profiles_dir": self.folder / "profiles"}
        return Settings.model_validate({**values, "noise_key_file": NOISE_KEY_FILE})

    def start_store(self) -> None:
        host = self.hosts[STORE]
        host.start(*server_command(host.address, PORT))

    def start_front(self) -> subprocess.Popen[bytes]:
        host = self.hosts[FRONT]
        self._equip(host)
        return host.start(sys.executable, "-m", "service", settings=environment(self.settings_of(host)))

    def start_worker(self, name: str) -> subprocess.Popen[bytes]:
        """Of the linear oracle, with batches that take a while."""
        host = self.hosts[name]
        self._equip(host)
        command = (sys.executable, SLOW_ORACLE, "--batch-seconds", str(BATCH_SECONDS))
        return host.start(*command, settings=environment(self.settings_of(host)))

    def start_adapting_worker(self, name: str, kinds: str) -> subprocess.Popen[bytes]:
        """Of the bundled models; it judges adaptations by few samples."""
        host = self.hosts[name]
        settings = self.settings_of(host, profile=QUICK, further_profiles=None, kinds=kinds)
        return host.start(sys.executable, "-c", ADAPTING, settings=environment(settings))

    def reboot_front(self) -> None:
        self.hosts[FRONT].boot()
        self.start_front()

    def reboot_worker(self, name: str) -> None:
        self.hosts[name].boot()
        self.start_worker(name)

    def is_ready(self) -> bool:
        with suppress(httpx.TransportError):
            return self.client.get("/readyz").status_code == 200
        return False

    def is_whole(self) -> bool:
        """Whether everything is as it was before a fault."""
        return self.is_ready() and self.workers() >= len(WORKERS) and self.servers.are_whole()

    def workers(self) -> int:
        """How many the API knows of."""
        found: int = self.client.get("/readyz").json().get("workers", 0)
        return found

    def wait(self, holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether it came to hold in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError, redis.RedisError):
                if holds():
                    return True
            time.sleep(0.05)
        return False

    def wait_until_whole(self) -> None:
        """Raises RobustifyError where it does not come to that."""
        if not self.wait(self.is_whole):
            raise RobustifyError(f"the hosts do not get ready: {self.said()}")

    def said(self) -> str:
        """The last words of every host."""
        texts = {name: host.said.read_text(errors="replace")[-600:] for name, host in self.hosts.items()}
        return "\n".join(f"--- {name}\n{text}" for name, text in texts.items())

    def _equip(self, host: Host) -> None:
        """What an operator copies to a host."""
        self.servers.bring_certificates(host, "client")
        (host.disk / "state").mkdir(exist_ok=True)
        for name in SECRETS_FOR[host.name]:
            place = host.disk / "state" if name == "api_keys.json" else host.disk
            shutil.copy(self.folder / name, place / name)
        shutil.copytree(self.folder / "profiles", host.disk / "profiles", dirs_exist_ok=True)


@contextmanager
def running_cluster(seed: int) -> Iterator[Cluster]:
    """All of it ends with the block; it is not ready yet: wait until it is whole."""
    os.environ.update(CREDENTIALS)
    with ExitStack() as stack:
        hosts = stack.enter_context(running_network(NUMBERS))
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hosts-own-")))
        addresses = [hosts[name].address for name in QUEUES]
        certificates = make_certificates(folder, addresses) if encrypting_server() else None
        servers = QueueServers([hosts[name] for name in QUEUES], certificates)
        cluster = Cluster(hosts, servers, folder, make_secrets(folder), random.Random(seed))
        cluster.start_store()
        servers.start_all()
        for name in WORKERS:
            cluster.start_worker(name)
        cluster.start_front()
        stack.callback(cluster.client.close)
        make_bucket(cluster.store)
        yield cluster


def make_secrets(folder: Path) -> NewKey:
    """What the hosts have in common: keys, and a profile. Returns the key of the caller."""
    (folder / "signing_key").write_text("ab" * 32)
    shutil.copy(NOISE_KEY_FILE, folder / "noise_key")
    (folder / "profiles").mkdir()
    mini = path_of("mini", Settings()).read_text(encoding="utf-8")
    quick = re.sub(r"^(base_steps|enlarging_steps) = \d+", r"\1 = 5", mini, flags=re.MULTILINE)
    named = quick.replace('name = "mini"', f'name = "{QUICK}"', 1)
    (folder / "profiles" / f"{QUICK}.toml").write_text(named, encoding="utf-8")
    return ApiKeyStore(folder / "api_keys.json").create("who asks", time.time())


def environment(settings: Settings) -> Mapping[str, str]:
    values = settings.model_dump(mode="json", exclude_none=True)
    return {f"ROBUSTIFY_{name.upper()}": str(value) for name, value in values.items()}


def end(process: subprocess.Popen[bytes]) -> None:
    """A process of a host, at once."""
    for child in children_of(process.pid):
        os.kill(child, signal.SIGKILL)
    process.wait()
