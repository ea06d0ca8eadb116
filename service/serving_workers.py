"""Which live workers can answer for a profile, and how fast they are."""

from collections.abc import Sequence

from adapters.contract.jobs import WorkerRecord
from adapters.contract.records import JobKind
from adapters.profiles.fingerprint import engine_digest
from adapters.profiles.profile import Profile
from adapters.settings import Settings
from robustify.errors import ModelError


def workers_for(profile: Profile, settings: Settings, workers: Sequence[WorkerRecord]) -> list[WorkerRecord]:
    """Those of the profile's engine; one that only adapts answers nothing. None where its files are not in place."""
    try:
        engine = engine_digest(profile, settings)
    except (ModelError, OSError):
        return []
    return [worker for worker in workers if worker.engine == engine and JobKind.PREDICT in worker.kinds]


def speed_of(workers: Sequence[WorkerRecord]) -> float | None:
    """Samples a second of all of them together; None where none has measured its own."""
    return sum(worker.samples_per_second or 0.0 for worker in workers) or None
