"""What nobody needs any more, on disk and on the queue server: each thing with its size and how to remove it."""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from adapters.contract.jobs import AdaptRequest, JobRequest
from adapters.queue.board import JobBoard
from adapters.queue.connection import connect
from adapters.queue.server import take
from adapters.settings import Settings
from adapters.store import pruning
from adapters.store.adapting import stale_work
from adapters.store.objects import Entry
from adapters.store.places import ADAPTATIONS, IMAGES, OUTCOMES, PREVIEWS, Places, places_of
from adapters.store.tensors import sha256_of
from adapters.store.walking import bytes_of, remove
from robustify.errors import QueueUnavailableError, RobustifyError

SOCKET = "queue.sock"


class What(StrEnum):
    """Why something is not needed."""

    ADAPTATION = "adaptation of no task"
    WORK = "work on an adaptation that nobody goes on with"
    IMAGE = "image that no job needs"
    OUTCOME = "outcome whose time is over"
    PREVIEW = "picture of a preview whose time is over"
    PROMPT = "prompt of models that are gone"
    LEFT_OVER = "left over from a process that died"
    EARLIER_KEY = "key of an earlier release on the queue server"


@dataclass(frozen=True)
class Surplus:
    """Something that nobody needs: its name, its bytes, and how to remove it, which may find that it is needed now."""

    what: What
    name: str
    size: int
    remove: Callable[[], bool]


def reachable_board(settings: Settings) -> JobBoard:
    """The board of the settings, or of the stack that runs on the state folder. Raises RobustifyError without one."""
    url = settings.redis_url or f"unix://{settings.state.queue.resolve() / SOCKET}"
    board = JobBoard(connect(url), settings)
    try:
        board.ping()
    except QueueUnavailableError as error:
        raise RobustifyError(
            "what is needed is known to the queue server alone, which does not answer: start the service, or name the "
            "server in ROBUSTIFY_REDIS_URL; where no service and no worker runs on this state folder, say --offline"
        ) from error
    return board


@contextmanager
def nothing_running(settings: Settings) -> Iterator[None]:
    """Keeps `robustify up` from starting on the state folder meanwhile. Raises QueueUnavailableError where it runs."""
    if not settings.state.queue.is_dir():
        yield
        return
    with open(settings.state.queue / "lock", "a") as lock:
        take(lock)
        yield
        fcntl.flock(lock, fcntl.LOCK_UN)


def surplus(settings: Settings, board: JobBoard | None) -> Iterator[Surplus]:
    """All of it; without a board, what only that knows of is left out: images and keys of the queue server."""
    state, places = settings.state, places_of(settings)
    needed = needed_adaptations(board)
    if needed is not None:
        yield from adaptations(places, needed)
    yield from paths(What.WORK, stale_work(settings), state.root)
    yield from outcomes(settings, places)
    yield from previews(settings, places)
    if board is not None:
        yield from images(settings, places, board)
    yield from paths(What.PROMPT, pruning.prompts_of_gone_models(settings), state.root)
    yield from paths(What.LEFT_OVER, pruning.left_overs(state), state.root)


def needed_adaptations(board: JobBoard | None) -> frozenset[str] | None:
    """Those that jobs under way answer with; None where one is being made, and may be published any moment."""
    requests = [] if board is None else [job.request for job in board.live_jobs()]
    if any(isinstance(request, AdaptRequest) for request in requests):
        return None
    return frozenset(
        request.adaptation for request in requests if isinstance(request, JobRequest) and request.adaptation
    )


def paths(what: What, found: Sequence[Path] | Iterator[Path], root: Path) -> Iterator[Surplus]:
    for path in found:
        yield Surplus(what, path.relative_to(root).as_posix(), bytes_of(path), partial(removed, path))


def removed(path: Path) -> bool:
    remove(path)
    return True


def adaptations(places: Places, needed: frozenset[str]) -> Iterator[Surplus]:
    store = places.adaptations
    elsewhere = places.objects.below(ADAPTATIONS)
    for found in pruning.orphaned_adaptations(elsewhere, places.all_tasks, needed.__contains__):

        def drop(digest: str = found.name) -> bool:
            store.delete(digest)
            return True

        yield Surplus(What.ADAPTATION, f"{ADAPTATIONS}/{found.name}", found.size, drop)


def previews(settings: Settings, places: Places) -> Iterator[Surplus]:
    store = places.previews
    for found in store.older_than(pruning.longest_lifetime(settings)):

        def drop(picture: Entry = found) -> bool:
            store.remove(picture)
            return True

        yield Surplus(What.PREVIEW, f"{PREVIEWS}/{found.name}", found.size, drop)


def outcomes(settings: Settings, places: Places) -> Iterator[Surplus]:
    store = places.outcomes
    for found in store.older_than(settings.outcome_seconds):

        def drop(outcome: Entry = found) -> bool:
            store.remove(outcome)
            return True

        yield Surplus(What.OUTCOME, f"{OUTCOMES}/{found.name}", found.size, drop)


def images(settings: Settings, places: Places, board: JobBoard) -> Iterator[Surplus]:
    """The board has the last word: an image may be sent again between the two."""
    store = places.images
    for found in store.older_than(pruning.longest_lifetime(settings)):
        sha256 = sha256_of(found)
        if not board.wants_image(sha256):
            drop = partial(board.remove_image, sha256, store)
            yield Surplus(What.IMAGE, f"{IMAGES}/{found.name}", found.size, drop)


def earlier_keys(board: JobBoard, dry_run: bool) -> Iterator[Surplus]:
    """Removed while they are looked for, unless they are only to be counted."""
    for name, size in board.earlier_keys(drops=not dry_run):
        yield Surplus(What.EARLIER_KEY, name, size, lambda: True)
