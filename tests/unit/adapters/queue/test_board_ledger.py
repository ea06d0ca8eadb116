"""The ledger of votes under any order, multiplicity and loss of deliveries, on a real queue server."""

import time
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from adapters.contract.jobs import JobRequest, JobStatus, Shard
from adapters.queue.board import JobBoard
from adapters.queue.rq_queue import SafeQueue, queues
from adapters.settings import Settings
from robustify.types import Phase
from tests.answers import answer_of, phase_votes

SHARD_SAMPLES = 10
PAUSE_SECONDS = 0.001
HISTORIES = 100
N0, N = 15, 45
PHASES = {Phase.SELECT: N0, Phase.ESTIMATE: N}
SHARDS = [
    Shard(phase=phase, first=first, count=min(SHARD_SAMPLES, samples - first))
    for phase, samples in PHASES.items()
    for first in range(0, samples, SHARD_SAMPLES)
]
PLANNED = {phase: sum(shard.phase is phase for shard in SHARDS) for phase in PHASES}
shards = st.sampled_from(SHARDS)
owners = st.sampled_from(["one", "two", "three"])


def votes_of(shard: Shard, lost: int = 0) -> list[int]:
    """What the shard votes, with so many votes lost."""
    return [shard.count - shard.first % 3 - lost, shard.first % 3]


class Ledger(RuleBasedStateMachine):
    """Workers that lease, record, give back, die and come late, in any order; then one honest worker that ends it."""

    server: Any
    board: JobBoard
    make_request: Callable[..., JobRequest]
    ended: list[str]
    number = 0

    @initialize()
    def submit(self) -> None:
        # Another alpha is another configuration: each run has a job of its own on the same server.
        type(self).number += 1
        self.job = self.board.submit(self.make_request(n0=N0, n=N, alpha=0.001 / self.number), SHARD_SAMPLES)
        self.expected: dict[Phase, dict[int, list[int]]] = {phase: {} for phase in PHASES}
        self.selected = False

    @rule(shard=shards, owner=owners)
    def lease(self, shard: Shard, owner: str) -> None:
        self.board.lease(self.job.id, shard, owner)

    @rule(shard=shards, owner=owners)
    def give_back(self, shard: Shard, owner: str) -> None:
        self.board.release(self.job.id, shard, owner)

    @rule(shard=shards, lost=st.integers(0, 2), times=st.integers(1, 3))
    def deliver(self, shard: Shard, lost: int, times: int) -> None:
        for _ in range(times):
            receipt = self.board.record_votes(
                self.job.id, shard, self.job.vote_request.fingerprint, votes_of(shard, lost)
            )
            current = shard.phase is (Phase.ESTIMATE if self.selected else Phase.SELECT)
            assert receipt.counted is (current and shard.first not in self.expected[shard.phase])
            if receipt.counted:
                self.expected[shard.phase][shard.first] = votes_of(shard, lost)
                assert receipt.is_due is (len(self.expected[shard.phase]) == PLANNED[shard.phase])

    @rule(shard=shards)
    def deliver_for_another_model(self, shard: Shard) -> None:
        assert not self.board.record_votes(self.job.id, shard, "another", votes_of(shard)).counted

    @rule(index=st.integers(0, 1))
    def select(self, index: int) -> None:
        complete = len(self.expected[Phase.SELECT]) == PLANNED[Phase.SELECT]
        assert (self.board.select(self.job.id, index, N0) is not None) is complete
        self.selected = self.selected or complete

    @rule()
    def reconcile(self) -> None:
        self.board.reconcile(self.job.request.engine, pause=PAUSE_SECONDS)

    @rule()
    def pop_and_die(self) -> None:
        self.pop()

    @invariant()
    def every_shard_counts_once(self) -> None:
        for phase, recorded in self.expected.items():
            expected = [sum(votes) for votes in zip([0, 0], *recorded.values(), strict=True)]
            assert phase_votes(self.board, self.job.id, phase) == expected
        record = self.board.get(self.job.id)
        assert record is not None
        done = sum(min(SHARD_SAMPLES, PHASES[phase] - first) for phase in PHASES for first in self.expected[phase])
        assert record.samples_done == done

    def pop(self) -> str | None:
        keys = [queue.key for queue in queues(self.server, self.job.request.engine)]
        popped = SafeQueue.lpop(keys, None, self.server)
        return popped[1] if popped else None

    def teardown(self) -> None:
        """However it went, an honest worker can end the job with what the queue brings it, and only then."""
        if not hasattr(self, "job"):
            return
        self.forget_the_dead()
        for phase in PHASES:
            while len(self.expected[phase]) < PLANNED[phase]:
                assert not self.board.finish(self.job.id, answer_of(self.board, self.job.id, radius=9.0))
                self.work()
            self.select(0)
        assert self.board.finish(self.job.id, answer_of(self.board, self.job.id, radius=1.0))
        record = self.board.get(self.job.id)
        assert record is not None
        assert record.status is JobStatus.SUCCEEDED
        self.ended.append(self.job.id)

    def forget_the_dead(self) -> None:
        """As time would: whatever is leased or popped has been so for too long."""
        for queue in queues(self.server, self.job.request.engine):
            held = f"robustify:held:{queue.name}"
            for shard in self.server.zrangebyscore(held, 0, "(+inf"):
                self.server.zadd(held, {shard: 1.0})

    def work(self) -> None:
        """Reconciles, pops, leases, records."""
        time.sleep(2 * PAUSE_SECONDS)
        self.reconcile()
        name = self.pop()
        assert name is not None
        _, phase, first = name.split("-")
        (shard,) = [shard for shard in SHARDS if shard.phase == phase and shard.first == int(first)]
        assert self.board.lease(self.job.id, shard, "honest")
        self.deliver(shard, 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("lease_seconds", [0.0001, 60.0])
def test_any_history_of_deliveries(
    connection: redis.Redis,
    queue_settings: Settings,
    make_request: Callable[..., JobRequest],
    monkeypatch: pytest.MonkeyPatch,
    lease_seconds: float,
) -> None:
    """The sums are those of each shard once, with leases that are over at once or never; many histories do end."""
    monkeypatch.setattr("adapters.queue.working.LOST_LIMIT", 1000)
    changed = queue_settings.model_copy(update={"lease_seconds": lease_seconds})
    ended: list[str] = []
    attributes = {"board": JobBoard(connection, changed), "make_request": staticmethod(make_request), "ended": ended}
    machine = type("LedgerOnServer", (Ledger,), {**attributes, "server": connection})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=HISTORIES, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

    assert len(set(ended)) >= HISTORIES
