"""What tidies up beside the requests: ends what is overdue, and removes what has been kept for its time.

Every API process has one. They do no harm side by side, since each thing is removed once the board says that nobody
wants it; what takes long is done by one of them in turn.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from adapters.queue.board import JobBoard
from adapters.settings import Settings
from adapters.store.places import places_of
from adapters.store.pruning import empty_folders, left_overs, longest_lifetime
from adapters.store.tensors import ImageStore, sha256_of
from adapters.store.walking import remove
from robustify.errors import QueueUnavailableError, StoredImageError

ROUND_SECONDS = 30.0
LONGEST_SEARCH_SECONDS = 3600.0
SEARCHES_IN_A_LIFETIME = 5
"""All of the disk is looked at so often while an outcome or an image is kept, and every hour at least."""
SEARCH, LEDGER = "search-of-the-disk", "ledger"

log = logging.getLogger(__name__)
T = TypeVar("T")


class Janitor:
    """Tidies up what a board and a store have, in rounds."""

    def __init__(
        self,
        settings: Settings,
        board: JobBoard,
        store: ImageStore,
        round_seconds: float = ROUND_SECONDS,
        search_seconds: float | None = None,
    ) -> None:
        self._settings, self._board, self._store = settings, board, store
        self._outcomes = places_of(settings).outcomes
        self._previews = places_of(settings).previews
        self._round_seconds = round_seconds
        self._search_seconds = usual_search_seconds(settings) if search_seconds is None else search_seconds
        self._trouble: str | None = None
        self._former_trouble: str | None = None

    async def run(self) -> None:
        """Until it is canceled; a round that is under way then ends by itself."""
        while True:
            await anyio.to_thread.run_sync(self.round, abandon_on_cancel=True)
            await anyio.sleep(self._round_seconds)

    def round(self) -> None:
        """One round. What stands in its way is told once, and tried again in the next one."""
        try:
            self._trouble, self._former_trouble = None, self._trouble
            self._board.tick()
            self._remove_old_images()
            if self._board.take_turn(LEDGER, self._round_seconds):
                self._board.agree_on_ledger()
            if self._board.take_turn(SEARCH, self._search_seconds):
                self._search()
        except (QueueUnavailableError, StoredImageError, OSError) as error:
            self._tell(error)

    def _remove_old_images(self) -> None:
        """Those whose time is over. Ends where a whole list of them is wanted again."""
        while old := self._board.old_images():
            if not any([self._removed(image) for image in old]):
                return

    def _removed(self, image: str) -> bool:
        try:
            return self._board.remove_image(image, self._store)
        except OSError as error:
            self._tell(error)
            return True  # The board has forgotten it: a search will find it.

    def _search(self) -> None:
        """What no list names: outcomes of long ago, and what crashes and earlier releases left behind."""
        state = self._settings.state
        for outcome in self._outcomes.older_than(self._settings.outcome_seconds):
            self._try(self._outcomes.remove, outcome)
        for picture in self._previews.older_than(longest_lifetime(self._settings)):
            self._try(self._previews.remove, picture)
        for image in self._store.older_than(longest_lifetime(self._settings)):
            self._removed(sha256_of(image))
        for path in left_overs(state):
            self._try(remove, path)
        for root in (state.outcomes, state.previews):
            for folder in empty_folders(root):
                self._try(Path.rmdir, folder)

    def _try(self, removal: Callable[[T], None], thing: T) -> None:
        """One that stays must not keep all others."""
        try:
            removal(thing)
        except OSError as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        trouble = type(error).__name__
        if trouble not in (self._trouble, self._former_trouble):
            log.warning("what is over is not removed now: %r", error.__cause__ or error)
        self._trouble = trouble


def usual_search_seconds(settings: Settings) -> float:
    """What is over is on the disk for a fifth of its lifetime more at most, or an hour."""
    shortest = min(settings.outcome_seconds, longest_lifetime(settings))
    return max(ROUND_SECONDS, min(LONGEST_SEARCH_SECONDS, shortest / SEARCHES_IN_A_LIFETIME))
