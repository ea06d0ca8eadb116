"""A worker that has no room for something: the job pays, and nobody else."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch

from adapters.contract.adapt import AdaptParameters, adapt_request
from adapters.contract.jobs import AdaptRequest, JobRecord, JobStatus, Shard
from adapters.contract.records import JobKind
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from adapters.store.tensors import ImageStore
from robustify.types import Phase
from tests.unit.workers.test_shards import Bench, bench, submit
from workers.heartbeat import Holding
from workers.shards import ADAPTATION_ATTEMPTS, FAILURES, ShardRunner

__all__ = ["bench", "submit"]

Submit = Callable[..., JobRecord]
TOO_MUCH = 1 << 60


def ask_for_too_much(noisy: torch.Tensor) -> None:
    torch.empty(TOO_MUCH, dtype=torch.uint8)


@dataclass
class LargeAdaptations:
    """Adaptations for which there is no room, after others were served."""

    runs: list[str] = field(default_factory=list)

    def run(self, record: JobRecord, request: AdaptRequest, holding: Holding, pause: Callable[[], None]) -> None:
        self.runs.append(record.id)
        ask_for_too_much(torch.empty(0))


def adaptation(bench: Bench) -> tuple[JobRecord, Shard]:
    """A job that adapts, for the engine of this worker."""
    parameters = AdaptParameters.model_validate({"name": "pets", "labels": ["cat", "dog"]})
    asked = adapt_request(parameters, find_profile("mini"), Settings())
    request = asked.model_copy(update={"engine": bench.runner.engine, "profile": bench.settings.profile})
    return bench.board.admit_adaptation(request, 10).record, Shard(phase=Phase.ADAPT, first=0, count=10)


@pytest.fixture
def adaptations(bench: Bench) -> LargeAdaptations:
    found = LargeAdaptations()
    store = ImageStore(bench.settings.state.images)
    bench.__dict__["runner"] = ShardRunner(bench.board, store, bench.loaded, bench.heartbeat, bench.stop, found)
    return found


def test_adaptation_without_room(bench: Bench, submit: Submit, adaptations: LargeAdaptations) -> None:
    """It fails at the second attempt and says what to ask for less of; the next prediction is answered at once."""
    job, shard = adaptation(bench)
    for attempt in range(ADAPTATION_ATTEMPTS):
        assert not bench.record(job).status.done
        bench.runner.run_shard(job.id, shard)
        assert not bench.runner.is_resting
        answered = bench.run(submit(JobKind.PREDICT, n=100 + attempt), Phase.PREDICT)
        assert answered.status is JobStatus.SUCCEEDED
    record = bench.record(job)

    assert len(adaptations.runs) == ADAPTATION_ATTEMPTS
    assert record.status is JobStatus.FAILED
    assert record.error is not None
    assert record.error.type == "out-of-memory"
    assert "rank" in record.error.detail


@pytest.mark.slow
def test_many_adaptations_without_room(bench: Bench, adaptations: LargeAdaptations) -> None:
    """However many there are, the worker is not given up."""
    for _ in range(FAILURES):
        job, shard = adaptation(bench)
        for _ in range(ADAPTATION_ATTEMPTS):
            bench.runner.run_shard(job.id, shard)
    assert len(adaptations.runs) == FAILURES * ADAPTATION_ATTEMPTS
    assert not bench.stop.requested


def test_votes_without_room(bench: Bench, submit: Submit) -> None:
    """The batch is not tried with a smaller one, which would be another f; the worker goes on with another job."""
    first, second = submit(JobKind.PREDICT, n=100), submit(JobKind.PREDICT, n=200)
    bench.model.before = ask_for_too_much
    bench.run(first, Phase.PREDICT)
    assert bench.model.batches == [100]
    assert not bench.runner.is_resting
    bench.model.before = lambda noisy: None

    assert bench.run(second, Phase.PREDICT).status is JobStatus.SUCCEEDED
    assert bench.run(first, Phase.PREDICT).status is JobStatus.SUCCEEDED
    assert set(bench.model.batches) == {100}


@pytest.mark.slow
def test_votes_without_room_again_and_again(bench: Bench, submit: Submit) -> None:
    """A worker that has no room for what is always as large is given up: another one begins with a new heap."""
    bench.model.before = ask_for_too_much
    for number in range(FAILURES):
        assert not bench.stop.requested
        bench.run(submit(JobKind.PREDICT, n=100 * (number + 1)), Phase.PREDICT)
    assert bench.stop.failed
