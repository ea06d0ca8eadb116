"""One worker's work on shards, in this process, with a real board and store, and models that do as they are told."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import redis
import torch

from adapters.oracles import LinearOracle, linear_weights
from adapters.profiles import find_profile
from adapters.queue.board import JobBoard
from adapters.queue.messages import JobKind, JobRecord, JobRequest, JobStatus, Shard, WorkerRecord, shards_of
from adapters.settings import Settings
from adapters.store.files import ImageStore
from robustify.errors import InvalidInputError
from robustify.smoothing.votes import BaseClassifier
from robustify.types import Phase, Task
from workers.heartbeat import STALL_SECONDS, Heartbeat, Holding
from workers.jobs import LoadedModel, ShardRunner
from workers.stop import StopFlag

MakeRequest = Callable[..., JobRequest]
SHARD_SAMPLES = 500


@dataclass
class ObedientModel:
    """The linear oracle, but for what `before` does to a batch."""

    before: Callable[[torch.Tensor], None] = lambda noisy: None
    after: Callable[[torch.Tensor], None] = lambda logits: None
    batches: list[int] = field(default_factory=list)

    def base_classifier(self, task: Task, sigma: float) -> BaseClassifier:
        return self.classify

    def classify(self, noisy: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(noisy))
        self.before(noisy)
        logits = LinearOracle(torch.device("cpu"))(noisy)
        self.after(logits)
        return logits


@dataclass
class Bench:
    """A runner and all that it works with."""

    settings: Settings
    board: JobBoard
    model: ObedientModel
    stop: StopFlag
    heartbeat: Heartbeat
    loaded: LoadedModel

    @property
    def runner(self) -> ShardRunner:
        store = ImageStore(self.settings.state_dir / "images")
        return ShardRunner(self.board, store, self.loaded, self.heartbeat, self.stop)

    def run(self, job: JobRecord, phase: Phase) -> JobRecord:
        """Delivers every shard of a phase once."""
        for shard in shards_of(phase, dict(job.request.phases)[phase], SHARD_SAMPLES):
            self.runner.run_shard(job.id, shard)
        return self.record(job)

    def record(self, job: JobRecord) -> JobRecord:
        record = self.board.get(job.id)
        assert record is not None
        return record


@pytest.fixture
def bench(connection: redis.Redis, queue_settings: Settings) -> Bench:
    settings = queue_settings.model_copy(update={"batch_size": 100})
    board = JobBoard(connection, settings)
    profile = find_profile("oracle-linear")
    worker = WorkerRecord(name="me", profile=profile.name, model_digest="d", started_at=0.0, shards_done=0)
    model = ObedientModel()
    loaded = LoadedModel(profile, profile.model_digest, model, settings, settings.noise_secret())
    return Bench(settings, board, model, StopFlag(), Heartbeat(board, worker, settings.lease_seconds), loaded)


@pytest.fixture
def submit(bench: Bench, make_request: MakeRequest) -> Callable[..., JobRecord]:
    """Submits a request about an image whose exact robust radius is 0.3."""
    image = (0.5 + 0.3 * linear_weights((3, 32, 32))).astype(np.float32)

    def submit(kind: JobKind = JobKind.CERTIFY, **others: object) -> JobRecord:
        request = make_request(image, kind, settings=bench.settings, **others)
        return bench.board.submit(request, SHARD_SAMPLES)

    return submit


def test_a_certificate(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The class is chosen from the selection votes, then bounded by the others; one batch shape throughout."""
    job = submit(n=1200)
    assert bench.run(job, Phase.SELECT).status is JobStatus.RUNNING
    assert bench.board.selection(job.id) == 0
    record = bench.run(job, Phase.ESTIMATE)
    assert record.status is JobStatus.SUCCEEDED
    assert record.result is not None
    assert 0 < record.result["radius"] < 0.3
    assert record.result["votes"][0]["count"] == bench.board.phase_votes(job.id, Phase.ESTIMATE)[0]
    assert set(bench.model.batches) == {100}


