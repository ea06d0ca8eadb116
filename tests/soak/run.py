"""One soak: keys, the capacity, the load at twice of it with a flood of one key in it, and whether every job ended."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from tests.hostile.instance import HERE, Instance, Stack, environment
from tests.soak.capacity import capacity
from tests.soak.load import Load, Sent
from tests.soak.watch import Reading, keep_reading

OVERLOAD = 2.0
FLOOD = (0.5, 0.7)
"""When one key floods, as shares of the run: at ten times of its own."""
READINGS = 60
FOLLOW_SECONDS = 5.0
"""An accepted job is looked at after so long, and then until it ends."""
ENDED_WITHIN_SECONDS = 120.0
DONE = ("succeeded", "failed", "canceled", "expired")
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
    limits = httpx.Limits(max_connections=600)
    async with httpx.AsyncClient(base_url=instance.address, limits=limits, timeout=60) as client:
        adapts = await takes_adaptations(client, secrets[0])
        most = await capacity(client, secrets, adapts)
        flood = (FLOOD[0] * seconds, FLOOD[1] * seconds)
        load = Load(client, secrets, OVERLOAD * most, adapts)
        readings: list[Reading] = []
        ended: dict[str, int] = {}
        watching = asyncio.create_task(keep_reading(instance, max(2.0, seconds / READINGS), readings))
        following = asyncio.create_task(follow(load, ended))
        await load.run(seconds, flood)
        load.is_over = True
        await following
        watching.cancel()
    return Outcome(seconds, number, most, flood, load.sent, load.left_out, ended, readings, adapts)


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


async def takes_adaptations(client: httpx.AsyncClient, secret: str) -> bool:
    """Whether the profile stores labels under a name."""
    body = {"name": "first", "labels": ["left", "right"], "steps": 0, "fine_tuning_steps": 0}
    headers = {"Authorization": f"Bearer {secret}", "Prefer": "wait=30"}
    response = await client.post("/adapt", json=body, headers=headers)
    return response.status_code in (200, 202) and response.json()["status"] != "failed"


async def follow(load: Load, ended: dict[str, int]) -> None:
    """Looks at every accepted job until it has ended, before it is forgotten."""
    seen = 0
    async with asyncio.TaskGroup() as group:
        while not load.is_over or seen < len(load.sent):
            while seen < len(load.sent):
                sent, seen = load.sent[seen], seen + 1
                if sent.job is not None:
                    group.create_task(follow_one(load, sent, ended))
            await asyncio.sleep(0.2)


async def follow_one(load: Load, sent: Sent, ended: dict[str, int]) -> None:
    await asyncio.sleep(FOLLOW_SECONDS)
    headers = {"Authorization": f"Bearer {load.keys[sent.key]}"}
    deadline, how = load.now + ENDED_WITHIN_SECONDS, "lost"
    while load.now < deadline:
        try:
            response = await load.client.get(f"/jobs/{sent.job}", headers=headers)
        except httpx.TransportError:
            await asyncio.sleep(1)
            continue
        if response.status_code == 200 and response.json()["status"] in DONE:
            how = response.json()["status"]
            break
        if response.status_code == 404:
            break
        await asyncio.sleep(load.rng.uniform(1, 3))
    ended[how] = ended.get(how, 0) + 1
