"""One soak: keys, the capacity, the load at twice of it with a flood of one key in it, and whether every job ended."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx2

from tests.hostile.instance import HERE, Instance, Stack, environment
from tests.soak.capacity import capacity
from tests.soak.load import Load, Sent
from tests.soak.watch import Reading, keep_reading

OVERLOAD = 2.0
FLOOD = (0.5, 0.7)
"""When one key floods, as shares of the run: at ten times of its own."""
READINGS = 60
LOOK_SECONDS = 20.0
"""The jobs of a key are listed so often: what ends is forgotten two minutes later."""
PAGE = 100
AGAIN_SECONDS = 2.0
MOST_REFUSALS = 20
"""When the list itself is refused."""
ENDED_WITHIN_SECONDS = 120.0
DONE = ("succeeded", "failed", "canceled", "expired")
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
    ended: dict[str, int]
    """How many of the accepted jobs ended how; `lost` for those that did not or are not known."""
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
        load = Load(clients, OVERLOAD * most, adapts)
        readings: list[Reading] = []
        ended: dict[str, int] = {}
        watching = asyncio.create_task(keep_reading(instance, max(2.0, seconds / READINGS), readings))
        following = asyncio.create_task(follow(load, ended))
        await load.run(seconds, flood)
        load.is_over = True
        await following
        watching.cancel()
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


async def follow(load: Load, ended: dict[str, int]) -> None:
    """Sees of every key's accepted jobs how they end, before they are forgotten."""
    async with asyncio.TaskGroup() as group:
        for key in range(len(load.clients)):
            group.create_task(follow_key(load, key, ended))


async def follow_key(load: Load, key: int, ended: dict[str, int]) -> None:
    """What has not ended so long after it was accepted, or after the end of the load, is lost."""
    await asyncio.sleep(load.rng.uniform(0, LOOK_SECONDS))
    known: set[str] = set()
    while True:
        was_over = load.is_over
        open_jobs = {
            sent.job: sent.at + sent.seconds
            for sent in load.sent
            if sent.key == key and sent.job and sent.job not in known
        }
        for job, status in (await statuses(load.clients[key], open_jobs)).items():
            known.add(job)
            ended[status] = ended.get(status, 0) + 1
        overdue = [job for job, at in open_jobs.items() if job not in known and at + ENDED_WITHIN_SECONDS < load.now]
        known.update(overdue)
        ended["lost"] = ended.get("lost", 0) + len(overdue)
        if was_over and known >= open_jobs.keys():
            return
        await asyncio.sleep(LOOK_SECONDS)


async def statuses(client: httpx2.AsyncClient, wanted: Collection[str]) -> dict[str, str]:
    """How those of these jobs ended that have, from the list of a key's jobs."""
    found: dict[str, str] = {}
    after, left, refusals = None, set(wanted), 0
    while left and refusals < MOST_REFUSALS:
        try:
            response = await client.get("/jobs", params={"limit": PAGE} | ({"after": after} if after else {}))
        except httpx2.TransportError:
            response = None
        if response is None or response.status_code != 200:
            refusals += 1
            await asyncio.sleep(AGAIN_SECONDS)
            continue
        page = response.json()
        found |= {job["id"]: job["status"] for job in page["data"] if job["id"] in left and job["status"] in DONE}
        left -= {job["id"] for job in page["data"]}
        after = page["last_id"]
        if not page["has_more"]:
            break
    return found