def test_a_prediction(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """One phase, and it is done."""
    record = bench.run(submit(JobKind.PREDICT, n=100), Phase.PREDICT)
    assert record.result is not None
    assert record.result["label"] == "left"
    assert record.started_at is not None
    assert 0 <= record.result["seconds"] < 60


def test_a_shard_that_is_delivered_again(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """It is not even computed."""
    job = submit(n0=600)
    shard = Shard(phase=Phase.SELECT, first=0, count=500)
    for _ in range(3):
        bench.runner.run_shard(job.id, shard)
    assert len(bench.model.batches) == 5
    assert bench.record(job).samples_done == 500


def test_a_job_that_nobody_knows(bench: Bench) -> None:
    """It is dropped."""
    bench.runner.run_shard("a" * 26, Shard(phase=Phase.SELECT, first=0, count=100))
    assert bench.model.batches == []


def test_the_model_fails_twice(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The shard is given back each time, and the third attempt counts."""

    def fail_twice(noisy: torch.Tensor) -> None:
        if len(bench.model.batches) <= 2:
            raise RuntimeError("out of memory")

    bench.model.before = fail_twice
    job = submit(JobKind.PREDICT, n=100)
    for _ in range(2):
        bench.run(job, Phase.PREDICT)
        assert bench.board.queue_depths()["predict"] == 1
    assert bench.run(job, Phase.PREDICT).status is JobStatus.SUCCEEDED


def test_the_model_fails_always(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The third failure ends the job, with a problem that tells nothing of the machine."""

    def fail(noisy: torch.Tensor) -> None:
        raise RuntimeError("/secret/path")

    bench.model.before = fail
    job = submit(JobKind.PREDICT, n=100)
    statuses = [bench.run(job, Phase.PREDICT).status for _ in range(3)]
    assert statuses == [JobStatus.RUNNING, JobStatus.RUNNING, JobStatus.FAILED]
    error = bench.record(job).error
    assert error is not None
    assert error.type == "internal-error"
    assert "secret" not in error.model_dump_json()


def test_only_the_model_can_tell_that_a_label_is_bad(
    bench: Bench, submit: Callable[..., JobRecord], capsys: pytest.CaptureFixture[str]
) -> None:
    """The job fails at once with the reason, which no log repeats."""

    def refuse(noisy: torch.Tensor) -> None:
        raise InvalidInputError("no text encoder can read 'left'", field="labels")

    bench.model.before = refuse
    job = submit(JobKind.PREDICT, n=100)
    error = bench.run(job, Phase.PREDICT).error
    assert error is not None
    assert (error.type, "left" in error.detail) == ("invalid-input", True)
    assert "left" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("change", ["fingerprint", "profile", "files"])
def test_another_model(bench: Bench, submit: Callable[..., JobRecord], change: str) -> None:
    """Nothing is computed, and the shard waits for another worker until its lease is over; then the job fails."""
    if change == "files":
        bench.loaded = replace(bench.loaded, digest="that of the files before")
    job = submit(JobKind.PREDICT, n=100, **({} if change == "files" else {change: "another"}))
    bench.run(job, Phase.PREDICT)
    assert bench.board.queue_depths()["predict"] == 0
    assert [bench.run(job, Phase.PREDICT).status for _ in range(2)] == [JobStatus.RUNNING, JobStatus.FAILED]
    error = bench.record(job).error
    assert error is not None
    assert error.type == "model-changed"
    assert bench.model.batches == []


def test_the_image_is_lost(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The job fails after some attempts and says so."""
    job = submit(JobKind.PREDICT, n=100)
    shutil.rmtree(bench.settings.state_dir / "images")
    for _ in range(3):
        bench.run(job, Phase.PREDICT)
    error = bench.record(job).error
    assert error is not None
    assert error.type == "input-lost"


def test_stop_between_two_batches(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The shard is given back at once."""
    bench.model.before = lambda noisy: setattr(bench.stop, "requested", True)
    job = submit(JobKind.PREDICT, n=500)
    bench.run(job, Phase.PREDICT)
    assert bench.model.batches == [100]
    assert bench.board.queue_depths()["predict"] == 1
    assert bench.record(job).samples_done == 0


def test_cancel_between_two_batches(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The work ends; nothing waits any more."""
    job = submit(JobKind.PREDICT, n=500)
    bench.model.before = lambda noisy: None if bench.board.cancel(job.id) else None
    assert bench.run(job, Phase.PREDICT).status is JobStatus.CANCELED
    assert bench.model.batches == [100]
    assert bench.board.queue_depths()["predict"] == 0


def test_the_lease_is_lost(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The heartbeat notices it, and the work ends: another worker has recorded the shard."""
    job = submit(JobKind.PREDICT, n=500)
    shard = Shard(phase=Phase.PREDICT, first=0, count=500)

    def record_by_another(noisy: torch.Tensor) -> None:
        bench.board.record_votes(job.id, shard, job.request.fingerprint, [400, 100])
        bench.heartbeat.beat()

    bench.model.before = record_by_another
    bench.run(job, Phase.PREDICT)
    assert bench.model.batches == [100]
    assert bench.board.phase_votes(job.id, Phase.PREDICT) == [400, 100]


def test_the_heartbeat_of_a_hung_batch(bench: Bench, connection: redis.Redis, submit: Callable[..., JobRecord]) -> None:
    """A lease is renewed only while the work moves."""
    renewed: list[str] = []

    class Watched(JobBoard):
        def renew(self, job_id: str, shard: Shard, owner: str) -> bool:
            renewed.append(job_id)
            return super().renew(job_id, shard, owner)

    board = Watched(connection, bench.settings)
    worker = WorkerRecord(name="me", profile="p", model_digest="d", started_at=0.0, shards_done=0)
    heartbeat, job = Heartbeat(board, worker, 1.0), submit()
    with heartbeat.holding(job.id, Shard(phase=Phase.SELECT, first=0, count=100)) as holding:
        heartbeat.beat()
        holding.moved_at -= STALL_SECONDS + 1
        heartbeat.beat()
    assert renewed == [job.id]
    assert isinstance(holding, Holding)


@pytest.mark.parametrize("rows", ["one in a hundred", "all for the class", "all against it"])
def test_logits_that_are_not_finite(bench: Bench, submit: Callable[..., JobRecord], rows: str) -> None:
    """They are no votes, and no radius is gained: not even when only votes against the class are lost."""
    whole = submit(n=1000)
    bench.run(whole, Phase.SELECT)
    radius = (bench.run(whole, Phase.ESTIMATE).result or {})["radius"]

    def lose(logits: torch.Tensor) -> None:
        for_the_class = logits.argmax(dim=1) == 0
        lost = {
            "one in a hundred": torch.arange(len(logits)) % 100 == 0,
            "all for the class": for_the_class,
            "all against it": ~for_the_class,
        }[rows]
        logits[lost] = torch.inf

    bench.model.after = lose
    job = submit(n=1000, alpha=0.0010001)
    bench.run(job, Phase.SELECT)
    result = bench.run(job, Phase.ESTIMATE).result
    assert result is not None
    assert sum(vote["count"] for vote in result["votes"]) < 1000
    assert (result["radius"] or 0) <= radius * 1.0001


@pytest.mark.parametrize("kind", list(JobKind))
def test_no_logits_are_finite(bench: Bench, submit: Callable[..., JobRecord], kind: JobKind) -> None:
    """The job succeeds as an abstention."""
    bench.model.after = lambda logits: None if logits.fill_(torch.nan) is None else None
    job = submit(kind, n=500)
    for phase, _ in job.request.phases:
        bench.run(job, phase)
    result = bench.record(job).result
    assert result is not None
    assert (result["outcome"], result["label"], result.get("radius")) == ("abstained", None, None)


def test_the_next_step_was_lost(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """Whoever reconciles takes it; taking it twice changes nothing."""
    job = submit(JobKind.PREDICT, n=100)
    bench.board.record_votes(job.id, Shard(phase=Phase.PREDICT, first=0, count=100), job.request.fingerprint, [90, 10])
    bench.runner.take_next_step(job.id)
    record = bench.record(job)
    bench.runner.take_next_step(job.id)
    assert (record.status, bench.record(job)) == (JobStatus.SUCCEEDED, record)
