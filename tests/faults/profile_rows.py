"""F14: two profiles behind one API, whose workers are killed in turn."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx

from adapters.contract.results import CertifyResult
from adapters.profiles.library import path_of
from tests.faults.forks import answer, start
from tests.faults.judging import Findings
from tests.faults.lanes import JOB_SECONDS, SAMPLES, Job, Lane, new_picture, running_lane
from tests.faults.queue_rows import client_of
from tests.fuzz.runs import free_port

SECOND = "oracle-second"
EACH = 2
"""Certificates of each profile in a run."""


@contextmanager
def lane_with_profiles(folder: Path, seed: int) -> Iterator[Lane]:
    """An API that serves the linear oracle under two names and with two sigmas."""
    with running_lane(folder, seed, port=free_port(), further_profiles=SECOND) as lane:
        shipped = path_of(lane.settings.profile, lane.settings).read_text(encoding="utf-8")
        own = lane.settings.profiles_folder
        own.mkdir(parents=True)
        named = shipped.replace('name = "oracle-linear"', f'name = "{SECOND}"\nsigma = 0.5', 1)
        (own / f"{SECOND}.toml").write_text(named, encoding="utf-8")
        lane.keep(start(answer, lane.settings, None))
        lane.wait(lambda: is_listening(lane))
        yield lane


def is_listening(lane: Lane) -> bool:
    try:
        with client_of(lane) as client:
            return client.get("/healthz").is_success
    except httpx.TransportError:
        return False


def profile_workers_killed(lane: Lane, found: Findings) -> None:
    """Certificates of both profiles in turn; a worker of either is killed at a random moment, and another comes."""
    names = (lane.settings.profile, SECOND)
    workers = {name: worker_of(lane, name) for name in names}
    jobs = [(name, certificate_of(lane, name)) for _ in range(EACH) for name in names]
    for name in lane.rng.sample(names, len(names)):
        time.sleep(lane.rng.uniform(0, JOB_SECONDS))
        lane.end(workers[name])
        workers[name] = worker_of(lane, name)
    killed = time.monotonic()
    lane.wait(lambda: all(lane.is_done(job) for _, job in jobs))
    found.seconds.append(time.monotonic() - killed)
    for name, job in jobs:
        found.judge(lane, job)
        if (said := profile_said(lane, job)) != (name, name):
            found.broken.append(f"a certificate of {name} names {said}")
    lane.end(*workers.values())


def worker_of(lane: Lane, profile: str) -> BaseProcess:
    return lane.start_worker(lane.settings.model_copy(update={"profile": profile}))


def certificate_of(lane: Lane, profile: str) -> Job:
    """As a client asks for it."""
    picture = new_picture(lane.rng)
    fields = {"labels": ["left", "right"], "profile": profile, **SAMPLES}
    with client_of(lane) as client:
        response = client.post("/certify", files={"image": picture}, data=fields, headers={"Prefer": "respond-async"})
    record = lane.board.get(response.json()["id"])
    assert record is not None
    return Job(record, picture)


def profile_said(lane: Lane, job: Job) -> tuple[str | None, object]:
    """By the answer, and by the signed document."""
    record = lane.current(job)
    if record is None or not isinstance(record.result, CertifyResult) or record.result.certificate is None:
        return None, None
    model = record.result.certificate["model"]
    return record.result.model.profile, model["profile"] if isinstance(model, dict) else None
