"""F5, F6 and F13: the queue server is killed, or the network between it and the workers fails."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from tests.faults.forks import answer, start
from tests.faults.judging import Findings
from tests.faults.lanes import BATCH_SIZE, JOB_SECONDS, LEASE_SECONDS, Lane, new_picture, running_lane
from tests.faults.proxy import OUTAGES, Network, Proxy
from tests.faults.worker_rows import samples_done, seconds_until_done
from tests.fuzz.runs import free_port

RECOVERY_SECONDS = 30.0
"""From the return of the queue server to the answer, at most."""
ACCEPTED = (200, 202)


@contextmanager
def lane_with_api(folder: Path, seed: int) -> Iterator[Lane]:
    """One worker, and an API."""
    with running_lane(folder, seed, port=free_port()) as lane:
        lane.keep(start(answer, lane.settings, None))
        lane.start_worker()
        with client_of(lane) as client:
            lane.wait(lambda: is_ready(client))
        yield lane


def server_killed(lane: Lane, found: Findings) -> None:
    """F5: two jobs are accepted, the server is killed and started again; clients are told so meanwhile."""
    jobs = [lane.submit(), lane.submit(n=200)]
    asked: list[httpx.Response] = []
    ended = threading.Event()
    asking = threading.Thread(target=keep_asking, args=(lane, asked, ended))
    asking.start()
    time.sleep(lane.rng.uniform(0, JOB_SECONDS))
    lane.server.kill()
    time.sleep(lane.rng.uniform(0.1, 3.0))
    lane.server.start()
    returned = time.monotonic()
    lane.wait(lambda: all(lane.is_done(job) for job in jobs))
    found.seconds.append(time.monotonic() - returned)
    ended.set()
    asking.join()
    judge_answers(lane, asked, found)
    for job in jobs:
        found.judge(lane, job)


def keep_asking(lane: Lane, asked: list[httpx.Response], ended: threading.Event) -> None:
    """A client that asks for predictions all the time."""
    with client_of(lane) as client:
        while not ended.wait(0.1):
            asked.append(predict(client, new_picture(lane.rng)))


def judge_answers(lane: Lane, asked: list[httpx.Response], found: Findings) -> None:
    """Accepted jobs end; all else is a 503 that says when to come again."""
    for response in asked:
        found.count(f"answers {response.status_code}")
        if response.status_code in ACCEPTED:
            found.jobs += 1
            judge_accepted(lane, response.json()["id"], found)
        elif response.status_code != 503 or "retry-after" not in response.headers:
            found.broken.append(f"a client got {response.status_code} without Retry-After while the server was away")


def judge_accepted(lane: Lane, job_id: str, found: Findings) -> None:
    """One that does not end is told with what the service says of it."""
    with client_of(lane) as client:
        if lane.wait(lambda: said_of(client, job_id) == "succeeded", RECOVERY_SECONDS):
            return
        found.lost += 1
        found.broken.append(f"a job was accepted, and {RECOVERY_SECONDS:g} s later is {said_of(client, job_id)}")


def said_of(client: httpx.Client, job_id: str) -> object:
    """The status of a job, or why there is none: `succeeded`, `queued`, 404."""
    answer = client.get(f"/jobs/{job_id}").json()
    return answer.get("status")


def predict(client: httpx.Client, picture: bytes) -> httpx.Response:
    return client.post(
        "/predict", files={"image": picture}, data={"labels": ["left", "right"]}, headers={"Prefer": "respond-async"}
    )


def client_of(lane: Lane) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{lane.settings.port}", timeout=60)


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def away(seconds: float) -> Callable[[Lane, Findings], None]:
    """F6: the server cannot be reached for so long, one way or another; then it can."""
    return partial(server_away, seconds)


def server_away(seconds: float, lane: Lane, found: Findings) -> None:
    outage = lane.rng.choice(OUTAGES)
    with proxy_of(lane) as proxy:
        worker = lane.start_worker(lane.settings.model_copy(update={"redis_url": proxy.url}))
        jobs = [lane.submit(), lane.submit(n=200)]
        lane.wait(lambda: samples_done(lane, jobs[0]) > 0)
        proxy.become(outage)
        time.sleep(seconds)
        proxy.become(Network.WHOLE)
        returned = time.monotonic()
        lane.wait(lambda: all(lane.is_done(job) for job in jobs))
        found.seconds.append(time.monotonic() - returned)
        found.count(f"outages: {outage}")
        if not worker.is_alive():
            found.broken.append(f"the worker ended in an outage of {seconds:g} s ({outage})")
        if found.seconds[-1] > RECOVERY_SECONDS:
            found.broken.append(f"recovery took {found.seconds[-1]:.0f} s ({outage})")
        for job in jobs:
            found.judge(lane, job)
        lane.end(worker)


def partitioned(lane: Lane, found: Findings) -> None:
    """F13: a worker is cut off while it computes, another takes over; what the first one sends arrives in the end."""
    before = lane.refused_commits()
    with proxy_of(lane) as proxy:
        cut_off = lane.start_worker(lane.settings.model_copy(update={"redis_url": proxy.url}))
        job = lane.submit(shard_samples=BATCH_SIZE)
        lane.wait(lambda: 0 < samples_done(lane, job) < 500)
        proxy.become(Network.SILENT)
        parted = time.monotonic()
        other = lane.start_worker()
        found.seconds.append(seconds_until_done(lane, job))
        time.sleep(max(0.0, parted + 2 * LEASE_SECONDS - time.monotonic()))
        lane.end(other)
        proxy.become(Network.WHOLE)
        following = lane.submit(n=200)
        seconds_until_done(lane, following)
        if not cut_off.is_alive():
            found.broken.append("the worker that was cut off ended")
        found.count("late commits refused", lane.refused_commits() - before)
        for judged in (job, following):
            found.judge(lane, judged)
        lane.end(cut_off)


@contextmanager
def proxy_of(lane: Lane) -> Iterator[Proxy]:
    path, target = lane.folder / f"p{lane.rng.getrandbits(24)}", Path(lane.server.url.removeprefix("unix://"))
    with Proxy(path, target).running() as proxy:
        yield proxy
