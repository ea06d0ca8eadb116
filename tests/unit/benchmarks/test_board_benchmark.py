"""The measurements of the board alone are of what the service has: its own commands, keys and answers."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from adapters.contract.records import JobKind
from adapters.queue.connection import connect
from benchmarks import board as benchmark
from benchmarks.board import Extent, measured, report, running, summary
from benchmarks.board_costs import Watched, cost_of_records, live_through, look_about
from benchmarks.board_fill import fill_outcomes, fill_waiting
from benchmarks.board_jobs import Place, Shape, begin, record, request_for, shards_of, take_next_step, votes_of
from robustify.types import Phase

TINY = Extent((1, 8), 160, 16, 1, 1, 50, 50)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with running(tmp_path, "server") as found:
        yield found


@pytest.fixture
def connection(place: Place) -> Iterator[redis.Redis]:
    with connect(place.url) as client:
        yield client


def test_waiting_jobs_when_they_are_filled_in(place: Place, connection: redis.Redis) -> None:
    """They are jobs as any others: counted, listed, in the lines of their owners, and answered."""
    fill_waiting(place, connection, 25)
    board = place.board()
    assert board.queue_depths()["certify"] == 25
    records = list(board.live_jobs())
    assert {job.owner for job in records} == {"", *(f"owner-{number}" for number in range(12))}
    assert len({job.vote_request.image.sha256 for job in records}) == 25
    assert board.backlog([records[0].request.engine])[-1].waiting == 25
    assert record(board, records[-1].id, next(shards_of(Phase.SELECT, 100)), votes_of(10)) is not None


def test_outcomes_when_they_are_filled_in(place: Place, connection: redis.Redis) -> None:
    """Each has its question, and an image that is wanted."""
    fill_outcomes(connection, 30)
    board = place.board()
    assert board.figures().images == 30
    assert board.old_images() == []
    image = next(connection.scan_iter("robustify:questions:*")).decode().rpartition(":")[2]
    assert board.questions_about(image) == 1


@pytest.mark.parametrize("shape", [Shape(), Shape(shards=3), Shape(labels=100), Shape(is_looked_at=True)])
def test_certificate_when_its_worker_only_pretends(place: Place, shape: Shape) -> None:
    """Its votes fit, and all of them together answer it."""
    board, request = place.board(), request_for(JobKind.CERTIFY, 1, shape)
    job, standing = begin(board, request), None
    for shard in shards_of(Phase.ESTIMATE, request.n):
        standing = record(board, job, shard, votes_of(shape.labels))
    assert standing is not None
    take_next_step(board, standing)
    found = board.get(job)
    assert found is not None
    assert (found.status, found.samples_done) == ("succeeded", 100 + request.n)


def test_costs_when_they_are_noted(place: Place, connection: redis.Redis) -> None:
    """The server's own microseconds of each command, the first lease of a job apart from the others."""
    watched = Watched.at(place)
    live_through(watched, 1, Shape(shards=3))
    look_about(watched, 2)
    costs = watched.script.costs
    assert {"submit", "lease (first of a job)", "lease", "record", "settle", "publish", "let_go", "figures"} <= set(
        costs
    )
    assert min(costs.values()) > 0
    assert cost_of_records(place.board(), connection, 3) > 0


@pytest.mark.slow
def test_benchmark_when_it_is_tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every client does all that it is to do, and the tables and the last line have every figure."""
    monkeypatch.setattr(benchmark, "SHAPES", {"few": Shape(shards=3), "looked at": Shape(shards=3, is_looked_at=True)})
    figures = measured(TINY, tmp_path)
    assert [len(load.times("shard")) for load in figures.shards] == [160, 160]
    assert [len(load.times("job")) for load in figures.jobs] == [16, 16]
    assert set(figures.few) == set(figures.many)
    assert report(figures, TINY).count("### ") == 5
    found = summary(figures)
    assert all(math.isfinite(value) and value > 0 for value in found.values() if isinstance(value, float | int))
    assert len(figures.sizes) == 5
