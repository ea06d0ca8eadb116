"""Tells owners of the end of their jobs and batches, again and again until somebody has heard it.

1. What is due is taken from the board, which gives it to no other process for a while.
2. When its turn has come, it is sent. An answer of 2xx ends it; 410 ends it, and this address is told nothing more of
   this owner's for an hour. Anything else is tried again later, under the same id, as long as the job is kept.

A process that dies meanwhile, or a queue that is away, leaves it on the board: it may be told twice, and is not
forgotten.
"""

import logging
import random
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from anyio import CapacityLimiter
from anyio.abc import TaskGroup

from adapters.contract.webhook import Receiver, Receivers
from adapters.queue.board import JobBoard
from adapters.queue.telling import Delivery
from adapters.settings import Settings
from robustify.errors import InvalidInputError, QueueUnavailableError
from service.webhooks.events import event_of
from service.webhooks.sending import Sender, UndeliveredError
from service.webhooks.signing import Signer, now_in_utc
from service.webhooks.turns import Turns

PAUSE_SECONDS = 1.0
"""Between two looks at what is due."""
LEASE_SECONDS = 150
"""Longer than what waits for its turn in this process may take (`turns.py`, `sending.py`)."""
LATER_SECONDS = 5.0
"""What finds too many before it is taken again after this."""
RETRY_SECONDS = (5, 30, 120, 600, 3600)
"""After each attempt; after the last likewise."""
JITTER = 0.2
GONE, GONE_SECONDS = 410, 3600
THREADS = 4
DELIVERED, FAILED, REFUSED, FORGOTTEN, UNWANTED = "delivered", "failed", "refused", "forgotten", "gone"

log = logging.getLogger(__name__)
T = TypeVar("T")


class Deliveries:
    """Runs in each process of the API, beside the requests."""

    def __init__(self, settings: Settings, board: JobBoard, receivers: Receivers, sender: Sender | None = None) -> None:
        self._root_path = settings.root_path
        self._board, self._receivers = board, receivers
        self._sender = sender or Sender(receivers)
        self._signer = Signer(settings)
        self._turns = Turns()
        self._threads = CapacityLimiter(THREADS)

    async def run(self) -> None:
        """Until it is canceled."""
        async with anyio.create_task_group() as group:
            while True:
                await self._begin_due(group)
                await anyio.sleep(PAUSE_SECONDS)

    async def _begin_due(self, group: TaskGroup) -> None:
        try:
            due = await self._ask(lambda: self._board.take_deliveries(LEASE_SECONDS))
        except QueueUnavailableError:
            return
        for name in due:
            group.start_soon(self._deliver, name)

    async def _deliver(self, name: str) -> None:
        """Whatever goes wrong with one does not touch others; it is taken again when its time is over."""
        try:
            await self._tell(name)
        except QueueUnavailableError:
            pass
        except Exception as error:
            # Without what it says, in which there may be what a client has written.
            log.error("the webhook of %s cannot be sent: %s", name, type(error).__name__)

    async def _tell(self, name: str) -> None:
        delivery = await self._ask(lambda: self._board.delivery(name))
        if delivery is None:
            return await self._note(name, FORGOTTEN)
        try:
            receiver = self._receivers.check(delivery.webhook)
        except InvalidInputError:
            # The operator allows it no more, or another process already whose settings are newer.
            return await self._note(name, REFUSED, seconds_until_next(delivery.attempts))
        if self._turns.is_crowded(delivery.owner, receiver.place):
            seconds = LATER_SECONDS * random.uniform(1 - JITTER, 1 + JITTER)
            return await self._ask(lambda: self._board.postpone_delivery(name, seconds))
        async with self._turns.turn(delivery.owner, receiver.place):
            await self._attempt(delivery, receiver)

    async def _attempt(self, delivery: Delivery, receiver: Receiver) -> None:
        if await self._ask(lambda: self._board.is_gone(delivery.owner, delivery.webhook)):
            return await self._note(delivery.name, UNWANTED)
        try:
            status = await self._send(delivery, receiver)
        except UndeliveredError as error:
            return await self._try_later(delivery, receiver, str(error))
        if status == GONE:
            await self._ask(lambda: self._board.note_gone(delivery.owner, delivery.webhook, GONE_SECONDS))
            await self._note(delivery.name, UNWANTED)
        elif 200 <= status < 300:
            await self._note(delivery.name, DELIVERED)
        else:
            await self._try_later(delivery, receiver, f"status {status}")

    async def _send(self, delivery: Delivery, receiver: Receiver) -> int:
        now = now_in_utc()
        body = event_of(delivery.about, now, self._root_path).model_dump_json()
        signed = await self._ask(lambda: self._signer.headers(delivery.owner, delivery.name, now, body))
        headers = {"Content-Type": "application/json", "User-Agent": "robustify", **signed}
        return await self._sender.post(receiver, headers, body.encode())

    async def _try_later(self, delivery: Delivery, receiver: Receiver, why: str) -> None:
        log.info("a webhook to %s was not delivered: %s", receiver.place, why)
        await self._note(delivery.name, FAILED, seconds_until_next(delivery.attempts))

    async def _note(self, name: str, what: str, seconds: float | None = None) -> None:
        await self._ask(lambda: self._board.note_delivery(name, what, seconds))

    async def _ask(self, ask: Callable[[], T]) -> T:
        """What the board or a file says, from a thread of few, which leaves those of requests alone."""
        return await anyio.to_thread.run_sync(ask, limiter=self._threads, abandon_on_cancel=True)


def seconds_until_next(attempts: int) -> float:
    """After so many attempts before this one; spread, so that what failed together does not come back together."""
    seconds = RETRY_SECONDS[min(attempts, len(RETRY_SECONDS) - 1)]
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)
