"""A day of mixed load on so many GPUs, played through event by event: how long clients wait, and when to add a GPU.

    python -m benchmarks.studies.day [--gpus 10] [--speed 196] [--seed 0]

1. Predictions, certificates and adaptations come at random, more by day than by night (`SHARES_OF_HOURS`).
2. A worker takes what the product's worker takes: predictions first, with their share of its time where others wait
   (`workers.turns`), then adaptations, each by one worker, with a batch of a certificate between two steps, then
   certificates, in the order in which they came and as many workers on one as there are. Between two batches it looks
   again.
3. It plays the day for more and more GPUs, until the goals hold in the worst hour, and says how busy they are then.

All clients are one owner here: the turns of owners decide who waits, and not how long all do. The same seed plays the
same day. The tests hold the queueing against Erlang's formula. docs/scale.md quotes it. The last line is JSON.
"""

import heapq
import json
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

import numpy as np
import typer

from workers.turns import Turns

HOUR = 3600.0
HOURS = 24
SHARES_OF_HOURS = (1, 1, 1, 1, 1, 2, 3, 4, 6, 8, 8, 8, 7, 8, 8, 8, 7, 6, 4, 3, 2, 1, 1, 1)
"""How much of a day's requests comes in each hour, in parts of their sum."""
BATCH_SAMPLES = 50
FEWEST, MOST = 0.7, 5
"""Of the GPUs that could just compute the day in ten hours: the day is played for so many, and more."""
ROWS_THAT_HOLD = 3
PREDICT_GOAL, CERTIFY_GOAL = 2.0, 600.0
"""Seconds to the answer that 95 of 100 clients are to wait at most, in the worst hour."""


class Kind(StrEnum):
    PREDICT = "predict"
    ADAPT = "adapt"
    CERTIFY = "certify"


@dataclass(frozen=True)
class Demand:
    """What of one kind comes in a day, and the samples that each takes: of a certificate that ends early fewer."""

    each_day: int
    samples: int


@dataclass(frozen=True)
class Arrival:
    """A job: so many pieces of work, each of so many seconds on one GPU, which nothing interrupts."""

    at: float
    kind: Kind
    pieces: int
    seconds: float


@dataclass
class Work:
    """A job that waits or is worked on."""

    arrival: Arrival
    index: int
    waiting: int = 0
    left: int = 0

    def __post_init__(self) -> None:
        self.waiting = self.left = self.arrival.pieces


@dataclass
class Lines:
    """What waits, by kind; of an adaptation one piece at a time."""

    of: Mapping[Kind, deque[Work]] = field(default_factory=lambda: {kind: deque() for kind in Kind})

    def take(self, kinds: Sequence[Kind]) -> Work | None:
        """The next piece of the first kind of which one waits."""
        for kind in kinds:
            if line := self.of[kind]:
                work = line[0]
                work.waiting -= 1
                if work.waiting == 0 or kind is Kind.ADAPT:
                    line.popleft()
                return work
        return None

    def add(self, work: Work) -> None:
        self.of[work.arrival.kind].append(work)

    def go_on(self, work: Work) -> None:
        """The next step of an adaptation comes before other adaptations."""
        if work.arrival.kind is Kind.ADAPT and work.left:
            self.of[Kind.ADAPT].appendleft(work)


@dataclass
class Worker:
    turns: Turns = field(default_factory=Turns)
    has_adapted: bool = False

    def order(self) -> Sequence[Kind]:
        """The kinds in the order in which it looks for them now."""
        rest = (Kind.CERTIFY, Kind.ADAPT) if self.has_adapted else (Kind.ADAPT, Kind.CERTIFY)
        return (Kind.PREDICT, *rest) if self.turns.are_predictions_first else (*rest, Kind.PREDICT)

    def note(self, work: Work) -> None:
        kind = work.arrival.kind
        self.turns.note(kind is Kind.PREDICT, work.arrival.seconds)
        self.has_adapted = kind is Kind.ADAPT or (self.has_adapted and kind is Kind.PREDICT)


@dataclass(frozen=True)
class Played:
    """When each job was begun and done, in the order of the arrivals, and how busy the GPUs were in each hour."""

    begun: np.ndarray
    done: np.ndarray
    busy: np.ndarray


