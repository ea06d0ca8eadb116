"""A worker that tests play for an API: it counts as much as it is told, all votes for the first label."""

import time
from collections.abc import Iterator
from itertools import islice

from adapters.contract.jobs import JobRecord, Shard
from robustify.types import Phase
from tests.answers import answer_of
from tests.browser.chromium import PATIENCE
from tests.integration.api.conftest import Api


class PlayedWorker:
    """Of one job. It needs the queue of the API, and goes on when the API does not answer."""

    def __init__(self, api: Api, job_id: str) -> None:
        self.board = api.board
        self.job = api.record(job_id).job
        self.shards = planned(api.record(job_id), api.settings.shard_samples or 500)

    def count(self, shards: int | None = None) -> None:
        """So many more shards, or all that are left."""
        for shard in islice(self.shards, shards):
            request = self._record().vote_request
            self.board.lease(self.job, shard, "played")
            votes = [shard.count, *(0 for _ in request.labels[1:])]
            assert self.board.record_votes(self.job, shard, request.fingerprint, votes).counted
            samples = {phase.phase: phase.samples for phase in request.phases}[shard.phase]
            if shard.phase is Phase.SELECT and shard.first + shard.count == samples:
                self.board.select(self.job, 0, samples)

    def end(self, **answer: object) -> None:
        """Counts what is left, and answers: an abstention, but for what is said here."""
        self.count()
        assert self.board.finish(self.job, answer_of(self.board, self.job, None, **answer))

    def _record(self) -> JobRecord:
        record = self.board.get(self.job)
        assert record is not None
        return record


def planned(record: JobRecord, shard_samples: int) -> Iterator[Shard]:
    """What there is to count, in its order."""
    for phase in record.vote_request.phases:
        for first, count in phase.cut(shard_samples).spans(phase.samples):
            yield Shard(phase=phase.phase, first=first, count=count)


def latest(api: Api, kind: str = "predict", before: str = "") -> str:
    """The id of the latest job, once there is one, or one after `before`."""
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        if jobs := api.client.get("/jobs", params={"kind": kind}).json()["data"]:
            identifier: str = jobs[0]["id"]
            if identifier != before:
                return identifier
        time.sleep(0.05)
    raise AssertionError("no job came")
