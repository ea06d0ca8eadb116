"""What the board does where very much waits: as many steps as where little does, whatever earlier releases left."""

from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
import pytest
import redis

from adapters.contract.access import Caller
from adapters.contract.jobs import JobRecord, Shard
from adapters.contract.labels import task_id
from adapters.queue.asking import Asked
from adapters.queue.board import JobBoard
from adapters.queue.known import MOST_KNOWN, KnownJobs
from adapters.queue.rq_queue import queues
from adapters.settings import Settings
from adapters.store import ledger as ledger_store
from adapters.store.places import LEDGER, places_of
from robustify.types import Phase
from tests.answers import answer_of
from tests.queue_fixtures import MakeRequest

SAMPLES = 100
FIRST, SECOND = (Shard(phase=Phase.ESTIMATE, first=first, count=SAMPLES) for first in (0, SAMPLES))
SELECT = Shard(phase=Phase.SELECT, first=0, count=SAMPLES)
LINEAR = {"lrem", "lrange", "lpos", "smembers", "hgetall", "hkeys", "hvals"}
"""What takes longer as a collection has more."""
CLOCK = "robustify:clock"
SMALL = ("job:", "votes:", "ticket:", "tickets:", "usage:", "batches-of:", "counters", "ledger", ":intermediate")
"""Collections that are no larger where more waits."""

Submit = Callable[..., JobRecord]


@pytest.fixture
def board(connection: redis.Redis, queue_settings: Settings) -> JobBoard:
    return JobBoard(connection, queue_settings)


@pytest.fixture
def submit(board: JobBoard, make_request: MakeRequest) -> Submit:
    """Submits certificates, each about an image of its own."""
    numbers: Iterator[int] = iter(range(1, 10_000))

    def submit(owner: str = "", **others: object) -> JobRecord:
        image = np.full((3, 32, 32), next(numbers) / 10_000, dtype=np.float32)
        return board.submit(make_request(image, n=300, **others), SAMPLES, Asked(Caller(owner=owner)))

    return submit


def queue_of(job: JobRecord) -> str:
    return f"{job.request.kind}:{job.request.engine[:16]}"


def pop(connection: redis.Redis, job: JobRecord) -> str | None:
    """The job of which a worker would get a shard next."""
    lists = queues(connection, job.request.engine)
    popped = lists[0].lpop([queue.key for queue in lists], None, connection)
    return popped[1].partition("-")[0] if popped else None


def record(board: JobBoard, job: str, shard: Shard, fingerprint: str) -> None:
    assert board.lease(job, shard, "worker") is not None
    assert board.record_votes(job, shard, fingerprint, [SAMPLES, 0]).counted


def commands_of(connection: redis.Redis, do: Callable[[], object]) -> list[list[str]]:
    """The commands that the board's script gives the server, in their order; its clock is written when it is due."""
    with connection.monitor() as monitor:
        do()
        connection.execute_command("ECHO", "that was all")
        found: list[list[str]] = []
        for entry in monitor.listen():
            if entry["command"].startswith("ECHO"):
                return found
            if entry["client_type"] == "lua" and CLOCK not in entry["command"]:
                found.append(entry["command"].split(" "))
    return found


def many_things(board: JobBoard, connection: redis.Redis, submit: Submit) -> None:
    """What becomes of a job that is answered, and of one that is canceled, and what is asked beside."""
    job, other = submit("a"), submit("a")
    board.ahead(job.id, "a")
    board.let_go(other.id, "a")
    record(board, job.job, SELECT, job.vote_request.fingerprint)
    board.select(job.job, 0, SAMPLES)
    record(board, job.job, FIRST, job.vote_request.fingerprint)
    board.let_go(job.id, "a")
    board.jobs_of_task("0" * 16, "a")
    board.figures()
    board.backlog([job.request.engine])
    board.tick()
    board.old_images()


def test_commands_when_more_jobs_wait(board: JobBoard, connection: redis.Redis, submit: Submit) -> None:
    """They are the same and as many, and none of them goes through what grows."""
    submit("a")
    board.jobs_of_task("0" * 16, "a")
    few = commands_of(connection, lambda: many_things(board, connection, submit))
    for _ in range(20):
        submit("a")
    many = commands_of(connection, lambda: many_things(board, connection, submit))
    assert [command[0].lower() for command in many] == [command[0].lower() for command in few]
    for name, *arguments in many:
        assert name.lower() not in LINEAR or any(small in arguments[0] for small in SMALL), (name, arguments)
        assert name.lower() != "zrange" or arguments[1:3] != ["0", "-1"], (name, arguments)


def members(connection: redis.Redis, key: str) -> list[str]:
    found = cast(list[bytes], connection.zrange(key, 0, -1))
    return [member.decode() for member in found]


def as_earlier_releases_have_it(connection: redis.Redis, queue: str) -> None:
    """The lanes of a queue as lists, as they were before decision 36."""
    for owner in members(connection, f"robustify:turns:{queue}"):
        line = f"robustify:line:{queue}:{owner}"
        connection.rpush(f"robustify:lane:{queue}:{owner}", *members(connection, line))
        connection.rpush(f"robustify:rotation:{queue}", owner)
        connection.delete(line)
    connection.delete(f"robustify:turns:{queue}")