def play(arrivals: Sequence[Arrival], gpus: int) -> Played:
    """Every job to its end; `arrivals` in the order of their time."""
    begun, done = np.full(len(arrivals), np.nan), np.full(len(arrivals), np.nan)
    lines, workers, idle = Lines(), [Worker() for _ in range(gpus)], list(range(gpus))
    ends: list[tuple[float, int, Work]] = []
    seconds = np.zeros(HOURS + 1)

    def give(now: float, worker: int) -> None:
        work = lines.take(workers[worker].order())
        if work is None:
            idle.append(worker)
            return
        if np.isnan(begun[work.index]):
            begun[work.index] = now
        seconds[min(HOURS, int(now // HOUR))] += work.arrival.seconds
        heapq.heappush(ends, (now + work.arrival.seconds, worker, work))

    def end(now: float, worker: int, work: Work) -> None:
        workers[worker].note(work)
        work.left -= 1
        if work.left == 0:
            done[work.index] = now
        lines.go_on(work)
        give(now, worker)

    for index, arrival in enumerate(arrivals):
        while ends and ends[0][0] <= arrival.at:
            end(*heapq.heappop(ends))
        lines.add(Work(arrival, index))
        for _ in range(min(len(idle), arrival.pieces)):
            give(arrival.at, idle.pop())
    while ends:
        end(*heapq.heappop(ends))
    return Played(begun, done, seconds[:HOURS] / (gpus * HOUR))


def day_of(demands: Mapping[Kind, Demand], speed: float, seed: int) -> list[Arrival]:
    """A day's arrivals, at random times within each hour; `speed`: samples a second of a GPU."""
    rng = np.random.default_rng(seed)
    found = [arrival for kind, demand in demands.items() for arrival in arrivals_of(kind, demand, speed, rng)]
    return sorted(found, key=lambda arrival: arrival.at)


def arrivals_of(kind: Kind, demand: Demand, speed: float, rng: np.random.Generator) -> Iterator[Arrival]:
    pieces = -(-demand.samples // BATCH_SAMPLES)
    shares = np.array(SHARES_OF_HOURS) / sum(SHARES_OF_HOURS)
    for hour, expected in enumerate(demand.each_day * shares):
        for at in rng.uniform(hour * HOUR, (hour + 1) * HOUR, rng.poisson(expected)):
            yield Arrival(float(at), kind, pieces, demand.samples / pieces / speed)


def worst_hour(arrivals: Sequence[Arrival], played: Played, kind: Kind) -> float:
    """The 95th percentile of the seconds to the answer, in the hour in which it is longest; 0 where there is none."""
    hours: dict[int, list[float]] = {}
    for arrival, done in zip(arrivals, played.done, strict=True):
        if arrival.kind is kind:
            hours.setdefault(int(arrival.at // HOUR), []).append(done - arrival.at)
    return max((float(np.quantile(seconds, 0.95)) for seconds in hours.values()), default=0.0)


def demands_for(gpus: int, speed: float) -> dict[Kind, Demand]:
    """A day that so many GPUs could just compute if it came evenly over ten hours: a fifth of the samples in
    predictions, seven tenths in certificates of 3,000 samples, a tenth in adaptations."""
    samples = gpus * speed * 10 * HOUR
    return {
        Kind.PREDICT: Demand(round(0.2 * samples / 100), 100),
        Kind.CERTIFY: Demand(round(0.7 * samples / 3000), 3000),
        Kind.ADAPT: Demand(max(1, round(0.1 * samples / 200_000)), 200_000),
    }


def row_of(arrivals: Sequence[Arrival], gpus: int) -> dict[str, float]:
    played = play(arrivals, gpus)
    return {
        "gpus": gpus,
        "busy_in_the_worst_hour": round(float(played.busy.max()), 3),
        **{f"{kind}_p95_seconds": round(worst_hour(arrivals, played, kind), 2) for kind in Kind},
    }


def is_enough(row: Mapping[str, float]) -> bool:
    return row["predict_p95_seconds"] <= PREDICT_GOAL and row["certify_p95_seconds"] <= CERTIFY_GOAL


def main(
    gpus: Annotated[
        int, typer.Option(min=1, help="What the day brings: as much as so many compute in ten hours.")
    ] = 10,
    speed: Annotated[float, typer.Option(help="Samples a second of one GPU.")] = 196.0,
    seed: int = 0,
) -> None:
    arrivals = day_of(demands_for(gpus, speed), speed, seed)
    rows: list[dict[str, float]] = []
    typer.echo("| GPUs | busy in the worst hour | predict, p95 | certify, p95 | adapt, p95 |\n|---|---|---|---|---|")
    for number in range(math.ceil(FEWEST * gpus), MOST * gpus, max(1, gpus // 10)):
        rows.append(row := row_of(arrivals, number))
        seconds = (row[f"{kind}_p95_seconds"] for kind in (Kind.PREDICT, Kind.CERTIFY, Kind.ADAPT))
        cells = " | ".join(f"{value:,.1f} s" for value in seconds)
        typer.echo(f"| {number} | {row['busy_in_the_worst_hour']:.0%} | {cells} |")
        if sum(map(is_enough, rows)) == ROWS_THAT_HOLD:
            break
    about = {"load_of_gpus": gpus, "speed": speed, "seed": seed, "jobs": len(arrivals)}
    typer.echo(json.dumps({"study": "day", **about, "enough": next(filter(is_enough, rows), None)}))


if __name__ == "__main__":
    typer.run(main)
