"""Where each kind of thing is stored, by the settings: in the state folder, or in an object store."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.settings import Settings, StateFolder
from adapters.store.adaptations import AdaptationStore
from adapters.store.disk_cache import DiskCache
from adapters.store.folder import Folder
from adapters.store.ledger import LedgerStore
from adapters.store.objects import Objects
from adapters.store.outcomes import OutcomeStore
from adapters.store.previews import PreviewStore
from adapters.store.tasks import TaskStore
from adapters.store.tensors import ImageStore

if TYPE_CHECKING:
    from adapters.store.object_store import RemoteObjects

IMAGES, OUTCOMES, TASKS, ADAPTATIONS, LEDGER = "images", "outcomes", "tasks", "adaptations", "ledger"
PREVIEWS = "previews"
"""Pictures, which nothing mentions but jobs: they are not copied to another store."""
KINDS = (ADAPTATIONS, IMAGES, OUTCOMES, LEDGER, TASKS)
"""What a kind mentions comes before it."""


@dataclass(frozen=True)
class Places:
    """Everything that is stored, and what reads and writes it. `cache` is of this machine; None for a folder."""

    objects: Objects
    image_objects: Objects
    state: StateFolder
    cache: DiskCache | None

    @property
    def images(self) -> ImageStore:
        return ImageStore(self.image_objects)

    @property
    def outcomes(self) -> OutcomeStore:
        return OutcomeStore(self.objects.below(OUTCOMES))

    @property
    def previews(self) -> PreviewStore:
        return PreviewStore(self.objects.below(PREVIEWS))

    @property
    def all_tasks(self) -> Objects:
        return self.objects.below(TASKS)

    @property
    def ledger(self) -> LedgerStore:
        return LedgerStore(self.objects.below(LEDGER))

    def tasks_of(self, owner: str = "") -> TaskStore:
        """The tasks of one owner; by default those of who needs no key."""
        return TaskStore.of(owner, self.all_tasks)

    @property
    def adaptations(self) -> AdaptationStore:
        if self.cache is None:
            return AdaptationStore(self.state.adaptations)
        return AdaptationStore(self.cache.root, self.objects.below(ADAPTATIONS), self.cache)


def places_of(settings: Settings) -> Places:
    """Where the settings say. Nothing is asked of an object store yet."""
    if settings.store is None:
        return places_in(settings.state_dir)
    return remote_places(settings.store, settings.state_dir, settings.store_cache_bytes)


def places_in(state_dir: Path) -> Places:
    """In a state folder."""
    folder = Folder(state_dir)
    return Places(folder, folder.below(IMAGES), StateFolder(state_dir), None)


@lru_cache
def remote_places(url: str, state_dir: Path, cache_bytes: int) -> Places:
    """One client for the whole process, which keeps its connections."""
    objects, state = remote_objects(url), StateFolder(state_dir)
    cache = DiskCache(state.cache, cache_bytes)
    return Places(objects, objects.below(IMAGES, cache), state, cache)


def remote_objects(url: str) -> "RemoteObjects":
    """All that is stored in a bucket, below a prefix."""
    # Imported only where it is used: the client brings threads of its own.
    from adapters.store.connecting import connect
    from adapters.store.object_store import RemoteObjects

    return RemoteObjects(connect(url))
