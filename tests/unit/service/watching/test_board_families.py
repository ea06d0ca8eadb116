"""From what the board counts to what Prometheus reads."""

import re
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric

from adapters.contract.figures import Backlog, Figures, QueueMemory, WaitingJobs
from adapters.contract.jobs import WorkerRecord
from adapters.contract.ledger import Ledger
from adapters.contract.records import JobKind
from service.watching.board_families import LIMITS, BoardReading, board_families

SCRIPT = Path(__file__).parents[4] / "adapters" / "queue" / "script"
ENGINE = "0123456789abcdef"


def worker(name: str, speed: float | None, seen_at: float | None) -> WorkerRecord:
    return WorkerRecord(
        name=name, profile="p", engine=ENGINE, started_at=1.0, shards_done=0, samples_per_second=speed, seen_at=seen_at
    )


def reading(
    counters: dict[str, float], workers: tuple[WorkerRecord, ...] = (), backlog: tuple[Backlog, ...] = ()
) -> BoardReading:
    waiting = {kind: WaitingJobs(jobs=2, oldest_seconds=7.5) for kind in JobKind}
    figures = Figures(counters=counters, waiting=waiting, running=1, images=3, deliveries=0, workers=workers)
    return BoardReading(figures, Ledger.of({"certify:0.001": 4}), QueueMemory(used_bytes=5, limit_bytes=0), backlog)


def values(found: list[Metric]) -> dict[tuple[str, ...], float]:
    samples = [sample for family in found for sample in family.samples]
    return {(sample.name, *sorted(sample.labels.values())): sample.value for sample in samples}


def test_distribution_when_the_board_counts_each_bucket() -> None:
    """Prometheus counts what is at most so long: sums from the smallest bucket on."""
    counters = {
        "queued:predict:0.05": 2.0,
        "queued:predict:1": 3.0,
        "queued:predict:+Inf": 1.0,
        "queued:predict:sum": 9.0,
    }
    found = values(list(board_families(reading(counters), {})))
    name = "robustify_job_queue_seconds"
    limits = ("0.01", "0.05", "0.5", "1.0", "+Inf")
    assert [found[f"{name}_bucket", *sorted((limit, "predict"))] for limit in limits] == [0, 2, 2, 5, 6]
    assert (found[f"{name}_count", "predict"], found[f"{name}_sum", "predict"]) == (6, 9)
    assert found[f"{name}_count", "adapt"] == 0


def test_limits_when_the_script_has_others() -> None:
    """They are the script's."""
    buckets = re.search(r"BUCKETS = \{(.*?)\}", (SCRIPT / "2_clock.lua").read_text())
    assert buckets
    assert [*buckets[1].split(", "), "+Inf"] == list(LIMITS)


@pytest.mark.parametrize(
    ("counter", "sample"),
    [
        ("jobs:certify:certified", ("robustify_jobs_total", "certified", "certify")),
        ("refused:quota", ("robustify_submissions_refused_total", "quota")),
        ("shards:lost", ("robustify_shards_total", "lost")),
        ("shards:new-word", ("robustify_shards_total", "new-word")),
        ("samples:predict", ("robustify_samples_total", "predict")),
        ("votes:lacking", ("robustify_votes_lacking_total",)),
        ("deliveries:delivered", ("robustify_webhook_deliveries_total", "delivered")),
    ],
)
def test_counter_when_it_was_counted(counter: str, sample: tuple[str, ...]) -> None:
    """It is there with its value, and before it happened with 0 where it is a known one."""
    assert values(list(board_families(reading({counter: 3.0}), {})))[sample] == 3.0
    assert values(list(board_families(reading({}), {}))).get(sample, 0.0) == 0.0


def test_workers_when_some_live() -> None:
    """They are counted by the first letters of their engine and by their profile, with the latest sign of them."""
    found = values(list(board_families(reading({}, (worker("a", 10.0, 5.0), worker("b", None, 8.0))), {"f" * 16: "q"})))
    assert found["robustify_workers_alive", "01234567", "p"] == 2
    assert found["robustify_worker_samples_per_second", "01234567", "p"] == 10
    assert found["robustify_worker_last_sign_timestamp_seconds", "01234567", "p"] == 8
    assert found["robustify_workers_alive", "ffffffff", "q"] == 0


def test_backlog_when_jobs_wait_and_run() -> None:
    """Jobs that wait and shards that are wanted are work for one worker each, also of an engine that has no worker."""
    busy = Backlog(engine=ENGINE, kind=JobKind.CERTIFY, waiting=2, running=1, shards=9)
    between = Backlog(engine="f" * 16, kind=JobKind.PREDICT, waiting=0, running=1, shards=0)
    found = values(list(board_families(reading({}, (worker("a", None, None),), (busy, between)), {"f" * 16: "q"})))
    assert found["robustify_backlog_shards", "01234567", "certify", "p"] == 11
    assert found["robustify_backlog_shards", "ffffffff", "predict", "q"] == 1


def test_ledger_when_something_was_given_out() -> None:
    """The number of outcomes, and the sum of their alphas."""
    found = values(list(board_families(reading({}), {})))
    assert found["robustify_ledger_outcomes_total", "certify"] == 4
    assert found["robustify_ledger_alpha", "certify"] == 0.004
    assert found["robustify_jobs_oldest_wait_seconds", "predict"] == 7.5
    assert found[("robustify_queue_memory_bytes",)] == 5
