"""A real worker and an adaptation as large as may be asked for: what it takes, and what is left of it."""

from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from threading import Event, Thread
from typing import Any

import pytest

from adapters.contract.adapt import MAX_BATCH, MAX_RANK, AdaptParameters, adapt_request, total_steps
from adapters.contract.jobs import JobRecord
from adapters.profiles.library import find_profile
from adapters.queue.board import JobBoard
from adapters.settings import Settings
from adapters.store.adapting import CANCELED

SECONDS = 240.0
MEBIBYTE = 1 << 20
PAGE = 4096
LARGE = {"steps": 5, "batch_size": MAX_BATCH, "rank": MAX_RANK, "fine_tuning_steps": 0}
LABELS_ALONE = {"steps": 0, "fine_tuning_steps": 0}
AT_WORK, LEFT = 1200, 100
"""In MiB: a whole batch would take ten thousand."""


def resident_bytes(process: Popen[bytes]) -> int:
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * PAGE


@pytest.fixture
def mini_settings(queue_settings: Settings) -> Settings:
    return queue_settings.model_copy(update={"profile": "mini", "lease_seconds": 5.0, "batch_size": None})


@pytest.fixture
def mini_board(mini_settings: Settings, connection: Any) -> JobBoard:
    return JobBoard(connection, mini_settings)


def submit(board: JobBoard, settings: Settings, name: str, **fields: int) -> JobRecord:
    values = {"name": name, "labels": ["cat", "ship"], "shots": 1, "held_back": 1, **fields}
    request = adapt_request(AdaptParameters.model_validate(values), find_profile("mini"), settings)
    return board.admit_adaptation(request, total_steps(request)).record


class Watch:
    """The most memory that a process had while the block ran."""

    def __init__(self, process: Popen[bytes]) -> None:
        self._process, self._ended = process, Event()
        self._thread = Thread(target=self._look)
        self.most = 0

    def _look(self) -> None:
        while not self._ended.wait(0.01):
            self.most = max(self.most, resident_bytes(self._process))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def worker(mini_settings: Settings, start_product_worker: Callable[..., Popen[bytes]]) -> Popen[bytes]:
    return start_product_worker(mini_settings)


@pytest.mark.slow
def test_large_adaptation_when_it_is_canceled(
    mini_board: JobBoard, mini_settings: Settings, worker: Popen[bytes], wait_until: Callable[..., None]
) -> None:
    """It takes the memory of a micro-batch, ends within its step, and its memory is given back; its work is marked."""

    def do(job: JobRecord) -> None:
        wait_until(lambda: current(job).status.done, SECONDS)

    def current(job: JobRecord) -> JobRecord:
        record = mini_board.get(job.id)
        assert record is not None
        return record

    do(submit(mini_board, mini_settings, "before", **LABELS_ALONE))
    before = resident_bytes(worker)
    with Watch(worker) as watch:
        job = submit(mini_board, mini_settings, "large", **LARGE)
        wait_until(lambda: current(job).stage == "personalize", SECONDS)
        wait_until(lambda: resident_bytes(worker) > before + 300 * MEBIBYTE, SECONDS)
        mini_board.cancel(job.id)
        do(submit(mini_board, mini_settings, "after", **LABELS_ALONE))

    assert watch.most - before < AT_WORK * MEBIBYTE
    assert current(job).samples_done == 4  # The pictures: no step was made.
    wait_until(lambda: resident_bytes(worker) - before < LEFT * MEBIBYTE, 10.0)
    assert [path.name for path in mini_settings.state.adapting.glob(f"*/{CANCELED}")] == [CANCELED]
