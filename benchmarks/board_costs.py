"""What each command of the board costs the queue server, by the server's own count of microseconds."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from statistics import median
from typing import Any, cast

import redis

from adapters.contract.jobs import Shard
from adapters.contract.records import JobKind
from adapters.queue.asking import NOBODY_IN_PARTICULAR
from adapters.queue.board import JobBoard
from adapters.queue.board_script import BoardScript
from adapters.queue.connection import connect
from adapters.queue.keys import queue_name, queue_names
from benchmarks.board_fill import ScriptedBoard
from benchmarks.board_jobs import (
    ENGINE,
    FINGERPRINT,
    STEP,
    USUAL,
    WORKER,
    Place,
    Shape,
    begin,
    request_for,
    shards_of,
    take_next_step,
    votes_of,
)
from robustify.types import Phase

FIRST_RECORDED = 500_000
Costs = Mapping[str, float]
"""A command -> its median cost in microseconds."""


class TimedScript(BoardScript):
    """Notes what the server says that each command took it; what else it is asked for meanwhile would count."""

    def __init__(self, connection: redis.Redis) -> None:
        super().__init__(connection)
        self.times: dict[str, list[float]] = defaultdict(list)
        self.detail = ""

    def __call__(self, command: str, **arguments: object) -> Any:  # Any: each command answers otherwise.
        before = self._spent()
        answer = super().__call__(command, **arguments)
        self.times[command + self.detail].append(self._spent() - before)
        return answer

    @contextmanager
    def noted_as(self, detail: str) -> Iterator[None]:
        """Within it the commands are another kind of theirs."""
        self.detail = f" ({detail})"
        yield
        self.detail = ""

    @property
    def costs(self) -> Costs:
        return {command: median(times) for command, times in self.times.items()}

    def _spent(self) -> float:
        return spent(self._connection)


def spent(connection: redis.Redis) -> float:
    """Microseconds that the server says it took for all commands of the board since it started."""
    said = cast(Mapping[str, Mapping[str, float]], connection.info("commandstats"))
    return said["cmdstat_fcall"]["usec"] if "cmdstat_fcall" in said else 0.0


@dataclass(frozen=True)
class Watched:
    """A board whose commands are timed."""

    board: ScriptedBoard
    script: TimedScript
    connection: redis.Redis

    @staticmethod
    def at(place: Place) -> "Watched":
        connection = connect(place.url)
        script = TimedScript(connection)
        board = ScriptedBoard(place, connection, script)
        board.is_live("none")  # The library is loaded.
        script.times.clear()
        return Watched(board, script, connection)


def live_through(watched: Watched, number: int, shape: Shape = USUAL) -> None:
    """A certificate from its submission to when its owner erases it, past all that waits, and what is asked beside."""
    board, script = watched.board, watched.script
    request = request_for(JobKind.CERTIFY, number, shape)
    ticket = board.submit(request, STEP)
    board.ahead(ticket.id, "")
    job, votes = ticket.job, votes_of(shape.labels)
    count_phase(watched, job, Phase.SELECT, STEP, votes, "first of a job")
    board.select(job, 0, STEP)
    last = count_phase(watched, job, Phase.ESTIMATE, STEP * shape.shards, votes, "first of a phase")
    with script.noted_as("last of a job"):
        board.record_votes(job, last, FINGERPRINT, votes)
    standing = board.standing(job)
    assert standing is not None
    take_next_step(board, standing)
    board.held(ticket.id, "")
    board.erase(ticket.id, "")


def count_phase(watched: Watched, job: str, phase: Phase, samples: int, votes: list[int], first_as: str) -> Shard:
    """Leases all shards of a phase and records them, but the last of the estimation, which it returns."""
    shards = list(shards_of(phase, samples))
    for shard in shards:
        with watched.script.noted_as(first_as) if shard.first == 0 else nullcontext():
            watched.board.lease(job, shard, WORKER, ENGINE)
            if phase is Phase.SELECT or shard is not shards[-1]:
                watched.board.record_votes(job, shard, FINGERPRINT, votes)
    return shards[-1]


def look_about(watched: Watched, number: int) -> None:
    """What workers, clients and operators ask beside: none of it is to take longer when more waits or is stored."""
    board, script = watched.board, watched.script
    waiting = board.submit(request_for(JobKind.CERTIFY, number), STEP)
    board.renew(waiting.job, next(shards_of(Phase.SELECT, STEP)), WORKER)
    board.let_go(waiting.id, "")
    popped = script("pop", queues=queue_names(ENGINE), seconds=5.0)
    if popped:
        script("drop", queue=queue_name(JobKind.CERTIFY, ENGINE), name=popped[1])
    board.listing("", 20)
    board.usage("", 1)
    board.figures()
    board.backlog([ENGINE])
    board.reconcile(ENGINE, pause=0.000001)
    board.tick()
    board.old_images()
    board.jobs_of_task("a-task")
    board.check_room(JobKind.CERTIFY, ENGINE, 1, 1, NOBODY_IN_PARTICULAR)
    board.ledger()


def costs_of(place: Place, shape: Shape, rounds: int, first: int) -> Costs:
    """Of one certificate after the other of a shape."""
    watched = Watched.at(place)
    for number in range(first, first + rounds):
        live_through(watched, number, shape)
    return watched.script.costs


@dataclass(frozen=True)
class Growth:
    """What a record costs where little is there and where much is, in microseconds of the server, and their
    ratio: medians of rounds in which both took their turn."""

    few: float
    many: float
    ratio: float


def growth_of(few: Place, many: Place, rounds: int) -> Growth:
    small, large = ((place.board(), connect(place.url)) for place in (few, many))
    numbers = range(FIRST_RECORDED, FIRST_RECORDED + rounds)
    costs = [(cost_of_records(*small, number), cost_of_records(*large, number)) for number in numbers]
    ratio = median(of_large / of_small for of_small, of_large in costs)
    return Growth(median(cost for cost, _ in costs), median(cost for _, cost in costs), ratio)


def cost_of_records(board: JobBoard, connection: redis.Redis, number: int) -> float:
    """Of each record of one certificate's shards, one after the other."""
    job, votes = begin(board, request_for(JobKind.CERTIFY, number)), votes_of(USUAL.labels)
    shards = list(shards_of(Phase.ESTIMATE, STEP * USUAL.shards))[:-1]
    for shard in shards:
        board.lease(job, shard, WORKER, ENGINE)
    before = spent(connection)
    for shard in shards:
        board.record_votes(job, shard, FINGERPRINT, votes)
    return (spent(connection) - before) / len(shards)


def side_by_side(small: Place, large: Place, rounds: int) -> tuple[Costs, Costs]:
    """Of the same commands on two servers that take turns."""
    both = Watched.at(small), Watched.at(large)
    for number in range(rounds):
        for watched in both:
            live_through(watched, number)
            look_about(watched, rounds + number)
    return both[0].script.costs, both[1].script.costs
