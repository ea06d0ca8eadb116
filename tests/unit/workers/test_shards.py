"""One worker's work on shards, in this process, with a real board and store, and models that do as they are told."""

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pytest
import redis
import torch

from adapters.contract.answer import certify_result
from adapters.contract.jobs import JobRecord, JobRequest, JobStatus, PreviewRequest, Shard, WorkerRecord
from adapters.contract.next_step import votes_between_looks
from adapters.contract.records import JobKind
from adapters.models.oracles import LinearOracle, linear_weights
from adapters.profiles.fingerprint import engine_digest, function_digest
from adapters.profiles.library import find_profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.settings import Settings
from adapters.store import connecting, folder
from adapters.store.places import remote_objects
from adapters.store.tensors import ImageStore
from robustify.errors import InvalidInputError
from robustify.smoothing.looks import Looks, Tally
from robustify.smoothing.rules import Selection
from robustify.smoothing.votes import BaseClassifier
from robustify.types import Bound, Phase, PredictTest, Task
from tests.answers import phase_votes, samples_of, shown, standing_of
from tests.keys import NOISE_KEY
from tests.queue_fixtures import waiting_shards
from tests.s3_server import CREDENTIALS
from workers.counting import LoadedModel
from workers.heartbeat import STALL_SECONDS, Heartbeat
from workers.shards import ATTEMPTS, ShardRunner
from workers.stop import StopFlag

MakeRequest = Callable[..., JobRequest]
SHARD_SAMPLES = 500
OLD_ENGINE = "0" * 64


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

    @cached_property
    def runner(self) -> ShardRunner:
        store = ImageStore(self.settings.state.images)
        return ShardRunner(self.board, store, self.loaded, self.heartbeat, self.stop)

    def run(self, job: JobRecord, phase: Phase) -> JobRecord:
        """Delivers every shard of a phase once."""
        samples = samples_of(job.vote_request, phase)
        for first in range(0, samples, SHARD_SAMPLES):
            shard = Shard(phase=phase, first=first, count=min(SHARD_SAMPLES, samples - first))
            self.runner.run_shard(job.id, shard)
        return self.record(job)

    def run_all(self, job: JobRecord) -> None:
        for phase in (planned.phase for planned in job.vote_request.phases):
            self.run(job, phase)

    def waiting_shards(self, kind: JobKind) -> int:
        """How many shards of a kind wait for a worker."""
        with connect(str(self.settings.redis_url)) as client:
            return waiting_shards(client, kind, self.loaded.engine)

    def record(self, job: JobRecord) -> JobRecord:
        record = self.board.get(job.id)
        assert record is not None
        return record


@pytest.fixture
def bench(connection: redis.Redis, queue_settings: Settings) -> Bench:
    settings = queue_settings.model_copy(update={"batch_size": 100})
    board = JobBoard(connection, settings)
    profile = find_profile("oracle-linear")
    engine = engine_digest(profile, settings)
    worker = WorkerRecord(name="me", profile=profile.name, engine=engine, started_at=0.0, shards_done=0)
    model = ObedientModel()
    loaded = LoadedModel(profile, engine, model, settings, NOISE_KEY)
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
    assert standing_of(bench.board, job.id).selected == 0
    record = bench.run(job, Phase.ESTIMATE)
    assert record.status is JobStatus.SUCCEEDED
    assert 0 < shown(record)["radius"] < 0.3
    assert shown(record)["votes"][0]["count"] == phase_votes(bench.board, job.id, Phase.ESTIMATE)[0]
    assert set(bench.model.batches) == {100}


