"""Rounds of F10 for images: an API and a worker on a disk that is full, to the last pages, when an image is stored."""

import os
import random
import sys
import time
from pathlib import Path

import httpx

from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.store.tensors import ImageStore
from robustify.errors import StoredImageError
from tests.faults.api_rows import certify, ended_job, judge_job
from tests.faults.disk_rows import answer_rounds
from tests.faults.forks import answer, start
from tests.faults.judging import Findings
from tests.faults.lanes import Lane, new_picture, settings_of
from tests.faults.queue_rows import ACCEPTED, client_of, is_ready
from tests.small_disk import fill

PAGE = 4096


def main(disk: Path, url: str, port: int, seed: int) -> None:
    settings = settings_of(disk / "state", url, port=port, min_free_bytes=0)
    with connect(url) as connection:
        server = EmbeddedServer(disk)  # Never started: the lane's own is elsewhere.
        lane = Lane(disk, settings, server, connection, JobBoard(connection, settings), random.Random(seed))
        lane.keep(start(answer, settings, None))
        lane.start_worker(batch_seconds=0.0)
        with client_of(lane) as client:
            lane.wait(lambda: is_ready(client))
        try:
            answer_rounds(lambda found: one_round(lane, found))
        finally:
            lane.end(*lane.processes)


def one_round(lane: Lane, found: Findings) -> None:
    """Asked on a disk with room for up to three pages of four, and again when there is room."""
    picture, key = new_picture(lane.rng), str(lane.rng.getrandbits(64))
    filler = fill(lane.folder)
    os.truncate(filler, max(0, filler.stat().st_size - lane.rng.randrange(4) * PAGE))
    refused = certify(lane, picture, key)
    judge_refusal(refused, found)
    found.broken += damaged_images(lane.settings.state.images)
    filler.unlink()
    returned = time.monotonic()
    accepted = certify(lane, picture, f"{key}-again")
    judge_answer(lane, picture, accepted, found)
    found.seconds.append(time.monotonic() - returned)


def judge_refusal(response: httpx.Response | None, found: Findings) -> None:
    if response is None:
        found.broken.append("no answer on a full disk")
    elif response.status_code == 503 and "retry-after" in response.headers:
        found.count("refused with 503")
    elif response.status_code not in ACCEPTED:
        found.broken.append(f"{response.status_code} on a full disk: {response.json().get('type')}")


def damaged_images(root: Path) -> list[str]:
    """What is in the store and is no whole image."""
    store, damaged = ImageStore(root), []
    for path in root.glob("??/*"):
        try:
            store.get(path.name)
        except StoredImageError:
            damaged.append("a part of an image can be seen in the store")
    return damaged


def judge_answer(lane: Lane, picture: bytes, response: httpx.Response | None, found: Findings) -> None:
    if response is None or response.status_code not in ACCEPTED:
        found.broken.append("refused though there was room again")
        return
    found.jobs += 1
    with client_of(lane) as client:
        job = ended_job(lane, client, response.json()["id"])
    judge_job(lane, picture, job, found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
