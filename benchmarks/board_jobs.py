"""Jobs for the measurements of the board alone: images and models are names, and votes are made up."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.contract.answer import certify_result, predict_result
from adapters.contract.jobs import InputImage, JobRequest, Shard
from adapters.contract.next_step import Finish, Select, Standing, next_step
from adapters.contract.records import JobKind
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.settings import Settings
from robustify.smoothing.looks import Looks
from robustify.smoothing.rules import Selection
from robustify.types import Bound, Phase

ENGINE, FINGERPRINT = "e" * 64, "f" * 64
STEP = 100
"""Samples of a shard."""
WORKER = "a-worker-of-the-board-alone"


@dataclass(frozen=True)
class Place:
    """A queue server and a state folder."""

    url: str
    state_dir: Path

    @property
    def settings(self) -> Settings:
        """With room for as many jobs as a measurement wants to wait."""
        return Settings(
            profile="oracle-linear", redis_url=self.url, state_dir=self.state_dir, store=None, max_queued_jobs=10**8
        )

    def board(self) -> JobBoard:
        """With a connection of its own."""
        return JobBoard(connect(self.url), self.settings)


@dataclass(frozen=True)
class Shape:
    """What the cost of a certificate may depend on. `is_looked_at`: after each shard, for an early end."""

    labels: int = 10
    shards: int = 100
    is_looked_at: bool = False


USUAL = Shape()


def request_for(kind: JobKind, number: int, shape: Shape = USUAL) -> JobRequest:
    """A request about an image of its own; a prediction has one shard."""
    is_certificate = kind is JobKind.CERTIFY
    looked_at = {"bound": Bound.ANYTIME, "tolerance": 1e-6, "looks": Looks(STEP)} if shape.is_looked_at else {}
    return JobRequest.model_validate(
        {
            "kind": kind,
            "image": InputImage(sha256=digest_of(number), height=32, width=32, source_sha256="0" * 64, source_norm=1.0),
            "labels": tuple(f"label {index}" for index in range(shape.labels)),
            "template": "a photo of a {}.",
            "sigma": 0.25,
            "n0": STEP if is_certificate else 0,
            "n": STEP * shape.shards if is_certificate else STEP,
            "alpha": 0.001,
            "profile": "oracle-linear",
            "engine": ENGINE,
            "fingerprint": FINGERPRINT,
            **looked_at,
        }
    )


def digest_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def votes_of(labels: int) -> list[int]:
    """What a shard brings: most votes for the first label, and some for the others, which settle nothing early."""
    votes = [STEP * 6 // 10, *[0] * (labels - 1)]
    for index in range(STEP - votes[0]):
        votes[1 + index % (labels - 1)] += 1
    return votes


def shards_of(phase: Phase, samples: int) -> Iterator[Shard]:
    return (Shard(phase=phase, first=first, count=STEP) for first in range(0, samples, STEP))


def begin(board: JobBoard, request: JobRequest) -> str:
    """The id of a certificate whose class is chosen: its estimation is what there is to do."""
    job = board.submit(request, STEP).job
    record(board, job, next(shards_of(Phase.SELECT, STEP)), votes_of(len(request.labels)))
    board.select(job, 0, STEP)
    return job


def record(board: JobBoard, job: str, shard: Shard, votes: Sequence[int]) -> Standing | None:
    """Leases a shard and counts its votes; how the job stands then, if its next step is due."""
    assert board.lease(job, shard, WORKER, ENGINE) is not None
    receipt = board.record_votes(job, shard, FINGERPRINT, votes)
    assert receipt.counted, receipt.refusal
    return receipt.standing


def take_next_step(board: JobBoard, standing: Standing) -> None:
    """As a worker takes it; no certificate is signed."""
    record = standing.record
    match next_step(standing):
        case Select(index, samples):
            board.select(record.id, index, samples)
        case Finish(None, tally):
            board.finish(record.id, predict_result(record.vote_request, tally, 0.0))
        case Finish(Selection() as selection, tally):
            board.finish(record.id, certify_result(record.vote_request, selection, tally, 0.0))