def test_a_certificate_and_the_licences_of_its_models(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """It carries those of the profile whose models counted its votes."""
    job = submit(n=200)
    bench.run(job, Phase.SELECT)
    stated = shown(bench.run(job, Phase.ESTIMATE))["certificate"]["model"]["licences"]

    assert [licence["part"] for licence in stated] == ["denoiser", "classifier"]
    assert stated == [licence.model_dump(mode="json") for licence in bench.loaded.profile.licences]


def test_a_prediction(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """One phase, and it is done."""
    record = bench.run(submit(JobKind.PREDICT, n=100), Phase.PREDICT)
    assert shown(record)["label"] == "left"
    assert record.started_at is not None
    assert 0 <= shown(record)["seconds"] < 60


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


def fail(noisy: torch.Tensor) -> None:
    raise RuntimeError("/secret/path")


@pytest.mark.slow
def test_the_model_fails_twice(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The shard is not given back: it stays leased until anybody may have it. The worker takes nothing for a while."""

    def fail_twice(noisy: torch.Tensor) -> None:
        if len(bench.model.batches) <= 2:
            raise RuntimeError("no kernel for this")

    bench.model.before = fail_twice
    job = submit(JobKind.PREDICT, n=100)
    for _ in range(2):
        bench.run(job, Phase.PREDICT)
        assert bench.runner.is_resting
        assert bench.waiting_shards(JobKind.PREDICT) == 0
    assert not bench.board.lease(job.id, Shard(phase=Phase.PREDICT, first=0, count=100), "another")
    assert bench.run(job, Phase.PREDICT).status is JobStatus.SUCCEEDED


@pytest.mark.slow
def test_a_worker_fails_three_times_in_a_row(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """It ends as a failure, and no job with it; a shard in between that succeeds clears its name."""
    jobs = [submit(JobKind.PREDICT, n=n) for n in (100, 200, 300, 400, 500)]
    for job in jobs:
        bench.model.before = (lambda noisy: None) if job is jobs[1] else fail
        assert not bench.stop.requested
        bench.run(job, Phase.PREDICT)
    assert bench.stop.failed
    statuses = [bench.record(job).status for job in jobs]
    assert statuses == [JobStatus.RUNNING, JobStatus.SUCCEEDED, *[JobStatus.RUNNING] * 3]


@pytest.mark.slow
def test_every_worker_fails(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The last attempt ends the job, with a problem that tells nothing of the machine."""
    bench.model.before = fail
    job = submit(JobKind.PREDICT, n=100)
    for _ in range(ATTEMPTS):
        assert not bench.record(job).status.done
        bench.stop.requested = False
        bench.run(job, Phase.PREDICT)
    error = bench.record(job).error
    assert error is not None
    assert error.type == "internal-error"
    assert "secret" not in error.model_dump_json()


@pytest.mark.slow
def test_a_record_that_nobody_can_read(bench: Bench, connection: redis.Redis, submit: Callable[..., JobRecord]) -> None:
    """It is a failure like any other, and ends the job in the end."""
    job = submit(JobKind.PREDICT, n=100)
    connection.hset(f"robustify:job:{job.id}", "request", "{}")
    for _ in range(ATTEMPTS):
        bench.runner.run_shard(job.id, Shard(phase=Phase.PREDICT, first=0, count=100))
    assert connection.hget(f"robustify:job:{job.id}", "status") == b"failed"


def test_a_record_of_a_newer_release(bench: Bench, connection: redis.Redis, submit: Callable[..., JobRecord]) -> None:
    """What this release does not know of it is ignored."""
    job = submit(JobKind.PREDICT, n=100)
    newer = {**job.request.model_dump(mode="json"), "mood": "sunny"}
    newer["image"]["depth"] = 8
    connection.hset(f"robustify:job:{job.id}", "request", json.dumps(newer))
    assert bench.run(job, Phase.PREDICT).status is JobStatus.SUCCEEDED


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


@pytest.mark.parametrize("change", ["fingerprint", "profile"])
def test_another_function_of_the_same_engine(bench: Bench, submit: Callable[..., JobRecord], change: str) -> None:
    """The job fails at once: no worker that could be waited for would do better."""
    job = submit(JobKind.PREDICT, n=100, **{change: "another"})
    error = bench.run(job, Phase.PREDICT).error
    assert error is not None
    assert error.type == "model-changed"
    assert bench.model.batches == []


def test_another_engine(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The job is left alone: there is no lease, no attempt, no failure."""
    job = submit(JobKind.PREDICT, n=100, engine="0" * 64)
    assert bench.run(job, Phase.PREDICT) == job
    assert bench.model.batches == []
    assert not bench.runner.is_resting


def test_votes_of_another_function(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """They are refused: they bear the fingerprint of what was computed, not of what was asked for."""

    class Overconfident(LoadedModel):
        def computes(self, request: JobRequest | PreviewRequest) -> bool:
            return True

    loaded = bench.loaded
    bench.loaded = Overconfident(loaded.profile, loaded.engine, loaded.classifiers, loaded.settings, loaded.noise_key)
    job = submit(JobKind.PREDICT, n=100, fingerprint="another")
    assert bench.run(job, Phase.PREDICT).samples_done == 0
    assert bench.model.batches == [100]


def test_the_files_of_the_models_change(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """What is in memory still answers what was submitted for it; then the worker makes room for one with the new."""
    bench.runner.check_models()
    assert not bench.stop.requested
    bench = replace(bench, loaded=replace(bench.loaded, engine=OLD_ENGINE))
    request = submit(JobKind.PREDICT, n=100).vote_request
    old = {"engine": OLD_ENGINE, "fingerprint": function_digest(OLD_ENGINE, request.label_task, request.sigma)}
    assert bench.run(submit(JobKind.PREDICT, n=100, **old), Phase.PREDICT).status is JobStatus.SUCCEEDED
    bench.runner.check_models()
    assert bench.stop.failed


def test_the_image_is_lost(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The job fails after some attempts and says so."""
    job = submit(JobKind.PREDICT, n=100)
    shutil.rmtree(bench.settings.state.images)
    for _ in range(ATTEMPTS):
        bench.run(job, Phase.PREDICT)
    error = bench.record(job).error
    assert error is not None
    assert error.type == "input-lost"


def away(monkeypatch: pytest.MonkeyPatch) -> ImageStore:
    """A store that nobody answers for."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(connecting, "RETRIES", 0)
    return ImageStore(remote_objects("s3://bucket/prefix?endpoint=http://127.0.0.1:9&region=eu-west-1"))


def test_the_store_is_away(bench: Bench, submit: Callable[..., JobRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    """The shard is given back, however often; the worker rests, is not given up, and the job does not fail."""
    job = submit(JobKind.PREDICT, n=100)
    there, bench.runner._store = bench.runner._store, away(monkeypatch)
    for _ in range(2 * ATTEMPTS):
        bench.run(job, Phase.PREDICT)
    assert (bench.runner.is_resting, bench.stop.requested) == (True, False)
    assert bench.waiting_shards(JobKind.PREDICT) == 1
    bench.runner._store = there
    assert bench.run(job, Phase.PREDICT).status is JobStatus.SUCCEEDED


def test_the_store_takes_no_answer(
    bench: Bench, submit: Callable[..., JobRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is not done and does not fail: its last step is taken again when there is room."""
    job = submit(JobKind.PREDICT, n=100)

    def refuse(*arguments: object) -> bool:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(folder, "create_whole", refuse)
        assert bench.run(job, Phase.PREDICT).status is JobStatus.RUNNING
        for _ in range(2 * ATTEMPTS):
            bench.runner.take_next_step(job.id)
    bench.runner.take_next_step(job.id)
    assert bench.record(job).status is JobStatus.SUCCEEDED


def test_stop_between_two_batches(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The shard is given back at once."""
    bench.model.before = lambda noisy: setattr(bench.stop, "requested", True)
    job = submit(JobKind.PREDICT, n=500)
    bench.run(job, Phase.PREDICT)
    assert bench.model.batches == [100]
    assert bench.waiting_shards(JobKind.PREDICT) == 1
    assert bench.record(job).samples_done == 0


def test_cancel_between_two_batches(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The work ends; nothing waits any more."""
    job = submit(JobKind.PREDICT, n=500)
    bench.model.before = lambda noisy: None if bench.board.cancel(job.id) else None
    assert bench.run(job, Phase.PREDICT).status is JobStatus.CANCELED
    assert bench.model.batches == [100]
    assert bench.waiting_shards(JobKind.PREDICT) == 0


def test_the_lease_is_lost(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """The heartbeat notices it, and the work ends: another worker has recorded the shard."""
    job = submit(JobKind.PREDICT, n=500)
    shard = Shard(phase=Phase.PREDICT, first=0, count=500)

    def record_by_another(noisy: torch.Tensor) -> None:
        bench.board.record_votes(job.id, shard, job.vote_request.fingerprint, [400, 100])
        bench.heartbeat.beat()

    bench.model.before = record_by_another
    bench.run(job, Phase.PREDICT)
    assert bench.model.batches == [100]
    assert phase_votes(bench.board, job.id, Phase.PREDICT) == [400, 100]


def test_the_heartbeat_of_a_hung_batch(bench: Bench, connection: redis.Redis, submit: Callable[..., JobRecord]) -> None:
    """The worker is shown and its lease renewed only while the work moves; then the process is ended."""
    beats: list[str] = []

    class Watched(JobBoard):
        def renew(self, job_id: str, shard: Shard, owner: str) -> bool:
            beats.append("renewed")
            return super().renew(job_id, shard, owner)

        def register(self, worker: WorkerRecord, ttl: float) -> None:
            beats.append("registered")

    board = Watched(connection, bench.settings)
    worker = WorkerRecord(name="me", profile="p", engine="e", started_at=0.0, shards_done=0)
    heartbeat, job = Heartbeat(board, worker, 1.0, on_stall=lambda: beats.append("ended")), submit()
    with heartbeat.holding(job.id, Shard(phase=Phase.SELECT, first=0, count=100)) as holding:
        heartbeat.beat()
        holding.moved_at -= STALL_SECONDS + 1
        heartbeat.beat()
    assert beats == ["registered", "renewed", "ended"]


@pytest.mark.slow
def test_a_process_that_hangs() -> None:
    """It ends as a failure, though its main thread does not answer."""
    code = "import threading, time; from workers.heartbeat import end_process;"
    code += "threading.Thread(target=end_process).start(); time.sleep(60)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=50).returncode == 1


@pytest.mark.parametrize("rows", ["one in a hundred", "all for the class", "all against it"])
def test_logits_that_are_not_finite(bench: Bench, submit: Callable[..., JobRecord], rows: str) -> None:
    """They are no votes, and no radius is gained: not even when only votes against the class are lost."""
    job = submit(n=1000)
    request, image = job.vote_request, ImageStore(bench.settings.state.images).get(job.vote_request.image.sha256)
    selection, votes = (
        bench.loaded.votes_of(request, image, phase)(0, samples_of(request, phase))
        for phase in (Phase.SELECT, Phase.ESTIMATE)
    )
    whole = certify_result(request, Selection(0, selection, request.n0), Tally(1000, tuple(votes)), seconds=0.0).radius
    assert whole is not None

    def lose(logits: torch.Tensor) -> None:
        for_the_class = logits.argmax(dim=1) == 0
        lost = {
            "one in a hundred": torch.arange(len(logits)) % 100 == 0,
            "all for the class": for_the_class,
            "all against it": ~for_the_class,
        }[rows]
        logits[lost] = torch.inf

    bench.model.after = lose
    bench.run(job, Phase.SELECT)
    result = shown(bench.run(job, Phase.ESTIMATE))
    assert sum(vote["count"] for vote in result["votes"]) < 1000
    assert (result["radius"] or 0) <= whole


@pytest.mark.parametrize("kind", [JobKind.PREDICT, JobKind.CERTIFY])
def test_no_logits_are_finite(bench: Bench, submit: Callable[..., JobRecord], kind: JobKind) -> None:
    """The job succeeds as an abstention."""
    bench.model.after = lambda logits: None if logits.fill_(torch.nan) is None else None
    job = submit(kind, n=500)
    for phase in (planned.phase for planned in job.vote_request.phases):
        bench.run(job, phase)
    result = shown(bench.record(job))
    assert (result["outcome"], result["label"], result.get("radius")) == ("abstained", None, None)


def test_the_next_step_was_lost(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """Whoever reconciles takes it; taking it twice changes nothing."""
    job = submit(JobKind.PREDICT, n=100)
    bench.board.record_votes(
        job.id, Shard(phase=Phase.PREDICT, first=0, count=100), job.vote_request.fingerprint, [90, 10]
    )
    bench.runner.take_next_step(job.id)
    record = bench.record(job)
    bench.runner.take_next_step(job.id)
    assert (record.status, bench.record(job)) == (JobStatus.SUCCEEDED, record)


@pytest.mark.parametrize("kind", [JobKind.PREDICT, JobKind.CERTIFY])
def test_a_result_that_lacks_votes(bench: Bench, submit: Callable[..., JobRecord], kind: JobKind) -> None:
    """It is no outcome: asking again, of a repaired worker, is answered with all votes, and that stays."""

    def lose_one(logits: torch.Tensor) -> None:
        logits[0] = torch.nan

    bench.model.after = lose_one
    first = submit(kind, n=500)
    bench.run_all(first)
    bench.model.after = lambda logits: None
    second = submit(kind, n=500)
    assert second.id != first.id
    assert not second.status.done
    bench.run_all(second)
    sums = [sum(vote["count"] for vote in shown(bench.record(job))["votes"]) for job in (first, second)]
    assert sums == [495, 500]
    assert submit(kind, n=500).id == second.id


AIMED = {"bound": Bound.ANYTIME, "looks": Looks(200), "n0": 200}


def deliver(bench: Bench, job: JobRecord, phase: Phase, first: int) -> None:
    """Delivers a shard of a job with an aim."""
    bench.runner.run_shard(job.id, Shard(phase=phase, first=first, count=200))


@pytest.mark.parametrize(
    ("radius", "outcome"),
    [(0.05, "certified"), (0.55, "not_certified")],
)
def test_a_target_radius_that_is_soon_decided(
    bench: Bench, submit: Callable[..., JobRecord], radius: float, outcome: str
) -> None:
    """The job ends with its first shard: the others are dropped before they run. The exact radius is 0.3."""
    job = submit(n=2000, target_radius=radius, **AIMED)
    deliver(bench, job, Phase.SELECT, 0)
    deliver(bench, job, Phase.ESTIMATE, 0)
    record = bench.record(job)

    assert (record.status, record.samples_done) == (JobStatus.SUCCEEDED, 400)
    assert (shown(record)["outcome"], shown(record)["bound"]) == (outcome, "anytime")
    assert shown(record)["samples_used"] == 400
    assert shown(record)["radius"] == (radius if outcome == "certified" else None)
    assert bench.waiting_shards(JobKind.CERTIFY) == 0
    computed = len(bench.model.batches)
    deliver(bench, job, Phase.ESTIMATE, 200)
    assert len(bench.model.batches) == computed


def test_an_answer_that_later_shards_would_settle(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """They wait for the first one: it is the first look that counts, and its votes only."""
    job = submit(n=2000, target_radius=0.05, **AIMED)
    for phase, first in ((Phase.SELECT, 0), (Phase.ESTIMATE, 600), (Phase.ESTIMATE, 200)):
        deliver(bench, job, phase, first)
        assert not bench.record(job).status.done
    deliver(bench, job, Phase.ESTIMATE, 0)
    result = shown(bench.record(job))
    assert (result["samples_used"], sum(vote["count"] for vote in result["votes"])) == (400, 200)


@pytest.mark.parametrize("aim", [{"target_radius": 0.15}, {"tolerance": 0.1}])
def test_workers_that_die_before_they_look(
    bench: Bench, submit: Callable[..., JobRecord], aim: dict[str, float]
) -> None:
    """Whoever looks next finds what they would have found, though more votes are in by then."""
    looked = submit(n=2000, **aim, **AIMED)
    deliver(bench, looked, Phase.SELECT, 0)
    votes: list[Sequence[int]] = []
    while not bench.record(looked).status.done:
        deliver(bench, looked, Phase.ESTIMATE, 200 * len(votes))
        parts = list(votes_between_looks(standing_of(bench.board, looked.id), looked.vote_request.phases[-1]))
        votes.append(parts[len(votes)])
    expected = shown(bench.record(looked))
    assert expected["samples_used"] == 200 + 200 * len(votes) < 2200

    died = submit(n=2000, alpha=0.001 * (1 + 1e-9), **aim, **AIMED)  # Another configuration: nothing is stored of it.
    deliver(bench, died, Phase.SELECT, 0)
    for number, part in enumerate([*votes, [0, 200]]):
        shard = Shard(phase=Phase.ESTIMATE, first=200 * number, count=200)
        assert bench.board.record_votes(died.id, shard, died.vote_request.fingerprint, part).is_due
    bench.runner.take_next_step(died.id)
    found = shown(bench.record(died))
    same = ("outcome", "samples_used", "votes")
    assert [found[name] for name in same] == [expected[name] for name in same]
    assert found["radius"] == pytest.approx(expected["radius"], rel=1e-6)


def test_a_prediction_that_is_soon_clear(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """It takes one batch of its samples."""
    job = submit(JobKind.PREDICT, n=500, test=PredictTest.SEQUENTIAL, looks=Looks(100))
    bench.runner.run_shard(job.id, Shard(phase=Phase.PREDICT, first=0, count=100))
    result = shown(bench.record(job))
    assert (result["outcome"], result["n"], result["samples_used"], result["test"]) == (
        "predicted", 500, 100, "sequential"
    )  # fmt: skip
    assert result["p_value"] <= 0.001
    assert bench.model.batches == [100]


def test_the_speed_of_a_worker(bench: Bench, submit: Callable[..., JobRecord]) -> None:
    """Once it has counted votes, its record says how fast."""
    bench.heartbeat.beat()
    assert bench.board.workers()[0].samples_per_second is None
    bench.run(submit(JobKind.PREDICT, n=500), Phase.PREDICT)
    bench.heartbeat.beat()
    assert (bench.board.workers()[0].samples_per_second or 0.0) > 0
