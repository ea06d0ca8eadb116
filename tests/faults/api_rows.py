"""F8: the API is killed between the acceptance of a request and its answer; the client asks again."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from adapters.contract.results import CertifyResult
from tests.faults.forks import DEATHS, DyingBoard, answer, start
from tests.faults.judging import Findings, undisturbed
from tests.faults.lanes import LABELS, SAMPLES, Lane, new_picture, running_lane
from tests.faults.queue_rows import ACCEPTED, client_of, is_ready
from tests.fuzz.runs import free_port

PATIENCE_SECONDS = 60.0
ASKED_AGAIN = 2
"""How often a client sends a request again, under the same key."""


@contextmanager
def lane_with_worker(folder: Path, seed: int) -> Iterator[Lane]:
    """One worker, and an API that dies of its first request."""
    with running_lane(folder, seed, port=free_port()) as lane:
        lane.start_worker(batch_seconds=0.0)
        start_mortal_api(lane, Findings(), 0)
        yield lane


def api_killed(lane: Lane, found: Findings) -> None:
    """The API dies at a random moment of a request; the next API answers it, and is asked under the same key again."""
    picture, key = new_picture(lane.rng), secrets.token_hex(8)
    if certify(lane, picture, key) is not None:
        found.broken.append("the API answered, though it was to die before")
    lane.end(lane.processes[-1])
    start_mortal_api(lane, found, ASKED_AGAIN)
    returned = time.monotonic()
    answers = [certify(lane, picture, key) for _ in range(ASKED_AGAIN)]
    judge_answers(lane, picture, answers, found)
    found.seconds.append(time.monotonic() - returned)


def start_mortal_api(lane: Lane, found: Findings, answers: int) -> None:
    """Answers so many requests, and dies of the next."""
    moment = lane.rng.choice(DEATHS)
    found.count(f"dies {moment}")
    lane.keep(start(answer, lane.settings, DyingBoard(moment, request=answers + 1)))
    with client_of(lane) as client:
        lane.wait(lambda: is_ready(client))


def certify(lane: Lane, picture: bytes, key: str) -> httpx.Response | None:
    """None where the connection ended without an answer."""
    with client_of(lane) as client:
        try:
            return client.post(
                "/certify",
                files={"image": picture},
                data={"labels": list(LABELS), **SAMPLES},
                headers={"Prefer": "respond-async", "Idempotency-Key": key},
            )
        except httpx.TransportError:
            return None


def judge_answers(lane: Lane, picture: bytes, answers: list[httpx.Response | None], found: Findings) -> None:
    """Exactly one job for the key, which ends with the right answer; each run of a lane has added one."""
    found.jobs += 1
    ids = {response.json().get("id") for response in answers if response and response.status_code in ACCEPTED}
    if len(ids) != 1 or any(response is None for response in answers):
        found.lost += 1
        found.broken.append(f"one key led to {len(ids)} jobs")
        return
    with client_of(lane) as client:
        job = ended_job(lane, client, ids.pop())
        surplus = jobs_listed(client) - (found.runs + 1)
    if surplus:
        found.broken.append(f"{surplus} jobs more than keys")
    judge_job(lane, picture, job, found)


def judge_job(lane: Lane, picture: bytes, job: dict[str, object], found: Findings) -> None:
    """What a client reads of the job about a picture, beside what an undisturbed run answers."""
    if job["status"] != "succeeded":
        found.lost += not job["done"]
        found.other += bool(job["done"])
        return
    expected = undisturbed(lane.request(picture), lane.settings)
    found.judge_result(CertifyResult.model_validate(job["result"]), expected)


def ended_job(lane: Lane, client: httpx.Client, job_id: str) -> dict[str, object]:
    lane.wait(lambda: bool(client.get(f"/jobs/{job_id}").json()["done"]), PATIENCE_SECONDS)
    job: dict[str, object] = client.get(f"/jobs/{job_id}").json()
    return job


def jobs_listed(client: httpx.Client) -> int:
    """All jobs of this caller. Each run adds one: whatever was begun twice would stand here twice."""
    number, after = 0, None
    while True:
        page = client.get("/jobs", params={"limit": 100, **({"after": after} if after else {})}).json()
        number += len(page["data"])
        if not page["has_more"]:
            return number
        after = page["last_id"]
