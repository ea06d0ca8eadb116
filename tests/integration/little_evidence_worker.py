"""A real worker as it is shipped, but that judges adaptations by few samples and tells more often how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from adapters.settings import Settings
from workers.adaptation import report, runner
from workers.wiring import run_worker


def work_with_little_evidence(settings: Settings) -> None:
    with little_evidence():
        run_worker(settings)


@contextmanager
def little_evidence() -> Iterator[None]:
    """For tests that are about neither: a stage may be shorter than the pause between two words about it."""
    few = patch.multiple(report, SELECTION_SAMPLES=4, ESTIMATION_SAMPLES=10)
    with few, patch.object(runner, "PROGRESS_SECONDS", 0.05):
        yield
