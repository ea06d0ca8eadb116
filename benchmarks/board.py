"""What the job board alone carries: a real queue server, the service's own commands, and workers that only pretend.

    python -m benchmarks.board [--quick] [--report]

1. Shards a second: so many clients lease shards and record made-up votes, each with a connection of its own. Jobs a
   second: each client asks for predictions and does what a worker does for one, to the stored answer.
2. What each command costs the server, by its own count, as jobs have more shards and more labels.
3. The same with 1,000 jobs waiting and 1,000 outcomes, and with 100,000 and a million, on two servers that take turns.
4. What is stored for each job, in bytes of the server's memory.

Goals on two idle cores: `shards_per_second` of 8 clients at least 6,000, `growth` of the cost of a record at most 1.2.
Clients and server share the cores: "of a core" says what each takes, whoever else computes. `--report` prints the
tables of docs/scale.md. Takes 3 GB of memory and some minutes, `--quick` a tenth of both. The last line is JSON.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import redis
import typer

from adapters.contract.records import JobKind
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from benchmarks import board_tables as tables
from benchmarks.board_costs import Costs, Growth, costs_of, growth_of, side_by_side
from benchmarks.board_fill import fill_outcomes, fill_waiting
from benchmarks.board_jobs import USUAL, Place, Shape, begin, request_for
from benchmarks.board_load import Load, Preparing, measure, predictions, shards

QUEUE_BYTES = 8 * 2**30
WAIT_SECONDS = 0.5
SHAPES = {
    "10 labels, 100 shards": USUAL,
    "10 shards": Shape(shards=10),
    "1,000 shards": Shape(shards=1000),
    "100 labels": Shape(labels=100),
    "1,000 labels": Shape(labels=1000),
    "looked at after each shard": Shape(is_looked_at=True),
}
BEGUN = 50
"""Jobs whose memory is measured together."""
JUDGED_BY = 8
"""Clients whose shards a second are the benchmark's."""


@dataclass(frozen=True)
class Extent:
    """How much is measured. `shards` and `jobs` are of all clients together."""

    clients: tuple[int, ...]
    shards: int
    jobs: int
    shape_rounds: int
    rounds: int
    waiting: int
    outcomes: int


FULL = Extent((1, 2, 8, 50, 200), 16_000, 2_000, 3, 30, 100_000, 1_000_000)
QUICK = Extent((1, 8), 1_600, 160, 1, 5, 10_000, 50_000)
FEW = 1000
"""Jobs that wait, and outcomes, where there are few."""


@dataclass(frozen=True)
class Figures:
    """All that is measured; sizes in bytes."""

    shards: tuple[Load, ...]
    jobs: tuple[Load, ...]
    shapes: Mapping[str, Costs]
    few: Costs
    many: Costs
    growth: Growth
    sizes: Mapping[str, float]


@contextmanager
def running(folder: Path, name: str) -> Iterator[Place]:
    """A queue server as `robustify up` starts it, with more memory."""
    state = folder / name
    with EmbeddedServer(state, QUEUE_BYTES) as server:
        yield Place(server.url, state)


