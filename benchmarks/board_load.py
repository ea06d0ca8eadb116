"""Simulated workers of the board: so many clients at once in a few processes, each with a connection of its own."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

import numpy as np
import redis
from rq.job import Job
from rq.queue import Queue
from rq.serializers import JSONSerializer

from adapters.contract.records import JobKind
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.rq_queue import SafeJob, SafeQueue, queues, shard_of
from benchmarks.board_jobs import (
    ENGINE,
    STEP,
    USUAL,
    Place,
    begin,
    record,
    request_for,
    shards_of,
    take_next_step,
    votes_of,
)
from robustify.types import Phase

MOST_PROCESSES = 8
START_SECONDS = 300.0
MOST_CLIENTS, MOST_REQUESTS = 1000, 100_000

Times = dict[str, list[float]]
"""What was done -> the seconds that each took."""
Doing = Callable[[], Times]
Preparing = Callable[[Place, int, int], Doing]
"""(place, first number of its requests, how often) -> what is measured."""


@dataclass(frozen=True)
class Part:
    """What the clients of one process did; `began` and `ended` on the machine's monotonic clock."""

    times: Times
    cpu_seconds: float
    began: float
    ended: float


@dataclass(frozen=True)
class Spent:
    """What a queue server has taken since it started: seconds of a core, and bytes on the way to it and from it."""

    seconds: float
    bytes_in: int
    bytes_out: int

    @staticmethod
    def by(connection: redis.Redis) -> "Spent":
        cpu, stats = connection.info("cpu"), connection.info("stats")
        seconds = float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])
        return Spent(seconds, int(stats["total_net_input_bytes"]), int(stats["total_net_output_bytes"]))

    def since(self, before: "Spent") -> "Spent":
        return Spent(self.seconds - before.seconds, self.bytes_in - before.bytes_in, self.bytes_out - before.bytes_out)


@dataclass(frozen=True)
class Load:
    """What all clients did together, and what that took of the server."""

    clients: int
    parts: tuple[Part, ...]
    server: Spent

    @property
    def seconds(self) -> float:
        return max(part.ended for part in self.parts) - min(part.began for part in self.parts)

    @property
    def client_seconds(self) -> float:
        """Of a core, of all clients together."""
        return sum(part.cpu_seconds for part in self.parts)

    def times(self, what: str) -> np.ndarray:
        return np.array([seconds for part in self.parts for seconds in part.times.get(what, ())])

    def rate(self, what: str) -> float:
        """How often in a second."""
        return len(self.times(what)) / self.seconds


def measure(place: Place, clients: int, prepare: Preparing, each: int, series: int) -> Load:
    """So many clients, each of which does something so often, once all are ready; a series asks nothing that another
    has asked."""
    context, processes = get_context("forkserver"), min(clients, MOST_PROCESSES)
    context.set_forkserver_preload([__name__])
    barrier = context.Barrier(processes + 1)
    with connect(place.url) as connection, ExitStack() as started:
        receivers = []
        for first in range(processes):
            receiver, sender = context.Pipe(duplex=False)
            firsts = [(series * MOST_CLIENTS + number) * MOST_REQUESTS for number in range(first, clients, processes)]
            process = context.Process(target=run_clients, args=(place, firsts, prepare, each, barrier, sender))
            process.start()
            started.callback(process.join)
            sender.close()
            receivers.append(receiver)
        barrier.wait(START_SECONDS)
        before = Spent.by(connection)
        parts = tuple(receiver.recv() for receiver in receivers)
        return Load(clients, parts, Spent.by(connection).since(before))


def run_clients(
    place: Place, firsts: Sequence[int], prepare: Preparing, each: int, barrier: Barrier, sender: Connection
) -> None:
    """One process: its clients are threads."""
    with ThreadPoolExecutor(len(firsts)) as threads:
        try:
            doing = list(threads.map(lambda first: prepare(place, first, each), firsts))
        except BaseException:
            barrier.abort()
            raise
        barrier.wait(START_SECONDS)
        began, cpu = time.monotonic(), time.process_time()
        times = merged(list(threads.map(lambda do: do(), doing)))
        sender.send(Part(times, time.process_time() - cpu, began, time.monotonic()))


def merged(times: Sequence[Times]) -> Times:
    return {what: [second for one in times for second in one[what]] for what in times[0]}


def shards(place: Place, first: int, each: int) -> Doing:
    """Leases and records shards of certificates that the client has to itself, which have begun."""
    board, numbers = place.board(), range(first, first + -(-each // USUAL.shards))
    jobs = [begin(board, request_for(JobKind.CERTIFY, number, USUAL)) for number in numbers]
    work = [(job, shard) for job in jobs for shard in shards_of(Phase.ESTIMATE, STEP * USUAL.shards)][:each]
    votes = votes_of(USUAL.labels)

    def do() -> Times:
        times: Times = {"shard": []}
        for job, shard in work:
            started = time.perf_counter()
            record(board, job, shard, votes)
            times["shard"].append(time.perf_counter() - started)
        return times

    return do


def predictions(place: Place, first: int, each: int) -> Doing:
    """Asks for predictions, and does what a worker does for one: pops a shard, counts it and ends its job."""
    board, connection = place.board(), connect(place.url)
    waiting = queues(connection, ENGINE)

    def do() -> Times:
        times: Times = {"job": []}
        for number in range(first, first + each):
            started = time.perf_counter()
            board.submit(request_for(JobKind.PREDICT, number), STEP)
            answer_next(board, connection, waiting)
            times["job"].append(time.perf_counter() - started)
        return times

    return do


def answer_next(board: JobBoard, connection: redis.Redis, waiting: Sequence[SafeQueue]) -> None:
    """The next prediction that waits, whoever asked for it."""
    popped: tuple[Job, Queue] | None = SafeQueue.dequeue_any(
        waiting, None, connection=connection, job_class=SafeJob, serializer=JSONSerializer
    )
    assert popped is not None
    job_id, shard = shard_of(popped[0])
    standing = record(board, job_id, shard, votes_of(USUAL.labels))
    assert standing is not None
    take_next_step(board, standing)
    board.drop_delivery(popped[1].name, popped[0].id)
