"""One soak: keys, the capacity, the load at twice of it with a flood of one key in it, and whether every job ended."""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

import httpx2

from tests.hostile.instance import HERE, Instance, Stack, environment
from tests.soak.capacity import capacity
from tests.soak.load import Load, Sent
from tests.soak.watch import Reading, keep_reading, queue_of

OVERLOAD = 2.0
FLOOD = (0.25, 0.4)
"""When one key floods, as shares of the run: at ten times of its own. What it leaves is forgotten before the half that
growth is told by."""
READINGS = 60
ENDED_WITHIN_SECONDS = 180.0
"""After the load."""
COUNTERS = "robustify:counters"
ANY_NUMBER = httpx2.Limits(max_connections=None, keepalive_expiry=2.0)
"""A connection is given up before the service closes it, as of 5 s: a request must not meet that."""
KEYS = "from workers.commands.cli import main; main()"


@dataclass(frozen=True)
class Outcome:
    """What was measured; times are seconds since the start of the load."""

    seconds: float
    keys: int
    capacity: float
    """Jobs a second of the mix."""
    flood: tuple[float, float]
    sent: Sequence[Sent]
    left_out: int
    ended: Counter[str]
    """How many of the accepted jobs ended how; `lost`: how many did not."""
    readings: Sequence[Reading]
    adapts: bool
    """False: the profile takes no adaptations, and certificates with a target radius stood in for them."""


async def soak(instance: Instance, seconds: float, number: int) -> Outcome:
    secrets = made_keys(instance, number)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client_of(instance, secret)) for secret in secrets]
        adapts = await takes_adaptations(clients[0])
        most = await capacity(clients, adapts)
        flood = (FLOOD[0] * seconds, FLOOD[1] * seconds)
        load = Load(clients, OVERLOAD * most, adapts, seed=0)
        readings: list[Reading] = []
        await wait_until_idle(instance, ENDED_WITHIN_SECONDS)
        before = ended_jobs(instance)
        watching = asyncio.create_task(keep_reading(instance, max(2.0, seconds / READINGS), readings))
        await load.run(seconds, flood)
        await wait_until_idle(instance, ENDED_WITHIN_SECONDS)
        watching.cancel()
        # What ended it before is raised here: growth that nobody saw is not no growth.
        with suppress(asyncio.CancelledError):
            await watching
        ended = ended_jobs(instance) - before
        accepted = sum(sent.is_accepted for sent in load.sent)
        ended["lost"] = accepted - ended.total()
    return Outcome(seconds, number, most, flood, load.sent, load.left_out, ended, readings, adapts)


def client_of(instance: Instance, secret: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=instance.address, headers={"Authorization": f"Bearer {secret}"}, limits=ANY_NUMBER, timeout=60
    )


def made_keys(instance: Instance, number: int) -> Sequence[str]:
    """Secrets of new keys, as the operator makes them."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda index: made_key(instance, f"soak {index}"), range(number)))


def made_key(instance: Instance, name: str) -> str:
    assert instance.folder is not None
    command = [sys.executable, "-c", KEYS, "keys", "create", name, "--json"]
    done = subprocess.run(
        command, env=environment(Stack(), instance.folder, HERE), cwd=HERE, capture_output=True, check=True
    )
    secret: str = json.loads(done.stdout)["key"]
    return secret


async def takes_adaptations(client: httpx2.AsyncClient) -> bool:
    """Whether the profile stores labels under a name."""
    body = {"name": "first", "labels": ["left", "right"], "steps": 0, "fine_tuning_steps": 0}
    response = await client.post("/adapt", json=body, headers={"Prefer": "wait=30"})
    return response.status_code in (200, 202) and response.json()["status"] != "failed"


def ended_jobs(instance: Instance) -> Counter[str]:
    """How many jobs ended how, since the server was set up, by the counts that operators watch."""
    with queue_of(instance) as queue:
        counts = {name.decode(): int(number) for name, number in queue.hgetall(COUNTERS).items() if is_end(name)}
    ended: Counter[str] = Counter()
    for name, number in counts.items():
        ended[name.rpartition(":")[2]] += number
    return ended


def is_end(name: bytes) -> bool:
    return name.startswith(b"jobs:")


async def wait_until_idle(instance: Instance, seconds: float) -> None:
    """Until no job waits or runs, or for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with queue_of(instance) as queue:
            if not queue.zcard("robustify:queued") and not queue.zcard("robustify:running"):
                return
        await asyncio.sleep(0.5)
