"""How many jobs of the mix a stack can do in a second: clients that each wait for an answer before they ask again."""

import asyncio
import time
from collections.abc import Sequence

import httpx2

from tests.soak.load import KINDS, SHARES, Load

WARM_SECONDS, SECONDS = 5.0, 20.0
CLIENTS = 40


async def capacity(clients: Sequence[httpx2.AsyncClient], adapts: bool) -> float:
    """Jobs a second."""
    await jobs_a_second(clients, adapts, WARM_SECONDS, seed=1)
    return await jobs_a_second(clients, adapts, SECONDS, seed=2)


async def jobs_a_second(clients: Sequence[httpx2.AsyncClient], adapts: bool, seconds: float, seed: int) -> float:
    load = Load(clients, 1.0, adapts, seed)
    started = time.monotonic()
    await asyncio.gather(*(keep_busy(load, started + seconds) for _ in range(CLIENTS)))
    done = sum(sent.status == 200 for sent in load.sent)
    assert done, "no job was done while the capacity was measured"
    return done / (time.monotonic() - started)


async def keep_busy(load: Load, until: float) -> None:
    while time.monotonic() < until:
        (kind,) = load.rng.choices(KINDS, SHARES)
        await load.ask(load.rng.randrange(len(load.clients)), kind, wait=30)
