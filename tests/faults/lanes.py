"""One queue server with its workers, on which one fault after the other is tried; several lanes run side by side."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import redis

from adapters.contract.jobs import JobRecord, JobRequest
from adapters.contract.records import JobKind, VoteKind
from adapters.models.oracles import linear_weights
from adapters.preparation import canonical_image, checked, request_of
from adapters.profiles.library import served_profile
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.tasks import TaskStore
from adapters.store.tensors import ImageStore
from robustify.errors import QueueUnavailableError
from tests.faults.forks import end, start, work
from tests.keys import NOISE_KEY_FILE
from tests.pictures import encoded

LABELS = ("left", "right")
SHARD_SAMPLES = 100
BATCH_SIZE = 50
SAMPLES = {"n": 600, "n0": 100}
BATCH_SECONDS = 0.03
LEASE_SECONDS = 0.8
JOB_SECONDS = BATCH_SECONDS * (SAMPLES["n"] + SAMPLES["n0"]) / BATCH_SIZE
"""What a job takes one worker that nothing happens to, at least."""
PATIENCE_SECONDS = 120.0
"""A job that has not ended by then is lost."""

LATE = ("duplicate", "not-live", "other-phase", "not-planned")
"""Why the board refuses votes of who was late."""

MakeServer = Callable[[Path], EmbeddedServer]


@dataclass(frozen=True)
class Job:
    """A job that was accepted, and what it was asked about."""

    record: JobRecord
    picture: bytes

    @property
    def request(self) -> JobRequest:
        return self.record.vote_request


@dataclass
class Lane:
    """`rng` decides when and how often things happen; noise is none of it."""

    folder: Path
    settings: Settings
    server: EmbeddedServer
    connection: redis.Redis
    board: JobBoard
    rng: random.Random
    processes: list[BaseProcess] = field(default_factory=list)

    def start_worker(
        self,
        settings: Settings | None = None,
        batch_seconds: float = BATCH_SECONDS,
        dies_at_delivery: int | None = None,
    ) -> BaseProcess:
        return self.keep(start(work, settings or self.settings, batch_seconds, dies_at_delivery))

    def keep(self, process: BaseProcess) -> BaseProcess:
        """Ended with the lane, at the latest."""
        self.processes.append(process)
        return process

    def end(self, *processes: BaseProcess) -> None:
        for process in processes:
            end(process)
            self.processes.remove(process)

    def submit(self, shard_samples: int = SHARD_SAMPLES, **samples: int) -> Job:
        """A certificate of a picture that nobody has asked about."""
        picture = new_picture(self.rng)
        return Job(self.board.submit(self.request(picture, **samples), shard_samples), picture)

    def request(self, picture: bytes, **samples: int) -> JobRequest:
        """What the API makes of the same picture and fields; the canonical tensor is stored."""
        return request_about(picture, JobKind.CERTIFY, {**SAMPLES, **samples}, self.settings)

    def current(self, job: Job) -> JobRecord | None:
        return self.board.get(job.record.job or job.record.id)

    def is_done(self, job: Job) -> bool:
        record = self.current(job)
        return record is not None and record.status.done

    def wait(self, holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether it came to hold in time; the queue server may be away meanwhile."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(QueueUnavailableError):
                if holds():
                    return True
            time.sleep(0.02)
        return False

    def refused_commits(self) -> float:
        """Votes that came too late or twice, so far."""
        counters = self.board.figures().counters
        return sum(counters.get(f"shards:{why}", 0.0) for why in LATE)


def request_about(
    picture: bytes,
    kind: VoteKind,
    fields: Mapping[str, object],
    settings: Settings,
    tasks: TaskStore | None = None,
) -> JobRequest:
    """What the API makes of the same picture and fields; the canonical tensor is stored in the state folder.

    `tasks`: where the fields name one instead of labels.
    """
    named: Mapping[str, object] = {"labels": list(LABELS)} if tasks is None else {}
    profile = served_profile(settings)
    known = tasks or TaskStore(settings.state.tasks)
    asked = checked(kind, {**named, **fields}, False, profile, known)
    image = canonical_image(asked, picture)
    ImageStore(settings.state.images).put(image.tensor)
    return request_of(asked, image, settings)


@contextmanager
def running_lane(
    folder: Path, seed: int, make_server: MakeServer = EmbeddedServer, **changes: object
) -> Iterator[Lane]:
    """Everything of it ends with the block, which has to be left by the thread that entered it."""
    state = folder / "state"
    state.mkdir(parents=True)
    with ExitStack() as stack:
        server = stack.enter_context(make_server(state))
        connection = stack.enter_context(connect(server.url))
        settings = settings_of(state, server.url, **changes)
        lane = Lane(folder, settings, server, connection, JobBoard(connection, settings), random.Random(seed))
        stack.callback(lambda: lane.end(*lane.processes))
        yield lane


def settings_of(state: Path, url: str, **changes: object) -> Settings:
    """Leases so short that their end can be waited for."""
    values: dict[str, object] = {
        "profile": "oracle-linear",
        "state_dir": state,
        "redis_url": url,
        "noise_key_file": NOISE_KEY_FILE,
        "threads": 1,
        "batch_size": BATCH_SIZE,
        "shard_samples": SHARD_SAMPLES,
        "lease_seconds": LEASE_SECONDS,
        "log_level": "WARNING",
    }
    return Settings.model_validate({**values, **changes})


def new_picture(rng: random.Random) -> bytes:
    """A PNG of the canonical size, at a distance of about 0.3 from the oracle's boundary."""
    grain = np.random.default_rng(rng.getrandbits(64)).uniform(-0.02, 0.02, (3, 32, 32))
    tensor = 0.5 + 0.3 * linear_weights((3, 32, 32)) + grain
    pixels: np.ndarray = np.round(255 * tensor.transpose(1, 2, 0)).astype(np.uint8)
    return encoded(pixels)
