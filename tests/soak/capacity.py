"""How many jobs of the mix a stack can do in a second: it is asked for more than that, and takes what it can."""

import asyncio
import time
from collections.abc import Sequence

import httpx2

from tests.soak.load import KINDS, SHARES, Load

FILLING_SECONDS, SECONDS = 15.0, 15.0
"""The queues are filled, and then as many jobs are accepted as end."""
CLIENTS = 40
PAUSE_SECONDS = 0.2
"""After a refusal."""


async def capacity(clients: Sequence[httpx2.AsyncClient], adapts: bool) -> float:
    """Jobs a second."""
    load = Load(clients, 1.0, adapts)
    started = time.monotonic()
    until = started + FILLING_SECONDS + SECONDS
    await asyncio.gather(*(keep_asking(load, until) for _ in range(CLIENTS)))
    done = sum(sent.is_accepted and sent.at >= FILLING_SECONDS for sent in load.sent)
    assert done, "no job was accepted while the capacity was measured"
    return done / (time.monotonic() - started - FILLING_SECONDS)


async def keep_asking(load: Load, until: float) -> None:
    while time.monotonic() < until:
        (kind,) = load.rng.choices(KINDS, SHARES)
        sent = await load.ask(load.rng.randrange(len(load.clients)), kind)
        if not sent.is_accepted:
            await asyncio.sleep(PAUSE_SECONDS)
