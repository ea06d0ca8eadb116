"""An open-loop load of many keys: requests begin at their time, whether those before were answered or not."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import numpy as np

from tests.pictures import encoded

LABELS = ("left", "right")
KINDS = ("predict", "certify", "adapt")
SHARES = (0.70, 0.25, 0.05)
SAMPLES = {"predict": 100, "certify": 2_000, "adapt": 2_000}
MOST_OPEN = 400
"""Requests that are under way at once; more would measure this client."""


@dataclass(frozen=True)
class Sent:
    """One request: whose, when (seconds since the start), of which kind, and what became of it.

    `status` 0: the connection failed. `seconds`: to the acceptance or refusal, or with a wait to the answer.
    """

    key: int
    at: float
    kind: str
    status: int
    seconds: float
    says_when: bool = True
    is_probe: bool = False

    @property
    def is_accepted(self) -> bool:
        return self.status in (200, 202)


@dataclass
class Load:
    """`rate`: requests a second of all keys together; `flood`: of the first key on top of it, in the given times."""

    clients: Sequence[httpx2.AsyncClient]
    """One for each key: in a single pool every request would look through the connections of all."""
    rate: float
    adapts: bool
    """Whether the profile takes adaptations."""
    seed: int
    """Of times, keys and pictures. Loads of one run need different ones: a picture that was asked about before is
    answered from what is stored."""
    started: float = field(default_factory=time.monotonic)
    sent: list[Sent] = field(default_factory=list)
    left_out: int = 0
    """Requests that could not begin at their time, since too many were under way here."""
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    @property
    def now(self) -> float:
        return time.monotonic() - self.started

    async def run(self, seconds: float, flood: tuple[float, float]) -> None:
        """For so long; then everything that is under way is waited for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._spread(group, self.rate, 0, seconds, None))
            group.create_task(self._spread(group, 9 * self.rate / len(self.clients), *flood, 0))
            group.create_task(self._probe(seconds))

    async def _spread(self, group: asyncio.TaskGroup, rate: float, begin: float, end: float, key: int | None) -> None:
        """Requests at random times, so many a second on average, of one key or of any."""
        await asyncio.sleep(max(0.0, begin - self.now))
        tasks: set[asyncio.Task[Sent]] = set()
        due = begin
        while (due := due + self.rng.expovariate(rate)) < end:
            await asyncio.sleep(max(0.0, due - self.now))
            if len(tasks) >= MOST_OPEN:
                self.left_out += 1
                continue
            whose = self.rng.randrange(1, len(self.clients)) if key is None else key
            (kind,) = self.rng.choices(KINDS, SHARES)
            task = group.create_task(self.ask(whose, kind))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _probe(self, end: float) -> None:
        """Every second or so, a prediction of the last key that is waited for: what somebody who asks little sees."""
        while self.now < end:
            await self.ask(len(self.clients) - 1, "predict", wait=30)
            await asyncio.sleep(self.rng.uniform(0.5, 1.5))

    async def ask(self, key: int, kind: str, wait: int = 0) -> Sent:
        at, started = self.now, time.monotonic()
        status, says_when = 0, True
        headers = {"Prefer": f"wait={wait}"}
        try:
            route = "certify" if kind == "adapt" and not self.adapts else kind
            response = await self.clients[key].post(f"/{route}", headers=headers, **self._body(kind))
        except httpx2.TransportError:
            pass
        else:
            status, says_when = response.status_code, "retry-after" in response.headers
        seconds = time.monotonic() - started
        self.sent.append(Sent(key, at, kind, status, seconds, says_when, wait > 0))
        return self.sent[-1]

    def _body(self, kind: str) -> dict[str, Any]:  # Any: the arguments of a request, of many types.
        if kind == "adapt" and self.adapts:
            name = f"task {self.rng.randrange(20)}"
            return {"json": {"name": name, "labels": list(LABELS), "steps": 0, "fine_tuning_steps": 0}}
        pixels = np.random.default_rng(self.rng.getrandbits(64)).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        fields: dict[str, Any] = {"labels": list(LABELS), "n": str(SAMPLES[kind])}
        if kind == "adapt":
            fields["target_radius"] = "0.1"
        return {"files": {"image": encoded(pixels)}, "data": fields}
