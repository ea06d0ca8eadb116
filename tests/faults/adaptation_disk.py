"""Rounds of F10 for adaptations: what a worker runs for one, on a disk that gets full before a random step."""

import random
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import torch

from adapters.contract.adapt import AdaptParameters, adapt_request
from adapters.contract.jobs import AdaptRequest
from adapters.profiles.library import find_profile
from adapters.settings import Settings
from adapters.store.adaptations import AdaptationStore
from adapters.store.tasks import StoredTask, TaskStore
from robustify.errors import StoredTaskError
from tests.faults.disk_rows import answer_rounds
from tests.faults.judging import Findings
from tests.keys import NOISE_KEY_FILE
from tests.small_disk import fill
from workers.adaptation import report
from workers.adaptation.runner import adapt
from workers.adaptation.stages import Progress
from workers.problems import DISK_IS_FULL

SMALL = {
    "name": "pets",
    "labels": ["cat", "dog"],
    "shots": 1,
    "held_back": 1,
    "steps": 4,
    "batch_size": 2,
    "fine_tuning_steps": 3,
    "fine_tuning_batch_size": 2,
    "publish": "always",
}
FEW_SAMPLES = 20
MOST_LEFT = 256 << 10
"""Bytes that the full disk still has, at most: less than most of what is saved."""


def main(disk: Path, seed: int) -> None:
    torch.set_num_threads(1)
    rng, state, whole = random.Random(seed), disk / "state", disk.parent / "whole"
    settings = Settings(profile="mini", state_dir=state, noise_key_file=NOISE_KEY_FILE, threads=1, batch_size=10)
    with patch.object(report, "ESTIMATION_SAMPLES", FEW_SAMPLES):
        adapt_once(request_of(settings, 0), settings, lambda progress: None)
        shutil.copytree(state, whole)
        answer_rounds(lambda found: one_round(disk, whole, settings, rng, found))


def one_round(disk: Path, whole: Path, settings: Settings, rng: random.Random, found: Findings) -> None:
    """A second version is being made when the disk gets full; then there is room, and it is asked for again."""
    shutil.rmtree(settings.state_dir)
    shutil.copytree(whole, settings.state_dir)
    before, request = task(settings), request_of(settings, rng.randrange(1, 1000))
    filler = Filler(disk, rng)
    try:
        adapt_once(request, settings, filler)
    except OSError as error:
        found.count("saves that found the disk full")
        found.broken += [] if error.errno in DISK_IS_FULL else [f"another error: {type(error).__name__}"]
        found.broken += what_changed(settings, before)
    filler.remove()
    returned = time.monotonic()
    adapt_once(request, settings, lambda progress: None)
    found.seconds.append(time.monotonic() - returned)
    judge(settings, found)


class Filler:
    """Fills the disk before one of the steps to come, but for some bytes."""

    def __init__(self, disk: Path, rng: random.Random) -> None:
        self._disk = disk
        self._share, self._left = rng.random(), rng.randrange(MOST_LEFT)
        self._file: Path | None = None

    def __call__(self, progress: Progress) -> None:
        if self._file is None and progress.done >= self._share * progress.total:
            self._file = fill(self._disk)
            with self._file.open("r+b") as file:
                file.truncate(max(0, self._file.stat().st_size - self._left))

    def remove(self) -> None:
        if self._file is not None:
            self._file.unlink()


def request_of(settings: Settings, seed: int) -> AdaptRequest:
    return adapt_request(AdaptParameters.model_validate({**SMALL, "seed": seed}), find_profile("mini"), settings)


def adapt_once(request: AdaptRequest, settings: Settings, on_progress: Callable[[Progress], None]) -> None:
    adapt(request, find_profile("mini"), settings, f"job of seed {request.seed}", on_progress)


def task(settings: Settings) -> StoredTask:
    return TaskStore(settings.state.tasks).find("pets")


def what_changed(settings: Settings, before: StoredTask) -> Sequence[str]:
    """Nothing may have: the version before answers, and no part of the new one can be seen."""
    changed = [] if task(settings) == before else ["the task changed, though nothing could be saved"]
    shown = [path.name for path in settings.state.adaptations.glob("[!.]*")]
    if shown != [str(before.version().adaptation)]:
        changed.append("a part of an adaptation can be seen")
    return [*changed, *damage(settings)]


def damage(settings: Settings) -> Sequence[str]:
    """Of what answers now."""
    try:
        AdaptationStore(settings.state.adaptations).get(str(task(settings).version().adaptation))
    except StoredTaskError:
        return ["the version that answers is damaged"]
    return []


def judge(settings: Settings, found: Findings) -> None:
    """With room again, the second version was made, and answers."""
    found.jobs += 1
    found.lost += task(settings).current != 2
    found.broken += damage(settings)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[4]))
