"""The day that is played: held against what is known exactly, and against what the product's workers do."""

from math import factorial

import numpy as np
import pytest

from benchmarks.studies.day import HOUR, Arrival, Demand, Kind, day_of, demands_for, play, worst_hour


def erlang_wait(servers: int, load: float, mean_seconds: float) -> float:
    """The mean wait before service with Poisson arrivals and exponential times: Erlang's C formula."""
    busy = load**servers / factorial(servers) * servers / (servers - load)
    waits = busy / (sum(load**number / factorial(number) for number in range(servers)) + busy)
    return waits * mean_seconds / (servers - load)


@pytest.mark.slow
@pytest.mark.parametrize(("gpus", "load"), [(1, 0.5), (3, 2.1), (10, 8.0)])
def test_wait_when_it_is_known_exactly(gpus: int, load: float) -> None:
    """The mean wait is Erlang's, within what chance allows."""
    rng, jobs = np.random.default_rng(0), 150_000
    times = np.cumsum(rng.exponential(1 / load, jobs))
    seconds = rng.exponential(1.0, jobs)
    arrivals = [Arrival(float(at), Kind.CERTIFY, 1, float(took)) for at, took in zip(times, seconds, strict=True)]
    wait = float(np.mean(play(arrivals, gpus).begun - times))
    assert wait == pytest.approx(erlang_wait(gpus, load, 1.0), rel=0.08)


def test_order_when_all_kinds_wait() -> None:
    """A prediction goes before what came earlier, once the batch under way is done; an adaptation lets a batch of a
    certificate in between two steps."""
    arrivals = [
        Arrival(0.0, Kind.CERTIFY, 4, 1.0),
        Arrival(0.1, Kind.ADAPT, 3, 1.0),
        Arrival(0.2, Kind.PREDICT, 1, 0.5),
    ]
    done = play(arrivals, 1).done
    assert done.tolist() == pytest.approx([7.5, 6.5, 1.5])


def test_shares_when_predictions_never_end() -> None:
    """A certificate is done all the same: a quarter of the time is left to it."""
    predictions = [Arrival(number / 4, Kind.PREDICT, 1, 0.25) for number in range(800)]
    done = play([Arrival(0.0, Kind.CERTIFY, 100, 0.25), *predictions], 1).done
    assert done[0] == pytest.approx(4 * 25, rel=0.1)


def test_certificate_when_there_are_many_gpus() -> None:
    """All of them work on it, and one of them on an adaptation."""
    arrivals = [Arrival(0.0, Kind.CERTIFY, 8, 1.0), Arrival(100.0, Kind.ADAPT, 8, 1.0)]
    played = play(arrivals, 4)
    assert played.done.tolist() == pytest.approx([2.0, 108.0])
    assert played.busy[0] == pytest.approx(16 / (4 * HOUR))


def test_day_when_it_is_played_again() -> None:
    """The same seed brings the same day, with every job done; another seed another one."""
    demands = {Kind.PREDICT: Demand(300, 100), Kind.CERTIFY: Demand(20, 3000), Kind.ADAPT: Demand(2, 2000)}
    day = day_of(demands, 196.0, 1)
    assert day == day_of(demands, 196.0, 1) != day_of(demands, 196.0, 2)
    played = play(day, 1)
    assert np.isfinite(played.done).all()
    assert worst_hour(day, played, Kind.CERTIFY) > worst_hour(day, played, Kind.PREDICT) > 0.5


def test_demands_when_a_load_is_asked_for() -> None:
    """The samples of all kinds together are what so many GPUs compute in ten hours."""
    samples = sum(demand.each_day * demand.samples for demand in demands_for(10, 200.0).values())
    assert samples == pytest.approx(10 * 200.0 * 10 * HOUR, rel=0.01)
