"""How many jobs of the mix a stack can do in a second: clients that each wait for an answer before they ask again."""

import asyncio
import time
from collections.abc import Sequence

import httpx

from tests.soak.load import KINDS, SHARES, Load

SECONDS = 15.0
CLIENTS = 40


async def capacity(client: httpx.AsyncClient, keys: Sequence[str], adapts: bool) -> float:
    """Jobs a second."""
    load = Load(client, keys, 1.0, adapts)
    started = time.monotonic()
    await asyncio.gather(*(keep_busy(load, started + SECONDS) for _ in range(CLIENTS)))
    done = sum(sent.status == 200 for sent in load.sent)
    assert done, "no job was done while the capacity was measured"
    return done / (time.monotonic() - started)


async def keep_busy(load: Load, until: float) -> None:
    while time.monotonic() < until:
        (kind,) = load.rng.choices(KINDS, SHARES)
        await load.ask(load.rng.randrange(len(load.keys)), kind, wait=30)
