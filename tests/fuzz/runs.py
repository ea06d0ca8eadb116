"""Instances of the service, and schemathesis against them."""

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from tests.fuzz.stored_task import ensure_task
from tests.integration.api.conftest import running_api
from tests.running_instance import running

ROOT = Path(__file__).parents[2]
PHASES = ("examples", "coverage", "fuzzing", "stateful")
MANY = 1_000_000


@dataclass(frozen=True)
class Run:
    """What became of one run: the cases, the failures, and all that schemathesis said."""

    cases: int
    failures: int
    passed: bool
    output: str


@contextmanager
def oracle_instance(folder: Path) -> Iterator[httpx.Client]:
    """The whole service with a worker, whose jobs end at once; it has a task, and can adapt nothing."""
    settings = settings_of(folder, profile="oracle-linear", port=free_port())
    ensure_task(settings)
    with running(settings) as client:
        yield client
        assert client.get("/readyz").status_code == 200, "the worker or the queue is gone"


@contextmanager
def adapting_instance(folder: Path) -> Iterator[httpx.Client]:
    """An API that takes adaptations, which nobody works on."""
    with EmbeddedServer(folder) as queue:
        with running_api(settings_of(folder, profile="mini", redis_url=queue.url)) as api:
            yield api.client


def settings_of(folder: Path, **values: object) -> Settings:
    """With a state folder of its own, and a queue that is never full."""
    own = {"redis_url": None, "state_dir": folder, "threads": 1, "log_level": "WARNING", "max_queued_jobs": MANY}
    return Settings.model_validate({**own, **values})


def free_port() -> int:
    """One that nobody listens on, below those that the kernel gives to clients."""
    for port in random.SystemRandom().sample(range(10_000, 32_000), 1000):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


def fuzz(
    client: httpx.Client,
    folder: Path,
    profile: str,
    examples: int,
    seed: int,
    phases: Sequence[str] = PHASES,
    options: Sequence[str] = (),
) -> Run:
    """schemathesis as schemathesis.toml says; `examples` is the most for each operation and phase.

    `folder` has the state of the instance, and takes what the run writes. Raises AssertionError when the service does
    not live afterwards.
    """
    report = folder / "report.json"
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{client.base_url}/openapi.json"),
        *("--phases", ",".join(phases), "--max-examples", str(examples), "--seed", str(seed)),
        *("--report", "json", "--report-json-path", str(report), "--no-color"),
        *options,
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ROBUSTIFY_PROFILE": profile,
        "ROBUSTIFY_STATE_DIR": str(folder),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
    }
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert client.get("/healthz").status_code == 200, "the service is gone"
    found = json.loads(report.read_text())["test_cases"] if report.exists() else {"generated": 0, "unique_failures": 0}
    passed = finished.returncode == 0 and found["generated"] > 0
    return Run(found["generated"], found["unique_failures"], passed, finished.stdout + finished.stderr)