def test_lanes_when_an_earlier_release_left_them(board: JobBoard, connection: redis.Redis, submit: Submit) -> None:
    """They are gone on with, in the same order, and what comes now comes after."""
    first, second, other, canceled = submit("a"), submit("a"), submit("b"), submit("b")
    as_earlier_releases_have_it(connection, queue_of(first))
    assert board.ahead(second.id, "a") == 2
    as_earlier_releases_have_it(connection, queue_of(first))
    board.let_go(canceled.id, "b")
    last = submit("b")
    as_earlier_releases_have_it(connection, queue_of(first))
    assert [pop(connection, first) for _ in range(5)] == [first.job, other.job, second.job, last.job, None]
    assert list(connection.scan_iter("robustify:lane:*")) == list(connection.scan_iter("robustify:rotation:*")) == []


@pytest.mark.slow
def test_place_when_very_many_owners_wait(board: JobBoard, submit: Submit) -> None:
    """An owner's first job has its place exactly, the next ones as far as the others are like those looked at."""
    for owner in range(120):
        submit(f"owner-{owner}")
        submit(f"owner-{owner}")
    places = [board.ahead(submit("a").id, "a") for _ in range(3)]
    assert places == [120, 241, 242]


def test_lease_when_the_job_is_known(board: JobBoard, submit: Submit) -> None:
    """The worker is told what has changed, and has the rest: as if it had read the job anew."""
    job = submit("a", labels=tuple(f"label {number}" for number in range(50)))
    assert board.lease(job.job, SELECT, "worker") == board.get(job.job)
    assert board.record_votes(job.job, SELECT, job.vote_request.fingerprint, [SAMPLES, *[0] * 49]).counted
    board.select(job.job, 0, SAMPLES)
    assert board.lease(job.job, FIRST, "worker") == board.get(job.job)
    assert board.lease(job.job, FIRST, "another") is None
    board.erase(job.id, "a")
    assert board.lease(job.job, SECOND, "worker") is None


def test_known_jobs_when_there_are_many(submit: Submit) -> None:
    """So many are kept, the latest."""
    known, record = KnownJobs(), submit()
    for number in range(MOST_KNOWN + 1):
        known.keep(record.model_copy(update={"id": str(number)}))
    assert known.get("0") is None
    assert [known.get(str(number)) is not None for number in (1, MOST_KNOWN)] == [True, True]


def test_jobs_of_a_task_when_an_earlier_release_submitted_them(
    board: JobBoard, connection: redis.Redis, submit: Submit
) -> None:
    """They are found, once for all; those that are done are not."""
    waiting, done = submit("a", task="pets"), submit("a", task="pets")
    board.let_go(done.id, "a")
    connection.delete(*connection.scan_iter("robustify:needing:*"))
    assert board.jobs_of_task(task_id("pets"), "a") == [waiting.job]
    board.let_go(waiting.id, "a")
    assert board.jobs_of_task(task_id("pets"), "a") == []
    assert list(connection.scan_iter("robustify:needing:*")) == []


def test_live_jobs_when_there_are_more_than_a_page(board: JobBoard, connection: redis.Redis, submit: Submit) -> None:
    """All are found, of those that wait and of those that have begun."""
    waiting, begun = submit(), submit()
    assert board.lease(begun.job, SELECT, "worker") is not None
    for name, job in (("queued", waiting), ("running", begun)):
        expires_at = float(connection.zscore(f"robustify:{name}", job.job) or 0)
        connection.zadd(f"robustify:{name}", {f"gone{number}": expires_at - 3000 + number for number in range(2500)})
    assert {job.id for job in board.live_jobs()} == {waiting.job, begun.job}


def test_outcome_when_it_is_stored(board: JobBoard, connection: redis.Redis, submit: Submit) -> None:
    """The queue server has it for a minute more; from then on the same question, of another file, is answered from the
    store."""
    job = submit("a")
    record(board, job.job, SELECT, job.vote_request.fingerprint)
    board.select(job.job, 0, SAMPLES)
    for first in (0, SAMPLES, 2 * SAMPLES):
        shard = Shard(phase=Phase.ESTIMATE, first=first, count=SAMPLES)
        record(board, job.job, shard, job.vote_request.fingerprint)
    assert board.finish(job.job, answer_of(board, job.job))
    (outcome,) = connection.scan_iter("robustify:outcome:*")
    assert 0 < int(connection.ttl(outcome)) <= 60
    connection.delete(outcome)
    image = job.vote_request.image.model_copy(update={"source_sha256": "1" * 64})
    asked = Asked(Caller(owner="a"))
    again = board.submit(job.vote_request.model_copy(update={"image": image}), SAMPLES, asked)
    assert (again.job != job.job, again.status) == (True, "succeeded")


def test_ledger_when_more_was_answered_than_one_step_adds_up(
    board: JobBoard, queue_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it is added up at once, so that a service that answers much leaves no more behind than another."""
    monkeypatch.setattr(ledger_store, "MOST_AT_ONCE", 2)
    board.agree_on_ledger()
    places = places_of(queue_settings)
    for number in range(5):
        places.ledger.note(f"job{number}", ledger_store.Charge("certify:0.001", ("ann",), is_first=True))
    assert board.agree_on_ledger() == {"": {"certify:0.001": 5}, "ann": {"certify:0.001": 5}}
    assert [entry.name for entry in places.objects.below(LEDGER).entries()] == ["sums.json"]
