"""A day of uploads, simulated with lifetimes of seconds: disk and memory return to where they were."""

import io
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import redis
from PIL import Image

from adapters.queue.connection import connect
from adapters.queue.server import EmbeddedServer
from adapters.settings import Settings
from adapters.store.walking import files_below
from service.janitor import Janitor

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

UPLOADS = int(os.environ.get("TEST_UPLOADS", "800"))
"""`TEST_UPLOADS=2000 make test ARGS=tests/integration/api/test_http_day.py` is a whole day."""
CLIENTS = 4
STAYS = {"clock", "counters", "ledger", "ledger-known", "usage", "wake", "turn", "queues", "queue", "ping"}
"""Keys that any use of the service leaves, however much: counters, sums, the usage of 35 days, bounded lists."""
TOLERANCE = 1.03
SECONDS = 60


@dataclass(frozen=True)
class Kept:
    """What there is: files in the folders of the store, keys of the queue server and its memory in bytes."""

    files: int
    keys: frozenset[str]
    memory: int


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        profile="oracle-linear",
        state_dir=tmp_path / "state",
        shard_samples=100,
        retention_seconds=2,
        queue_seconds=2,
        outcome_seconds=3,
        max_queued_jobs=150,
    )


def test_store_when_a_day_of_uploads_is_over(
    settings: Settings, tmp_path: Path, start_api: Callable[..., "Api"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all images some are refused, some canceled, some forgotten, some answered and some left alone: when their time
    is over, nothing of any of them is left but counts."""
    with EmbeddedServer(tmp_path) as server, connect(server.url) as connection:
        settings = settings.model_copy(update={"redis_url": server.url})
        monkeypatch.setattr("service.app.Janitor", partial(Janitor, round_seconds=0.5, search_seconds=0.5))
        api = start_api(settings)
        for number in range(20):  # What one use of everything leaves: scripts, counters, locks of the folders.
            upload(api, UPLOADS + number)
        before = settled(settings, connection)
        with ThreadPoolExecutor(CLIENTS) as clients:
            done = Counter(clients.map(lambda number: upload(api, number), range(UPLOADS)))
        peak = kept(settings, connection)
        after = settled(settings, connection)
    assert all(done[how] >= UPLOADS // 20 for how in ("refused", "canceled", "forgotten", "answered", "left")), done
    assert (peak.files > 100, len(peak.keys) > 300, peak.memory > before.memory * TOLERANCE) == (True, True, True)
    assert (after.files, len(after.keys)) == (before.files, len(before.keys)) == (0, len(before.keys))
    assert after.memory <= before.memory * TOLERANCE


def upload(api: "Api", number: int) -> str:
    """One client's turn; says what became of its image."""
    picture = picture_of(number) if number % 20 else b"no picture"
    labels = {"labels": ["left", "right"]}
    response = api.client.post("/predict", headers={"Prefer": "respond-async"}, files={"image": picture}, data=labels)
    if response.status_code != 202:
        assert response.status_code in (415, 503), response.text
        return "refused"
    job = response.json()["id"]
    match number % 5:
        case 0:
            api.client.delete(f"/jobs/{job}")
            return "canceled"
        case 1:
            assert api.client.delete(f"/jobs/{job}/data").status_code == 204
            return "forgotten"
        case 2 | 3:
            api.run(job)
            return "answered"
    return "left"


def picture_of(number: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def settled(settings: Settings, connection: redis.Redis) -> Kept:
    """What there is when every lifetime is over and the janitor has been there."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.5)
        found = kept(settings, connection)
        if found.files == 0 and {key.split(":")[1] for key in found.keys} <= STAYS:
            return found
    pytest.fail(f"not all went: {found.files} files, {Counter(key.split(':')[1] for key in found.keys)}")


def kept(settings: Settings, connection: redis.Redis) -> Kept:
    state = settings.state
    folders = (state.images, state.outcomes, state.tasks, state.adaptations, state.adapting)
    files = [path for folder in folders for path in files_below(folder) if path.name != ".lock"]
    keys = frozenset(key.decode() for key in connection.scan_iter("*"))
    return Kept(len(files), keys, connection.info("memory")["used_memory"])