def loads(place: Place, prepare: Preparing, clients: Sequence[int], total: int, series: int) -> tuple[Load, ...]:
    return tuple(
        measure(place, number, prepare, max(1, total // number), series + index) for index, number in enumerate(clients)
    )


def shape_costs(place: Place, rounds: int) -> Mapping[str, Costs]:
    return {name: costs_of(place, shape, rounds, 1000 * index) for index, (name, shape) in enumerate(SHAPES.items())}


def bytes_of_each(connection: redis.Redis, count: int, do: Callable[[], object]) -> float:
    """What the server takes more for each of so many, once they are there."""
    before = int(connection.info("memory")["used_memory"])
    do()
    return (int(connection.info("memory")["used_memory"]) - before) / count


def filled(place: Place, waiting: int, outcomes: int) -> Mapping[str, float]:
    """Fills a server, and what each thing takes on it."""
    with connect(place.url) as connection:
        # What is filled in need not be written down: what is measured is. A server that ticks faster is tidy sooner.
        usual = {"appendonly": "yes", "hz": connection.config_get("hz")["hz"]}
        connection.config_set("appendonly", "no", "hz", "100")
        sizes = {
            "a certificate that waits": bytes_of_each(
                connection, waiting, lambda: fill_waiting(place, connection, waiting)
            ),
            "what stays of an answer: its question and its image": bytes_of_each(
                connection, outcomes, lambda: fill_outcomes(connection, outcomes)
            ),
        }
        sizes |= {"of that, its question, which stays for 30 days": question_bytes(connection)}
        connection.config_set("appendonly", usual["appendonly"])
        wait_until_tidy(connection)
        connection.config_set("hz", usual["hz"])
    return sizes


def question_bytes(connection: redis.Redis) -> float:
    """What stays for as long as outcomes do, when all else about an image is forgotten."""
    key = next(connection.scan_iter("robustify:questions:*", count=1000))
    return float(connection.memory_usage(key) or 0)


def wait_until_tidy(connection: redis.Redis) -> None:
    """The server writes all that it has to its file, and makes its table of keys larger, beside what it is asked."""
    while connection.info("persistence")["aof_rewrite_in_progress"] or is_rehashing(connection):
        time.sleep(WAIT_SECONDS)


def is_rehashing(connection: redis.Redis) -> bool:
    return bool(connection.info("memory").get("mem_overhead_db_hashtable_rehashing"))


def sizes_of_jobs(place: Place) -> Mapping[str, float]:
    """Of jobs that are under way, and of what is kept of them for a day."""
    board = place.board()

    def begin_all() -> None:
        for number in range(BEGUN):
            begin(board, request_for(JobKind.CERTIFY, 8 * 10**8 + number))

    with connect(place.url) as connection:
        return {
            "a certificate with 100 shards to do": bytes_of_each(connection, BEGUN, begin_all),
            "a prediction that was answered": bytes_of_each(connection, BEGUN, predictions(place, 9 * 10**8, BEGUN)),
        }


def measured(extent: Extent, folder: Path) -> Figures:
    with ExitStack() as stack:
        few, many = (stack.enter_context(running(folder, name)) for name in ("few", "many"))
        of_shards = loads(few, shards, extent.clients, extent.shards, 10)
        of_jobs = loads(few, predictions, extent.clients, extent.jobs, 20)
        shapes = shape_costs(few, extent.shape_rounds)
        sizes = sizes_of_jobs(few)
        filled(few, FEW, FEW)
        sizes = {**filled(many, extent.waiting, extent.outcomes), **sizes}
        growth = growth_of(few, many, extent.rounds)
        return Figures(of_shards, of_jobs, shapes, *side_by_side(few, many, extent.rounds), growth, sizes)


def report(figures: Figures, extent: Extent) -> str:
    """The tables of docs/scale.md."""
    heads = (f"{FEW:,} jobs and outcomes", f"{extent.waiting:,} jobs, {extent.outcomes:,} outcomes")
    parts = {
        "Shards": tables.of_loads(figures.shards, "shard"),
        "Jobs": tables.of_loads(figures.jobs, "job"),
        "Costs by size": tables.of_costs(figures.shapes),
        "Growth": tables.of_growth(figures.few, figures.many, heads),
        "Memory": tables.of_memory(figures.sizes),
    }
    return "\n\n".join(f"### {name}\n\n{text}" for name, text in parts.items())


def summary(figures: Figures) -> dict[str, object]:
    """The last line."""
    judged = next(load for load in figures.shards if load.clients == JUDGED_BY)
    done = len(judged.times("shard"))
    return {
        "benchmark": "board",
        "shards_per_second": round(judged.rate("shard")),
        "server_microseconds_per_shard": round(1e6 * judged.server.seconds / done),
        "client_microseconds_per_shard": round(1e6 * judged.client_seconds / done),
        "jobs_per_second": round(max(load.rate("job") for load in figures.jobs)),
        "growth": round(figures.growth.ratio, 3),
        "bytes": {what: round(size) for what, size in figures.sizes.items()},
    }


def main(
    quick: Annotated[bool, typer.Option(help="A tenth of everything.")] = False,
    with_report: Annotated[bool, typer.Option("--report", help="Print the tables of docs/scale.md.")] = False,
) -> None:
    extent = QUICK if quick else FULL
    with tempfile.TemporaryDirectory(prefix="robustify-bench-") as name:
        figures = measured(extent, Path(name))
    found = summary(figures)
    if with_report:
        typer.echo(report(figures, extent))
    for figure, value in found.items():
        typer.echo(f"{figure:40} {value}")
    typer.echo(json.dumps(found))


if __name__ == "__main__":
    typer.run(main)
