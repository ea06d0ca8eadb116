"""What can be done with tasks: say which versions can answer, let another one answer, delete."""

import logging
from collections.abc import Iterable

from adapters.contract.labels import listed
from adapters.contract.results import Figures
from adapters.store.tasks import StoredTask, Version, is_mentioned
from robustify.errors import StoredTaskError, TaskConflictError
from service.dependencies import Service
from service.errors import store_failures

MOST_JOBS = 10
"""A message names so many jobs, and counts the others."""

log = logging.getLogger(__name__)


def is_served(service: Service, version: Version) -> bool:
    """Whether requests can be answered with a version: it was adapted to models that are served, or not at all."""
    served = {profile.model_digest for profile in service.profiles.values()}
    return version.adaptation is None or version.models in served


def figures_of(service: Service, version: Version) -> Figures | None:
    """What the adaptation brought on held-back references; None where nothing was adapted or it is damaged."""
    if version.adaptation is None:
        return None
    try:
        figures = service.adaptations.get(version.adaptation).figures
    except StoredTaskError as error:
        log.warning("no figures of version %s: %r", version.number, error)
        return None
    return figures


def make_current(service: Service, owner: str, task: StoredTask, number: int) -> StoredTask:
    """Lets another version answer; raises TaskConflictError when it could not."""
    if not is_served(service, task.version(number)):
        raise TaskConflictError(
            f"version {number} was adapted to other models than those that are served: it could not answer"
        )
    with store_failures():
        return service.tasks_of(owner).make_current(task.id, number)


def delete(service: Service, owner: str, task: StoredTask) -> None:
    """Forgets a task and what only it was adapted with; raises TaskConflictError while jobs need it."""
    with store_failures():
        deleted = service.tasks_of(owner).delete(task.id, lambda found: check_unused(service, owner, found))
    remove_adaptations(service, deleted.adaptations)


def check_unused(service: Service, owner: str, task: StoredTask) -> None:
    jobs = service.board.jobs_of_task(task.id, owner)
    if jobs:
        raise TaskConflictError(
            f"jobs need this task: {listed(jobs[:MOST_JOBS], len(jobs))}; wait for them, or cancel them"
        )


def remove_adaptations(service: Service, digests: Iterable[str]) -> None:
    """Removes what no task uses any more; the task is gone already, so that a failure leaves nothing but files."""
    try:
        for digest in digests:
            if not is_mentioned(digest, service.places.all_tasks):
                service.adaptations.delete(digest)
    except OSError as error:
        log.warning("what was adapted stays on disk: %r", error)
