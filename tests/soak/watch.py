"""What the processes of a stack take, over time."""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.hostile.instance import Instance, children_of, command_of, resident_bytes


@dataclass(frozen=True)
class Reading:
    """Bytes at a time (seconds since the start): memory of the processes, the queue server's data, and disk."""

    at: float
    api: int
    workers: int
    queue: int
    disk: int
    keys: int
    """On the queue server."""


def read(instance: Instance, at: float) -> Reading:
    with queue_of(instance) as queue:
        data, keys = int(queue.info("memory")["used_memory"]), int(queue.dbsize())
    return Reading(
        at, memory_of(instance, "service"), memory_of(instance, "workers"), data, disk_of(instance.state), keys
    )


def queue_of(instance: Instance) -> redis.Redis:
    """Its queue server, as an operator reaches it."""
    return redis.Redis(unix_socket_path=str(instance.state / "queue" / "queue.sock"))


def memory_of(instance: Instance, module: str) -> int:
    """Of all processes that were started as this module, and of their children."""
    assert instance.process is not None
    first = [pid for pid in children_of(instance.process.pid) if module in command_of(pid)]
    return sum(resident(pid) for one in first for pid in (one, *children_of(one)))


def resident(pid: int) -> int:
    try:
        return resident_bytes(pid)
    except OSError:
        return 0


def disk_of(folder: Path) -> int:
    """Folders and files may go while they are counted."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total


async def keep_reading(instance: Instance, every: float, readings: list[Reading]) -> None:
    """Until it is canceled."""
    at = 0.0
    while True:
        readings.append(await asyncio.to_thread(read, instance, at))
        await asyncio.sleep(every)
        at += every
