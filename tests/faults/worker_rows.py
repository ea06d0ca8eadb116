"""F1 to F4: workers that are killed or frozen, and deliveries that come more than once."""

import os
import signal
import time
from multiprocessing.process import BaseProcess

from adapters.queue.keys import queue_name
from tests.faults.judging import Findings
from tests.faults.lanes import BATCH_SECONDS, BATCH_SIZE, JOB_SECONDS, LEASE_SECONDS, Job, Lane

MOST_COPIES = 5


def killed_at_random(lane: Lane, found: Findings) -> None:
    """F1: one worker, a random moment of a certificate; then another worker."""
    victim = lane.start_worker()
    job = lane.submit()
    lane.wait(lambda: len(lane.board.workers()) > 0)
    time.sleep(lane.rng.uniform(0, JOB_SECONDS))
    lane.end(victim)
    finish_with_another(lane, job, found)


def killed_after_the_pop(lane: Lane, found: Findings) -> None:
    """F2: the worker is gone when it has popped a shard and not yet begun it."""
    shards = 1 + job_shards(lane)
    victim = lane.start_worker(batch_seconds=BATCH_SECONDS / 3, dies_at_delivery=lane.rng.randint(1, shards - 1))
    job = lane.submit()
    if not lane.wait(lambda: not victim.is_alive(), seconds=30):
        found.broken.append("the worker was not killed between pop and registration")
    lane.end(victim)
    finish_with_another(lane, job, found)


def job_shards(lane: Lane) -> int:
    """Of a certificate of the usual size: one of selection, and those of its estimation."""
    return 1 + 600 // (lane.settings.shard_samples or 600)


def frozen(lane: Lane, found: Findings) -> None:
    """F3: the worker stands still in the middle of a batch for over two leases; another takes over; it goes on."""
    before = lane.refused_commits()
    zombie = lane.start_worker()
    job = lane.submit(shard_samples=BATCH_SIZE)
    lane.wait(lambda: 0 < samples_done(lane, job) < 500)
    signal_to(zombie, signal.SIGSTOP)
    frozen_at = time.monotonic()
    other = lane.start_worker()
    found.seconds.append(seconds_until_done(lane, job))
    time.sleep(max(0.0, frozen_at + 2 * LEASE_SECONDS - time.monotonic()))
    signal_to(zombie, signal.SIGCONT)
    following = lane.submit(n=200)
    seconds_until_done(lane, following)
    time.sleep(2 * BATCH_SECONDS)
    if not zombie.is_alive():
        found.broken.append("the frozen worker ended")
    found.count("late commits refused", lane.refused_commits() - before)
    for judged in (job, following):
        found.judge(lane, judged)
    lane.end(zombie, other)


def delivered_again(lane: Lane, found: Findings) -> None:
    """F4: what the queue names is named up to five times more, in another order, while two workers empty it."""
    before = lane.refused_commits()
    workers = [lane.start_worker(batch_seconds=BATCH_SECONDS / 3) for _ in range(2)]
    job = lane.submit()
    started, key = time.monotonic(), f"rq:queue:{queue_name(job.request.kind, job.request.engine)}"
    while not lane.is_done(job) and time.monotonic() - started < 60:
        waiting = lane.connection.lrange(key, 0, -1) + lane.connection.lrange(f"{key}:intermediate", 0, -1)
        copies = [name for name in sorted(set(waiting)) for _ in range(lane.rng.randint(1, MOST_COPIES))]
        lane.rng.shuffle(copies)
        if copies:
            lane.connection.rpush(key, *copies)
            found.count("copies", len(copies))
        time.sleep(lane.rng.uniform(0, 0.2))
    found.seconds.append(seconds_until_done(lane, job))
    found.count("late commits refused", lane.refused_commits() - before)
    found.judge(lane, job)
    lane.end(*workers)


def finish_with_another(lane: Lane, job: Job, found: Findings) -> None:
    worker = lane.start_worker()
    found.seconds.append(seconds_until_done(lane, job))
    found.judge(lane, job)
    lane.end(worker)


def seconds_until_done(lane: Lane, job: Job) -> float:
    started = time.monotonic()
    lane.wait(lambda: lane.is_done(job))
    return time.monotonic() - started


def samples_done(lane: Lane, job: Job) -> int:
    record = lane.current(job)
    return record.samples_done if record else 0


def signal_to(process: BaseProcess, number: signal.Signals) -> None:
    assert process.pid is not None
    os.kill(process.pid, number)
